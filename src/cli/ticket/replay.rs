//! `punchcard ticket replay`: the history, folded here and not by the server.

use clap::Args;
use punchcard_events::TicketId;
use serde::Deserialize;

use crate::cli::client::{ApiClient, RecordedView};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::timeline::{self, Timeline};

/// Arguments of `ticket replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard ticket replay ID              each event and what it changed
  punchcard ticket replay ID --at 3       the whole state after revision 3, as JSON
  punchcard ticket replay ID --json       the timeline for programs

A history that cannot have happened is shown up to where it breaks, and the command exits with 1.")]
pub(crate) struct ReplayArgs {
    /// The ticket.
    ticket: TicketId,

    /// Print the state as it was after this revision.
    #[arg(long, value_name = "REV")]
    at: Option<u64>,
}

/// A ticket's history as the API gives it.
#[derive(Debug, Deserialize)]
struct History {
    /// Its events, in the order of their revisions.
    events: Vec<RecordedView>,
}

/// Replays the ticket.
pub(crate) async fn run(
    args: &ReplayArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let history = fetch_history(client, args.ticket).await?;
    let last = history.last().map_or(0, |event| event.revision);
    if let Some(at) = args.at.filter(|at| *at > last) {
        let sentence = format!("{} has no revision {at}", args.ticket);
        return Err(Failure::usage(sentence).advise(format!("Its last revision is {last}.")));
    }
    let timeline = Timeline::fold(args.ticket, &history, args.at);
    if out.is_json() && args.at.is_none() {
        out.document(&timeline)?;
    } else if args.at.is_none() {
        timeline::render(&timeline, out)?;
    } else if timeline.broken.is_none() {
        out.document(&timeline.state)?;
    }
    match (&timeline.broken, args.at) {
        (None, _) => Ok(Exit::Success),
        (Some(_), None) => Ok(Exit::Negative),
        (Some(broken), Some(_)) => {
            let (revision, reason) = (broken.revision, &broken.reason);
            let sentence = format!("the history breaks at revision {revision}: {reason}");
            Err(Failure::negative(sentence))
        }
    }
}

/// The history of a ticket.
pub(crate) async fn fetch_history(
    client: &ApiClient,
    ticket: TicketId,
) -> Result<Vec<RecordedView>, Failure> {
    let path = ["tickets", &ticket.to_string(), "events"];
    let history: History = client.get(&path, &[]).await?;
    Ok(history.events)
}
