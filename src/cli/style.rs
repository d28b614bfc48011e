//! Colours, tables and times as the terminal shows them. Calm: colour carries the state, dim the rest.

use std::fmt::Display;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};
use punchcard_events::Timestamp;
use punchcard_events::ticket::StateName;

use super::output::Terminal;
use crate::invisible;

/// What stands back.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What stands out.
pub(crate) const BOLD: Style = Style::new().bold();
/// Went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Under way.
pub(crate) const BUSY: Style = AnsiColor::Cyan.on_default();
/// Ended by request, or waiting after a failure.
pub(crate) const CAUTION: Style = AnsiColor::Yellow.on_default();

/// The colour of a state.
pub(crate) const fn of_state(state: StateName) -> Style {
    match state {
        StateName::Unrequested | StateName::Requested | StateName::PreProcessed => DIM,
        StateName::Sent | StateName::Answered => BUSY,
        StateName::Persisted | StateName::Delivered => GOOD,
        StateName::Failed => BAD,
        StateName::Cancelled => CAUTION,
    }
}

/// `text` in `style`.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A state's name in its colour.
pub(crate) fn state(state: StateName) -> String {
    paint(of_state(state), state.as_str())
}

/// A table without lines, as wide as the terminal allows.
pub(crate) fn table(terminal: Terminal, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // Colours are taken out further down, by the output.
    table.enforce_styling();
    table.style_text_only();
    match terminal {
        Terminal::Live { columns } => {
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(columns);
        }
        Terminal::Plain => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    let header = header
        .iter()
        .map(|name| Cell::new(name).add_attribute(Attribute::Dim));
    table.set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// A cell for a number.
pub(crate) fn number(value: impl ToString) -> Cell {
    Cell::new(value).set_alignment(CellAlignment::Right)
}

/// A cell for a state, in its colour.
pub(crate) fn state_cell(state: StateName) -> Cell {
    let cell = Cell::new(state.as_str());
    match state {
        StateName::Unrequested | StateName::Requested | StateName::PreProcessed => {
            cell.add_attribute(Attribute::Dim)
        }
        StateName::Sent | StateName::Answered => cell.fg(comfy_table::Color::Cyan),
        StateName::Persisted | StateName::Delivered => cell.fg(comfy_table::Color::Green),
        StateName::Failed => cell.fg(comfy_table::Color::Red),
        StateName::Cancelled => cell.fg(comfy_table::Color::Yellow),
    }
}

/// A time as people read it: `2026-11-23 10:44:30.123`, in UTC.
pub(crate) fn time(at: Timestamp) -> String {
    at.to_string().replace('T', " ").replace('Z', "")
}

/// A duration in the unit that fits: `12 ms`, `3.40 s`, `2 min 5 s`, `3 h 20 min`.
pub(crate) fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{:02} s", (millis % 1000) / 10),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600.. => format!("{} h {} min", seconds / 3600, (seconds % 3600) / 60),
    }
}

/// Text of a model or a server made safe for a terminal: control characters other than line feed and
/// tab become `�`, so that an answer can never move the cursor, colour the screen or ring the bell;
/// what nobody would see, and what reorders text, is written out as an escape such as `\u{200b}`.
pub(crate) fn safe(text: &str) -> String {
    let harmless = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
    invisible::escaped(text)
        .chars()
        .map(|c| if harmless(c) { c } else { '\u{fffd}' })
        .collect()
}

/// The same for a piece of a text that comes bit by bit: a joiner at its ends may have its emoji in the
/// piece before or after.
pub(crate) fn safe_piece(text: &str) -> String {
    let joins = |c| matches!(c, '\u{200d}' | '\u{fe0f}');
    let rest = text.trim_start_matches(joins);
    let middle = rest.trim_end_matches(joins);
    let (start, end) = (text.len() - rest.len(), rest.len() - middle.len());
    let (start, end) = (text.get(..start), rest.get(rest.len() - end..));
    let (start, end) = (start.unwrap_or_default(), end.unwrap_or_default());
    format!("{start}{}{end}", safe(middle))
}

/// The same for a text that has one line to stand on: with a line feed in it, it could write lines of
/// its own below.
pub(crate) fn one_line(text: &str) -> String {
    safe(text).replace(['\n', '\t'], " ")
}

/// JSON text made safe for a terminal without a change of what it says: the characters that [`safe`]
/// takes out are escaped. In a JSON text they stand in strings only (RFC 8259), and JSON's own rules
/// ask for an escape below U+0020 alone.
pub(crate) fn safe_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut hidden = invisible::hidden(text).map(|(at, _)| at).peekable();
    for (at, c) in text.char_indices() {
        let is_hidden = hidden.next_if_eq(&at).is_some();
        if is_hidden || (c != '\n' && c.is_control()) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_cannot_steer_the_terminal() {
        assert_eq!(
            safe("a\x1b[2Jb\r\u{9b}c\u{202e}d\n\t한"),
            "a�[2Jb��c\\u{202e}d\n\t한"
        );
        assert_eq!(
            one_line("a\nstate  delivered\t\x07"),
            "a state  delivered �"
        );
    }

    #[test]
    fn an_emoji_that_comes_in_two_pieces_stays_whole() {
        assert_eq!(safe_piece("\u{1f469}\u{200d}"), "\u{1f469}\u{200d}");
        assert_eq!(safe_piece("\u{fe0f}\u{200b}a"), "\u{fe0f}\\u{200b}a");
    }

    #[test]
    fn json_for_a_terminal_says_the_same() {
        let value = serde_json::json!({ "a\u{9b}": "\x1b[2J\u{7f}\u{202e}\u{e0041}\n한" });
        for text in [
            serde_json::to_string(&value).unwrap(),
            serde_json::to_string_pretty(&value).unwrap(),
        ] {
            let escaped = safe_json(&text);
            assert_eq!(safe(&escaped), escaped);
            let read: serde_json::Value = serde_json::from_str(&escaped).unwrap();
            assert_eq!(read, value);
        }
    }

    #[test]
    fn durations_come_in_the_unit_that_fits() {
        let written = |millis| duration(Duration::from_millis(millis));
        assert_eq!(written(7), "7 ms");
        assert_eq!(written(3_408), "3.40 s");
        assert_eq!(written(125_000), "2 min 5 s");
        assert_eq!(written(12_000_000), "3 h 20 min");
    }

    #[test]
    fn times_are_read_by_people() {
        let at = Timestamp::from_millis(1_795_430_670_123);
        assert_eq!(time(at), "2026-11-23 10:44:30.123");
    }
}
