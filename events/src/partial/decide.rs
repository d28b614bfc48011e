//! Decisions about partials: like those about prompts, without I/O.

use super::{
    MAX_BYTES, MAX_NAMES, MAX_PARTIALS, PartialEvent, PartialRemoved, PartialSaved, Partials,
};
use crate::ids::PartialName;
use crate::prompt::{Act, limits};

/// Why a change of a partial was refused. Planners read it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartialRejection {
    /// The author did not see the newest edit.
    #[error("the partial `{name}` was changed in the meantime: you saw {}, now there is {}", edit(.seen), edit(.now))]
    Conflict {
        /// The partial.
        name: PartialName,
        /// The edit the author started from; absent: there was no such partial.
        seen: Option<u32>,
        /// The newest edit; absent: there is no such partial.
        now: Option<u32>,
    },
    /// A limit in number.
    #[error("a tenant has at most {max} {what}")]
    TooMany {
        /// What there would be too many of.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// A limit in size.
    #[error("a partial may have at most {MAX_BYTES} bytes, but this one has {bytes}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
}

impl PartialRejection {
    /// A short name that never changes, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "partial_conflict",
            Self::TooMany { .. } => "too_many",
            Self::TooLong { .. } => "too_long",
        }
    }

    /// What to do about it, as a sentence.
    pub fn remedy(&self) -> String {
        match self {
            Self::Conflict { .. } => {
                "Look at the partial as it is now, put your changes into it, and save it again."
                    .to_owned()
            }
            Self::TooMany { max, .. } => format!("Keep to {max}; use a partial that is there."),
            Self::TooLong { .. } => {
                format!("Shorten it to {MAX_BYTES} bytes, or split it in two partials.")
            }
        }
    }
}

/// Writes or changes a partial. `expected_edit` is the edit that the author started from; `None`:
/// there was no such partial. An empty list means that it says so already.
///
/// # Errors
/// When somebody changed it in between, or a limit is passed.
pub fn save(
    partials: &Partials,
    name: PartialName,
    expected_edit: Option<u32>,
    text: String,
    act: Act,
) -> Result<Vec<PartialEvent>, PartialRejection> {
    let present = partials.get(&name);
    if present.is_some_and(|partial| partial.text == text) {
        return Ok(vec![]);
    }
    let now = present.map(|partial| partial.edit);
    if now != expected_edit {
        let seen = expected_edit;
        return Err(PartialRejection::Conflict { name, seen, now });
    }
    if text.len() > MAX_BYTES {
        let bytes = text.len();
        return Err(PartialRejection::TooLong { bytes });
    }
    if now.is_none() && partials.texts.len() >= MAX_PARTIALS {
        let (what, max) = ("partials", MAX_PARTIALS);
        return Err(PartialRejection::TooMany { what, max });
    }
    let last = partials.last_edit(&name);
    if last == 0 && partials.edits.len() >= MAX_NAMES {
        let (what, max) = ("names of partials, those that are gone included", MAX_NAMES);
        return Err(PartialRejection::TooMany { what, max });
    }
    let edit = last.checked_add(1).ok_or(PartialRejection::TooMany {
        what: "edits of a partial",
        max: limits::NUMBERS,
    })?;
    Ok(vec![PartialEvent::PartialSaved(PartialSaved {
        name,
        edit,
        text,
        act,
    })])
}

/// Takes a partial away. Versions that include it keep their copy; drafts that include it are told
/// when they are checked. An empty list means that it is gone already.
///
/// # Errors
/// When somebody changed it in between.
pub fn remove(
    partials: &Partials,
    name: PartialName,
    expected_edit: u32,
    act: Act,
) -> Result<Vec<PartialEvent>, PartialRejection> {
    let now = partials.get(&name).map(|partial| partial.edit);
    if now.is_none() && expected_edit <= partials.last_edit(&name) {
        return Ok(vec![]);
    }
    let edit = expected_edit;
    if now != Some(edit) {
        let seen = Some(edit);
        return Err(PartialRejection::Conflict { name, seen, now });
    }
    Ok(vec![PartialEvent::PartialRemoved(PartialRemoved {
        name,
        edit,
        act,
    })])
}

fn edit(number: &Option<u32>) -> String {
    number.map_or_else(|| "none".to_owned(), |number| format!("edit {number}"))
}
