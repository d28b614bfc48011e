//! Keys that are vouched for until a test says otherwise.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use punchcard_events::TenantId;

use crate::sessions::Vouch;

/// Vouches for every key but those that were taken back. Clones share what was.
#[derive(Debug, Clone, Default)]
pub struct Vouched {
    revoked: Arc<Mutex<HashSet<(TenantId, String)>>>,
}

impl Vouched {
    /// Takes a key back.
    pub fn revoke(&self, tenant: &TenantId, prefix: &str) {
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        revoked.insert((tenant.clone(), prefix.to_owned()));
    }
}

impl Vouch for Vouched {
    fn vouches(&self, tenant: &TenantId, key_prefix: &str) -> bool {
        let revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        !revoked.contains(&(tenant.clone(), key_prefix.to_owned()))
    }
}
