//! `punchcard ticket watch`: a ticket followed over server-sent events.

use std::time::Duration;

use clap::Args;
use punchcard_events::TicketId;
use punchcard_events::ticket::StateName;
use reqwest::Response;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::show;
use super::sse::SseReader;
use crate::cli::client::{ApiClient, TicketView};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Terminal};
use crate::cli::session_client::{ServerFrame, Transcript};
use crate::cli::style;

/// A stream that says nothing for this long, not even a comment, is dead.
const IDLE: Duration = Duration::from_secs(90);
/// Connections in a row that brought nothing, before giving up.
const MAX_FRUITLESS: u32 = 8;
/// The pause after the first such connection; it doubles up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two connections.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Arguments of `ticket watch`.
#[derive(Debug, Args)]
#[command(after_help = "\
On a terminal the text is shown as it streams; until the answer is persisted it is provisional, and
a new attempt starts it again. In a pipe only the persisted answer is printed. With --json every
frame is a line of JSON. A broken connection is taken up again where it ended.

Examples:
  punchcard ticket watch ID
  punchcard ticket watch ID > answer.txt && echo delivered
  punchcard ticket watch ID --json | jq -r 'select(.type == \"state\").state'")]
pub(crate) struct WatchArgs {
    /// The ticket.
    ticket: TicketId,
}

/// Follows the ticket to its end.
pub(crate) async fn run(
    args: &WatchArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut shown = Shown {
        live: matches!(out.terminal(), Terminal::Live { .. }) && !out.is_json(),
        ..Shown::default()
    };
    let json = out.is_json();
    let mut see = |frame: &ServerFrame, raw: &Value, note: Option<&str>| {
        if let Some(note) = note {
            out.note(note);
            return Ok(());
        }
        if json {
            return out.json_line(raw);
        }
        shown.show(frame, out)
    };
    follow(client, args.ticket, &mut see).await
}

/// Follows the ticket to its end without showing anything.
pub(super) async fn until_ended(client: &ApiClient, ticket: TicketId) -> Result<Exit, Failure> {
    follow(client, ticket, &mut |_, _, _| Ok(())).await
}

/// How a wait for `ticket` ends now; `None` while it is open and has no persisted answer.
pub(super) const fn ending(ticket: &TicketView) -> Option<Exit> {
    match ticket.state {
        StateName::Persisted | StateName::Delivered => Some(Exit::Success),
        StateName::Failed | StateName::Cancelled => Some(Exit::TicketEnded),
        StateName::Unrequested
        | StateName::Requested
        | StateName::PreProcessed
        | StateName::Sent
        | StateName::Answered => None,
    }
}

/// Called with each frame (as read, and as it came) or with a note about the connection.
type See<'a> = dyn FnMut(&ServerFrame, &Value, Option<&str>) -> Result<(), Failure> + 'a;

async fn follow(client: &ApiClient, ticket: TicketId, see: &mut See<'_>) -> Result<Exit, Failure> {
    let id = ticket.to_string();
    let path = ["tickets", id.as_str(), "stream"];
    let mut last = None;
    let mut fruitless = 0;
    let mut pause = FIRST_PAUSE;
    loop {
        let failure = match client.stream(&path, last.as_deref()).await {
            Ok(response) => match read_stream(response, &mut last, see).await? {
                Ended::Ticket(exit) => return Ok(exit),
                Ended::Stream { fruitful } => {
                    if fruitful {
                        (fruitless, pause) = (0, FIRST_PAUSE);
                    }
                    Failure::unreachable("the ticket's stream keeps breaking off")
                }
            },
            Err(failure) if failure.exit() == Exit::Unreachable => failure,
            Err(failure) => return Err(failure),
        };
        // The first try fails at once: nobody wants to wait for a mistyped address.
        fruitless += 1;
        if fruitless > MAX_FRUITLESS || (last.is_none() && fruitless > 1) {
            return Err(failure);
        }
        let note = format!("{failure}; trying again in {}", style::duration(pause));
        see(&ServerFrame::Unknown, &Value::Null, Some(&note))?;
        sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

enum Ended {
    Ticket(Exit),
    Stream { fruitful: bool },
}

async fn read_stream(
    mut response: Response,
    last: &mut Option<String>,
    see: &mut See<'_>,
) -> Result<Ended, Failure> {
    let mut reader = SseReader::default();
    let mut fruitful = false;
    // A silent or broken connection ends like a closed one: it is taken up again.
    while let Ok(Ok(Some(piece))) = timeout(IDLE, response.chunk()).await {
        let events = reader.take(&piece);
        for event in events.map_err(|error| Failure::negative(error.to_string()))? {
            fruitful = true;
            let raw: Value = serde_json::from_str(&event.data).map_err(|_| not_a_frame())?;
            let frame = serde_json::from_str(&event.data).map_err(|_| not_a_frame())?;
            see(&frame, &raw, None)?;
            if event.id.is_some() {
                *last = event.id;
            }
            if let Some(exit) = outcome(&frame) {
                return Ok(Ended::Ticket(exit));
            }
        }
    }
    Ok(Ended::Stream { fruitful })
}

fn not_a_frame() -> Failure {
    Failure::negative("the stream holds something that is not a frame of this version")
}

const fn outcome(frame: &ServerFrame) -> Option<Exit> {
    match frame {
        ServerFrame::Answer { .. } => Some(Exit::Success),
        ServerFrame::Failed { .. } | ServerFrame::Cancelled { .. } => Some(Exit::TicketEnded),
        ServerFrame::Welcome(_)
        | ServerFrame::State { .. }
        | ServerFrame::Generation { .. }
        | ServerFrame::Text { .. }
        | ServerFrame::Lost { .. }
        | ServerFrame::Pong { .. }
        | ServerFrame::Error { .. }
        | ServerFrame::Unknown => None,
    }
}

/// What was printed of a ticket.
#[derive(Debug, Default)]
struct Shown {
    /// Whether provisional text is printed.
    live: bool,
    transcript: Transcript,
    /// Whether the cursor stands behind text that has not ended its line.
    in_line: bool,
}

impl Shown {
    fn show(&mut self, frame: &ServerFrame, out: &mut Output) -> Result<(), Failure> {
        // Out of order text is shown all the same; the answer that follows is what counts.
        let in_order = self.transcript.take(frame).is_ok();
        match frame {
            // The frame with the reason follows at once.
            ServerFrame::State {
                state: StateName::Failed | StateName::Cancelled,
                ..
            } => {}
            ServerFrame::State {
                state, retry_at, ..
            } => {
                self.end_line(out)?;
                match retry_at {
                    Some(at) => {
                        out.note(format_args!(
                            "{}, next try {}",
                            state.as_str(),
                            style::time(*at)
                        ));
                    }
                    None => out.note(state.as_str()),
                }
            }
            ServerFrame::Generation { generation, .. } => {
                self.end_line(out)?;
                out.note(format_args!("attempt {generation}: the text starts again"));
            }
            ServerFrame::Text { text, .. } if self.live => {
                if !in_order {
                    out.note("(some text is missing here)");
                }
                out.piece(style::safe_piece(text))?;
                self.in_line = !text.ends_with('\n');
            }
            ServerFrame::Answer { answer, .. } => {
                self.end_line(out)?;
                let streamed = answer.as_str() == Some(self.transcript.text.as_str());
                if !(self.live && streamed) {
                    out.line(show::answer_text(answer))?;
                }
            }
            ServerFrame::Failed { failure, .. } => {
                self.end_line(out)?;
                let failure = format!("failed: {} ({})", failure.message, failure.code);
                out.note(style::safe(&failure));
            }
            ServerFrame::Cancelled { text, .. } => {
                self.end_line(out)?;
                out.note("cancelled");
                if let Some(text) = text
                    .as_ref()
                    .filter(|text| !(self.live && **text == self.transcript.text))
                {
                    out.line(style::safe(text))?;
                }
            }
            ServerFrame::Lost { reason, .. } => {
                self.end_line(out)?;
                out.note(format_args!(
                    "the text so far is void: {}",
                    style::safe(reason)
                ));
            }
            ServerFrame::Text { .. }
            | ServerFrame::Welcome(_)
            | ServerFrame::Pong { .. }
            | ServerFrame::Error { .. }
            | ServerFrame::Unknown => {}
        }
        Ok(())
    }

    fn end_line(&mut self, out: &mut Output) -> Result<(), Failure> {
        if std::mem::take(&mut self.in_line) {
            out.line("")?;
        }
        Ok(())
    }
}
