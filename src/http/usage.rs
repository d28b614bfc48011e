//! What tenants used, and what it cost.

pub(super) mod routes;
