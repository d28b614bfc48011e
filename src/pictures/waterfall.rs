//! Where a ticket's time went: its steps one below the other, each from its begin to its end.

use punchcard_events::TicketId;
use punchcard_events::ticket::CallbackKind;
use punchcard_events::ticket::timeline::{CallbackLine, Outcome, Share, Step, StepName, Timeline};

use super::svg::{Area, Brush, LINE, PLAIN, Pen, Picture, Point};
use super::{ends, span, words};

const WIDTH: u64 = 960;
/// The margin.
const LEFT: u64 = 16;
/// Where the request is.
const BEGIN: u64 = 170;
/// From there to where the whole time has gone by.
const LENGTH: u64 = 440;
/// Where the words about a step begin.
const WORDS: u64 = BEGIN + LENGTH + 14;
/// Where the first row begins.
const TOP: u64 = 84;
const ROW: u64 = 22;
const BAR: u64 = 14;
/// The parts that the time is divided into.
const PARTS: u64 = 4;
/// So many characters of a note fit beside a bar.
const NOTE: usize = 48;
/// So many of a sentence fit over the whole width.
const SENTENCE: usize = 130;
/// The colour of what failed.
const BAD: &str = "#d64545";

/// The picture of `timeline`.
pub(crate) fn draw(ticket: TicketId, timeline: &Timeline) -> String {
    let (first, left_out, last) = ends(&timeline.steps);
    let rows = first.len() + last.len() + usize::from(left_out > 0);
    let bottom = TOP + ROW * u64::try_from(rows).unwrap_or(0);
    let title = format!("Where the time of ticket {ticket} went");
    let summary = summary(timeline);
    let about = format!("{summary} {}", spent(&timeline.spent));
    let mut picture = Picture::new("waterfall", (WIDTH, bottom + 34), &title, &about);
    let heading = Pen {
        class: "heading",
        size: 15,
        ..PLAIN
    };
    picture.text(heading, Point { x: LEFT, y: 26 }, &title, SENTENCE);
    picture.text(PLAIN, Point { x: LEFT, y: 46 }, &summary, SENTENCE);
    scale(&mut picture, timeline.total_ms, bottom);
    let mut y = TOP;
    for step in first {
        row(&mut picture, timeline, step, y);
        y += ROW;
    }
    if left_out > 0 {
        let note = format!("{left_out} more steps are left out here; the timeline has them all.");
        picture.text(
            aside("start"),
            Point {
                x: BEGIN,
                y: y + 12,
            },
            &note,
            SENTENCE,
        );
        y += ROW;
    }
    for step in last {
        row(&mut picture, timeline, step, y);
        y += ROW;
    }
    let spent = spent(&timeline.spent);
    let at = Point {
        x: LEFT,
        y: bottom + 20,
    };
    picture.text(aside("start"), at, &spent, SENTENCE + 20);
    picture.finish()
}

/// Small text beside something.
const fn aside(anchor: &'static str) -> Pen {
    Pen {
        class: "aside",
        size: 11,
        anchor,
        ..PLAIN
    }
}

/// How it stands, in a sentence.
fn summary(timeline: &Timeline) -> String {
    let (state, took) = (words(timeline.state.as_str()), span(timeline.total_ms));
    let count = timeline.steps.len();
    let steps = if count == 1 { "step" } else { "steps" };
    match &timeline.failure {
        Some(failure) => {
            let stage = words(failure.stage.as_str());
            let message = &failure.message;
            format!("It failed after {took} at {stage}: {message}")
        }
        None if timeline.ended_at.is_some() => {
            format!("It was {state} after {took} and {count} {steps}.")
        }
        None => format!("It is {state} after {took} and {count} {steps} so far."),
    }
}

/// The kinds of steps with what they took together.
fn spent(shares: &[Share]) -> String {
    if shares.is_empty() {
        return "No step took any time.".to_owned();
    }
    let each = shares
        .iter()
        .map(|share| format!("{} {}", words(share.step.as_str()), span(share.ms)));
    format!(
        "Most of it went to: {}.",
        each.collect::<Vec<_>>().join(", ")
    )
}

/// The lines that the bars are read by.
fn scale(picture: &mut Picture, total_ms: u64, bottom: u64) {
    for part in 0..=PARTS {
        let x = BEGIN + LENGTH * part / PARTS;
        let time = u128::from(total_ms) * u128::from(part) / u128::from(PARTS);
        let time = span(u64::try_from(time).unwrap_or(u64::MAX));
        picture.text(aside("middle"), Point { x, y: 70 }, &time, NOTE);
        let faint = Brush {
            class: "scale",
            faint: true,
            ..LINE
        };
        let top = TOP - 8;
        picture.curve(faint, format_args!("M{x} {top}V{bottom}"));
    }
}

/// How far from the request a time is drawn.
fn reach(ms: u64, total_ms: u64) -> u64 {
    let total = u128::from(total_ms.max(1));
    let reach = u128::from(ms.min(total_ms)) * u128::from(LENGTH) / total;
    u64::try_from(reach).unwrap_or(LENGTH).min(LENGTH)
}

fn row(picture: &mut Picture, timeline: &Timeline, step: &Step, y: u64) {
    let total = timeline.total_ms;
    let ends_ms = step.ends_ms.unwrap_or(total);
    let (from, to) = (reach(step.begins_ms, total), reach(ends_ms, total));
    let label = label(step);
    let said = said(timeline, step);
    let failed = step.outcome == Outcome::Failed;
    let baseline = y + 12;
    let at = Point {
        x: BEGIN - 10,
        y: baseline,
    };
    picture.text(
        Pen {
            anchor: "end",
            ..PLAIN
        },
        at,
        &label,
        NOTE,
    );
    let brush = Brush {
        class: step.step.as_str(),
        fill: color(step.step),
        stroke: if failed { BAD } else { "none" },
        width: 2,
        dashed: false,
        faint: false,
    };
    let brush = match step.outcome {
        Outcome::Done | Outcome::Failed => brush,
        // It has no end yet.
        Outcome::Waiting | Outcome::Running => Brush {
            stroke: "currentColor",
            dashed: true,
            ..brush
        },
    };
    // A bar of no time is still seen.
    let area = Area {
        at: Point { x: BEGIN + from, y },
        width: to.saturating_sub(from).max(2),
        height: BAR,
    };
    picture.area(brush, area, &format!("{label}: {said}"));
    for call in calls(timeline, step) {
        called(picture, timeline, call, y);
    }
    let pen = Pen {
        color: if failed { BAD } else { "currentColor" },
        ..aside("start")
    };
    let at = Point {
        x: WORDS,
        y: baseline,
    };
    picture.text(pen, at, &said, NOTE);
}

fn label(step: &Step) -> String {
    let name = words(step.step.as_str());
    match (step.attempt, step.try_number) {
        (Some(number), _) | (None, Some(number)) => format!("{name} #{number}"),
        (None, None) => name,
    }
}

/// How long it took, how it ended, and what else there is to say.
fn said(timeline: &Timeline, step: &Step) -> String {
    let mut said = span(step.lasts_ms(timeline.now_ms));
    match step.outcome {
        Outcome::Done => {}
        Outcome::Failed => said.push_str(", failed"),
        Outcome::Waiting => said.push_str(" so far, waiting"),
        Outcome::Running => said.push_str(" so far, running"),
    }
    if let StepName::FirstToken | StepName::Streaming = step.step {
        let attempts = timeline.attempts.iter();
        let mut of_it = attempts.filter(|attempt| Some(attempt.attempt) == step.attempt);
        if let Some(attempt) = of_it.next() {
            said.push_str(", ");
            said.push_str(&attempt.model);
        }
    }
    if let Some(note) = &step.note {
        said.push_str(": ");
        said.push_str(note);
    }
    said
}

/// The calls of the tenant's API that were made in this step, as far as they were measured.
fn calls<'a>(timeline: &'a Timeline, step: &'a Step) -> impl Iterator<Item = &'a CallbackLine> {
    let kind = match step.step {
        StepName::PreProcess => Some(CallbackKind::PreProcess),
        StepName::PostProcess => Some(CallbackKind::PostProcess),
        StepName::Scheduled
        | StepName::ModelQueue
        | StepName::RetryWait
        | StepName::FirstToken
        | StepName::Streaming
        | StepName::Delivery => None,
    };
    let ends_ms = step.ends_ms.unwrap_or(timeline.now_ms);
    timeline.callbacks.iter().filter(move |call| {
        let begins_ms = begin(timeline, call);
        let ended_ms = begins_ms.saturating_add(call.took_ms.unwrap_or(0));
        let inside = begins_ms >= step.begins_ms && ended_ms <= ends_ms;
        Some(call.callback) == kind && call.took_ms.is_some() && inside
    })
}

/// When a call was made, in milliseconds since the request.
fn begin(timeline: &Timeline, call: &CallbackLine) -> u64 {
    let since = call.at.since(timeline.requested_at);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The part of a step in which a call was under way; the rest of it was spent in line.
fn called(picture: &mut Picture, timeline: &Timeline, call: &CallbackLine, y: u64) {
    let begins_ms = begin(timeline, call);
    let took_ms = call.took_ms.unwrap_or(0);
    let from = reach(begins_ms, timeline.total_ms);
    let to = reach(begins_ms.saturating_add(took_ms), timeline.total_ms);
    let brush = Brush {
        class: "call",
        fill: "currentColor",
        stroke: "none",
        ..LINE
    };
    let area = Area {
        at: Point {
            x: BEGIN + from,
            y: y + BAR - 4,
        },
        width: to.saturating_sub(from).max(2),
        height: 4,
    };
    let line = span(call.waited_ms.unwrap_or(0));
    let tip = format!("the call took {}; {line} in line before it", span(took_ms));
    picture.area(brush, area, &tip);
}

/// Each has a contrast of 3 to 1 on white and on dark; the row's name says the same.
const fn color(step: StepName) -> &'static str {
    match step {
        StepName::Scheduled | StepName::ModelQueue | StepName::Delivery => "#8a8a8a",
        StepName::RetryWait => "#b7791f",
        StepName::PreProcess | StepName::PostProcess => "#8b5cf6",
        StepName::FirstToken => "#0e8aa8",
        StepName::Streaming => "#2f7fd6",
    }
}
