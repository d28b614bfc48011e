//! The admin API: tenants, their keys and limits, for operators.

pub(super) mod routes;
