//! `punchcard redrive`: failed tickets of a running server opened again, many at a time.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use comfy_table::Cell;
use punchcard_events::ticket::Stage;
use punchcard_events::{TaskName, Timestamp, UserId};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::client::{self, ApiClient, Connection};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::prompt::ask::confirm;
use super::style;
use super::ticket::{GoOnFrom, groups};

/// The most redrives of a list.
const PAGE: u32 = 200;

/// How often it is asked how far one is.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Arguments of `redrive`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard ticket dead-letters                                          what failed, and why
  punchcard redrive start --stage model --code attempts_exhausted --dry-run
  punchcard redrive start --task writing-review --from requested --watch
  punchcard redrive stop REDRIVE")]
pub(crate) struct RedriveArgs {
    /// Which server, and who asks.
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: RedriveCommand,
}

/// What to do with redrives.
#[derive(Debug, Subcommand)]
pub(crate) enum RedriveCommand {
    /// Open failed tickets again, after a look at how many there are.
    Start(Box<StartArgs>),
    /// List redrives, newest first.
    List,
    /// Show how far a redrive is.
    Show(Named),
    /// Open no more tickets; those that are open stay open.
    Stop(Named),
}

/// Arguments of `redrive start`.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Only tickets of this task.
    #[arg(long)]
    task: Option<TaskName>,

    /// Only tickets that failed in this stage.
    #[arg(long, value_parser = PossibleValuesParser::new(Stage::ALL.map(Stage::as_str)))]
    stage: Option<String>,

    /// Only tickets that failed with this code, such as `attempts_exhausted`.
    #[arg(long)]
    code: Option<String>,

    /// Only tickets for this user.
    #[arg(long)]
    user: Option<UserId>,

    /// Only tickets issued at this time or later (RFC 3339, UTC).
    #[arg(long, value_name = "TIME")]
    requested_from: Option<Timestamp>,

    /// Only tickets issued before this time (RFC 3339, UTC).
    #[arg(long, value_name = "TIME")]
    requested_before: Option<Timestamp>,

    /// Only tickets that failed before this time (RFC 3339, UTC).
    #[arg(long, value_name = "TIME")]
    failed_before: Option<Timestamp>,

    /// The step that they go on from [default: the one that each failed in]
    #[arg(long, value_enum)]
    from: Option<GoOnFrom>,

    /// The most tickets [default: 100000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    limit: Option<u64>,

    /// The most tickets a second [default: 10]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=500))]
    per_second: Option<u32>,

    /// Only show how many there are.
    #[arg(long)]
    dry_run: bool,

    /// Follow it to its end.
    #[arg(long)]
    watch: bool,

    /// Ask no question.
    #[arg(short, long)]
    yes: bool,
}

/// A redrive that is named.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The redrive's id.
    redrive: Uuid,
}

/// A redrive as the API shows it, as far as it is shown here.
#[derive(Debug, Deserialize)]
struct RedriveView {
    redrive: Uuid,
    state: String,
    by: String,
    started_at: Timestamp,
    #[serde(default)]
    ended_at: Option<Timestamp>,
    #[serde(default)]
    ended_by: Option<String>,
    total: u64,
    redriven: u64,
    skipped: u64,
    refused: u64,
    per_second: u32,
}

#[derive(Deserialize)]
struct Page {
    redrives: Vec<Value>,
}

#[derive(Deserialize)]
struct Preview {
    would_redrive: u64,
}

/// Does it.
pub(crate) async fn run(args: &RedriveArgs, out: &mut Output) -> Result<Exit, Failure> {
    let client = ApiClient::new(&args.connection)?;
    match &args.command {
        RedriveCommand::Start(args) => start(args, &client, out).await,
        RedriveCommand::List => list(&client, out).await,
        RedriveCommand::Show(named) => {
            let path = ["redrives", &named.redrive.to_string()];
            show(&client.get(&path, &[]).await?, out)
        }
        RedriveCommand::Stop(named) => {
            let path = ["redrives", &named.redrive.to_string(), "stop"];
            show(&client.post_nothing(&path).await?, out)
        }
    }
}

async fn start(args: &StartArgs, client: &ApiClient, out: &mut Output) -> Result<Exit, Failure> {
    let post = async |body: &Value| {
        let none = HeaderMap::new();
        client.post(&["redrives"], none, body, Duration::ZERO).await
    };
    let mut body = body_of(args);
    body["dry_run"] = json!(true);
    let answer: Value = post(&body).await?;
    let preview: Preview = client::read(answer.clone())?;
    if args.dry_run && out.is_json() {
        out.document(&answer)?;
        return Ok(Exit::Success);
    }
    if preview.would_redrive == 0 {
        out.note("no failed tickets match");
        return Ok(Exit::Success);
    }
    if !out.is_json() {
        groups(&answer, out)?;
    }
    let count = preview.would_redrive;
    if args.dry_run {
        out.note(format_args!("{count} tickets would be opened again"));
        return Ok(Exit::Success);
    }
    confirm(out, args.yes, &format!("Open {count} tickets again?"))?;
    body["dry_run"] = json!(false);
    let answer: Value = post(&body).await?;
    if !args.watch {
        return show(&answer, out);
    }
    let begun: RedriveView = client::read(answer)?;
    watch(begun.redrive, client, out).await
}

fn body_of(args: &StartArgs) -> Value {
    let text = |value: Option<String>| value.map(Value::String);
    let filter = [
        ("task", text(args.task.as_ref().map(ToString::to_string))),
        ("stage", text(args.stage.clone())),
        ("code", text(args.code.clone())),
        ("user", text(args.user.as_ref().map(ToString::to_string))),
        ("requested_from", args.requested_from.map(|at| json!(at))),
        (
            "requested_before",
            args.requested_before.map(|at| json!(at)),
        ),
        ("failed_before", args.failed_before.map(|at| json!(at))),
    ];
    let given = |parts: Vec<(&str, Option<Value>)>| -> Map<String, Value> {
        let given = parts.into_iter();
        given
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    };
    let mut body = given(vec![
        ("from", text(args.from.map(|from| from.word().to_owned()))),
        ("limit", args.limit.map(|limit| json!(limit))),
        ("per_second", args.per_second.map(|pace| json!(pace))),
    ]);
    body.insert("filter".to_owned(), Value::Object(given(filter.into())));
    Value::Object(body)
}

/// Follows a redrive to its end.
async fn watch(id: Uuid, client: &ApiClient, out: &mut Output) -> Result<Exit, Failure> {
    let path = ["redrives", &id.to_string()];
    loop {
        let answer: Value = client.get(&path, &[]).await?;
        let redrive: RedriveView = client::read(answer.clone())?;
        if redrive.ended_at.is_some() {
            out.end_progress();
            return show(&answer, out);
        }
        let gone_through = redrive.redriven + redrive.skipped + redrive.refused;
        out.progress(format_args!("{gone_through} of {}", redrive.total));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn list(client: &ApiClient, out: &mut Output) -> Result<Exit, Failure> {
    let limit = [("limit", PAGE.to_string())];
    let page: Page = client.get(&["redrives"], &limit).await?;
    if out.is_json() {
        out.document(&page.redrives)?;
        return Ok(Exit::Success);
    }
    if page.redrives.is_empty() {
        out.note("no redrives");
        return Ok(Exit::Success);
    }
    let header = ["id", "state", "tickets", "opened", "begun", "by"];
    let mut table = style::table(out.terminal(), &header);
    for redrive in page.redrives {
        let redrive: RedriveView = client::read(redrive)?;
        table.add_row(vec![
            Cell::new(redrive.redrive),
            Cell::new(style::one_line(&redrive.state)),
            style::number(redrive.total),
            style::number(redrive.redriven),
            Cell::new(style::time(redrive.started_at)),
            Cell::new(style::one_line(&redrive.by)),
        ]);
    }
    out.line(table.trim_fmt())?;
    Ok(Exit::Success)
}

fn show(answer: &Value, out: &mut Output) -> Result<Exit, Failure> {
    if out.is_json() {
        out.document(answer)?;
        return Ok(Exit::Success);
    }
    let redrive: RedriveView = client::read(answer.clone())?;
    let mut table = style::table(out.terminal(), &["redrive", &redrive.redrive.to_string()]);
    let mut row = |name: &str, value: String| {
        table.add_row(vec![Cell::new(name), Cell::new(value)]);
    };
    row("state", style::one_line(&redrive.state));
    row("by", style::one_line(&redrive.by));
    row("started", style::time(redrive.started_at));
    if let (Some(at), Some(by)) = (redrive.ended_at, &redrive.ended_by) {
        row(
            "ended",
            format!("{} by {}", style::time(at), style::one_line(by)),
        );
    }
    row("tickets", redrive.total.to_string());
    row("opened", redrive.redriven.to_string());
    row("skipped", redrive.skipped.to_string());
    row("not taken", redrive.refused.to_string());
    row("a second", redrive.per_second.to_string());
    out.line(table.trim_fmt())?;
    Ok(Exit::Success)
}
