//! `punchcard prompt show`.

use clap::Args;
use comfy_table::Cell;
use punchcard_events::TaskName;
use punchcard_events::prompt::Content;
use punchcard_events::ticket::{AnswerFormat, Role};
use serde_json::{Value, json};

use super::bundle::message_path;
use super::naming::Reference;
use super::planner::{Planner, Shown};
use super::views::{ContentView, PromptView, VersionLine, VersionPage};
use super::when;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD, DIM};

/// How many of the newest versions are shown.
const NEWEST: u32 = 10;

/// Arguments of `prompt show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard prompt show explanation               what is in use, the draft, the newest versions
  punchcard prompt show explanation production    the text that users get
  punchcard prompt show explanation draft
  punchcard prompt show explanation 3 --json | jq .content.messages")]
pub(crate) struct ShowArgs {
    /// The task.
    task: TaskName,

    /// Which text: a version (4), a label (production), or `draft`.
    #[arg(value_name = "VERSION")]
    reference: Option<Reference>,
}

/// Shows it.
pub(crate) async fn run(
    args: &ShowArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    match &args.reference {
        Some(reference) => text(&args.task, reference, planner, out).await?,
        None => overview(&args.task, planner, out).await?,
    }
    Ok(Exit::Success)
}

async fn overview(task: &TaskName, planner: &Planner, out: &mut Output) -> Result<(), Failure> {
    let prompt = planner.prompt(task).await?;
    if out.is_json() {
        return out.document(&prompt.raw);
    }
    out.line(format_args!("{BOLD}{task}{BOLD:#}"))?;
    for (name, value) in facts(&prompt.view) {
        let (name, value) = (style::one_line(&name), style::one_line(&value));
        out.line(format_args!("  {DIM}{name:<12}{DIM:#} {value}"))?;
    }
    if prompt.view.versions == 0 {
        return Ok(());
    }
    let path = ["prompts", task.as_str(), "versions"];
    let query = [("limit", NEWEST.to_string())];
    let page = planner.get::<VersionPage>(&path, &query).await?;
    out.line("")?;
    let header = [
        "version",
        "published (UTC)",
        "by",
        "labels",
        "tests",
        "notes",
    ];
    let mut table = style::table(out.terminal(), &header);
    for version in &page.view.versions {
        table.add_row(row(version));
    }
    out.line(table.trim_fmt())
}

fn facts(prompt: &PromptView) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: String| facts.push((name.to_owned(), value));
    if prompt.is_retired() {
        add("retired", "it takes no new tickets".to_owned());
    }
    if prompt.production.is_none() {
        add("production", "nothing yet: no ticket can run it".to_owned());
    }
    for label in &prompt.labels {
        let (version, by, since) = (label.version, &label.by, when::said(label.since));
        add(
            &label.label,
            format!("version {version}, since {since}, by {by}"),
        );
    }
    if let Some(canary) = &prompt.canary {
        let (version, percent) = (canary.version, canary.percent);
        let since = when::said(canary.since);
        add(
            "canary",
            format!("version {version} for {percent} % of the users, since {since}"),
        );
    }
    if let Some(draft) = &prompt.draft {
        let (edit, by, at) = (draft.edit, &draft.by, when::said(draft.saved_at));
        let from = draft
            .based_on
            .map(|version| format!(", made from version {version}"));
        add(
            "draft",
            format!(
                "edit {edit}, saved {at}, by {by}{}",
                from.unwrap_or_default()
            ),
        );
    }
    add(
        "test cases",
        prompt.test_set.as_ref().map_or_else(
            || "none yet: production needs some".to_owned(),
            |set| format!("{} (set {})", set.cases, set.number),
        ),
    );
    facts
}

fn row(version: &VersionLine) -> Vec<Cell> {
    let tests = version.tests.iter().max_by_key(|test| test.at).map_or_else(
        || "not tested".to_owned(),
        |test| {
            if test.passed {
                "passed".to_owned()
            } else {
                format!("{} failed", test.failed)
            }
        },
    );
    vec![
        style::number(version.version),
        Cell::new(when::cell(version.published_at)),
        Cell::new(&version.by),
        Cell::new(style::one_line(&version.labels.join(", "))),
        Cell::new(tests),
        Cell::new(style::one_line(&version.notes)),
    ]
}

async fn text(
    task: &TaskName,
    reference: &Reference,
    planner: &Planner,
    out: &mut Output,
) -> Result<(), Failure> {
    let shown = planner.content(task, reference).await?;
    if out.is_json() {
        return out.document(&shown.raw);
    }
    heading(task, reference, &shown, out)?;
    content(&shown.view.content, out)
}

fn heading(
    task: &TaskName,
    reference: &Reference,
    shown: &Shown<ContentView>,
    out: &mut Output,
) -> Result<(), Failure> {
    let view = &shown.view;
    let what = match (view.version, view.edit) {
        (Some(version), _) => format!("version {version}"),
        (None, Some(edit)) => format!("draft, edit {edit}"),
        (None, None) => reference.to_string(),
    };
    let hash: String = view
        .hash
        .iter()
        .flat_map(|hash| hash.chars().take(12))
        .collect();
    out.line(format_args!(
        "{BOLD}{task}{BOLD:#}, {what}  {DIM}{}{DIM:#}",
        style::one_line(&hash)
    ))?;
    if !view.notes.is_empty() {
        out.line(format_args!("  {}", style::one_line(&view.notes)))?;
    }
    view.tests
        .iter()
        .max_by_key(|test| test.at)
        .map_or(Ok(()), |test| out.line(format_args!("  tests: {test}")))
}

/// Prints a content, message by message.
fn content(content: &Content, out: &mut Output) -> Result<(), Failure> {
    let answer = match content.answer {
        AnswerFormat::Text => "text",
        AnswerFormat::Json => "json",
    };
    let mut facts = vec![
        ("model".to_owned(), content.model.clone()),
        ("answer".to_owned(), answer.to_owned()),
    ];
    if let Ok(Value::Object(parameters)) = serde_json::to_value(&content.parameters) {
        facts.extend(
            parameters
                .into_iter()
                .map(|(name, value)| (name, value.to_string())),
        );
    }
    for (name, value) in facts {
        let (name, value) = (style::one_line(&name), style::one_line(&value));
        out.line(format_args!("  {DIM}{name:<12}{DIM:#} {value}"))?;
    }
    let count = content.messages.len();
    for (index, message) in content.messages.iter().enumerate() {
        let role: Role = message.role;
        part(out, &message_path(index, count, role), &message.content)?;
    }
    let schemas = [
        ("input.schema.json", &content.input_schema),
        ("answer.schema.json", &content.answer_schema),
    ];
    for (name, schema) in schemas {
        if let Some(schema) = schema {
            part(out, name, &format!("{:#}", json!(schema)))?;
        }
    }
    for (name, text) in &content.partials {
        part(out, &format!("partials/{name}.md"), text)?;
    }
    Ok(())
}

fn part(out: &mut Output, name: &str, text: &str) -> Result<(), Failure> {
    out.line(format_args!("\n{DIM}==> {name}{DIM:#}"))?;
    out.line(style::safe(text.strip_suffix('\n').unwrap_or(text)))
}
