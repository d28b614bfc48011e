//! How much a tenant may use, read from memory wherever it is asked for.

use std::sync::Arc;

use punchcard_events::TenantId;
use punchcard_events::tenant::TenantLimits;

/// The limits in effect. A change is seen by the next read.
pub trait LimitsBook: Send + Sync + 'static {
    /// Those of `tenant`; none at all where nobody set any, or it is not known.
    fn limits(&self, tenant: &TenantId) -> Arc<TenantLimits>;
}

/// Nobody is limited: for tests, and for a runtime without tenants of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

impl LimitsBook for Unlimited {
    fn limits(&self, _: &TenantId) -> Arc<TenantLimits> {
        Arc::default()
    }
}
