//! Server-sent events, as bytes arrive.
//!
//! Follows the WHATWG HTML standard, section *Interpreting an event stream*, with three
//! differences that suit this use: an event is only its data (`event`, `id` and `retry` are read
//! over), the data stays bytes (JSON decoding refuses invalid UTF-8, where the standard would
//! replace it), and lines and events have a size limit. Every byte is looked at once, so the time
//! is linear in the input however it is split.

use std::ops::ControlFlow;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A parser of one event stream.
#[derive(Debug)]
pub(super) struct Parser {
    max_bytes: usize,
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    /// The data of the event being read, each line followed by a line feed.
    data: Vec<u8>,
    /// Whether no line has been read yet: only the first can have a byte order mark.
    at_start: bool,
    /// Whether the last line ended in a carriage return, to which a line feed may still belong.
    after_return: bool,
}

/// A line, or all data of an event, passed the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

impl Parser {
    /// A parser that takes lines and events of up to `max_bytes`.
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            line: Vec::new(),
            data: Vec::new(),
            at_start: true,
            after_return: false,
        }
    }

    /// Takes the next bytes and hands the data of each event they complete to `on_event`, until
    /// that breaks.
    pub(super) fn feed<B>(
        &mut self,
        mut bytes: &[u8],
        mut on_event: impl FnMut(&[u8]) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, TooLong> {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                bytes = bytes.get(1..).unwrap_or_default();
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                return self.keep(bytes).map(|()| ControlFlow::Continue(()));
            };
            let (rest_of_line, rest) = bytes.split_at(end);
            self.after_return = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();

            // Most lines arrive whole and are read where they lie.
            let blank = if self.line.is_empty() {
                self.take_line(rest_of_line)?
            } else {
                self.keep(rest_of_line)?;
                let line = std::mem::take(&mut self.line);
                let blank = self.take_line(&line)?;
                self.line = line;
                self.line.clear();
                blank
            };
            if blank && !self.data.is_empty() {
                let without_last_line_feed = self.data.len() - 1;
                let flow = on_event(self.data.get(..without_last_line_feed).unwrap_or_default());
                self.data.clear();
                if flow.is_break() {
                    return Ok(flow);
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + part.len() > self.max_bytes {
            return Err(TooLong);
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    /// Reads one whole line; tells whether it is blank, which ends an event.
    fn take_line(&mut self, mut line: &[u8]) -> Result<bool, TooLong> {
        if line.len() > self.max_bytes {
            return Err(TooLong);
        }
        if std::mem::take(&mut self.at_start) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        let data = match line.strip_prefix(b"data") {
            Some([]) => &[],
            Some([b':', b' ', value @ ..] | [b':', value @ ..]) => value,
            // A blank line, a comment, another field, or no field that the standard knows.
            Some(_) | None => return Ok(line.is_empty()),
        };
        if self.data.len() + data.len() > self.max_bytes {
            return Err(TooLong);
        }
        self.data.extend_from_slice(data);
        self.data.push(b'\n');
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events_of(pieces: &[&[u8]], max_bytes: usize) -> (Vec<String>, Result<(), TooLong>) {
        let mut parser = Parser::new(max_bytes);
        let mut events = Vec::new();
        for piece in pieces {
            let fed = parser.feed(piece, |data| {
                events.push(String::from_utf8_lossy(data).into_owned());
                ControlFlow::<()>::Continue(())
            });
            if let Err(error) = fed {
                return (events, Err(error));
            }
        }
        (events, Ok(()))
    }

    fn events(stream: &str) -> Vec<String> {
        events_of(&[stream.as_bytes()], 1_000).0
    }

    #[test]
    fn an_event_ends_with_a_blank_line_whatever_ends_the_lines() {
        for end in ["\n", "\r", "\r\n"] {
            let stream = format!("data: a{end}{end}data: b{end}data:c{end}{end}data: cut{end}");
            assert_eq!(events(&stream), ["a", "b\nc"], "{end:?}");
        }
    }

    #[test]
    fn the_examples_of_the_standard_are_read_as_it_says() {
        assert_eq!(
            events("data: YHOO\ndata: +2\ndata: 10\n\n"),
            ["YHOO\n+2\n10"]
        );
        let second = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n\
                      data:  third event\n\n";
        assert_eq!(
            events(second),
            ["first event", "second event", " third event"]
        );
        assert_eq!(events("data\n\ndata\ndata\n\ndata:"), ["", "\n"]);
        assert_eq!(events("data:test\n\ndata: test\n\n"), ["test", "test"]);
    }

    #[test]
    fn only_a_leading_byte_order_mark_is_skipped() {
        assert_eq!(
            events("\u{feff}data: a\n\n\u{feff}data: b\n\ndata: \u{feff}c\n\n"),
            ["a", "\u{feff}c"]
        );
    }

    #[test]
    fn other_fields_and_comments_are_read_over() {
        assert_eq!(
            events("event: x\nretry: 5\ndatas: no\n: hi\nnothing\ndata: a\n\n"),
            ["a"]
        );
    }

    #[test]
    fn a_line_or_event_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
        assert_eq!(
            events_of(&[b"data: 1234\n\n"], 10),
            (vec!["1234".into()], Ok(()))
        );
        assert_eq!(events_of(&[b"data: 12345\n\n"], 10), (vec![], Err(TooLong)));
        assert_eq!(events_of(&[b"data: 123", b"45"], 10).1, Err(TooLong));
        assert_eq!(
            events_of(&[b"data:12345\ndata:12345\n\n"], 10).1,
            Err(TooLong)
        );
    }

    #[test]
    fn nothing_is_read_after_a_break() {
        let mut seen = Vec::new();
        let flow = Parser::new(100).feed(b"data: a\n\ndata: b\n\n", |data| {
            seen.push(data.to_vec());
            ControlFlow::Break("stop")
        });
        assert_eq!(
            (flow, seen),
            (Ok(ControlFlow::Break("stop")), vec![b"a".to_vec()])
        );
    }

    fn stream_like() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => prop::sample::select(vec![
                "data: ", "data:", "data", "\n", "\r", "\r\n", "\n\n", ": comment", "id: 1",
                "\u{feff}", "한글", "{\"a\":1}", "[DONE]",
            ]).prop_map(|text| text.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..6),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_split_of_the_same_bytes_gives_the_same_events(
            bytes in stream_like(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
            max_bytes in 1_usize..40,
        ) {
            let whole = events_of(&[&bytes], max_bytes);
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(&events_of(&single, max_bytes), &whole);

            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            prop_assert_eq!(&events_of(&pieces, max_bytes), &whole);
        }
    }

    #[test]
    fn mutants_give_the_same_events_whole_and_byte_by_byte() {
        crate::fuzz::run("openai-stream", |bytes| {
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(events_of(&single, 4_096), events_of(&[bytes], 4_096));
        });
    }
}
