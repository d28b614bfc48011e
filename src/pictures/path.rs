//! The way that a ticket took through its states.
//!
//! The ways of a ticket's life are drawn faint where it did not take them; what it took is drawn strong, with how
//! often. Below stands each event with the state that it led to.

use punchcard_events::TicketId;
use punchcard_events::ticket::timeline::Elapsed;
use punchcard_events::ticket::{Happened, StateName};

use super::svg::{Area, Brush, LINE, PLAIN, Pen, Picture, Point};
use super::{ends, span, words};

const WIDTH: u64 = 880;
const LEFT: u64 = 16;
/// A state's box.
const BOX: (u64, u64) = (116, 42);
/// The states of a life that goes well stand side by side here.
const WELL: u64 = 104;
/// From the left of one to the left of the next.
const PITCH: u64 = 146;
/// Those that end it otherwise stand here.
const OTHERWISE: u64 = 230;
/// Where the list of events begins.
const LIST: u64 = 310;
const ROW: u64 = 18;
/// So many characters fit over the whole width.
const SENTENCE: usize = 120;
const GOOD: &str = "#2e9e5b";
const BAD: &str = "#d64545";

/// The states in the order of a life that goes well.
const LIFE: [StateName; 6] = [
    StateName::Requested,
    StateName::PreProcessed,
    StateName::Sent,
    StateName::Answered,
    StateName::Persisted,
    StateName::Delivered,
];

/// A step from one state to the next, or to the same.
type Move = (StateName, StateName);

/// The picture of the ticket with this past.
pub(crate) fn draw(ticket: TicketId, past: &[Happened]) -> String {
    let moves = moves(past);
    let first = past.first().and_then(|first| first.state.request());
    let requested_at = first.map(|request| request.requested_at);
    let times: Vec<u64> = Elapsed::of(past, requested_at.unwrap_or_default())
        .each()
        .collect();
    let (rows, left_out, last) = ends(past);
    let count = rows.len() + last.len() + usize::from(left_out > 0);
    let height = LIST + ROW * u64::try_from(count).unwrap_or(0) + 12;
    let title = format!("The way of ticket {ticket} through its states");
    let about = about(past);
    let mut picture = Picture::new("path", (WIDTH, height), &title, &about);
    let heading = Pen {
        class: "heading",
        size: 15,
        ..PLAIN
    };
    picture.text(heading, Point { x: LEFT, y: 26 }, &title, SENTENCE);
    picture.text(PLAIN, Point { x: LEFT, y: 46 }, &about, SENTENCE);
    for way in ways(&moves) {
        edge(&mut picture, way, taken(&moves, way));
    }
    let now = past.last().map(|last| last.state.name());
    for state in LIFE
        .into_iter()
        .chain([StateName::Failed, StateName::Cancelled])
    {
        let entered = past
            .iter()
            .zip(&times)
            .rfind(|(at, _)| at.state.name() == state);
        let entered = entered.map(|(_, ms)| *ms);
        node(&mut picture, state, entered, now == Some(state));
    }
    list(&mut picture, past, &times);
    picture.finish()
}

/// Every step, the first from no state at all left out.
fn moves(past: &[Happened]) -> Vec<Move> {
    let names = past.iter().map(|happened| happened.state.name());
    names.clone().zip(names.skip(1)).collect()
}

fn taken(moves: &[Move], way: Move) -> usize {
    moves.iter().filter(|taken| **taken == way).count()
}

/// The ways that are drawn: those of every life, and those that were taken beside them, each once.
fn ways(moves: &[Move]) -> Vec<Move> {
    let forward = LIFE.into_iter().zip(LIFE.into_iter().skip(1));
    let open = LIFE.into_iter().filter(|state| !state.is_terminal());
    let ending =
        open.flat_map(|state| [StateName::Failed, StateName::Cancelled].map(|end| (state, end)));
    let mut ways: Vec<Move> = forward.chain(ending).collect();
    for way in moves {
        if !ways.contains(way) {
            ways.push(*way);
        }
    }
    ways
}

/// What the picture shows, in words.
fn about(past: &[Happened]) -> String {
    let mut names: Vec<_> = past.iter().map(|happened| happened.state.name()).collect();
    names.dedup();
    let (first, left_out, last) = ends(&names);
    let mut told: Vec<_> = first.iter().map(|name| words(name.as_str())).collect();
    if left_out > 0 {
        told.push(format!("{left_out} more"));
    }
    told.extend(last.iter().map(|name| words(name.as_str())));
    let count = past.len();
    let events = if count == 1 { "event" } else { "events" };
    format!("After {count} {events}: {}.", told.join(", then "))
}

/// The upper left corner of a state's box.
fn corner(state: StateName) -> Point {
    let place = LIFE.into_iter().position(|known| known == state);
    match (place, state) {
        (Some(place), _) => Point {
            x: LEFT + PITCH * u64::try_from(place).unwrap_or(0),
            y: WELL,
        },
        (None, StateName::Failed) => Point {
            x: LEFT + PITCH + PITCH / 2,
            y: OTHERWISE,
        },
        (None, _) => Point {
            x: LEFT + 3 * PITCH + PITCH / 2,
            y: OTHERWISE,
        },
    }
}

fn node(picture: &mut Picture, state: StateName, entered: Option<u64>, is_now: bool) {
    let at = corner(state);
    let color = match state {
        StateName::Failed | StateName::Cancelled => BAD,
        StateName::Unrequested
        | StateName::Requested
        | StateName::PreProcessed
        | StateName::Sent
        | StateName::Answered
        | StateName::Persisted
        | StateName::Delivered => GOOD,
    };
    let brush = Brush {
        class: state.as_str(),
        stroke: if entered.is_some() {
            color
        } else {
            "currentColor"
        },
        width: if is_now { 4 } else { 2 },
        faint: entered.is_none(),
        ..LINE
    };
    let (width, height) = BOX;
    let name = words(state.as_str());
    let tip = match (entered, is_now) {
        (Some(ms), true) => format!("{name} now, since {} after the request", span(ms)),
        (Some(ms), false) => format!("{name}, last at {} after the request", span(ms)),
        (None, _) => format!("never {name}"),
    };
    picture.area(brush, Area { at, width, height }, &tip);
    let middle = |down| Point {
        x: at.x + width / 2,
        y: at.y + down,
    };
    let pen = Pen {
        class: "state",
        anchor: "middle",
        ..PLAIN
    };
    picture.text(pen, middle(19), &name, SENTENCE);
    let time = entered.map_or_else(|| "never".to_owned(), |ms| format!("+{}", span(ms)));
    picture.text(Pen { size: 10, ..pen }, middle(34), &time, SENTENCE);
}

/// One way, strong where it was taken, with how often.
fn edge(picture: &mut Picture, (from, to): Move, times: usize) {
    let brush = Brush {
        class: if times > 0 { "taken" } else { "way" },
        width: if times > 0 { 2 } else { 1 },
        dashed: times == 0,
        faint: times == 0,
        ..LINE
    };
    let (width, height) = BOX;
    let (one, other) = (corner(from), corner(to));
    let label = if from == to {
        let (x, y) = (one.x + width / 2, one.y);
        let (left, right, top) = (x - 16, x + 16, y - 26);
        picture.curve(
            brush,
            format_args!("M{left} {y}C{left} {top} {right} {top} {right} {y}"),
        );
        Point { x, y: y - 24 }
    } else if one.y == other.y {
        let (x, y, end) = (one.x + width, one.y + height / 2, other.x);
        let (back, above, below) = (end.saturating_sub(7), y - 4, y + 4);
        picture.curve(
            brush,
            format_args!("M{x} {y}H{end}M{back} {above}L{end} {y}L{back} {below}"),
        );
        Point {
            x: x.midpoint(end),
            y: y - 6,
        }
    } else if one.y < other.y {
        let (x, y) = (one.x + width / 2, one.y + height);
        let (end, low) = (other.x + width / 2, other.y);
        picture.curve(brush, format_args!("M{x} {y}L{end} {low}"));
        Point {
            x: x.midpoint(end),
            y: y.midpoint(low),
        }
    } else {
        // Opened again: beside the way that it came down.
        let (x, y) = (one.x + width - 12, one.y);
        let (end, low) = (other.x + width - 12, other.y + height);
        let (bend, middle) = (x.max(end) + 40, y.midpoint(low));
        let (left, right, under) = (end - 4, end + 4, low + 7);
        picture.curve(
            brush,
            format_args!(
                "M{x} {y}Q{bend} {middle} {end} {low}M{left} {under}L{end} {low}L{right} {under}"
            ),
        );
        Point {
            x: bend.saturating_sub(6),
            y: middle,
        }
    };
    let opened = from == StateName::Failed;
    let words = match (times, opened) {
        (0, _) | (1, false) if from != to => return,
        (1, true) => "redriven".to_owned(),
        (times, true) => format!("redriven {times} times"),
        (times, false) => format!("×{times}"),
    };
    let pen = Pen {
        class: "count",
        size: 10,
        anchor: "middle",
        ..PLAIN
    };
    picture.text(pen, label, &words, SENTENCE);
}

/// Each event with its revision, when it came, and the state that it led to.
fn list(picture: &mut Picture, past: &[Happened], times: &[u64]) {
    let (first, left_out, last) = ends(past);
    let mut y = LIST;
    let pen = Pen {
        class: "event",
        size: 11,
        ..PLAIN
    };
    let columns = [LEFT, LEFT + 50, LEFT + 150, LEFT + 310];
    let mut row = |y: u64, revision: usize, happened: &Happened| {
        let ms = times.get(revision).copied().unwrap_or(0);
        let cells = [
            revision.to_string(),
            format!("+{}", span(ms)),
            happened.event.kind().to_owned(),
            format!("then {}", words(happened.state.name().as_str())),
        ];
        for (x, cell) in columns.into_iter().zip(&cells) {
            picture.text(pen, Point { x, y }, cell, SENTENCE);
        }
    };
    for (revision, happened) in first.iter().enumerate() {
        row(y, revision, happened);
        y += ROW;
    }
    let gap = y;
    y += if left_out > 0 { ROW } else { 0 };
    for (revision, happened) in (first.len() + left_out..).zip(last) {
        row(y, revision, happened);
        y += ROW;
    }
    if left_out > 0 {
        let note = format!("{left_out} more events are left out here; the history has them all.");
        let at = Point {
            x: LEFT + 50,
            y: gap,
        };
        picture.text(pen, at, &note, SENTENCE);
    }
}
