//! `punchcard prompt test-set`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use punchcard_events::TaskName;
use punchcard_events::prompt::TestCase;
use reqwest::Method;
use serde_json::json;

use super::bundle::{self, File, one_file};
use super::planner::{Planner, Shown};
use super::source;
use super::views::{FindingView, TestSetView};
use super::{ask, edit, editor, example, findings, naming};
use crate::cli::client::{self, Call, CallError};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD, DIM};

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
    let mut number = found.as_ref().and_then(|set| set.number);
    if let Some(file) = &args.file {
        let cases = source::read_cases(file)?;
        let cases = cases.map_err(|m| findings::refused(&m, "nothing was saved"))?;
        let base = args.number.or(source::based_on(&source::read_text(file)?));
        if let (None, Some(number), false) = (base, number, planner.yes) {
            let sentence = format!("there are test cases already: set {number}");
            let advice = format!("To put yours in their place, pass --number {number}, or --yes.");
            return Err(Failure::usage(sentence).advise(advice));
        }
        let base = base.or(number);
        return save(planner, out, task, base, &cases)
            .await
            .map(|(exit, _)| exit);
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
    let path = edit::new_file(&format!("{task}.tests.md"), &text)?;
    loop {
        editor::open(planner.editor.as_deref(), &path)?;
        if number.is_some() && source::read_text(&path)? == text {
            edit::throw_away(&path);
            out.note("Nothing was changed, so nothing was saved.");
            return Ok(Exit::Success);
        }
        let (exit, saved) = match source::read_cases(&path)? {
            Ok(cases) => {
                let saved = save(planner, out, task, number, &cases).await;
                saved.map_err(|failure| keeping(failure, task, &path))?
            }
            Err(mistakes) => {
                findings::print_mistakes(out, &mistakes)?;
                (Exit::Negative, None)
            }
        };
        number = saved.or(number);
        if exit == Exit::Success {
            edit::throw_away(&path);
            return Ok(exit);
        }
        if !ask::wants(out, "Edit it again?", true)? {
            out.note(format_args!("Your text is in {}.", path.display()));
            return Ok(exit);
        }
    }
}

/// Saves the cases; gives the number of the set that they are now.
async fn save(
    planner: &Planner,
    out: &mut Output,
    task: &TaskName,
    number: Option<u32>,
    cases: &[TestCase],
) -> Result<(Exit, Option<u32>), Failure> {
    let body = json!({ "cases": cases });
    let path = ["prompts", task.as_str(), "test-set"];
    let call = Call::new(Method::PUT, &path).body(&body).only_if(number);
    let saved = match planner.client.ask(call).await {
        Ok(answer) => Shown::<TestSetView>::of(answer.body)?,
        Err(CallError::Refused(refusal)) => {
            let found = refusal.body.get("findings").cloned().unwrap_or_default();
            let found: Vec<FindingView> = client::read(found).unwrap_or_default();
            if !found.is_empty() && !out.is_json() {
                findings::print(out, &found, None)?;
                return Ok((Exit::Negative, None));
            }
            return Err(refusal.problem.into());
        }
        Err(error) => return Err(error.into()),
    };
    let (errors, words) = findings::count(&saved.view.findings);
    let exit = if errors == 0 {
        Exit::Success
    } else {
        Exit::Negative
    };
    if out.is_json() {
        out.document(&saved.raw)?;
        return Ok((exit, saved.view.number));
    }
    findings::print(out, &saved.view.findings, None)?;
    let count = naming::counted(cases.len(), "case");
    out.line(format_args!(
        "The test set of {BOLD}{task}{BOLD:#} is saved: {count}, with {words}."
    ))?;
    out.note(format_args!("Run it: punchcard prompt test {task}"));
    Ok((exit, saved.view.number))
}

fn keeping(failure: Failure, task: &TaskName, path: &Path) -> Failure {
    let path = path.display();
    failure.advise_too(format!(
        "Your text is in {path}. See what is there now with `punchcard prompt test-set show {task}`, \
         then save yours: punchcard prompt test-set edit {task} --file {path}"
    ))
}
