//! A ticket's past as pictures: where its time went, and the way it took through its states.
//!
//! Pure functions of recorded events to SVG text (SVG 2). A picture has no script, no style sheet, no link and
//! no reference to anything outside; its texts are escaped and cut, and what nobody would see in them is written
//! out. It says in words (`title`, `desc`) what it shows. Colours are attributes of presentation, which any style
//! sheet of a page overrides by the classes; without one, they are readable on white and on dark.
//!
//! Not here: what the events mean, which `punchcard_events::ticket::timeline` knows; layout for paper.

mod path;
mod svg;
#[cfg(test)]
mod tests;
mod waterfall;

pub(crate) use path::draw as path;
pub(crate) use waterfall::draw as waterfall;

/// So many rows of a list are drawn at most; of longer ones the first and the last half of so many.
const MOST_ROWS: usize = 60;

/// The rows that are drawn: the first ones, how many are left out, and the last ones.
fn ends<T>(rows: &[T]) -> (&[T], usize, &[T]) {
    if rows.len() <= MOST_ROWS {
        return (rows, 0, &[]);
    }
    let (first, rest) = rows.split_at(MOST_ROWS / 2);
    let left_out = rest.len().saturating_sub(MOST_ROWS / 2);
    let (_, last) = rest.split_at(left_out);
    (first, left_out, last)
}

/// A time in the unit that fits: `12 ms`, `3.40 s`, `2 min 5 s`, `3 h 20 min`.
fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{:02} s", ms % 1_000 / 10),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600.. => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A name of the API as words: `retry_wait` as `retry wait`.
fn words(name: &str) -> String {
    name.replace('_', " ")
}
