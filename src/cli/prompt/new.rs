//! `punchcard prompt new`.

use std::path::PathBuf;

use clap::Args;
use punchcard_events::TaskName;
use punchcard_events::prompt::Content;

use super::edit::{self, Sheet};
use super::naming::Reference;
use super::planner::Planner;
use super::saving::{self, Base, Saved};
use super::views::{ContentView, PromptPage};
use super::{example, findings};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// Nothing was there before.
const NOTHING: Base = Base {
    edit: None,
    version: None,
};

/// Arguments of `prompt new`.
#[derive(Debug, Args)]
#[command(after_help = "\
An example opens in your editor, with a line of help for each part. With --yes it is saved as it is.

Examples:
  punchcard prompt new word-game
  punchcard prompt new word-game --from-task explanation      begin with a copy of another prompt
  punchcard prompt new word-game --dir prompts/word-game      take it from a folder
  punchcard prompt new word-game --file word-game.md          take it from a text")]
pub(crate) struct NewArgs {
    /// The new task: lowercase letters, digits and -.
    task: TaskName,

    /// Begin with a copy of this task's prompt.
    #[arg(long, value_name = "TASK", conflicts_with_all = ["dir", "file"])]
    from_task: Option<TaskName>,

    /// Take the prompt from this folder (as `export` writes it), without an editor.
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    dir: Option<PathBuf>,

    /// Take the prompt from this text (as `edit` shows it), without an editor.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// The model of the example, by its name on the server.
    #[arg(long)]
    model: Option<String>,
}

/// Begins the prompt.
pub(crate) async fn run(
    args: &NewArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let task = &args.task;
    if planner.find(task).await?.is_some() {
        let advice = format!("To change it: punchcard prompt edit {task}");
        return Err(Failure::usage(format!("there is already a prompt `{task}`")).advise(advice));
    }
    if let Some((kept, written)) = edit::given(task, args.file.as_deref(), args.dir.as_deref())? {
        let written = written.map_err(|m| findings::refused(&m, "nothing was saved"))?;
        return edit::save_given(planner, out, task, NOTHING, &written, kept).await;
    }
    let content = match &args.from_task {
        Some(other) => copy(planner, other).await?,
        None => example::content(&model(args, planner).await?),
    };
    if planner.yes {
        return match saving::save(planner, task, NOTHING, &content).await? {
            Saved::Draft(saved) => saving::tell(out, task, &saved, None),
            Saved::Conflict(refusal) => Err(refusal.problem.into()),
        };
    }
    let sheet = Sheet {
        task,
        content: &content,
        help: example::NEW_HELP,
        unchanged_counts: args.from_task.is_some(),
    };
    edit::in_editor(planner, out, sheet, NOTHING).await
}

/// What is in production of another task, or its draft where nothing is.
async fn copy(planner: &Planner, other: &TaskName) -> Result<Content, Failure> {
    let prompt = planner.prompt(other).await?.view;
    let reference = match prompt.production.or(prompt.latest) {
        Some(version) => Reference::Version(version),
        None => Reference::Draft,
    };
    let content = planner.content(other, &reference).await?;
    Ok(edit::as_draft(content.view.content))
}

/// A model that the server knows: the one that was given, or that another prompt asks.
async fn model(args: &NewArgs, planner: &Planner) -> Result<String, Failure> {
    if let Some(model) = &args.model {
        return Ok(model.clone());
    }
    let query = [("limit", "1".to_owned())];
    let page = planner.get::<PromptPage>(&["prompts"], &query).await?;
    let Some(task) = page.view.prompts.first().map(|prompt| &prompt.task) else {
        return Ok("MODEL".to_owned());
    };
    let path = ["prompts", task, "versions", "production"];
    let content = planner.maybe::<ContentView>(&path).await?;
    Ok(content.map_or_else(|| "MODEL".to_owned(), |shown| shown.view.content.model))
}
