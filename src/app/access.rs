//! Who may call and from where, read from the directory at every request.

use std::sync::Arc;

use punchcard_actors::tenants::Tenants;
use punchcard_events::tenant::{IssuedKey, Role as StoredRole, TenantState};
use punchcard_events::{TenantId, Timestamp};
use subtle::ConstantTimeEq as _;

use crate::http::auth::{Authenticator, Caller, Origins};
use crate::keys::{ApiKey, Role, Roles};

/// The tenants' keys and origins.
pub(super) struct Access {
    tenants: Tenants,
}

impl Access {
    pub(super) const fn new(tenants: Tenants) -> Self {
        Self { tenants }
    }

    fn tenant(&self, tenant: &TenantId) -> Option<Arc<TenantState>> {
        self.tenants.directory().tenant(tenant)
    }
}

impl Authenticator for Access {
    /// A mistyped key is refused by its checksum, before anything is looked up. Hashes are compared in
    /// constant time; the prefix, which is looked up, is no secret.
    fn authenticate(&self, key: &str) -> Option<Caller> {
        let key = ApiKey::parse(key).ok()?;
        let hash = key.hash().to_string();
        let now = self.tenants.now();
        let holders = self.tenants.directory().holders(key.prefix());
        let mut found = None;
        for (tenant, state) in holders {
            let known = live(&state, key.prefix(), now);
            let same = |known: &IssuedKey| known.sha256.as_bytes().ct_eq(hash.as_bytes());
            if let Some(known) = known.filter(|known| bool::from(same(known))) {
                found = Some(caller(tenant, known));
            }
        }
        found
    }

    fn suspension(&self, tenant: &TenantId) -> Option<String> {
        let suspended = self.tenant(tenant)?.suspended.clone()?;
        Some(suspended.reason)
    }
}

fn live<'a>(state: &'a TenantState, prefix: &str, now: Timestamp) -> Option<&'a IssuedKey> {
    let known = state.keys.get(prefix)?;
    known.is_live(now).then_some(&known.key)
}

fn caller(tenant: TenantId, key: &IssuedKey) -> Caller {
    Caller {
        tenant,
        key_prefix: key.prefix.clone(),
        name: key.name.clone(),
        roles: key
            .roles
            .iter()
            .map(|role| role_of(*role))
            .collect::<Roles>(),
    }
}

/// What a stored role is to the edge.
const fn role_of(stored: StoredRole) -> Role {
    match stored {
        StoredRole::Admin => Role::Admin,
        StoredRole::Issuer => Role::Issuer,
        StoredRole::Planner => Role::Planner,
        StoredRole::Publisher => Role::Publisher,
        StoredRole::Viewer => Role::Viewer,
    }
}

impl Origins for Access {
    fn any_allows(&self, origin: &str) -> bool {
        self.tenants.directory().any_allows(origin)
    }

    fn tenant_allows(&self, tenant: &TenantId, origin: &str) -> bool {
        let tenant = self.tenant(tenant);
        tenant.is_some_and(|tenant| tenant.suspended.is_none() && tenant.origins.contains(origin))
    }
}
