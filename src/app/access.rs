//! Who may call and from where, as the configuration says.

use std::collections::{HashMap, HashSet};

use punchcard_events::TenantId;

use crate::config::Config;
use crate::http::auth::{Authenticator, Caller, Origins};
use crate::keys::{ApiKey, KeyRing};

/// The configured keys and origins.
pub(super) struct Access {
    keys: KeyRing,
    /// In lower case, as the edge compares them.
    origins: HashMap<TenantId, HashSet<String>>,
}

impl Access {
    pub(super) fn new(config: &Config) -> Self {
        let origins = config.tenants.iter().map(|(id, tenant)| {
            let origins = tenant.allowed_origins.iter();
            (
                id.clone(),
                origins.map(|o| o.to_ascii_lowercase()).collect(),
            )
        });
        Self {
            keys: config.key_ring(),
            origins: origins.collect(),
        }
    }
}

impl Authenticator for Access {
    fn authenticate(&self, key: &str) -> Option<Caller> {
        let key = ApiKey::parse(key).ok()?;
        let owner = self.keys.find(&key)?;
        Some(Caller {
            tenant: owner.tenant.clone(),
            key_prefix: owner.prefix.clone(),
            name: owner.name.as_ref().map(|name| name.as_str().to_owned()),
            roles: owner.roles,
        })
    }
}

impl Origins for Access {
    fn any_allows(&self, origin: &str) -> bool {
        self.origins
            .values()
            .any(|origins| origins.contains(origin))
    }

    fn tenant_allows(&self, tenant: &TenantId, origin: &str) -> bool {
        let origins = self.origins.get(tenant);
        origins.is_some_and(|origins| origins.contains(origin))
    }
}
