//! Limits that a test sets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use punchcard_events::TenantId;
use punchcard_events::tenant::TenantLimits;

use crate::ports::LimitsBook;

/// A book of limits. Clones share it; who is not in it has none.
#[derive(Debug, Clone, Default)]
pub struct SetLimits(Arc<Mutex<HashMap<TenantId, Arc<TenantLimits>>>>);

impl SetLimits {
    /// Sets the limits of a tenant.
    pub fn set(&self, tenant: &TenantId, limits: TenantLimits) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.insert(tenant.clone(), Arc::new(limits));
    }
}

impl LimitsBook for SetLimits {
    fn limits(&self, tenant: &TenantId) -> Arc<TenantLimits> {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.get(tenant).cloned().unwrap_or_default()
    }
}
