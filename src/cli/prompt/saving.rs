//! Saving a draft. Nobody's work is overwritten unseen: a draft is saved only while it is as it was
//! when the planner began.

use std::path::Path;

use punchcard_events::TaskName;
use punchcard_events::prompt::Content;
use reqwest::Method;
use serde_json::{Value, json};

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

/// Where a planner's own text is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept<'a> {
    /// The option of `prompt edit` that takes it.
    pub(super) option: &'static str,
    /// Its file or folder.
    pub(super) path: &'a Path,
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

/// Tells whose draft stands in the way, how it differs, and where the planner's own text is.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn tell_conflict(
    out: &mut Output,
    task: &TaskName,
    refusal: &Refusal,
    kept: Kept<'_>,
) -> Result<Failure, Failure> {
    let current = refusal.body.get("current").unwrap_or(&Value::Null);
    let line: Option<DraftLine> = client::read(current.clone()).ok();
    let (sentence, edit) = match &line {
        Some(line) => (
            format!(
                "{} saved edit {} of this draft at {}; yours is not saved, and nothing is lost",
                line.by,
                line.edit,
                when::said(line.saved_at)
            ),
            line.edit.to_string(),
        ),
        // Published or thrown away meanwhile.
        None => (refusal.problem.sentence(), "0".to_owned()),
    };
    if out.is_json() {
        out.document(&refusal.body)?;
    } else if let Some(diff) = refusal.body.get("diff").filter(|diff| !diff.is_null()) {
        out.line("What differs between the two:")?;
        changes::print(out, diff)?;
    }
    let (option, path) = (kept.option, kept.path.display());
    let advice = format!(
        "Your text is in {path}. Bring both together there, then save it: \
         punchcard prompt edit {task} {option} {path} --edit {edit}"
    );
    let code = Some(refusal.problem.code.as_str()).filter(|code| !code.is_empty());
    let code = code.unwrap_or("draft_conflict");
    Ok(Failure::negative(style::safe(&sentence))
        .with_code(code)
        .advise(advice))
}
