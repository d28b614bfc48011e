//! Lines out of pieces of a body. It holds one line at most, and of one that is too long, nothing.

use bytes::{Bytes, BytesMut};

/// A line, with its number from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u32,
    /// Its text without the end of the line; `None` where it is too long.
    pub(super) text: Option<Bytes>,
}

/// Takes pieces and gives lines.
#[derive(Debug)]
pub(super) struct Splitter {
    limit: usize,
    begun: BytesMut,
    /// Whether the line that has begun has passed the limit.
    is_too_long: bool,
    lines: u32,
}

impl Splitter {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            begun: BytesMut::new(),
            is_too_long: false,
            lines: 0,
        }
    }

    /// Takes from the front of `piece`, up to and with the end of a line, and gives that line.
    pub(super) fn next(&mut self, piece: &mut Bytes) -> Option<Line> {
        let end = piece.iter().position(|byte| *byte == b'\n');
        let part = piece.split_to(end.unwrap_or(piece.len()));
        self.grow(&part);
        end?;
        // The line's end.
        let _ = piece.split_to(1);
        Some(self.line())
    }

    /// The line that the body ended with, where it did not end with the end of a line.
    pub(super) fn last(mut self) -> Option<Line> {
        (self.is_too_long || !self.begun.is_empty()).then(|| self.line())
    }

    fn grow(&mut self, part: &[u8]) {
        // One more for the `\r` of an end that has one.
        if self.is_too_long || self.begun.len() + part.len() > self.limit + 1 {
            self.is_too_long = true;
            self.begun = BytesMut::new();
        } else {
            self.begun.extend_from_slice(part);
        }
    }

    fn line(&mut self) -> Line {
        self.lines = self.lines.saturating_add(1);
        let mut text = std::mem::take(&mut self.begun);
        if text.ends_with(b"\r") {
            text.truncate(text.len() - 1);
        }
        let is_too_long = std::mem::take(&mut self.is_too_long) || text.len() > self.limit;
        Line {
            number: self.lines,
            text: (!is_too_long).then(|| text.freeze()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(pieces: &[&[u8]], limit: usize) -> Vec<Option<Bytes>> {
        let mut splitter = Splitter::new(limit);
        let mut lines = vec![];
        for piece in pieces {
            let mut piece = Bytes::copy_from_slice(piece);
            while !piece.is_empty() {
                lines.extend(splitter.next(&mut piece));
            }
        }
        lines.extend(splitter.last());
        let numbers: Vec<u32> = lines.iter().map(|line| line.number).collect();
        assert!(numbers.into_iter().eq((1..).take(lines.len())));
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn a_line_that_is_too_long_is_one_line_and_is_not_kept() {
        let text = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        assert_eq!(
            lines(&[b"ab\r\n", b"toolong", b"still\nabc\n\nabc"], 3),
            [text("ab"), None, text("abc"), text(""), text("abc")]
        );
        assert_eq!(lines(&[b"abcd"], 3), [None]);
        assert_eq!(lines(&[b"abc\r\n"], 3), [text("abc")]);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_where_a_body_is_cut(
            body in "[ab\n]{0,60}",
            cuts in proptest::collection::vec(0_usize..60, 0..8),
        ) {
            let whole = lines(&[body.as_bytes()], 8);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> =
                cuts.windows(2).map(|ends| &body.as_bytes()[ends[0]..ends[1]]).collect();
            prop_assert_eq!(&lines(&pieces, 8), &whole);
            let expected: Vec<&str> = body.lines().collect();
            prop_assert_eq!(whole.len(), expected.len());
        }
    }
}
