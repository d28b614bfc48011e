//! `punchcard prompt edit`.

use std::path::{Path, PathBuf};

use clap::Args;
use punchcard_events::TaskName;
use punchcard_events::prompt::Content;

use super::bundle::{self, one_file};
use super::naming::Reference;
use super::planner::Planner;
use super::saving::{self, Base, Conflict, Saved};
use super::scratch::{self, Scratch};
use super::source::{self, Written};
use super::{ask, example, findings};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// Arguments of `prompt edit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Everything of the draft opens in your editor as one text: the model, each message, the schemas. When you
close the editor it is saved; no user gets it before it is published and deployed. Without a draft, the
text begins as a copy of what is in production.

If somebody else saved the draft meanwhile, nothing is overwritten: you are told who, shown what differs,
and your text stays in a file.

Examples:
  punchcard prompt edit explanation
  punchcard prompt edit explanation --editor 'code --wait'
  punchcard prompt edit explanation --file draft.md --edit 4
  punchcard prompt edit explanation --dir prompts/explanation")]
pub(crate) struct EditArgs {
    /// The task.
    task: TaskName,

    /// Save this text instead of opening an editor.
    #[arg(long, value_name = "FILE", conflicts_with = "dir")]
    file: Option<PathBuf>,

    /// Save the prompt in this folder (as `export` writes it) instead of opening an editor.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// With --file or --dir: the edit of the draft that your text takes the place of; 0: there is none.
    #[arg(long, value_name = "N")]
    edit: Option<u32>,
}

/// Changes the draft.
pub(crate) async fn run(
    args: &EditArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let task = &args.task;
    if let Some((kept, written)) = given(task, args.file.as_deref(), args.dir.as_deref())? {
        let written = written.map_err(|m| findings::refused(&m, "nothing was saved"))?;
        let base = base_of(planner, task, args.edit.or(written.edit)).await?;
        return save_given(planner, out, task, base, &written, kept).await;
    }
    let (content, base) = start(planner, task).await?;
    let sheet = Sheet {
        task,
        content: &content,
        help: example::EDIT_HELP,
        unchanged_counts: false,
    };
    in_editor(planner, out, sheet, base).await
}

/// Where a planner's own text is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept<'a> {
    /// The option of `prompt edit` that takes it.
    option: &'static str,
    /// Its file or folder.
    path: &'a Path,
}

/// What a planner wrote without an editor of ours.
type Given<'a> = (Kept<'a>, Result<Written, Vec<bundle::Mistake>>);

/// Reads the text or folder that was given, if any.
pub(super) fn given<'a>(
    task: &TaskName,
    file: Option<&'a Path>,
    dir: Option<&'a Path>,
) -> Result<Option<Given<'a>>, Failure> {
    Ok(match (file, dir) {
        (Some(path), _) => {
            let option = "--file";
            Some((Kept { option, path }, source::read_file(task, path)?))
        }
        (None, Some(path)) => {
            let option = "--dir";
            Some((Kept { option, path }, source::read_folder(task, path)?))
        }
        (None, None) => None,
    })
}

/// Saves what was written without an editor of ours.
pub(super) async fn save_given(
    planner: &Planner,
    out: &mut Output,
    task: &TaskName,
    base: Base,
    written: &Written,
    kept: Kept<'_>,
) -> Result<Exit, Failure> {
    match saving::save(planner, task, base, &written.bundle.content).await? {
        Saved::Draft(saved) => saving::tell(out, task, &saved, Some(&written.source)),
        Saved::Conflict(refusal) => {
            let Conflict { failure, stands } = saving::tell_conflict(out, &refusal)?;
            let command = format!("punchcard prompt edit {task} {}", kept.option);
            Err(scratch::kept(failure, &command, kept.path, Some(&stands)))
        }
    }
}

/// What a text without an editor takes the place of. Another's draft is not overwritten unsaid.
async fn base_of(planner: &Planner, task: &TaskName, edit: Option<u32>) -> Result<Base, Failure> {
    if edit.is_some_and(|edit| edit > 0) {
        return Ok(Base {
            edit,
            version: None,
        });
    }
    let prompt = planner.prompt(task).await?.view;
    let version = prompt.production.or(prompt.latest);
    // A text that begins a draft is refused by the server where there is one.
    let begins = edit == Some(0);
    let Some(draft) = prompt.draft.filter(|_| !begins) else {
        return Ok(Base {
            edit: None,
            version,
        });
    };
    if planner.yes {
        let (edit, version) = (Some(draft.edit), None);
        return Ok(Base { edit, version });
    }
    let sentence = format!(
        "there is a draft already: edit {} by {}",
        draft.edit, draft.by
    );
    let advice = format!(
        "To put your text in its place, pass --edit {}, or --yes.",
        draft.edit
    );
    Err(Failure::usage(sentence).advise(advice))
}

/// What the editor opens with: the draft, or a copy of what is in use.
async fn start(planner: &Planner, task: &TaskName) -> Result<(Content, Base), Failure> {
    if let Some(draft) = planner.draft(task).await? {
        let base = Base {
            edit: Some(draft.view.edit),
            version: None,
        };
        return Ok((draft.view.content, base));
    }
    let prompt = planner.prompt(task).await?.view;
    let Some(version) = prompt.production.or(prompt.latest) else {
        let sentence = format!("`{task}` has neither a draft nor a version to begin with");
        let advice = format!("Begin one: punchcard prompt new {task}");
        return Err(Failure::new(Exit::NotFound, sentence).advise(advice));
    };
    let content = planner.content(task, &Reference::Version(version)).await?;
    let base = Base {
        edit: None,
        version: Some(version),
    };
    Ok((as_draft(content.view.content), base))
}

/// A version's content as a draft: a draft uses the shared texts as they are now.
pub(super) fn as_draft(content: Content) -> Content {
    Content {
        partials: std::collections::BTreeMap::new(),
        ..content
    }
}

/// What lies open in the editor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sheet<'a> {
    /// The task.
    pub(super) task: &'a TaskName,
    /// What it begins with.
    pub(super) content: &'a Content,
    /// The lines above it.
    pub(super) help: &'a str,
    /// Whether to save a text that was not changed.
    pub(super) unchanged_counts: bool,
}

/// Opens the editor, saves, and offers to go on while something is to be mended.
pub(super) async fn in_editor(
    planner: &Planner,
    out: &mut Output,
    sheet: Sheet<'_>,
    base: Base,
) -> Result<Exit, Failure> {
    let scratch = lay_out(sheet, base)?;
    let mut conflict = None;
    let ended = edit(planner, out, sheet, base, &scratch, &mut conflict).await;
    scratch.end(ended, conflict.as_deref())
}

/// The same, with the text in its file. An end without a failure is one whose text is saved, or the same
/// as before. `conflict` becomes the option that names a draft that stands in the way.
async fn edit(
    planner: &Planner,
    out: &mut Output,
    sheet: Sheet<'_>,
    mut base: Base,
    scratch: &Scratch,
    conflict: &mut Option<String>,
) -> Result<Exit, Failure> {
    let (task, path) = (sheet.task, scratch.path());
    loop {
        let is_changed = scratch.edit(planner.editor.as_deref(), out)?;
        if !is_changed && !sheet.unchanged_counts {
            out.note("Nothing was changed, so nothing was saved.");
            return Ok(Exit::Success);
        }
        let written = match source::read_file(task, path)? {
            Ok(written) => written.shown_as(&file_name(task)),
            Err(mistakes) => {
                findings::print_mistakes(out, &mistakes)?;
                if ask::wants(out, "It cannot be saved like this. Edit it again?", true)? {
                    continue;
                }
                let sentence = "the draft was not saved: it cannot be read";
                return Err(Failure::negative(sentence));
            }
        };
        match saving::save(planner, task, base, &written.bundle.content).await? {
            Saved::Conflict(refusal) => {
                let told = saving::tell_conflict(out, &refusal)?;
                *conflict = Some(told.stands);
                return Err(told.failure);
            }
            Saved::Draft(saved) => {
                base.edit = Some(saved.view.edit);
                source::rebase(path, saved.view.edit)?;
                let exit = saving::tell(out, task, &saved, Some(&written.source))?;
                if exit == Exit::Success || !ask::wants(out, "Edit it again?", true)? {
                    return Ok(exit);
                }
            }
        }
    }
}

/// The name of the file, and what findings in it are placed by: the file is gone once it is saved.
fn file_name(task: &TaskName) -> String {
    format!("{task}.prompt.md")
}

/// Writes the text into a file of its own.
fn lay_out(sheet: Sheet<'_>, base: Base) -> Result<Scratch, Failure> {
    let task = sheet.task;
    let files = bundle::content_files(task, sheet.content);
    let help = format!("{}\n{}", sheet.help, source::based_on_line(base.edit));
    let text = one_file::join(&help, &files);
    let command = format!("punchcard prompt edit {task} --file");
    Scratch::new(&file_name(task), text, command)
}
