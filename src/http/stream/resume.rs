//! Events on the wire, and the ids by which a stream is taken up again. Pure.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use punchcard_actors::feed::{Frame, News, Progress};
use punchcard_events::Revision;
use punchcard_events::ticket::StateName;

/// An event's id, `<revision>-<generation>-<offset>`: the ticket's revision, and how much of which
/// attempt's text the reader holds after this event. After an outcome `-end` follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventId {
    revision: Revision,
    generation: u32,
    offset: u64,
    end: bool,
}

impl EventId {
    pub(super) const fn at(revision: Revision, generation: u32, offset: u64) -> Self {
        Self {
            revision,
            generation,
            offset,
            end: false,
        }
    }

    /// The id after one more event.
    #[must_use]
    pub(super) fn after(self, frame: &Frame) -> Self {
        match frame {
            Frame::State { .. } => self,
            Frame::Generation { generation, .. } | Frame::Lost { generation, .. } => {
                Self::at(self.revision, *generation, 0)
            }
            Frame::Text {
                generation,
                offset,
                text,
                ..
            } => {
                let length = text.encode_utf16().count() as u64;
                Self::at(self.revision, *generation, offset + length)
            }
            Frame::Answer { .. } | Frame::Failed { .. } | Frame::Cancelled { .. } => {
                Self { end: true, ..self }
            }
        }
    }

    /// The progress of a reader that got this far.
    pub(super) fn progress(self) -> Progress {
        Progress::resumed(self.generation, self.offset).after_revision(self.revision)
    }

    /// Whether the reader was told the outcome that `news` has.
    pub(super) fn saw_the_end_of(self, news: &News) -> bool {
        let answered = matches!(
            news.state.name(),
            StateName::Persisted | StateName::Delivered
        );
        self.end && (answered || self.revision >= news.revision)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.revision.0, self.generation, self.offset)?;
        f.write_str(if self.end { "-end" } else { "" })
    }
}

/// A text that is no event id of ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAnEventId;

impl FromStr for EventId {
    type Err = NotAnEventId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (numbers, end) = text
            .strip_suffix("-end")
            .map_or((text, false), |t| (t, true));
        let mut numbers = numbers.split('-');
        let mut number = || -> Option<u64> {
            let text = numbers.next()?;
            let plain = text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|_| plain)
        };
        let parsed = (number(), number(), number());
        let (Some(revision), Some(generation), Some(offset)) = parsed else {
            return Err(NotAnEventId);
        };
        let generation = u32::try_from(generation).map_err(|_| NotAnEventId)?;
        if numbers.next().is_some() {
            return Err(NotAnEventId);
        }
        Ok(Self {
            revision: Revision(revision),
            generation,
            offset,
            end,
        })
    }
}

/// Writes one event.
pub(super) fn write(out: &mut String, id: EventId, frame: &Frame) {
    let name = match frame {
        Frame::State { .. } => "state",
        Frame::Generation { .. } => "generation",
        Frame::Text { .. } => "text",
        Frame::Answer { .. } => "answer",
        Frame::Failed { .. } => "failed",
        Frame::Cancelled { .. } => "cancelled",
        Frame::Lost { .. } => "lost",
    };
    // Frames hold strings, numbers and parsed JSON, which always become JSON again, on one line.
    if let Ok(data) = serde_json::to_string(frame) {
        // Writing to a String cannot fail.
        let _ = write!(out, "event: {name}\nid: {id}\ndata: {data}\n\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use punchcard_events::TicketId;

    #[test]
    fn an_event_is_three_lines_whatever_its_text_holds() {
        let ticket = TicketId(
            "01920000-0000-7000-8000-000000000001"
                .parse()
                .expect("a UUID"),
        );
        let text = "a\n\nevent: answer\ndata: x\r🙂".to_owned();
        let frame = Frame::Text {
            ticket,
            generation: 2,
            offset: 5,
            text,
        };
        let id = EventId::at(Revision(3), 2, 5).after(&frame);
        let mut out = String::new();
        write(&mut out, id, &frame);
        assert_eq!(out.lines().count(), 4, "{out}");
        assert!(out.starts_with("event: text\nid: 3-2-32\ndata: {"), "{out}");
    }

    proptest! {
        #[test]
        fn an_id_is_read_back(revision: u64, generation: u32, offset: u64, end: bool) {
            let id = EventId { revision: Revision(revision), generation, offset, end };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-z+-]{0,50}") {
            let _ = text.parse::<EventId>();
        }
    }

    #[test]
    fn mutants_of_event_ids_are_read_or_refused() {
        crate::fuzz::run_text("last-event-id", |text| {
            if let Ok(id) = text.parse::<EventId>() {
                assert_eq!(id.to_string().parse(), Ok(id));
            }
        });
    }
}
