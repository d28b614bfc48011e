//! A reader of server-sent events (WHATWG HTML, section 9.2), as much of it as the ticket stream
//! needs: `id`, `data` and comments. Bounded, and linear in the size of the stream.

use bytes::Bytes;

/// The most bytes one event may have.
const MAX_EVENT_BYTES: usize = 16 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct SseEvent {
    /// The id in effect: what to ask to go on after.
    pub(super) id: Option<String>,
    /// Its data lines, joined.
    pub(super) data: String,
}

/// An event larger than any server of ours sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {MAX_EVENT_BYTES} bytes")]
pub(super) struct TooLarge;

/// Puts events together from the pieces of a response body.
#[derive(Debug, Default)]
pub(super) struct SseReader {
    line: Vec<u8>,
    /// A `\r` ended the last line, so a `\n` right after it ends nothing.
    after_cr: bool,
    id: Option<String>,
    data: String,
    has_data: bool,
}

impl SseReader {
    /// The events that end in `piece`.
    pub(super) fn take(&mut self, piece: &Bytes) -> Result<Vec<SseEvent>, TooLarge> {
        let mut events = Vec::new();
        for &byte in piece {
            let after_cr = std::mem::take(&mut self.after_cr);
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    events.extend(self.end_line());
                }
                byte if self.line.len() + self.data.len() < MAX_EVENT_BYTES => self.line.push(byte),
                _ => return Err(TooLarge),
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<SseEvent> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // `event` repeats what the data says, `retry` is ours to decide, "" is a comment.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<SseEvent> {
        let data = std::mem::take(&mut self.data);
        std::mem::take(&mut self.has_data).then(|| SseEvent {
            id: self.id.clone(),
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        ": hello\r\nid: 3\ndata: {\"a\":\ndata:1}\n\nevent: x\n\nid: 4\rdata: 한\r\r";

    fn read(pieces: &[&[u8]]) -> Vec<SseEvent> {
        let mut reader = SseReader::default();
        let taken = pieces.iter().map(|piece| {
            let piece = Bytes::copy_from_slice(piece);
            reader.take(&piece).unwrap()
        });
        taken.flatten().collect()
    }

    #[test]
    fn events_are_the_same_however_the_stream_is_cut() {
        let whole = read(&[STREAM.as_bytes()]);
        let event = |id: &str, data: &str| SseEvent {
            id: Some(id.to_owned()),
            data: data.to_owned(),
        };
        assert_eq!(whole, [event("3", "{\"a\":\n1}"), event("4", "한")]);
        for at in 0..STREAM.len() {
            let (start, end) = STREAM.as_bytes().split_at(at);
            assert_eq!(read(&[start, end]), whole, "cut at {at}");
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut reader = SseReader::default();
        let piece = Bytes::from(vec![b'x'; MAX_EVENT_BYTES + 1]);
        assert_eq!(reader.take(&piece), Err(TooLarge));
    }

    #[test]
    fn mutants_give_the_same_events_whole_and_byte_by_byte() {
        crate::fuzz::run("cli-stream", |bytes| {
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(read(&single), read(&[bytes]));
        });
    }
}
