//! What an import means for the partials: which are written, decided before anything is.
//!
//! A partial is one for all prompts of a tenant, so an import writes only those that something of it
//! needs: a draft that comes to be, or nobody at all (then it was sent for its own sake). What a
//! published version needs is in the version. Here are the limits, whose work stands in the way, and
//! the texts that contradict each other; nothing here reads or writes a store.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use punchcard_actors::ports::Finding;
use punchcard_events::partial::{Partial, Partials, save};
use punchcard_events::prompt::Act;
use punchcard_events::{PartialName, TaskName};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Found, Taken, mistake, whose};
use crate::http::prompts::problems::sentence;

/// A text that is needed, and the prompt that needs it, if one does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) task: Option<&'a TaskName>,
    pub(super) name: &'a PartialName,
    pub(super) text: &'a str,
}

/// What is done with one partial.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is written over the edit that was seen.
    Save { text: String, expected: Option<u32> },
    /// It is as it should be, or nothing needs the import's text.
    Leave { taken: Taken, edit: Option<u32> },
}

/// What became of one partial.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct PartialTaken {
    pub(super) name: PartialName,
    pub(super) saved: Taken,
    pub(super) edit: Option<u32>,
}

/// What is done with the partials of an import.
#[derive(Debug, Default)]
pub(super) struct Shared {
    steps: BTreeMap<PartialName, Step>,
}

impl Shared {
    /// Decides on every text that is `wanted`, with the partials as they are `present`.
    pub(super) fn plan<'a>(
        present: &Partials,
        wanted: impl IntoIterator<Item = Wanted<'a>>,
        act: &Act,
    ) -> (Self, Vec<Found>) {
        let mut texts: BTreeMap<&PartialName, Wanted<'_>> = BTreeMap::new();
        let mut found = Vec::new();
        for wanted in wanted {
            match texts.entry(wanted.name) {
                Entry::Vacant(free) => {
                    free.insert(wanted);
                }
                Entry::Occupied(taken) if taken.get().text == wanted.text => {}
                Entry::Occupied(taken) => found.push(two_texts(taken.get(), wanted)),
            }
        }
        let mut shared = Self::default();
        let mut after = present.clone();
        for (name, wanted) in texts {
            match step(present, &mut after, name, wanted.text, act) {
                Ok(step) => {
                    shared.steps.insert(name.clone(), step);
                }
                Err(finding) => found.push(Found {
                    prompt: wanted.task.cloned(),
                    finding,
                }),
            }
        }
        (shared, found)
    }

    /// Says of a text that nothing needs what is there in its place.
    pub(super) fn leave(&mut self, present: &Partials, name: &PartialName, text: &str) {
        let there = present.get(name);
        let same = there.is_some_and(|partial| partial.text == text);
        let taken = if same { Taken::Unchanged } else { Taken::Kept };
        let edit = there.map(|partial| partial.edit);
        let step = Step::Leave { taken, edit };
        self.steps.entry(name.clone()).or_insert(step);
    }

    /// What is done, by name.
    pub(super) fn into_steps(self) -> impl Iterator<Item = (PartialName, Step)> {
        self.steps.into_iter()
    }
}

/// What is done with `text`; `after` are the partials as they are going to be.
fn step(
    present: &Partials,
    after: &mut Partials,
    name: &PartialName,
    text: &str,
    act: &Act,
) -> Result<Step, Finding> {
    let there = present.get(name);
    let expected = there.map(|partial| partial.edit);
    match there {
        Some(partial) if partial.text == text => {
            let (taken, edit) = (Taken::Unchanged, expected);
            return Ok(Step::Leave { taken, edit });
        }
        // Nobody else's work is written over.
        Some(partial) if !whose::is_same(&partial.act.by, &act.by) => {
            return Err(in_the_way(partial));
        }
        Some(_) | None => {}
    }
    let text = text.to_owned();
    let events = save(after, name.clone(), expected, text.clone(), act.clone());
    let events = events.map_err(|rejection| {
        let message = sentence(&rejection);
        mistake(&place(name), message, &rejection.remedy())
    })?;
    events.iter().for_each(|event| after.apply(event));
    Ok(Step::Save { text, expected })
}

/// The place of what is found in a partial.
pub(super) fn place(name: &PartialName) -> String {
    format!("partial {name}")
}

fn in_the_way(partial: Partial<'_>) -> Finding {
    let Partial {
        name, edit, act, ..
    } = partial;
    let message = format!(
        "There is a text of the partial `{name}` that {} saved at {} (edit {edit}), and it is another.",
        whose::name(&act.by),
        act.at
    );
    let remedy = "If yours is the one to keep, save this partial by itself and import again; an \
                  import writes over nobody else's work.";
    mistake(&place(name), message, remedy)
}

fn two_texts(first: &Wanted<'_>, second: Wanted<'_>) -> Found {
    let name = second.name;
    let other = first.task.map_or_else(
        || "another text of it is in this import too".to_owned(),
        |task| format!("`{task}` in this import needs another text of it"),
    );
    let message =
        format!("A draft takes the tenant's one text of the partial `{name}`, but {other}.");
    let remedy = "Import one of the two prompts and publish it, then import the other; or give both \
                  the same text.";
    let finding = mistake(&place(name), message, remedy);
    let prompt = second.task.cloned();
    Found { prompt, finding }
}

#[cfg(test)]
mod tests;
