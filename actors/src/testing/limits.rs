//! Limits that a test sets.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use punchcard_events::TenantId;
use punchcard_events::tenant::TenantLimits;

use crate::ports::LimitsBook;

/// The limits that were set; nobody else has any. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct SetLimits(Arc<RwLock<HashMap<TenantId, Arc<TenantLimits>>>>);

impl SetLimits {
    /// Sets the limits of `tenant`.
    pub fn set(&self, tenant: &TenantId, limits: TenantLimits) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(tenant.clone(), Arc::new(limits));
    }
}

impl LimitsBook for SetLimits {
    fn limits(&self, tenant: &TenantId) -> Arc<TenantLimits> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(tenant).cloned().unwrap_or_default()
    }
}
