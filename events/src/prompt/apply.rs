//! Folding events into the state.

use std::sync::Arc;

use super::event::{
    CanaryEnded, CanaryStarted, LabelMoved, LabelRemoved, MoveCause, PromptEvent, PromptPublished,
};
use super::state::{Draft, LabelState, PromptState, Version, record, record_shadow};
use crate::recorded::Revision;

/// An event that cannot happen to the prompt it met.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{event} cannot happen to the prompt as it is")]
pub struct IllegalTransition {
    /// The state, unchanged.
    pub state: PromptState,
    /// The event's type.
    pub event: &'static str,
}

/// A history that no prompt can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the prompt's history breaks at revision {}: {event} cannot happen there", .revision.0)]
pub struct ReplayError {
    /// Where it breaks.
    pub revision: Revision,
    /// The event's type.
    pub event: &'static str,
}

/// The state after a whole history, the first event at revision 0.
///
/// # Errors
/// At the first event that cannot follow the ones before it.
pub fn replay<'a>(
    history: impl IntoIterator<Item = &'a PromptEvent>,
) -> Result<PromptState, ReplayError> {
    let mut state = PromptState::default();
    for (revision, event) in (0..).map(Revision).zip(history) {
        state = apply(state, event).map_err(|illegal| ReplayError {
            revision,
            event: illegal.event,
        })?;
    }
    Ok(state)
}

/// The state after `event`. Total: an event that cannot happen leaves the state as it was.
#[must_use]
pub fn evolve(state: PromptState, event: &PromptEvent) -> PromptState {
    apply(state, event).unwrap_or_else(|illegal| illegal.state)
}

/// The state after `event`.
///
/// # Errors
/// When the event cannot happen to this prompt; the state comes back unchanged.
pub fn apply(
    mut state: PromptState,
    event: &PromptEvent,
) -> Result<PromptState, Box<IllegalTransition>> {
    if !can_happen(&state, event) {
        return Err(Box::new(IllegalTransition {
            state,
            event: event.kind(),
        }));
    }
    match event {
        PromptEvent::PromptDrafted(drafted) => {
            state.last_edit = drafted.edit;
            state.draft = Some(Draft {
                edit: drafted.edit,
                based_on: drafted.based_on,
                content: Arc::clone(&drafted.content),
                act: drafted.act.clone(),
            });
        }
        PromptEvent::DraftDiscarded(_) => state.draft = None,
        PromptEvent::PromptPublished(published) => {
            state.draft = None;
            state.versions.push(version(published));
        }
        PromptEvent::LabelMoved(moved) => {
            let before = state.labels.remove(&moved.label);
            let after = LabelState::after(before, moved);
            state.labels.insert(moved.label.clone(), after);
        }
        PromptEvent::LabelRemoved(removed) => {
            state.labels.remove(&removed.label);
        }
        PromptEvent::CanaryStarted(canary) => state.canary = Some(canary.clone()),
        PromptEvent::CanaryEnded(ended) => {
            state.canary = None;
            state.last_canary = Some(ended.clone());
        }
        PromptEvent::TestSetSaved(saved) => state.test_set = Some(Arc::clone(&saved.test_set)),
        PromptEvent::PromptTested(tested) => {
            state.runs.insert(tested.run);
            record(&mut state.tests, tested);
        }
        PromptEvent::PromptShadowed(shadowed) => record_shadow(&mut state.shadows, shadowed),
        PromptEvent::DeploymentPolicySet(set) => state.policy = set.policy,
        PromptEvent::PromptRetired(retired) => state.retired = Some(retired.act.clone()),
        PromptEvent::PromptRestored(_) => state.retired = None,
    }
    Ok(state)
}

fn can_happen(state: &PromptState, event: &PromptEvent) -> bool {
    match event {
        PromptEvent::PromptDrafted(drafted) => drafted.edit > state.last_edit,
        PromptEvent::DraftDiscarded(gone) => {
            state.draft.as_ref().map(|draft| draft.edit) == Some(gone.edit)
        }
        PromptEvent::PromptPublished(published) => {
            u32::try_from(state.versions.len().saturating_add(1)) == Ok(published.version)
        }
        PromptEvent::LabelMoved(moved) => can_move(state, moved),
        PromptEvent::LabelRemoved(removed) => can_remove(state, removed),
        PromptEvent::CanaryStarted(canary) => can_start(state, canary),
        PromptEvent::CanaryEnded(ended) => can_end(state, ended),
        PromptEvent::TestSetSaved(saved) => {
            let known = state.test_set.as_ref().map_or(0, |set| set.number);
            known.checked_add(1) == Some(saved.test_set.number)
        }
        PromptEvent::PromptTested(tested) => tested.failed <= tested.cases,
        PromptEvent::PromptShadowed(shadowed) => {
            state.version(shadowed.version).map(|version| version.hash) == Some(shadowed.hash)
        }
        PromptEvent::DeploymentPolicySet(_) => true,
        PromptEvent::PromptRetired(_) => state.retired.is_none(),
        PromptEvent::PromptRestored(_) => state.retired.is_some(),
    }
}

fn can_move(state: &PromptState, moved: &LabelMoved) -> bool {
    let label = state.labels.get(&moved.label);
    let known = state.version(moved.to).map(|version| version.hash) == Some(moved.hash);
    let leads_there = match moved.cause {
        MoveCause::RolledBack => {
            label.and_then(|label| label.before.last().copied()) == Some(moved.to)
        }
        MoveCause::Deployed | MoveCause::Promoted => true,
    };
    known && label.map(|label| label.version) == moved.from && leads_there
}

/// Tickets run `production`: once it is there it stays.
fn can_remove(state: &PromptState, removed: &LabelRemoved) -> bool {
    !removed.label.is_production() && state.labelled(&removed.label) == Some(removed.from)
}

fn can_start(state: &PromptState, canary: &CanaryStarted) -> bool {
    state.canary.is_none()
        && state.production() == Some(canary.beside)
        && state.version(canary.version).map(|version| version.hash) == Some(canary.hash)
}

fn can_end(state: &PromptState, ended: &CanaryEnded) -> bool {
    let running = state.canary.as_ref();
    running.map(|canary| (canary.canary, canary.version)) == Some((ended.canary, ended.version))
}

fn version(published: &PromptPublished) -> Version {
    Version {
        number: published.version,
        hash: published.hash,
        content: Arc::clone(&published.content),
        notes: published.notes.clone(),
        act: published.act.clone(),
    }
}
