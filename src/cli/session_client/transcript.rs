//! What a user has seen of a ticket: the text put together from frames, with every gap and repeat
//! noticed.

use punchcard_actors::feed::Cursor;
use punchcard_events::TicketId;
use punchcard_events::ticket::StateName;
use serde_json::Value;

use super::frame::ServerFrame;

/// The most bytes of text kept for one ticket; the server's own limit on answers is below it.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// One ticket as its frames told it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    /// The newest state told.
    pub state: Option<StateName>,
    /// The attempt that `text` belongs to; 0 for none.
    pub generation: u32,
    /// The provisional text so far.
    pub text: String,
    /// The final answer.
    pub answer: Option<Value>,
    /// Why it ended without one.
    pub ended: Option<String>,
    /// How much text there is, in UTF-16 code units.
    units: u64,
}

/// Text that does not continue what was there: the server broke the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutOfOrder {
    /// Text came from another place than the end of the text so far.
    #[error("text of generation {generation} came at offset {found} instead of {expected}")]
    Offset {
        /// The text's generation.
        generation: u32,
        /// Where it should have started.
        expected: u64,
        /// Where it started.
        found: u64,
    },
    /// Text of a generation that was not announced.
    #[error("text of generation {found} came in the middle of generation {expected}")]
    Generation {
        /// The generation that was announced.
        expected: u32,
        /// The text's generation.
        found: u32,
    },
    /// More text than any answer may have.
    #[error("the text is larger than {MAX_TEXT_BYTES} bytes")]
    TooLarge,
}

impl Transcript {
    /// The transcript of a client that holds text up to `cursor` elsewhere: [`Self::text`] starts
    /// there.
    pub fn resumed(cursor: &Cursor) -> Self {
        Self {
            generation: cursor.generation,
            units: cursor.offset,
            ..Self::default()
        }
    }

    /// Takes in a frame of this ticket.
    ///
    /// # Errors
    /// When text does not go on where the last one ended.
    pub fn take(&mut self, frame: &ServerFrame) -> Result<(), OutOfOrder> {
        match frame {
            ServerFrame::State { state, .. } => self.state = Some(*state),
            ServerFrame::Generation { generation, .. } => self.restart(*generation),
            ServerFrame::Text {
                generation,
                offset,
                text,
                ..
            } => self.extend(*generation, *offset, text)?,
            ServerFrame::Answer { answer, .. } => self.answer = Some(answer.clone()),
            ServerFrame::Failed { failure, .. } => {
                self.state = Some(StateName::Failed);
                self.ended = Some(format!("{} ({})", failure.message, failure.code));
            }
            ServerFrame::Cancelled { .. } => {
                self.state = Some(StateName::Cancelled);
                self.ended = Some("cancelled".to_owned());
            }
            ServerFrame::Lost { .. } => self.restart(0),
            ServerFrame::Welcome(_)
            | ServerFrame::Pong { .. }
            | ServerFrame::Error { .. }
            | ServerFrame::Unknown => {}
        }
        Ok(())
    }

    /// The cursor that continues this text in another session; none where there is no text.
    pub fn cursor(&self, ticket: TicketId) -> Option<Cursor> {
        (self.generation > 0 && self.answer.is_none() && self.ended.is_none()).then_some(Cursor {
            ticket,
            generation: self.generation,
            offset: self.units,
        })
    }

    fn restart(&mut self, generation: u32) {
        self.generation = generation;
        self.text.clear();
        self.units = 0;
    }

    fn extend(&mut self, generation: u32, offset: u64, text: &str) -> Result<(), OutOfOrder> {
        if self.generation == 0 && offset == 0 {
            self.restart(generation);
        }
        if generation != self.generation {
            return Err(OutOfOrder::Generation {
                expected: self.generation,
                found: generation,
            });
        }
        if offset != self.units {
            return Err(OutOfOrder::Offset {
                generation,
                expected: self.units,
                found: offset,
            });
        }
        if self.text.len().saturating_add(text.len()) > MAX_TEXT_BYTES {
            return Err(OutOfOrder::TooLarge);
        }
        self.text.push_str(text);
        self.units += text.encode_utf16().count() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> TicketId {
        "0192c0de-0000-7000-8000-000000000001".parse().unwrap()
    }

    fn text(generation: u32, offset: u64, text: &str) -> ServerFrame {
        ServerFrame::Text {
            ticket: ticket(),
            generation,
            offset,
            text: text.to_owned(),
        }
    }

    #[test]
    fn text_is_put_together_in_utf_16_offsets_and_its_cursor_continues_it() {
        let mut transcript = Transcript::default();
        for frame in [text(1, 0, "한🙂"), text(1, 3, "a")] {
            transcript.take(&frame).unwrap();
        }
        assert_eq!(transcript.text, "한🙂a");
        assert_eq!(transcript.cursor(ticket()).map(|c| c.offset), Some(4));
    }

    #[test]
    fn a_gap_a_repeat_and_an_unannounced_generation_are_noticed() {
        let mut transcript = Transcript::default();
        transcript.take(&text(1, 0, "ab")).unwrap();
        assert!(transcript.take(&text(1, 3, "d")).is_err(), "a gap");
        assert!(transcript.take(&text(1, 0, "ab")).is_err(), "a repeat");
        assert!(transcript.take(&text(2, 2, "c")).is_err(), "a generation");
        let announced = ServerFrame::Generation {
            ticket: ticket(),
            generation: 2,
        };
        transcript.take(&announced).unwrap();
        transcript.take(&text(2, 0, "c")).unwrap();
        assert_eq!(transcript.text, "c");
    }
}
