//! `punchcard ticket cancel`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use punchcard_events::TicketId;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::show;
use crate::cli::client::{self, ApiClient};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// Arguments of `ticket cancel`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard ticket cancel ID --mode stop     the user keeps the text so far
  punchcard ticket cancel ID --mode void     as if it had never been asked")]
pub(crate) struct CancelArgs {
    /// The ticket.
    ticket: TicketId,

    /// What becomes of the text so far.
    #[arg(long, value_enum)]
    mode: Mode,
}

/// What becomes of the text so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Keep it.
    Stop,
    /// Throw it away.
    Void,
}

/// Cancels the ticket.
pub(crate) async fn run(
    args: &CancelArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mode = match args.mode {
        Mode::Stop => "stop",
        Mode::Void => "void",
    };
    let id = args.ticket.to_string();
    let body = json!({ "mode": mode });
    let path = ["tickets", &id, "cancel"];
    let answer = client
        .post(&path, HeaderMap::new(), &body, Duration::ZERO)
        .await?;
    let ticket = client::read(answer.clone())?;
    show::print(&answer, &ticket, out)?;
    Ok(Exit::Success)
}
