//! The OpenAPI document of this API, and a page to read it.

pub(super) mod routes;
