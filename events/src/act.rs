//! Who did something, and when: in every event that people cause.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// When something was done, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Author,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// Somebody with an API key.
    Key {
        /// The key's readable prefix.
        prefix: String,
        /// The name that the key was given, such as `mina`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// The configuration, at a start.
    Configuration,
    /// The runtime itself.
    Runtime,
}
