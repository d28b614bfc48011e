//! `punchcard prompt list`.

use clap::Args;
use comfy_table::Cell;
use serde_json::json;

use super::planner::Planner;
use super::views::PromptView;
use super::when;
use crate::cli::client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style;

/// Arguments of `prompt list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard prompt list
  punchcard prompt list --json | jq -r '.prompts[] | select(.draft) | .task'")]
pub(crate) struct ListArgs {
    /// The most prompts to show.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    /// Begin after this task.
    #[arg(long, value_name = "TASK")]
    after: Option<String>,
}

/// Lists the prompts.
pub(crate) async fn run(
    args: &ListArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let wanted = args.limit.map_or(usize::MAX, |limit| limit as usize);
    let prompts = planner
        .pages(&["prompts"], "prompts", args.after.clone(), wanted)
        .await?;
    if out.is_json() {
        out.document(&json!({ "prompts": prompts }))?;
        return Ok(Exit::Success);
    }
    if prompts.is_empty() {
        out.note("There is no prompt yet. Begin one: punchcard prompt new NAME");
        return Ok(Exit::Success);
    }
    let header = [
        "task",
        "production",
        "since (UTC)",
        "by",
        "newest",
        "draft",
        "cases",
        "remark",
    ];
    let mut table = style::table(out.terminal(), &header);
    for prompt in prompts {
        table.add_row(row(&client::read(prompt)?));
    }
    out.line(table.trim_fmt())?;
    Ok(Exit::Success)
}

fn row(prompt: &PromptView) -> Vec<Cell> {
    let text = |text: Option<String>| Cell::new(text.unwrap_or_else(|| "-".to_owned()));
    let production = prompt.label("production");
    let draft = prompt.draft.as_ref();
    vec![
        Cell::new(style::one_line(&prompt.task)),
        text(prompt.production.map(|version| version.to_string())),
        text(production.map(|label| when::cell(label.since))),
        text(production.map(|label| label.by.to_string())),
        text(prompt.latest.map(|version| version.to_string())),
        text(draft.map(|draft| format!("edit {} by {}", draft.edit, draft.by))),
        text(prompt.test_set.as_ref().map(|set| set.cases.to_string())),
        Cell::new(remark(prompt)),
    ]
}

fn remark(prompt: &PromptView) -> String {
    if prompt.is_retired() {
        return "retired".to_owned();
    }
    prompt.canary.as_ref().map_or_else(String::new, |canary| {
        format!(
            "canary: version {} for {} %",
            canary.version, canary.percent
        )
    })
}
