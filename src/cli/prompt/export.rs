//! `punchcard prompt export`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use punchcard_events::{PartialName, TaskName};
use serde::Deserialize;
use serde_json::json;

use super::ask;
use super::bundle::store::Writing;
use super::bundle::{self, Bundle, Conflict, Folder, disk};
use super::naming::{self, Reference};
use super::planner::Planner;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD};

/// Arguments of `prompt export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each prompt becomes a folder of readable files that fits in git; `import` takes them back, byte for byte. Files
that say the same already stay as they are, with their comments; README.md and hidden files are left alone.
What would be written over or removed is listed first, and only done after a yes.

Examples:
  punchcard prompt export --dir prompts                       all prompts, as in production
  punchcard prompt export explanation --dir prompts --ref draft")]
pub(crate) struct ExportArgs {
    /// The tasks; none: all.
    tasks: Vec<TaskName>,

    /// The folder.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,

    /// Which texts: a label (production), `draft`, or a version of a single task.
    #[arg(long = "ref", value_name = "VERSION", default_value = "production")]
    reference: Reference,

    /// Write into a folder that holds something else too. Nothing else in it is touched.
    #[arg(long)]
    force: bool,

    /// Write over and remove files without asking.
    #[arg(long)]
    yes: bool,
}

/// What the server answers.
#[derive(Debug, Deserialize)]
struct Exported {
    prompts: Vec<Bundle>,
    #[serde(default)]
    partials: BTreeMap<PartialName, String>,
}

/// Writes the folder.
pub(crate) async fn run(
    args: &ExportArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut query = vec![("ref", args.reference.to_string())];
    query.extend(args.tasks.iter().map(|task| ("task", task.to_string())));
    let exported = planner
        .get::<Exported>(&["prompts", "export"], &query)
        .await?
        .view;
    let folder = Folder {
        prompts: exported.prompts,
        partials: exported.partials,
    };
    let files = bundle::layout(&folder).map_err(|error| conflict(&error))?;
    let writing = Writing::plan(&args.dir, &files, args.force).map_err(|error| on_disk(&error))?;
    confirm(out, args.yes, &writing)?;
    let stored = writing.carry_out().map_err(|error| on_disk(&error))?;
    let prompts = folder.prompts.len();
    if out.is_json() {
        out.document(&json!({
            "dir": args.dir,
            "prompts": prompts,
            "partials": folder.partials.len(),
            "written": stored.written,
            "kept": stored.kept,
            "removed": stored.removed,
        }))?;
        return Ok(Exit::Success);
    }
    let (count, dir) = (naming::counted(prompts, "prompt"), args.dir.display());
    out.line(format_args!("{BOLD}{dir}{BOLD:#} holds {count} now."))?;
    let (written, kept, removed) = (stored.written, stored.kept, stored.removed);
    out.note(format_args!(
        "files: {written} written, {kept} as before, {removed} removed"
    ));
    Ok(Exit::Success)
}

/// Lists the files that somebody may have worked on, and asks whether they may go.
fn confirm(out: &mut Output, yes: bool, writing: &Writing<'_>) -> Result<(), Failure> {
    let replaced = writing.replaced().iter();
    let replaced = replaced.map(|path| format!("written over: {path}"));
    let removed = writing.removed().map(|path| format!("removed: {path}"));
    let lines: Vec<String> = replaced.chain(removed).collect();
    if lines.is_empty() {
        return Ok(());
    }
    for line in &lines {
        out.note(style::safe(line));
    }
    let files = naming::counted(lines.len(), "file");
    let question = format!("Write over or remove {files}, with what you changed in them?");
    ask::confirm(out, yes, &question)
}

fn conflict(error: &Conflict) -> Failure {
    Failure::negative(error.to_string()).advise(match error {
        Conflict::CaseName(_) => "Give the case a name of lowercase letters, digits and -.",
    })
}

/// What a folder's trouble is to the planner.
pub(super) fn on_disk(error: &disk::DiskError) -> Failure {
    use disk::DiskError::{Foreign, Io, Link, Mistakes, TooMuch};
    let failure = Failure::usage(error.to_string());
    match error {
        Foreign(_) => failure.advise(
            "Choose an empty folder, or pass --force; then nothing else in the folder is touched.",
        ),
        Link(_) => failure.advise("Put a real folder or file there, or choose another folder."),
        TooMuch(_) => failure.advise("Is it the folder that `punchcard prompt export` wrote?"),
        Io { .. } => failure.advise("Does it exist, and may you read and write it?"),
        Mistakes(mistakes) => super::findings::refused(mistakes, "nothing was imported"),
    }
}
