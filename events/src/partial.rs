//! Partials: pieces of prompt text that a tenant's prompts share (`{% include "tone" %}`).
//!
//! All partials of a tenant are one stream, `partials-<tenant>`. A published version carries the
//! partials it includes, word for word: changing one changes no version, and shows at the next
//! publishing of each prompt that includes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::codec::stored;
use crate::ids::{PartialName, StreamName, TenantId};
use crate::prompt::Act;
use crate::recorded::Upcaster;

mod decide;

pub use decide::{PartialRejection, remove, save};

/// The most partials a tenant may have at a time.
pub const MAX_PARTIALS: usize = 200;

/// The most names a tenant's partials may ever have had: a name keeps its edit number when its
/// partial is gone.
pub const MAX_NAMES: usize = 2_000;

/// The most bytes a partial may have.
pub const MAX_BYTES: usize = 32 * 1024;

/// Every upcaster of partial events ever needed. Empty while all types are at version 1.
const UPCASTERS: &[Upcaster] = &[];

stored!(
    PartialEvent,
    UPCASTERS,
    [PartialSaved @ 1, PartialRemoved @ 1]
);

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

/// A tenant's partials: the fold of their events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Partials {
    texts: BTreeMap<PartialName, String>,
    edits: BTreeMap<PartialName, Edit>,
}

/// The newest edit of a name, whether its partial is still there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    number: u32,
    act: Act,
}

/// One partial as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial<'a> {
    /// Its name.
    pub name: &'a PartialName,
    /// The newest edit's number.
    pub edit: u32,
    /// The whole text.
    pub text: &'a str,
    /// When and by whom it was last saved.
    pub act: &'a Act,
}

impl Partials {
    /// The partials after a whole history.
    pub fn replay<'a>(history: impl IntoIterator<Item = &'a PartialEvent>) -> Self {
        let mut partials = Self::default();
        for event in history {
            partials.apply(event);
        }
        partials
    }

    /// Folds in one event. Total: an event that is older than what is known changes nothing, so
    /// two sources may hand over the same events.
    pub fn apply(&mut self, event: &PartialEvent) {
        match event {
            PartialEvent::PartialSaved(saved) => {
                if saved.edit <= self.last_edit(&saved.name) {
                    return;
                }
                let edit = Edit {
                    number: saved.edit,
                    act: saved.act.clone(),
                };
                self.edits.insert(saved.name.clone(), edit);
                self.texts.insert(saved.name.clone(), saved.text.clone());
            }
            PartialEvent::PartialRemoved(removed) => {
                if removed.edit == self.last_edit(&removed.name) {
                    self.texts.remove(&removed.name);
                }
            }
        }
    }

    /// The partial of this name.
    pub fn get(&self, name: &PartialName) -> Option<Partial<'_>> {
        let (name, text) = self.texts.get_key_value(name)?;
        let edit = self.edits.get(name)?;
        Some(Partial {
            name,
            edit: edit.number,
            text,
            act: &edit.act,
        })
    }

    /// All partials, by name.
    pub fn list(&self) -> impl Iterator<Item = Partial<'_>> {
        self.texts.keys().filter_map(|name| self.get(name))
    }

    /// All texts, by name.
    pub const fn texts(&self) -> &BTreeMap<PartialName, String> {
        &self.texts
    }

    /// The highest edit number ever given to a name; 0 before the first.
    fn last_edit(&self, name: &PartialName) -> u32 {
        self.edits.get(name).map_or(0, |edit| edit.number)
    }
}
