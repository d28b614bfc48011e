//! What one watcher has been told of one ticket, and what is still to tell. Pure.

use std::sync::Arc;

use punchcard_events::ticket::{StateName, TicketAnswered, TicketState};
use punchcard_events::{Revision, TicketId, Timestamp};
use serde::{Deserialize, Serialize};

use super::News;
use super::frame::{Frame, Lost};
use super::live::TextPlace;

/// The most bytes of text in one frame. A longer piece is told in several, so that what one frame
/// takes in memory, and how long it holds up others, does not depend on how much a client missed.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;

/// The text a returning client holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The ticket.
    pub ticket: TicketId,
    /// The attempt the text belongs to.
    pub generation: u32,
    /// How much of it there is, in UTF-16 code units.
    pub offset: u64,
}

/// What one watcher has been told of one ticket.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    revision: Option<Revision>,
    status: Option<Status>,
    /// The attempt whose text the watcher holds; 0 for none.
    generation: u32,
    /// How much of that text it holds.
    place: TextPlace,
    /// A cursor it came with that is not placed yet.
    resume: Option<(u32, u64)>,
    /// The outcome it was told.
    concluded: Option<Outcome>,
    /// Whether the newest news hold more text than was told.
    more: bool,
}

/// The three ways a watcher can see a ticket end. An undelivered answer can still be cancelled, and
/// a failed ticket redriven, so one may follow another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Answer,
    Failed,
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Status {
    state: StateName,
    attempt: u32,
    retry_at: Option<Timestamp>,
}

impl Progress {
    /// The progress of a watcher that holds text already.
    pub fn resumed(generation: u32, offset: u64) -> Self {
        Self {
            resume: (generation > 0).then_some((generation, offset)),
            ..Self::default()
        }
    }

    /// Skips the states up to `revision`, which the watcher has seen.
    #[must_use]
    pub fn after_revision(mut self, revision: Revision) -> Self {
        self.revision = Some(revision);
        self
    }

    /// The revision of the newest news told.
    pub const fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// The attempt whose text the watcher holds (0 for none), and how much of it.
    pub const fn text(&self) -> (u32, u64) {
        (self.generation, self.place.utf16)
    }

    /// Whether the watcher was told the outcome.
    pub const fn is_concluded(&self) -> bool {
        self.concluded.is_some()
    }

    /// Whether the news told last hold more text than went into their frames: tell them again.
    pub const fn has_more(&self) -> bool {
        self.more
    }

    /// The frames that bring the watcher from where it is towards `news`; see [`Self::has_more`].
    /// Old news give none. An outcome replaces text that is not told yet; only an answer that stands
    /// as the model gave it comes after the rest of a text that the watcher has begun to read.
    pub fn advance(&mut self, news: &News) -> Vec<Frame> {
        self.more = false;
        if self.revision.is_some_and(|known| known > news.revision) {
            return vec![];
        }
        let mut frames = Vec::new();
        self.tell_status(news, &mut frames);
        self.revision = Some(news.revision);
        match &news.state {
            TicketState::Unrequested | TicketState::Requested(_) | TicketState::PreProcessed(_) => {
                self.concluded = None;
            }
            TicketState::Sent(_) | TicketState::Answered(_) => {
                self.concluded = None;
                self.tell_text(news, &mut frames);
            }
            TicketState::Persisted(_) | TicketState::Delivered(_) => {
                self.tell_rest(news, &mut frames);
                if !self.more {
                    self.tell_outcome(Outcome::Answer, news, &mut frames);
                }
            }
            TicketState::Failed(_) => self.tell_outcome(Outcome::Failed, news, &mut frames),
            TicketState::Cancelled(_) => self.tell_outcome(Outcome::Cancelled, news, &mut frames),
        }
        frames
    }

    fn tell_status(&mut self, news: &News, frames: &mut Vec<Frame>) {
        let status = Status::of(&news.state);
        // A watcher that resumed after this very revision has seen its state.
        let seen = self.status.is_none() && self.revision == Some(news.revision);
        if self.status != Some(status) && !seen {
            frames.push(Frame::State {
                ticket: news.ticket,
                state: status.state,
                attempt: status.attempt,
                retry_at: status.retry_at,
            });
        }
        self.status = Some(status);
    }

    fn tell_text(&mut self, news: &News, frames: &mut Vec<Frame>) {
        let ticket = news.ticket;
        if let TicketState::Answered(answered) = &news.state {
            let text = &answered.answered;
            self.tell_from(ticket, text.attempt, &text.content, frames);
        } else if let Some(live) = &news.live {
            live.with(|content| self.tell_from(ticket, live.generation(), content, frames));
        } else if let Some((generation, offset)) = self.resume.take() {
            // The watcher counts by that attempt, even with no text of it: the next is announced.
            self.generation = generation;
            if offset > 0 {
                frames.push(lost(ticket, generation, Lost::AttemptEnded));
            }
        }
    }

    /// Tells the rest of a text that the watcher holds a part of, if it is the answer.
    fn tell_rest(&mut self, news: &News, frames: &mut Vec<Frame>) {
        let reads_it =
            |text: &&Arc<TicketAnswered>| self.generation == text.attempt && self.place.bytes > 0;
        if self.concluded.is_none()
            && let Some(text) = news.state.unreplaced_answer().filter(reads_it)
        {
            self.tell_from(news.ticket, text.attempt, &text.content, frames);
        }
    }

    /// Tells what of `content`, the text of `generation`, the watcher does not hold yet.
    fn tell_from(
        &mut self,
        ticket: TicketId,
        generation: u32,
        content: &str,
        frames: &mut Vec<Frame>,
    ) {
        self.place_cursor(ticket, generation, content, frames);
        if self.generation != generation {
            if self.generation != 0 {
                frames.push(Frame::Generation { ticket, generation });
            }
            self.generation = generation;
            self.place = TextPlace::default();
        }
        let Some(rest) = content.get(self.place.bytes..).filter(|t| !t.is_empty()) else {
            return;
        };
        let text = &rest[..rest.floor_char_boundary(MAX_TEXT_BYTES)];
        self.more = text.len() < rest.len();
        frames.push(Frame::Text {
            ticket,
            generation,
            offset: self.place.utf16,
            text: text.to_owned(),
        });
        self.place = self.place.after(text);
    }

    /// Finds the place of the cursor the watcher came with.
    fn place_cursor(
        &mut self,
        ticket: TicketId,
        generation: u32,
        content: &str,
        frames: &mut Vec<Frame>,
    ) {
        let Some((held, offset)) = self.resume.take() else {
            return;
        };
        if held != generation {
            // Text of an earlier attempt: the new generation says that it is void.
            self.generation = held;
            return;
        }
        self.generation = generation;
        if let Some(place) = TextPlace::find(content, offset) {
            self.place = place;
        } else {
            frames.push(lost(ticket, generation, Lost::BadCursor));
        }
    }

    fn tell_outcome(&mut self, outcome: Outcome, news: &News, frames: &mut Vec<Frame>) {
        if self.concluded.replace(outcome) == Some(outcome) {
            return;
        }
        let ticket = news.ticket;
        self.resume = None;
        match &news.state {
            TicketState::Failed(s) => frames.push(Frame::Failed {
                ticket,
                failure: Arc::clone(&s.failure),
            }),
            TicketState::Cancelled(s) => frames.push(Frame::Cancelled {
                ticket,
                mode: s.cancelled.mode,
                text: s.cancelled.text.clone(),
            }),
            state => frames.extend(state.final_answer().map(|answer| Frame::Answer {
                ticket,
                generation: state.attempt(),
                answer,
            })),
        }
    }
}

impl Status {
    fn of(state: &TicketState) -> Self {
        Self {
            state: state.name(),
            attempt: state.attempt(),
            retry_at: state.retry_at(),
        }
    }
}

const fn lost(ticket: TicketId, generation: u32, reason: Lost) -> Frame {
    Frame::Lost {
        ticket,
        generation,
        reason,
    }
}
