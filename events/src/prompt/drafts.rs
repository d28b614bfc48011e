//! Decisions about drafts and versions.

use std::sync::Arc;

use super::content::{Content, ContentHash};
use super::decide::{Decided, find, fits, newest, text_fits};
use super::event::{
    Act, Clearance, DraftDiscarded, LabelMoved, MoveCause, PromptDrafted, PromptEvent,
    PromptPublished,
};
use super::limits;
use super::rejection::Rejection;
use super::state::PromptState;
use crate::ids::LabelName;

pub(super) fn save_draft(
    state: &PromptState,
    expected_edit: Option<u32>,
    based_on: Option<u32>,
    content: Arc<Content>,
    act: Act,
) -> Decided {
    let present = state.draft.as_ref();
    // Saved twice, or by two who wrote the same: nothing is lost, whatever they started from.
    if present.is_some_and(|draft| draft.content == content) {
        return Ok(vec![]);
    }
    unchanged_since(state, expected_edit)?;
    if !content.partials.is_empty() {
        return Err(Rejection::DraftWithPartials);
    }
    if let (None, Some(version)) = (present, based_on) {
        find(state, version)?;
    }
    content_fits(&content)?;
    let edit = state.last_edit.checked_add(1).ok_or(Rejection::TooMany {
        what: "edits",
        max: limits::NUMBERS,
    })?;
    Ok(vec![PromptEvent::PromptDrafted(PromptDrafted {
        edit,
        based_on: present.map_or(based_on, |draft| draft.based_on),
        content,
        act,
    })])
}

pub(super) fn discard_draft(state: &PromptState, expected_edit: u32, act: Act) -> Decided {
    // The edit is gone already, thrown away or published.
    if state.draft.is_none() && expected_edit <= state.last_edit {
        return Ok(vec![]);
    }
    unchanged_since(state, Some(expected_edit))?;
    let edit = expected_edit;
    Ok(vec![PromptEvent::DraftDiscarded(DraftDiscarded {
        edit,
        act,
    })])
}

pub(super) fn publish(
    state: &PromptState,
    expected_edit: u32,
    content: Arc<Content>,
    notes: String,
    act: Act,
) -> Decided {
    let draft = state.draft.as_ref().ok_or(Rejection::NoDraft)?;
    unchanged_since(state, Some(expected_edit))?;
    if !same_but_for_partials(&content, &draft.content) {
        return Err(Rejection::NotTheDraft);
    }
    content_fits(&content)?;
    text_fits("a note", &notes)?;
    let hash = content.hash();
    if let Some(version) = state.version_of(hash) {
        let version = version.number;
        return Err(Rejection::SameAsVersion { version });
    }
    Ok(vec![published(state, hash, content, notes, act)?])
}

pub(super) fn adopt(state: &PromptState, content: Arc<Content>, act: Act) -> Decided {
    if !state.versions.is_empty() {
        return Ok(vec![]);
    }
    if !state.is_empty() {
        return Err(Rejection::NotEmpty);
    }
    content_fits(&content)?;
    let hash = content.hash();
    let notes = "Taken over from the configuration.".to_owned();
    Ok(vec![
        published(state, hash, content, notes, act.clone())?,
        PromptEvent::LabelMoved(LabelMoved {
            label: LabelName::production(),
            from: None,
            to: 1,
            hash,
            cause: MoveCause::Deployed,
            reason: None,
            clearance: Clearance::NotNeeded,
            act,
        }),
    ])
}

fn published(
    state: &PromptState,
    hash: ContentHash,
    content: Arc<Content>,
    notes: String,
    act: Act,
) -> Result<PromptEvent, Rejection> {
    let too_many = Rejection::TooMany {
        what: "versions",
        max: limits::VERSIONS,
    };
    if state.versions.len() >= limits::VERSIONS {
        return Err(too_many);
    }
    let version = newest(state).checked_add(1).ok_or(too_many)?;
    Ok(PromptEvent::PromptPublished(PromptPublished {
        version,
        hash,
        content,
        notes,
        act,
    }))
}

/// Nobody saved, discarded or published the draft since `seen`.
fn unchanged_since(state: &PromptState, seen: Option<u32>) -> Result<(), Rejection> {
    let now = state.draft.as_ref().map(|draft| draft.edit);
    if now == seen {
        Ok(())
    } else {
        Err(Rejection::DraftConflict { seen, now })
    }
}

fn same_but_for_partials(resolved: &Content, draft: &Content) -> bool {
    let Content {
        messages,
        model,
        parameters,
        answer,
        input_schema,
        answer_schema,
        partials: _,
    } = resolved;
    *messages == draft.messages
        && *model == draft.model
        && *parameters == draft.parameters
        && *answer == draft.answer
        && *input_schema == draft.input_schema
        && *answer_schema == draft.answer_schema
}

fn content_fits(content: &Content) -> Result<(), Rejection> {
    let what = "a prompt";
    let json = serde_json::to_vec(content).map_err(|_| Rejection::NotFinite { what })?;
    fits(what, json.len(), limits::CONTENT_BYTES)
}
