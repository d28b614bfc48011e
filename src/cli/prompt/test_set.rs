//! `punchcard prompt test-set`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use punchcard_events::TaskName;
use punchcard_events::prompt::TestCase;
use reqwest::Method;
use serde_json::json;

use super::bundle::{self, File, one_file};
use super::planner::{Planner, Shown};
use super::saving::{self, Conflict};
use super::scratch::{self, Scratch};
use super::views::TestSetView;
use super::{ask, changes, example, findings, naming, source};
use crate::cli::client::{Call, CallError, Refusal};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD, DIM};
use crate::prompts::DiffView;

/// The server's word for a test set that somebody else changed meanwhile.
const CONFLICT: &str = "test_set_conflict";

/// What to do with test cases.
#[derive(Debug, Subcommand)]
pub(crate) enum TestSetCommand {
    /// Show the test cases.
    Show(ShowArgs),
    /// Change the test cases in your editor.
    Edit(EditArgs),
}

/// Arguments of `prompt test-set show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard prompt test-set show explanation")]
pub(crate) struct ShowArgs {
    /// The task.
    task: TaskName,
}

/// Arguments of `prompt test-set edit`.
#[derive(Debug, Args)]
#[command(after_help = "\
All cases open in your editor as one text, with help above them. A change counts as a new test set: what
was tested before has to be tested again before it goes to production.

Examples:
  punchcard prompt test-set edit explanation
  punchcard prompt test-set edit explanation --file cases.md")]
pub(crate) struct EditArgs {
    /// The task.
    task: TaskName,

    /// Save this text instead of opening an editor.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// With --file: the number of the test set that your text takes the place of.
    #[arg(long, value_name = "N")]
    number: Option<u32>,
}

/// Does it.
pub(crate) async fn run(
    command: &TestSetCommand,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    match command {
        TestSetCommand::Show(args) => show(args, planner, out).await,
        TestSetCommand::Edit(args) => change(args, planner, out).await,
    }
}

async fn fetch(planner: &Planner, task: &TaskName) -> Result<Option<Shown<TestSetView>>, Failure> {
    let found = planner
        .maybe(&["prompts", task.as_str(), "test-set"])
        .await?;
    if found.is_none() {
        // Without a test set there is still a prompt; without a prompt this says so.
        planner.prompt(task).await?;
    }
    Ok(found)
}

async fn show(args: &ShowArgs, planner: &Planner, out: &mut Output) -> Result<Exit, Failure> {
    let found = fetch(planner, &args.task).await?;
    if out.is_json() {
        out.document(&found.map(|shown| shown.raw))?;
        return Ok(Exit::Success);
    }
    let set = found
        .map(|shown| shown.view)
        .filter(|set| !set.cases.is_empty());
    let Some(set) = set else {
        let task = &args.task;
        out.note(format_args!(
            "There are no test cases yet. Write some: punchcard prompt test-set edit {task}"
        ));
        return Ok(Exit::Success);
    };
    for File { path, text } in files(&set.cases)? {
        out.line(format_args!("{DIM}==> {path}{DIM:#}"))?;
        out.line(style::safe(text.trim_end()))?;
    }
    Ok(Exit::Success)
}

fn files(cases: &[TestCase]) -> Result<Vec<File>, Failure> {
    bundle::case_files(cases).map_err(|error| Failure::negative(error.to_string()))
}

async fn change(args: &EditArgs, planner: &Planner, out: &mut Output) -> Result<Exit, Failure> {
    let task = &args.task;
    let found = fetch(planner, task).await?.map(|shown| shown.view);
    let number = found.as_ref().and_then(|set| set.number);
    if let Some(file) = &args.file {
        return from_file(args, file, number, planner, out).await;
    }
    let cases = match found {
        Some(set) if !set.cases.is_empty() => set.cases,
        Some(_) | None => vec![example::case()],
    };
    let help = format!(
        "{}\n{}",
        example::TEST_SET_HELP,
        source::based_on_line(number)
    );
    let text = one_file::join(&help, &files(&cases)?);
    let scratch = Scratch::new(&format!("{task}.tests.md"), text, command(task))?;
    let mut conflict = None;
    let ended = in_editor(planner, out, task, number, &scratch, &mut conflict).await;
    scratch.end(ended, conflict.as_deref())
}

/// The command that saves a file, up to the file's name.
fn command(task: &TaskName) -> String {
    format!("punchcard prompt test-set edit {task} --file")
}

/// Saves what was written without an editor of ours. Another's cases are not overwritten unsaid.
async fn from_file(
    args: &EditArgs,
    file: &Path,
    number: Option<u32>,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let task = &args.task;
    let cases = source::read_cases(file)?;
    let cases = cases.map_err(|m| findings::refused(&m, "nothing was saved"))?;
    let base = args.number.or(source::based_on(&source::read_text(file)?));
    if let (None, Some(number), false) = (base, number, planner.yes) {
        let sentence = format!("there are test cases already: set {number}");
        let advice = format!("To put yours in their place, pass --number {number}, or --yes.");
        return Err(Failure::usage(sentence).advise(advice));
    }
    let base = base.or(number).filter(|number| *number > 0);
    match save(planner, out, task, base, &cases).await? {
        Saved::Set(exit, _) => Ok(exit),
        Saved::Refused(failure) => Err(failure),
        Saved::Conflict(Conflict { failure, stands }) => {
            Err(scratch::kept(failure, &command(task), file, Some(&stands)))
        }
    }
}

/// Opens the editor, saves, and offers to go on while something is to be mended. An end without a failure
/// is one whose text is saved, or the same as before.
async fn in_editor(
    planner: &Planner,
    out: &mut Output,
    task: &TaskName,
    mut number: Option<u32>,
    scratch: &Scratch,
    conflict: &mut Option<String>,
) -> Result<Exit, Failure> {
    loop {
        let is_changed = scratch.edit(planner.editor.as_deref(), out)?;
        // The example may be saved as it is.
        if !is_changed && number.is_some() {
            out.note("Nothing was changed, so nothing was saved.");
            return Ok(Exit::Success);
        }
        let ended = match source::read_cases(scratch.path())? {
            Ok(cases) => match save(planner, out, task, number, &cases).await? {
                Saved::Set(exit, saved) => {
                    number = saved.or(number);
                    if let Some(saved) = saved {
                        source::rebase(scratch.path(), saved)?;
                    }
                    Ok(exit)
                }
                Saved::Refused(failure) => Err(failure),
                Saved::Conflict(told) => {
                    *conflict = Some(told.stands);
                    return Err(told.failure);
                }
            },
            Err(mistakes) => {
                findings::print_mistakes(out, &mistakes)?;
                let sentence = "the test cases were not saved: they cannot be read";
                Err(Failure::negative(sentence))
            }
        };
        if ended == Ok(Exit::Success) || !ask::wants(out, "Edit it again?", true)? {
            return ended;
        }
    }
}

/// What became of test cases.
enum Saved {
    /// They are saved, and have this number now.
    Set(Exit, Option<u32>),
    /// They were refused, and the planner was told why.
    Refused(Failure),
    /// Somebody else saved meanwhile.
    Conflict(Conflict),
}

/// Saves the cases.
async fn save(
    planner: &Planner,
    out: &mut Output,
    task: &TaskName,
    number: Option<u32>,
    cases: &[TestCase],
) -> Result<Saved, Failure> {
    let body = json!({ "cases": cases });
    let path = ["prompts", task.as_str(), "test-set"];
    let call = Call::new(Method::PUT, &path).body(&body).only_if(number);
    let saved = match planner.client.ask(call).await {
        Ok(answer) => Shown::<TestSetView>::of(answer.body)?,
        Err(CallError::Refused(refusal)) if refusal.problem.code == CONFLICT => {
            return tell_conflict(out, cases, &refusal).map(Saved::Conflict);
        }
        Err(CallError::Refused(refusal)) => {
            let error = CallError::Refused(refusal);
            return Ok(Saved::Refused(findings::of_refusal(out, error, None)));
        }
        Err(error @ CallError::Failed(_)) => return Err(error.into()),
    };
    let (errors, words) = findings::count(&saved.view.findings);
    let exit = if errors == 0 {
        Exit::Success
    } else {
        Exit::Negative
    };
    let number = saved.view.number;
    if out.is_json() {
        out.document(&saved.raw)?;
        return Ok(Saved::Set(exit, number));
    }
    findings::print(out, &saved.view.findings, None)?;
    let count = naming::counted(cases.len(), "case");
    out.line(format_args!(
        "The test set of {BOLD}{task}{BOLD:#} is saved: {count}, with {words}."
    ))?;
    out.note(format_args!("Run it: punchcard prompt test {task}"));
    Ok(Saved::Set(exit, number))
}

/// Tells that other cases stand in the way and how they differ.
fn tell_conflict(
    out: &mut Output,
    cases: &[TestCase],
    refusal: &Refusal,
) -> Result<Conflict, Failure> {
    let now: Option<TestSetView> = saving::current(refusal);
    let stands = now.as_ref().and_then(|now| now.number).unwrap_or(0);
    if out.is_json() {
        out.document(&refusal.body)?;
    } else if let Some(now) = &now {
        let text = |cases| files(cases).map(|files| one_file::join("", &files));
        let diff = DiffView::of_texts("test cases", &text(&now.cases)?, &text(cases)?);
        out.line(saving::BETWEEN)?;
        changes::print_view(out, &diff)?;
    }
    let sentence = match &now {
        Some(_) => format!(
            "somebody else saved test set {stands} meanwhile; yours is not saved, and nothing is lost"
        ),
        None => refusal.problem.sentence(),
    };
    Ok(Conflict {
        failure: saving::stale(&sentence, refusal),
        stands: format!("--number {stands}"),
    })
}
