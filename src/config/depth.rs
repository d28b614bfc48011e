//! How deep a configuration may nest by dotted keys.
//!
//! `a.b.c = 1` and `[a.b.c]` make a table for every part, and tables are read and dropped by
//! recursion. The TOML reader bounds brackets itself, but not these: a key of some thousand parts
//! would use up the stack, which nothing can catch. So they are counted before anything is parsed.

/// The most parts of one key. The deepest key that means something has six.
const MAX_PARTS: usize = 64;

/// Where the first key with too many parts starts, if there is one, as a byte offset.
///
/// Strings and comments are looked at as well: a text with that many words between single dots, and
/// nothing else, is no loss.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let (parts, end) = dotted(bytes, at);
        if parts > MAX_PARTS {
            return Some(at);
        }
        at = end.max(at + 1);
    }
    None
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
                let deep = vec![part; MAX_PARTS + 1].join(dot);
                for (before, after) in [("", "=1"), ("[", "]"), ("x = {", "=1}")] {
                    let text = format!("mode = 'x'\n{before}{deep}{after}");
                    assert_eq!(too_deep(&text), Some(11 + before.len()), "{text}");
                    let fits = vec![part; MAX_PARTS].join(dot);
                    assert_eq!(too_deep(&format!("{before}{fits}{after}")), None);
                }
            }
        }
    }

    #[test]
    fn prose_is_not_taken_for_a_key() {
        let prose = "One. Two... three.four \"five.\" 'six'. ".repeat(100);
        assert_eq!(too_deep(&prose), None);
    }
}
