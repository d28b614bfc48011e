//! Webhook endpoints and their delivery log.

pub(super) mod routes;
