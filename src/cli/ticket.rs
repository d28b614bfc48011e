//! `punchcard ticket`: tickets of a running server.

mod cancel;
mod compare;
mod fork;
mod issue;
mod list;
mod picture;
mod redrive;
mod replay;
mod show;
mod sse;
mod state;
#[cfg(test)]
mod tests;
mod timeline;
mod watch;

pub(crate) use issue::read_input;
pub(crate) use redrive::{GoOnFrom, groups};
pub(crate) use replay::fetch_history;

use clap::{Args, Subcommand};

use super::client::{ApiClient, Connection};
use super::exit::{Exit, Failure};
use super::output::Output;

/// Arguments of `ticket`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  export PUNCHCARD_URL=http://127.0.0.1:8080 PUNCHCARD_KEY=pk_…
  punchcard ticket issue explanation --input '{\"question\":\"Why?\",\"level\":\"middle\"}' --user student-17 --wait
  punchcard ticket list --state failed --limit 20
  punchcard ticket watch ID")]
pub(crate) struct TicketArgs {
    /// Which server, and who asks.
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: TicketCommand,
}

/// What to do with tickets.
#[derive(Debug, Subcommand)]
pub(crate) enum TicketCommand {
    /// Issue a ticket.
    Issue(issue::IssueArgs),
    /// List tickets, newest first.
    List(list::ListArgs),
    /// Show a ticket.
    Show(show::ShowArgs),
    /// Show a ticket's history as a timeline, or its state at any revision.
    Replay(replay::ReplayArgs),
    /// Show where a ticket's time went, each attempt and callback, and why it failed.
    Timeline(timeline::TimelineArgs),
    /// Show a ticket as it was after any of its events.
    State(state::StateArgs),
    /// Draw where a ticket's time went, or its way through its states, as SVG.
    Picture(picture::PictureArgs),
    /// Follow a ticket until it ends, its text as it streams.
    Watch(watch::WatchArgs),
    /// Cancel a ticket.
    Cancel(cancel::CancelArgs),
    /// Open a failed ticket again.
    Redrive(redrive::RedriveArgs),
    /// Count the failed tickets by task and reason.
    DeadLetters(redrive::DeadLettersArgs),
    /// Run a past ticket again with another prompt, model or parameters; nobody outside hears of it.
    Fork(fork::ForkArgs),
    /// Show two tickets side by side.
    Compare(compare::CompareArgs),
}

/// Does it.
pub(crate) async fn run(args: &TicketArgs, out: &mut Output) -> Result<Exit, Failure> {
    let client = ApiClient::new(&args.connection)?;
    match &args.command {
        TicketCommand::Issue(args) => issue::run(args, &client, out).await,
        TicketCommand::List(args) => list::run(args, &client, out).await,
        TicketCommand::Show(args) => show::run(args, &client, out).await,
        TicketCommand::Replay(args) => replay::run(args, &client, out).await,
        TicketCommand::Timeline(args) => timeline::run(args, &client, out).await,
        TicketCommand::State(args) => state::run(args, &client, out).await,
        TicketCommand::Picture(args) => picture::run(args, &client, out).await,
        TicketCommand::Watch(args) => watch::run(args, &client, out).await,
        TicketCommand::Cancel(args) => cancel::run(args, &client, out).await,
        TicketCommand::Redrive(args) => redrive::run(args, &client, out).await,
        TicketCommand::DeadLetters(args) => redrive::dead_letters(args, &client, out).await,
        TicketCommand::Fork(args) => fork::run(args, &client, out).await,
        TicketCommand::Compare(args) => compare::run(args, &client, out).await,
    }
}
