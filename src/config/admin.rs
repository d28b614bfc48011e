//! Who operates this Punchcard: the keys that open the admin API.
//!
//! They are the only keys that the configuration keeps for good: with the first of them the first
//! tenant is made. None of them opens a tenant's route.

use serde::{Deserialize, Serialize};

use super::check::Mistake;
use super::tree::KeyPath;
use crate::keys::{KeyHash, KeyName};

/// The most operators: each of their keys is compared with what a caller shows.
pub(super) const MAX_OPERATORS: usize = 100;

/// The operators.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Their keys. Without any, the admin API lets nobody in.
    #[serde(default)]
    pub keys: Vec<OperatorKey>,
}

/// An operator's key as it is kept: never the key itself. `punchcard key new --operator` makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorKey {
    /// The readable start of the key.
    pub prefix: String,
    /// SHA-256 of the whole key, in hexadecimal.
    pub sha256: KeyHash,
    /// Who holds it: stands in the history of every tenant that its holder changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<KeyName>,
}

/// What is wrong with the section but hashes that somebody else has.
pub(super) fn check(admin: &Admin, found: &mut Vec<Mistake>) {
    let list = KeyPath::of(&["admin", "keys"]);
    for (place, key) in admin.keys.iter().enumerate() {
        if !key.prefix.starts_with("pk_") {
            let message =
                "is no key's prefix; `punchcard key new --operator` prints the whole line";
            found.push(Mistake::new(list.index(place).key("prefix"), message));
        }
    }
    if admin.keys.len() > MAX_OPERATORS {
        let message = format!("has more than {MAX_OPERATORS} keys");
        found.push(Mistake::new(list, message));
    }
}
