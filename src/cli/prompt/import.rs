//! `punchcard prompt import`.

use std::path::PathBuf;

use clap::Args;
use comfy_table::Cell;
use punchcard_events::PartialName;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::bundle::{self, Folder, Mistake, disk};
use super::planner::{Planner, Shown};
use super::views::FindingView;
use super::{export, findings, naming};
use crate::cli::client::{self, Call, CallError, Refusal};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style;

/// Arguments of `prompt import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Everything in the folder becomes drafts, test cases and shared texts: all of it, or nothing when one file is
broken. No user gets anything before it is published and deployed.

Examples:
  punchcard prompt import prompts --dry-run
  punchcard prompt import prompts")]
pub(crate) struct ImportArgs {
    /// The folder, as `export` writes it.
    dir: PathBuf,

    /// Only read and check the files.
    #[arg(long)]
    dry_run: bool,
}

/// Takes the folder.
pub(crate) async fn run(
    args: &ImportArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let folder = read(args)?;
    if args.dry_run {
        return told(out, &folder);
    }
    let body = json!({ "prompts": folder.prompts, "partials": folder.partials });
    let path = ["prompts", "import"];
    let call = Call::new(Method::POST, &path).body(&body);
    match planner.client.ask(call).await {
        Ok(answer) => imported(out, Shown::of(answer.body)?),
        Err(CallError::Refused(refusal)) => Err(refused(out, *refusal)?),
        Err(error) => Err(error.into()),
    }
}

/// What the server made of a folder.
#[derive(Debug, Deserialize)]
struct Imported {
    #[serde(default)]
    prompts: Vec<ImportedPrompt>,
    #[serde(default)]
    partials: Vec<ImportedPartial>,
}

/// What the server made of one prompt: `saved` or `unchanged`.
#[derive(Debug, Deserialize)]
struct ImportedPrompt {
    task: String,
    draft: String,
    #[serde(default)]
    test_set: Option<String>,
    #[serde(default)]
    findings: Vec<FindingView>,
}

/// What the server made of one shared text: `saved`, `unchanged`, or `kept` as it is there.
#[derive(Debug, Deserialize)]
struct ImportedPartial {
    name: String,
    saved: String,
}

/// Reads everything before anything is sent.
fn read(args: &ImportArgs) -> Result<Folder, Failure> {
    if disk::is_of_one(&args.dir) {
        let sentence = format!("{} is the folder of one prompt", args.dir.display());
        return Err(Failure::usage(sentence).advise(
            "Give the folder above it; or save this one prompt: punchcard prompt edit TASK --dir DIR",
        ));
    }
    let files = disk::load(&args.dir).map_err(|error| export::on_disk(&error))?;
    let folder = bundle::read(&files).map_err(|mistakes: Vec<Mistake>| {
        let mistakes: Vec<Mistake> = mistakes
            .into_iter()
            .map(|mistake| Mistake {
                file: args.dir.join(&mistake.file).display().to_string(),
                ..mistake
            })
            .collect();
        findings::refused(&mistakes, "nothing was imported; mend these first")
    })?;
    if folder.prompts.is_empty() && folder.partials.is_empty() {
        let sentence = format!("there is no prompt in {}", args.dir.display());
        return Err(Failure::usage(sentence).advise(
            "A prompt is a folder with a prompt.toml, as `punchcard prompt export` writes it.",
        ));
    }
    Ok(folder)
}

fn tasks(folder: &Folder) -> Vec<&str> {
    folder
        .prompts
        .iter()
        .map(|bundle| bundle.task.as_str())
        .collect()
}

/// What would be sent.
fn told(out: &mut Output, folder: &Folder) -> Result<Exit, Failure> {
    if out.is_json() {
        let names: Vec<&str> = folder.partials.keys().map(PartialName::as_str).collect();
        out.document(&json!({ "dry_run": true, "tasks": tasks(folder), "partials": names }))?;
        return Ok(Exit::Success);
    }
    let mut table = style::table(out.terminal(), &["task", "messages", "test cases"]);
    for bundle in &folder.prompts {
        let cases = bundle
            .test_set
            .as_ref()
            .map(|cases| cases.len().to_string());
        table.add_row(vec![
            Cell::new(&bundle.task),
            style::number(bundle.content.messages.len()),
            style::number(cases.unwrap_or_else(|| "-".to_owned())),
        ]);
    }
    out.line(table.trim_fmt())?;
    let prompts = naming::counted(folder.prompts.len(), "prompt");
    let partials = naming::counted(folder.partials.len(), "shared text");
    out.line(format_args!(
        "Read without a mistake: {prompts}, {partials}."
    ))?;
    out.note("Nothing was sent: leave --dry-run out to save them as drafts.");
    Ok(Exit::Success)
}

/// What was saved, and what is to be mended in it.
fn imported(out: &mut Output, answer: Shown<Imported>) -> Result<Exit, Failure> {
    let Imported { prompts, partials } = answer.view;
    let named = |(task, finding): (&String, FindingView)| FindingView {
        prompt: Some(task.clone()),
        ..finding
    };
    let all = prompts.iter().flat_map(|prompt| {
        prompt
            .findings
            .iter()
            .map(|found| (&prompt.task, found.clone()))
    });
    let found: Vec<FindingView> = all.map(named).collect();
    let (errors, words) = findings::count(&found);
    let exit = if errors == 0 {
        Exit::Success
    } else {
        Exit::Negative
    };
    if out.is_json() {
        out.document(&answer.raw)?;
        return Ok(exit);
    }
    table(out, &prompts, &partials)?;
    findings::print(out, &found, None)?;
    let saved = prompts.iter().filter(|prompt| prompt.draft == "saved");
    match saved.count() {
        0 => out.line("No draft was changed: the server has all of it already.")?,
        saved => {
            let saved = naming::counted(saved, "prompt");
            out.line(format_args!("Saved as drafts: {saved}, with {words}."))?;
            out.note("See what differs: punchcard prompt diff TASK");
        }
    }
    Ok(exit)
}

/// What became of what.
fn table(
    out: &mut Output,
    prompts: &[ImportedPrompt],
    partials: &[ImportedPartial],
) -> Result<(), Failure> {
    let mut table = style::table(out.terminal(), &["name", "draft", "test cases"]);
    for prompt in prompts {
        let test_set = prompt.test_set.as_deref().unwrap_or("-");
        table.add_row([&prompt.task, &prompt.draft, test_set].map(style::one_line));
    }
    for partial in partials {
        let name = format!("{} (shared text)", partial.name);
        table.add_row([&name, &partial.saved, "-"].map(style::one_line));
    }
    out.line(table.trim_fmt())
}

/// A refusal, with what is to be mended in which prompt; and, where the import stopped midway, what is
/// saved.
fn refused(out: &mut Output, refusal: Refusal) -> Result<Failure, Failure> {
    let saved = refusal.body.get("saved").cloned().unwrap_or_default();
    let saved: Option<Imported> = client::read(saved).unwrap_or_default();
    let found = refusal.body.get("findings").cloned().unwrap_or_default();
    let found: Vec<FindingView> = client::read(found).unwrap_or_default();
    if out.is_json() {
        out.document(&refusal.body)?;
        return Ok(refusal.problem.into());
    }
    findings::print(out, &found, None)?;
    if let Some(Imported { prompts, partials }) = saved
        && !(prompts.is_empty() && partials.is_empty())
    {
        table(out, &prompts, &partials)?;
    }
    Ok(refusal.problem.into())
}
