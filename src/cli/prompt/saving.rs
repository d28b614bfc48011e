//! Saving a draft. Nobody's work is overwritten unseen: a draft is saved only while it is as it was
//! when the planner began.

use punchcard_events::TaskName;
use punchcard_events::prompt::Content;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::planner::{Planner, Shown};
use super::source::Source;
use super::views::{DraftLine, DraftView};
use super::{changes, findings, when};
use crate::cli::client::{self, Call, CallError, Refusal};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD};

/// What became of a draft.
#[derive(Debug)]
pub(super) enum Saved {
    /// It is saved, with what is wrong in it.
    Draft(Box<Shown<DraftView>>),
    /// Somebody else saved meanwhile.
    Conflict(Box<Refusal>),
}

/// What a planner began with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base {
    /// The draft's edit; `None`: there was no draft.
    pub(super) edit: Option<u32>,
    /// The version that the text began as a copy of.
    pub(super) version: Option<u32>,
}

/// Somebody else's change that stands in the way, already told.
#[derive(Debug)]
pub(super) struct Conflict {
    /// What it comes to.
    pub(super) failure: Failure,
    /// The option that names what stands there now.
    pub(super) stands: String,
}

/// Saves a draft.
///
/// # Errors
/// When it cannot be saved for another reason than somebody else's draft.
pub(super) async fn save(
    planner: &Planner,
    task: &TaskName,
    base: Base,
    content: &Content,
) -> Result<Saved, Failure> {
    let mut body = json!({ "content": content });
    if let Some(version) = base.version {
        body["based_on"] = json!(version);
    }
    let path = ["prompts", task.as_str(), "draft"];
    let call = Call::new(Method::PUT, &path).body(&body).only_if(base.edit);
    match planner.client.ask(call).await {
        Ok(answer) => Ok(Saved::Draft(Box::new(Shown::of(answer.body)?))),
        Err(CallError::Refused(refusal)) if is_conflict(&refusal) => Ok(Saved::Conflict(refusal)),
        Err(error) => Err(error.into()),
    }
}

fn is_conflict(refusal: &Refusal) -> bool {
    refusal.problem.code == "draft_conflict" || refusal.problem.status == 412
}

/// Tells what was saved, and how to go on. Gives [`Exit::Negative`] where something must be mended.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn tell(
    out: &mut Output,
    task: &TaskName,
    saved: &Shown<DraftView>,
    source: Option<&Source>,
) -> Result<Exit, Failure> {
    let (errors, words) = findings::count(&saved.view.findings);
    let exit = if errors == 0 {
        Exit::Success
    } else {
        Exit::Negative
    };
    if out.is_json() {
        out.document(&saved.raw)?;
        return Ok(exit);
    }
    findings::print(out, &saved.view.findings, source)?;
    let edit = saved.view.edit;
    out.line(format_args!(
        "The draft of {BOLD}{task}{BOLD:#} is saved (edit {edit}), with {words}."
    ))?;
    out.note(if errors == 0 {
        format!("Try it: punchcard prompt test {task}. No user gets it before it is deployed.")
    } else {
        format!("It cannot be tested or published yet: punchcard prompt edit {task}")
    });
    Ok(exit)
}

/// Tells whose draft stands in the way and how it differs.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn tell_conflict(out: &mut Output, refusal: &Refusal) -> Result<Conflict, Failure> {
    let line: Option<DraftLine> = current(refusal);
    let (sentence, edit) = match &line {
        Some(line) => (
            format!(
                "{} saved edit {} of this draft at {}; yours is not saved, and nothing is lost",
                line.by,
                line.edit,
                when::said(line.saved_at)
            ),
            line.edit,
        ),
        // Published or thrown away meanwhile.
        None => (refusal.problem.sentence(), 0),
    };
    if out.is_json() {
        out.document(&refusal.body)?;
    } else if let Some(diff) = refusal.body.get("diff").filter(|diff| !diff.is_null()) {
        out.line(BETWEEN)?;
        changes::print(out, diff)?;
    }
    Ok(Conflict {
        failure: stale(&sentence, refusal),
        stands: format!("--edit {edit}"),
    })
}

/// What stands above a difference.
pub(super) const BETWEEN: &str =
    "What differs between the two (- is what is there now, + is yours):";

/// What the server has now, where a refusal shows it.
pub(super) fn current<T: DeserializeOwned>(refusal: &Refusal) -> Option<T> {
    let current = refusal.body.get("current")?;
    client::read(current.clone()).ok()
}

/// A failure because something is not as the planner saw it. What to do then is the caller's to say: it
/// knows where the planner's text is.
pub(super) fn stale(sentence: &str, refusal: &Refusal) -> Failure {
    let code = Some(refusal.problem.code.as_str()).filter(|code| !code.is_empty());
    Failure::negative(style::safe(sentence)).with_code(code.unwrap_or("draft_conflict"))
}
