//! What tenants used, and how their limits stand.

mod csv;
pub(super) mod operations;
mod params;
mod rate_limit;
mod read;
pub(super) mod routes;
mod view;

pub(super) use rate_limit::RateLimits;
pub(super) use view::BudgetView;
