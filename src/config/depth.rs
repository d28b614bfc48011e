//! How deep a configuration may nest, by dotted keys and by brackets.
//!
//! `a.b.c = 1` and `[a.b.c]` make a table for every part, and tables are read and dropped by
//! recursion; the TOML reader does not bound them, nor lists and tables that take turns where it
//! recovers from an error. Some thousand levels would use up the stack, which nothing can catch. So
//! they are counted before anything is parsed.

/// The most levels. The deepest key that means something has six parts.
const MAX_LEVELS: usize = 64;

/// Where a document or a value is first nested too deep, if it is, as a byte offset.
///
/// Keys are looked for in strings and comments as well: a text with that many words between single
/// dots, and nothing else, is no loss.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    too_many_parts(bytes).or_else(|| too_many_brackets(bytes))
}

fn too_many_parts(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < bytes.len() {
        let (parts, end) = dotted(bytes, at);
        if parts > MAX_LEVELS {
            return Some(at);
        }
        at = end.max(at + 1);
    }
    None
}

/// Brackets in strings and comments are not counted: prompts are full of them.
fn too_many_brackets(bytes: &[u8]) -> Option<usize> {
    let (mut open, mut at) = (0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            b'#' => at = line_end(bytes, at),
            b'"' | b'\'' => at = string_end(bytes, at),
            _ => {}
        }
        if open > MAX_LEVELS {
            return Some(at);
        }
        at += 1;
    }
    None
}

fn line_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|byte| **byte != b'\n').count()
}

/// The last byte of the string at `start`. A string of one line ends with it at the latest.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let quote = rest.first().copied().unwrap_or(b'"');
    let triple = [quote; 3];
    if !rest.starts_with(&triple) {
        return part(bytes, start).map_or_else(|| line_end(bytes, start), |end| end - 1);
    }
    let mut at = 3;
    while let Some(byte) = rest.get(at) {
        if *byte == b'\\' && quote == b'"' {
            at += 1;
        } else if rest[at..].starts_with(&triple) {
            return start + at + 2;
        }
        at += 1;
    }
    bytes.len()
}

/// How many parts the dotted key at `start` has, and where it ends.
fn dotted(bytes: &[u8], start: usize) -> (usize, usize) {
    let (mut parts, mut end) = (0, start);
    let mut next = start;
    while let Some(after) = part(bytes, next) {
        parts += 1;
        end = after;
        let dot = blanks(bytes, after);
        if bytes.get(dot) != Some(&b'.') {
            break;
        }
        next = blanks(bytes, dot + 1);
    }
    (parts, end)
}

/// The end of the bare or quoted key at `start`.
fn part(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = *bytes.get(start)?;
    if !matches!(quote, b'"' | b'\'') {
        let is_bare = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let length = bytes[start..]
            .iter()
            .take_while(|byte| is_bare(byte))
            .count();
        return (length > 0).then_some(start + length);
    }
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            b'\n' => return None,
            b'\\' if quote == b'"' => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

fn blanks(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    start + length.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_many_parts_is_found_however_it_is_written() {
        for part in ["a", "\"a.\\\" b\"", "'a b'", "1"] {
            for dot in [".", " . "] {
                let deep = vec![part; MAX_LEVELS + 1].join(dot);
                for (before, after) in [("", "=1"), ("[", "]"), ("x = {", "=1}")] {
                    let text = format!("mode = 'x'\n{before}{deep}{after}");
                    assert_eq!(too_deep(&text), Some(11 + before.len()), "{text}");
                    let fits = vec![part; MAX_LEVELS].join(dot);
                    assert_eq!(too_deep(&format!("{before}{fits}{after}")), None);
                }
            }
        }
    }

    #[test]
    fn many_brackets_are_found_where_they_mean_something() {
        for pair in ["[", "{", "[{a = "] {
            let deep = pair.repeat(MAX_LEVELS + 1);
            assert!(too_deep(&format!("x = {deep}")).is_some(), "{pair}");
            assert!(too_deep(&format!("x = [\"]\", ']', #]]]\n{deep}")).is_some());
            for quoted in ["# ", "x = '", "x = \"", "x = \"\"\"\n", "x = '''\n"] {
                assert_eq!(too_deep(&format!("{quoted}{deep}")), None, "{quoted}{pair}");
            }
        }
        assert_eq!(too_deep(&"[a]\nb = [{ c = 1 }]\n".repeat(1_000)), None);
    }

    #[test]
    fn prose_is_not_taken_for_a_key() {
        let prose = "One. Two... three.four \"five.\" 'six'. ".repeat(100);
        assert_eq!(too_deep(&prose), None);
    }
}
