//! `punchcard ticket list`.

use clap::Args;
use clap::builder::PossibleValuesParser;
use comfy_table::Cell;
use punchcard_events::ticket::{Stage, StateName};
use punchcard_events::{TaskName, Timestamp, UserId};
use serde_json::{Value, json};

use crate::cli::client::{self, ApiClient, Page, TicketView};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style;

/// The most tickets asked for in one page when all are wanted.
const PAGE: u32 = 100;

/// Arguments of `ticket list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard ticket list --state failed --task writing-review
  punchcard ticket list --user student-17 --from 2026-11-23T00:00:00Z
  punchcard ticket list --all --json > tickets.ndjson       one ticket a line")]
pub(crate) struct ListArgs {
    /// Only tickets in this state.
    #[arg(long, value_parser = PossibleValuesParser::new(StateName::ALL.map(StateName::as_str)))]
    state: Option<String>,

    /// Only tickets of this task.
    #[arg(long)]
    task: Option<TaskName>,

    /// Only tickets for this user.
    #[arg(long)]
    user: Option<UserId>,

    /// Only tickets issued at this time or later (RFC 3339, UTC).
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,

    /// Only tickets issued before this time (RFC 3339, UTC).
    #[arg(long, value_name = "TIME")]
    before: Option<Timestamp>,

    /// Only tickets that failed in this stage.
    #[arg(long, value_parser = PossibleValuesParser::new(Stage::ALL.map(Stage::as_str)))]
    stage: Option<String>,

    /// Only tickets that failed with this code, such as `attempts_exhausted`.
    #[arg(long)]
    code: Option<String>,

    /// Whether forks are listed too, or alone; else they are left out.
    #[arg(long, value_parser = PossibleValuesParser::new(["with", "only"]))]
    forks: Option<String>,

    /// The most tickets in a page.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: Option<u32>,

    /// Go on where an earlier page ended.
    #[arg(long)]
    cursor: Option<String>,

    /// Page on to the end. With --json: one ticket a line, as it comes.
    #[arg(long)]
    all: bool,
}

/// Lists the tickets.
pub(crate) async fn run(
    args: &ListArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut cursor = args.cursor.clone();
    loop {
        let query = query(args, cursor.as_deref());
        let page: Page = client.get(&["tickets"], &query).await?;
        print(args, &page, out)?;
        // A server that gives the same cursor again would keep us here for ever.
        let next = page
            .next_cursor
            .filter(|next| cursor.as_ref() != Some(next));
        match next {
            Some(next) if args.all => cursor = Some(next),
            Some(next) if !out.is_json() => {
                let next = style::one_line(&next);
                out.note(format_args!("more: --cursor {next}, or --all"));
                return Ok(Exit::Success);
            }
            Some(_) | None => return Ok(Exit::Success),
        }
    }
}

fn query(args: &ListArgs, cursor: Option<&str>) -> Vec<(&'static str, String)> {
    let limit = args.limit.or_else(|| args.all.then_some(PAGE));
    let parts = [
        ("state", args.state.clone()),
        ("task", args.task.as_ref().map(ToString::to_string)),
        ("user", args.user.as_ref().map(ToString::to_string)),
        ("from", args.from.as_ref().map(ToString::to_string)),
        ("before", args.before.as_ref().map(ToString::to_string)),
        ("stage", args.stage.clone()),
        ("code", args.code.clone()),
        ("forks", args.forks.clone()),
        ("limit", limit.map(|limit| limit.to_string())),
        ("cursor", cursor.map(str::to_owned)),
    ];
    let given = |(name, value): (_, Option<String>)| value.map(|value| (name, value));
    parts.into_iter().filter_map(given).collect()
}

fn print(args: &ListArgs, page: &Page, out: &mut Output) -> Result<(), Failure> {
    if out.is_json() && args.all {
        return page
            .tickets
            .iter()
            .try_for_each(|ticket| out.json_line(ticket));
    }
    if out.is_json() {
        let cursor = &page.next_cursor;
        return out.document(&json!({ "tickets": page.tickets, "next_cursor": cursor }));
    }
    if page.tickets.is_empty() {
        out.note("no tickets");
        return Ok(());
    }
    let header = [
        "id",
        "state",
        "task",
        "user",
        "attempt",
        "requested",
        "updated",
    ];
    let mut table = style::table(out.terminal(), &header);
    for ticket in &page.tickets {
        table.add_row(row(ticket)?);
    }
    out.line(table.trim_fmt())
}

fn row(ticket: &Value) -> Result<Vec<Cell>, Failure> {
    let ticket: TicketView = client::read(ticket.clone())?;
    Ok(vec![
        Cell::new(ticket.id),
        style::state_cell(ticket.state),
        Cell::new(style::one_line(&ticket.task)),
        Cell::new(style::one_line(ticket.user.as_deref().unwrap_or("-"))),
        style::number(ticket.attempt),
        Cell::new(style::time(ticket.requested_at)),
        Cell::new(
            ticket
                .updated_at
                .map_or_else(|| "-".to_owned(), style::time),
        ),
    ])
}
