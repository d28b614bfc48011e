//! `punchcard prompt partial`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comfy_table::Cell;
use punchcard_events::{PartialName, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::planner::{Planner, Shown};
use super::saving::Conflict;
use super::scratch::Scratch;
use super::views::By;
use super::{ask, changes, findings, saving, scratch, source, when};
use crate::cli::client::{Call, CallError, Refusal};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD};
use crate::prompts::DiffView;

/// The server's word for a text that somebody else changed meanwhile.
const CONFLICT: &str = "partial_conflict";

/// What to do with shared texts.
#[derive(Debug, Subcommand)]
pub(crate) enum PartialCommand {
    /// List the texts that prompts share.
    List(ListArgs),
    /// Show a text.
    Show(NameArgs),
    /// Write or change a text in your editor.
    Edit(EditArgs),
    /// Take a text away.
    Remove(NameArgs),
}

/// Arguments of `prompt partial list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard prompt partial list")]
pub(crate) struct ListArgs {}

/// Arguments of `prompt partial show` and `remove`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard prompt partial show tone
  punchcard prompt partial remove tone")]
pub(crate) struct NameArgs {
    /// The text's name.
    name: PartialName,
}

/// Arguments of `prompt partial edit`.
#[derive(Debug, Args)]
#[command(after_help = "\
A prompt brings it in with {% include \"tone\" %}. Versions that are published keep the text they were published
with; each prompt gets the new one when it is published the next time.

Examples:
  punchcard prompt partial edit tone
  punchcard prompt partial edit tone --file tone.md --edit 3")]
pub(crate) struct EditArgs {
    /// The text's name.
    name: PartialName,

    /// Save this file's text instead of opening an editor.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// With --file: the edit that your text takes the place of; 0: there is none.
    #[arg(long, value_name = "N")]
    edit: Option<u32>,
}

/// A shared text.
#[derive(Debug, Clone, Deserialize)]
struct PartialView {
    name: String,
    edit: u32,
    #[serde(default)]
    text: String,
    #[serde(default, alias = "at")]
    saved_at: Option<Timestamp>,
    #[serde(default)]
    by: Option<By>,
}

/// All of them.
#[derive(Debug, Deserialize)]
struct PartialList {
    partials: Vec<PartialView>,
}

/// Does it.
pub(crate) async fn run(
    command: &PartialCommand,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    match command {
        PartialCommand::List(ListArgs {}) => list(planner, out).await?,
        PartialCommand::Show(args) => show(args, planner, out).await?,
        PartialCommand::Edit(args) => change(args, planner, out).await?,
        PartialCommand::Remove(args) => remove(args, planner, out).await?,
    }
    Ok(Exit::Success)
}

async fn list(planner: &Planner, out: &mut Output) -> Result<(), Failure> {
    let all = planner.get::<PartialList>(&["partials"], &[]).await?;
    if out.is_json() {
        return out.document(&all.raw);
    }
    if all.view.partials.is_empty() {
        out.note("There is no shared text yet. Write one: punchcard prompt partial edit NAME");
        return Ok(());
    }
    let mut table = style::table(
        out.terminal(),
        &["name", "edit", "saved (UTC)", "by", "text"],
    );
    for partial in &all.view.partials {
        let first = partial.text.lines().next().unwrap_or_default();
        let first: String = first.chars().take(48).collect();
        let dash = || "-".to_owned();
        table.add_row(vec![
            Cell::new(style::one_line(&partial.name)),
            style::number(partial.edit),
            Cell::new(partial.saved_at.map_or_else(dash, when::cell)),
            Cell::new(partial.by.as_ref().map_or_else(dash, ToString::to_string)),
            Cell::new(style::one_line(&first)),
        ]);
    }
    out.line(table.trim_fmt())
}

async fn find(
    planner: &Planner,
    name: &PartialName,
) -> Result<Option<Shown<PartialView>>, Failure> {
    let all = planner.get::<serde_json::Value>(&["partials"], &[]).await?;
    let all = all.view["partials"].as_array().cloned().unwrap_or_default();
    let found = all
        .into_iter()
        .find(|partial| partial["name"] == name.as_str());
    found.map(Shown::of).transpose()
}

async fn existing(planner: &Planner, name: &PartialName) -> Result<Shown<PartialView>, Failure> {
    let gone = || {
        Failure::new(Exit::NotFound, format!("there is no shared text `{name}`"))
            .advise("See which there are: punchcard prompt partial list")
    };
    find(planner, name).await?.ok_or_else(gone)
}

async fn show(args: &NameArgs, planner: &Planner, out: &mut Output) -> Result<(), Failure> {
    let partial = existing(planner, &args.name).await?;
    if out.is_json() {
        return out.document(&partial.raw);
    }
    out.line(style::safe(&partial.view.text))
}

async fn change(args: &EditArgs, planner: &Planner, out: &mut Output) -> Result<(), Failure> {
    let name = &args.name;
    let found = find(planner, name).await?.map(|shown| shown.view);
    let edit = found.as_ref().map(|partial| partial.edit);
    if let Some(file) = &args.file {
        let text = source::read_text(file)?;
        if let (Some(edit), None, false) = (edit, args.edit, planner.yes) {
            let sentence = format!("there is a shared text `{name}` already: edit {edit}");
            let advice = format!("To put yours in its place, pass --edit {edit}, or --yes.");
            return Err(Failure::usage(sentence).advise(advice));
        }
        let base = args.edit.or(edit).filter(|edit| *edit > 0);
        let mut conflict = None;
        let saved = save(planner, out, name, base, &text, &mut conflict).await;
        return saved.map_err(|failure| match conflict {
            Some(stands) => scratch::kept(failure, &command(name), file, Some(&stands)),
            None => failure,
        });
    }
    let before = found.map(|partial| partial.text).unwrap_or_default();
    let scratch = Scratch::new(&format!("{name}.md"), before, command(name))?;
    let mut conflict = None;
    let ended = in_editor(planner, out, name, edit, &scratch, &mut conflict).await;
    scratch.end(ended, conflict.as_deref())
}

/// The command that saves a file, up to the file's name.
fn command(name: &PartialName) -> String {
    format!("punchcard prompt partial edit {name} --file")
}

async fn in_editor(
    planner: &Planner,
    out: &mut Output,
    name: &PartialName,
    edit: Option<u32>,
    scratch: &Scratch,
    conflict: &mut Option<String>,
) -> Result<(), Failure> {
    if !scratch.edit(planner.editor.as_deref(), out)? {
        out.note("Nothing was changed, so nothing was saved.");
        return Ok(());
    }
    let text = source::read_text(scratch.path())?;
    save(planner, out, name, edit, &text, conflict).await
}

async fn save(
    planner: &Planner,
    out: &mut Output,
    name: &PartialName,
    edit: Option<u32>,
    text: &str,
    conflict: &mut Option<String>,
) -> Result<(), Failure> {
    let body = json!({ "text": text });
    let path = ["partials", name.as_str()];
    let call = Call::new(Method::PUT, &path).body(&body).only_if(edit);
    let saved = match planner.client.ask(call).await {
        Ok(saved) => saved,
        Err(CallError::Refused(refusal)) if refusal.problem.code == CONFLICT => {
            let told = tell_conflict(out, name, text, &refusal)?;
            *conflict = Some(told.stands);
            return Err(told.failure);
        }
        Err(error) => return Err(findings::of_refusal(out, error, None)),
    };
    if out.is_json() {
        return out.document(&saved.body);
    }
    out.line(format_args!(
        "The shared text {BOLD}{name}{BOLD:#} is saved."
    ))?;
    out.note("Each prompt that brings it in gets it when it is published the next time.");
    Ok(())
}

/// Tells whose text stands in the way and how it differs.
fn tell_conflict(
    out: &mut Output,
    name: &PartialName,
    text: &str,
    refusal: &Refusal,
) -> Result<Conflict, Failure> {
    let Some(now) = saving::current::<PartialView>(refusal) else {
        // It was taken away meanwhile.
        return Ok(Conflict {
            failure: saving::stale(&refusal.problem.sentence(), refusal),
            stands: "--edit 0".to_owned(),
        });
    };
    if out.is_json() {
        out.document(&refusal.body)?;
    } else {
        let diff = DiffView::of_texts(&format!("shared text {name}"), &now.text, text);
        out.line(saving::BETWEEN)?;
        changes::print_view(out, &diff)?;
    }
    let by = now
        .by
        .map_or_else(|| "somebody".to_owned(), |by| by.to_string());
    let edit = now.edit;
    let sentence =
        format!("{by} saved edit {edit} of `{name}`; yours is not saved, and nothing is lost");
    Ok(Conflict {
        failure: saving::stale(&sentence, refusal),
        stands: format!("--edit {edit}"),
    })
}

async fn remove(args: &NameArgs, planner: &Planner, out: &mut Output) -> Result<(), Failure> {
    let name = &args.name;
    let edit = existing(planner, name).await?.view.edit;
    ask::confirm(
        out,
        planner.yes,
        &format!("Take the shared text `{name}` away?"),
    )?;
    let path = ["partials", name.as_str()];
    let call = Call::new(Method::DELETE, &path).only_if(Some(edit));
    let answer = planner
        .client
        .ask(call)
        .await
        .map_err(|error: CallError| Failure::from(error))?;
    if out.is_json() {
        return out.document(&answer.body);
    }
    out.line(format_args!(
        "The shared text {BOLD}{name}{BOLD:#} is taken away."
    ))?;
    out.note(
        "Published versions keep it. Drafts that bring it in need a change before publishing.",
    );
    Ok(())
}
