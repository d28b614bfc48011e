//! Partials: pieces of prompt text that a tenant's prompts share (`{% include "tone" %}`).
//!
//! All partials of a tenant are one stream, `partials-<tenant>`. A published version carries the
//! partials it includes, word for word: changing one changes no version, and shows at the next
//! publishing of each prompt that includes it.

use serde::{Deserialize, Serialize};

use crate::ids::{PartialName, StreamName, TenantId};
use crate::prompt::Act;

/// One event of a tenant's partials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartialEvent {
    /// A partial was written or changed.
    PartialSaved(PartialSaved),
    /// A partial is gone.
    PartialRemoved(PartialRemoved),
}

/// Body of `PartialSaved`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialSaved {
    /// Its name.
    pub name: PartialName,
    /// The number of this edit of the partial, from 1; it never repeats for one name.
    pub edit: u32,
    /// The whole text.
    pub text: String,
    /// When and by whom.
    pub act: Act,
}

/// Body of `PartialRemoved`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialRemoved {
    /// Its name.
    pub name: PartialName,
    /// The edit that was the newest.
    pub edit: u32,
    /// When and by whom.
    pub act: Act,
}

/// The stream of a tenant's partials.
pub fn stream(tenant: &TenantId) -> StreamName {
    StreamName::of_names("partials", &[tenant.as_str()])
}
