//! Every key that is let in.

use std::collections::HashMap;

use punchcard_events::TenantId;
use subtle::ConstantTimeEq as _;

use super::{ApiKey, KeyHash, KeyName, Roles};

/// Every key that is let in, and whose it is.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    /// By prefix, which is no secret. Two keys may share one by chance.
    by_prefix: HashMap<String, Vec<(KeyHash, KeyOwner)>>,
}

/// Whose a key is, and what its holder may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    /// The tenant it speaks for.
    pub tenant: TenantId,
    /// The key's readable prefix, for events, logs and limits.
    pub prefix: String,
    /// Who holds it, where the configuration says so.
    pub name: Option<KeyName>,
    /// What its holder may do.
    pub roles: Roles,
}

impl KeyRing {
    /// A ring of the given keys.
    pub fn new(keys: impl IntoIterator<Item = (KeyHash, KeyOwner)>) -> Self {
        let mut by_prefix = HashMap::<String, Vec<_>>::new();
        for (hash, owner) in keys {
            let entries = by_prefix.entry(owner.prefix.clone()).or_default();
            entries.push((hash, owner));
        }
        Self { by_prefix }
    }

    /// Whose `key` is. Hashes are compared in constant time.
    pub fn find(&self, key: &ApiKey) -> Option<&KeyOwner> {
        let entries = self.by_prefix.get(key.prefix())?;
        let hash = key.hash();
        let mut found = None;
        for (known, owner) in entries {
            if bool::from(known.0.ct_eq(&hash.0)) {
                found = Some(owner);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(tenant: &str, key: &ApiKey) -> KeyOwner {
        KeyOwner {
            tenant: TenantId::new(tenant).unwrap(),
            prefix: key.prefix().to_owned(),
            name: None,
            roles: Roles::default(),
        }
    }

    #[test]
    fn the_ring_finds_the_owner_and_nobody_else() {
        let (a, b) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        let stranger = ApiKey::generate().unwrap();
        let (one, two) = (owner("one", &a), owner("two", &b));
        let ring = KeyRing::new([(a.hash(), one.clone()), (b.hash(), two.clone())]);
        assert_eq!(ring.find(&b), Some(&two));
        assert_eq!(ring.find(&a), Some(&one));
        assert_eq!(ring.find(&stranger), None);
    }

    #[test]
    fn a_shared_prefix_is_not_enough() {
        let (key, other) = (ApiKey::generate().unwrap(), ApiKey::generate().unwrap());
        let one = owner("one", &key);
        let ring = KeyRing::new([(other.hash(), one.clone())]);
        assert_eq!(ring.find(&key), None);
        let both = KeyRing::new([(other.hash(), one.clone()), (key.hash(), one)]);
        assert!(both.find(&key).is_some());
    }
}
