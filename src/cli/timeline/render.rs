//! A timeline as text.

use std::time::Duration;

use punchcard_events::ticket::{StateName, TicketState};

use super::{Change, Step, Timeline};
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::style::{self, BAD, BOLD, DIM, paint};

/// The width of the column of events.
const EVENT: usize = 18;
/// The width of the names of what changed.
const WHAT: usize = 11;

/// Prints `timeline`.
///
/// # Errors
/// When the output cannot be written.
pub(crate) fn render(timeline: &Timeline, out: &mut Output) -> Result<(), Failure> {
    out.line(format_args!("{DIM}ticket{DIM:#}  {}", timeline.ticket))?;
    if let Some(issued) = timeline.steps.first() {
        let time = style::time(issued.recorded_at);
        out.line(format_args!("{DIM}issued{DIM:#}  {time} UTC"))?;
    }
    out.line("")?;
    let head = format!(
        "{:>3}  {:<12}  {:>9}  {:<EVENT$}  changes",
        "rev", "time", "after", "event"
    );
    out.line(paint(DIM, head))?;
    for step in &timeline.steps {
        render_step(step, out)?;
    }
    out.line("")?;
    render_end(timeline, out)
}

fn render_step(step: &Step, out: &mut Output) -> Result<(), Failure> {
    let time = style::time(step.recorded_at);
    let clock = time
        .split_once(' ')
        .map_or(time.as_str(), |(_, clock)| clock);
    let delta = match step.revision {
        0 => String::new(),
        _ => format!("+{}", style::duration(Duration::from_millis(step.delta_ms))),
    };
    let (revision, kind) = (step.revision, step.kind);
    let start = format!(
        "{revision:>3}  {DIM}{clock:<12}{DIM:#}  {delta:>9}  {BOLD}{kind:<EVENT$}{BOLD:#}  "
    );
    let Some((first, others)) = step.changes.split_first() else {
        return out.line(start.trim_end());
    };
    out.line(format_args!("{start}{}", change(first)))?;
    let indent = 3 + 2 + 12 + 2 + 9 + 2 + EVENT + 2;
    for other in others {
        out.line(format_args!("{:indent$}{}", "", change(other)))?;
    }
    Ok(())
}

fn change(change: &Change) -> String {
    let Change { what, from, to } = change;
    let to = match (*what, StateName::parse(to)) {
        ("state", Some(name)) => style::state(name),
        ("error" | "code" | "stage", _) => paint(style::CAUTION, to),
        _ => to.clone(),
    };
    let what = paint(DIM, format_args!("{what:<WHAT$}"));
    match from {
        Some(from) => format!("{what} {} -> {to}", paint(DIM, from)),
        None => format!("{what} {to}"),
    }
}

fn render_end(timeline: &Timeline, out: &mut Output) -> Result<(), Failure> {
    let name = style::state(timeline.state.name());
    let steps = timeline.steps.len();
    let events = if steps == 1 { "event" } else { "events" };
    let lasted = match (timeline.steps.first(), timeline.steps.last()) {
        (Some(first), Some(last)) => last.recorded_at.since(first.recorded_at),
        (None, _) | (_, None) => Duration::ZERO,
    };
    let lasted = style::duration(lasted);
    out.line(format_args!(
        "{DIM}state{DIM:#}        {name} after {steps} {events}, {lasted}"
    ))?;
    out.line(format_args!(
        "{DIM}fingerprint{DIM:#}  {}",
        timeline.fingerprint
    ))?;
    if let Some(broken) = &timeline.broken {
        let (revision, reason) = (broken.revision, style::safe(&broken.reason));
        out.line(format_args!(
            "{BAD}the history breaks at revision {revision}{BAD:#}: {reason}"
        ))?;
    } else if matches!(timeline.state, TicketState::Unrequested) {
        out.line(paint(DIM, "there are no events"))?;
    }
    Ok(())
}
