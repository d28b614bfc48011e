//! Quoting what a model said.

use crate::invisible::is_invisible;

/// The most characters of an answer that a sentence repeats.
const LONGEST_QUOTE: usize = 200;

/// The characters before a place that [`around`] begins with.
const CONTEXT: usize = 40;

/// The beginning of `text` in quotation marks, with everything escaped that would not show as
/// itself, or a word for an empty one.
pub(super) fn quote(text: &str) -> String {
    if text.is_empty() {
        return "empty".to_owned();
    }
    let mut quoted = String::from("\"");
    let mut characters = text.chars();
    for character in characters.by_ref().take(LONGEST_QUOTE) {
        if is_hidden(character) {
            quoted.extend(character.escape_default());
        } else {
            quoted.push(character);
        }
    }
    if characters.next().is_some() {
        quoted.push('…');
    }
    quoted.push('"');
    quoted
}

/// The part of `text` around the byte `place`, quoted.
pub(super) fn around(text: &str, place: usize) -> String {
    let before = text.get(..place).unwrap_or_default();
    let begin = before
        .char_indices()
        .rev()
        .nth(CONTEXT.saturating_sub(1))
        .map_or(0, |(at, _)| at);
    let quoted = quote(text.get(begin..).unwrap_or_default());
    match quoted.strip_prefix('"') {
        Some(rest) if begin > 0 => format!("\"…{rest}"),
        _ => quoted,
    }
}

/// What would not show as itself.
fn is_hidden(character: char) -> bool {
    character.is_control() || is_invisible(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_short_and_shows_what_is_there() {
        assert_eq!(quote(""), "empty");
        assert_eq!(quote("잘 썼어요!"), "\"잘 썼어요!\"");
        assert_eq!(
            quote("a\n\u{1b}[31m\u{202e}b"),
            "\"a\\n\\u{1b}[31m\\u{202e}b\""
        );
        assert_eq!(quote(&"x".repeat(200)), format!("\"{}\"", "x".repeat(200)));
        assert_eq!(
            quote(&"글".repeat(201)),
            format!("\"{}…\"", "글".repeat(200))
        );
    }

    #[test]
    fn a_place_is_shown_with_what_stands_before_it() {
        assert_eq!(around("one two", 4), "\"one two\"");
        let text = format!("{}sorry{}", "가".repeat(100), "나".repeat(300));
        let place = text.find("sorry").unwrap();
        let expected = format!("\"…{}sorry{}…\"", "가".repeat(40), "나".repeat(155));
        assert_eq!(around(&text, place), expected);
        assert_eq!(around("한", 1), "\"한\"", "a place within a character");
    }
}
