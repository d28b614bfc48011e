//! The demo's progress: one line per ticket, redrawn, on a terminal; plain lines in a pipe; JSON
//! lines for programs.

use std::time::Duration;

use punchcard_events::TicketId;
use punchcard_events::ticket::StateName;
use serde_json::json;
use tokio::time::Instant;

use crate::cli::exit::Failure;
use crate::cli::output::{Output, Terminal};
use crate::cli::session_client::{ServerFrame, Transcript};
use crate::cli::style::{self, DIM};

/// In a pipe, the shortest time between two lines with text of one ticket.
const TEXT_INTERVAL: Duration = Duration::from_secs(1);
/// Columns of text in a plain line.
const PLAIN_COLUMNS: usize = 72;
/// Up one line, to its start.
const UP: &str = "\x1b[1A\r";
/// Clears from here to the end of the line; after the new text, so that nothing flickers.
const CLEAR_REST: &str = "\x1b[K";

/// The tickets and what was shown of them.
pub(super) struct Board {
    rows: Vec<Row>,
    started: Instant,
    /// Lines on the terminal that the next drawing replaces.
    drawn: usize,
}

/// One ticket.
pub(super) struct Row {
    /// The ticket.
    pub(super) ticket: TicketId,
    /// Its task.
    pub(super) task: &'static str,
    /// What was seen of it.
    pub(super) seen: Transcript,
    /// How long it took to be delivered.
    delivered_after: Option<Duration>,
    text_shown_at: Option<Instant>,
}

impl Board {
    /// An empty board; the clock starts now.
    pub(super) fn new() -> Self {
        Self {
            rows: Vec::new(),
            started: Instant::now(),
            drawn: 0,
        }
    }

    /// Adds a ticket that was just issued.
    pub(super) fn add(&mut self, ticket: TicketId, task: &'static str) {
        self.rows.push(Row {
            ticket,
            task,
            seen: Transcript::default(),
            delivered_after: None,
            text_shown_at: None,
        });
    }

    /// The tickets.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Whether every ticket was delivered.
    pub(super) fn all_delivered(&self) -> bool {
        self.rows
            .iter()
            .all(|row| row.seen.state == Some(StateName::Delivered))
    }

    /// A ticket that can no longer be delivered, if there is one.
    pub(super) fn lost(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.seen.ended.is_some())
    }

    /// Takes in that `frame` came, and what is now known of its ticket, and shows it.
    pub(super) fn show(
        &mut self,
        frame: &ServerFrame,
        seen: &Transcript,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let elapsed = self.started.elapsed();
        let Some(row) = self
            .rows
            .iter_mut()
            .find(|row| Some(row.ticket) == frame.ticket())
        else {
            return Ok(());
        };
        let changed = row.seen.state != seen.state;
        row.seen.clone_from(seen);
        if changed && seen.state == Some(StateName::Delivered) {
            row.delivered_after = Some(elapsed);
        }
        match out.terminal() {
            Terminal::Live { columns } if !out.is_json() => self.redraw(columns, out),
            Terminal::Live { .. } | Terminal::Plain if out.is_json() => {
                row.json_line(frame, elapsed, out)
            }
            Terminal::Live { .. } | Terminal::Plain => row.plain_line(frame, changed, elapsed, out),
        }
    }

    fn redraw(&mut self, columns: u16, out: &mut Output) -> Result<(), Failure> {
        let mut screen = UP.repeat(self.drawn);
        for row in &self.rows {
            screen.push_str(&row.line(usize::from(columns), self.started.elapsed()));
            screen.push_str(CLEAR_REST);
            screen.push('\n');
        }
        self.drawn = self.rows.len();
        out.piece(screen)
    }
}

impl Row {
    fn state(&self) -> StateName {
        self.seen.state.unwrap_or(StateName::Requested)
    }

    /// The line on a terminal: task, state, time, the end of the text.
    fn line(&self, columns: usize, elapsed: Duration) -> String {
        let state = self.state();
        let style = style::of_state(state);
        let time = style::duration(self.delivered_after.unwrap_or(elapsed));
        let start = format!(
            "  {:<16} {style}{:<14}{style:#}{time:>8}  ",
            self.task,
            state.as_str()
        );
        // The last column stays free: some terminals wrap as soon as it is written.
        let room = columns.saturating_sub(2 + 16 + 1 + 14 + 8 + 2 + 1);
        format!("{start}{DIM}{}{DIM:#}", tail(&self.text(), room))
    }

    fn plain_line(
        &mut self,
        frame: &ServerFrame,
        changed: bool,
        elapsed: Duration,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let (time, task) = (style::duration(elapsed), self.task);
        if changed {
            let state = style::state(self.state());
            return out.line(format_args!("{time:>8}  {task:<16} {state}"));
        }
        if !matches!(frame, ServerFrame::Text { .. }) {
            return Ok(());
        }
        if self
            .text_shown_at
            .is_some_and(|at| at.elapsed() < TEXT_INTERVAL)
        {
            return Ok(());
        }
        self.text_shown_at = Some(Instant::now());
        let text = tail(&self.text(), PLAIN_COLUMNS);
        out.line(format_args!("{time:>8}  {task:<16} {DIM}{text}{DIM:#}"))
    }

    fn json_line(
        &self,
        frame: &ServerFrame,
        elapsed: Duration,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let mut line = json!({
            "ticket": self.ticket,
            "task": self.task,
            "after_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        });
        match frame {
            ServerFrame::State { state, .. } => line["state"] = json!(state),
            ServerFrame::Text { text, .. } => line["text"] = json!(text),
            ServerFrame::Generation { generation, .. } => line["generation"] = json!(generation),
            ServerFrame::Answer { answer, .. } => line["answer"] = answer.clone(),
            ServerFrame::Failed { failure, .. } => line["failure"] = json!(failure),
            ServerFrame::Cancelled { mode, .. } => line["cancelled"] = json!(mode),
            ServerFrame::Lost { reason, .. } => line["lost"] = json!(reason),
            ServerFrame::Welcome(_)
            | ServerFrame::Pong { .. }
            | ServerFrame::Error { .. }
            | ServerFrame::Unknown => return Ok(()),
        }
        out.json_line(&line)
    }

    /// The text to show: why it ended, or the text so far.
    fn text(&self) -> String {
        style::safe(self.seen.ended.as_deref().unwrap_or(&self.seen.text))
    }
}

/// The end of `text` on one line, at most `columns` wide.
fn tail(text: &str, columns: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let total: usize = line.chars().map(width).sum();
    if total <= columns {
        return line;
    }
    let mut room = columns.saturating_sub(1);
    let kept: Vec<char> = line
        .chars()
        .rev()
        .take_while(|c| {
            let fits = width(*c) <= room;
            room = room.saturating_sub(width(*c));
            fits
        })
        .collect();
    std::iter::once('…').chain(kept.into_iter().rev()).collect()
}

/// The columns a character takes, never too few: Hangul, CJK and emoji take two.
const fn width(c: char) -> usize {
    if (c as u32) < 0x1100 { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_text_is_one_line_that_fits_its_columns() {
        assert_eq!(tail("a\n b", 10), "a b");
        assert_eq!(tail("0123456789", 5), "…6789");
        assert_eq!(tail("한국어", 5), "…국어");
        assert_eq!(tail("abc", 0), "…");
    }

    fn state(ticket: TicketId, state: StateName) -> ServerFrame {
        ServerFrame::State {
            ticket,
            state,
            attempt: 1,
            retry_at: None,
        }
    }

    #[test]
    fn in_a_pipe_each_change_of_state_is_a_line() {
        let ticket = TicketId(uuid::Uuid::from_u128(7));
        let mut board = Board::new();
        board.add(ticket, "explanation");
        let (mut out, results, _) = Output::captured(false);
        let mut seen = Transcript::default();
        for name in [StateName::Sent, StateName::Sent, StateName::Delivered] {
            let frame = state(ticket, name);
            seen.take(&frame).unwrap();
            board.show(&frame, &seen, &mut out).unwrap();
        }
        assert!(board.all_delivered());
        let text = results.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[1].ends_with("explanation      delivered"),
            "{lines:?}"
        );
    }
}
