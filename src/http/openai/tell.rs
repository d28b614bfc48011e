//! What one reader of a streamed completion has been told, and what is still to tell. Pure.
//!
//! Text is told as the model says it. A try that fails after some text makes the model begin anew, and
//! this format has no way to take text back. So a new text is told only where it begins with all that
//! was told before, and is gone on with from there; else the stream ends with an error, and the
//! ticket goes on to its answer without this reader.
//!
//! Nothing of the text is kept for that: a hash of what was told and its length are enough.

use punchcard_actors::feed::{MAX_TEXT_BYTES, News};
use punchcard_events::Revision;
use punchcard_events::ticket::TicketState;
use sha2::{Digest as _, Sha256};

use super::answer::{self, End};
use crate::http::errors::{Code, Problem};

/// What comes next.
#[derive(Debug)]
pub(super) enum Piece {
    /// More of the answer.
    Text(String),
    /// All of it was told.
    End(End),
    /// There is no more, and what was told is not the answer.
    Broken(Box<Problem>),
}

/// One reader's place in one answer.
#[derive(Debug, Default)]
pub(super) struct Teller {
    revision: Option<Revision>,
    /// The try whose text was told; 0 before the first.
    generation: u32,
    told: Told,
    /// Whether the newest news hold more text than was told.
    more: bool,
    ended: bool,
}

/// The text that was told.
#[derive(Debug, Default)]
struct Told {
    hash: Sha256,
    bytes: usize,
}

impl Told {
    /// Whether `text` begins with it.
    fn begins(&self, text: &str) -> bool {
        let beginning = text.as_bytes().get(..self.bytes);
        beginning.is_some_and(|bytes| Sha256::digest(bytes) == self.hash.clone().finalize())
    }

    fn add(&mut self, text: &str) {
        self.hash.update(text);
        self.bytes += text.len();
    }
}

impl Teller {
    /// Whether the reader was told the end.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the news told last hold more than was told: tell them again.
    pub(super) const fn has_more(&self) -> bool {
        self.more
    }

    /// What brings the reader on towards `news`: at most one text and one end.
    pub(super) fn advance(&mut self, news: &News) -> Vec<Piece> {
        self.more = false;
        if self.ended || self.revision.is_some_and(|known| known > news.revision) {
            return vec![];
        }
        self.revision = Some(news.revision);
        let pieces = match &news.state {
            TicketState::Unrequested | TicketState::Requested(_) | TicketState::PreProcessed(_) => {
                vec![]
            }
            TicketState::Sent(_) => news.live.as_ref().map_or_else(Vec::new, |live| {
                live.with(|text| self.go_on(live.generation(), text))
            }),
            TicketState::Answered(answered) => {
                let answered = &answered.answered;
                self.go_on(answered.attempt, &answered.content)
            }
            TicketState::Persisted(_) | TicketState::Delivered(_) => self.conclude(news),
            TicketState::Failed(_) | TicketState::Cancelled(_) => {
                let problem = answer::no_answer(news);
                problem.into_iter().map(broken).collect()
            }
        };
        self.ended = pieces
            .iter()
            .any(|piece| matches!(piece, Piece::End(_) | Piece::Broken(_)));
        pieces
    }

    /// Tells what of the text of a try that is not over was not told yet.
    fn go_on(&mut self, generation: u32, text: &str) -> Vec<Piece> {
        if generation != self.generation {
            if text.len() < self.told.bytes {
                // It may yet come to what was told.
                return vec![];
            }
            if !self.told.begins(text) {
                return vec![changed()];
            }
            self.generation = generation;
        }
        self.rest_of(text).into_iter().collect()
    }

    /// Tells the rest of the final answer, and its end.
    fn conclude(&mut self, news: &News) -> Vec<Piece> {
        let Some(text) = answer::final_text(&news.state) else {
            return vec![];
        };
        if !self.told.begins(&text) {
            return vec![changed()];
        }
        let mut pieces: Vec<_> = self.rest_of(&text).into_iter().collect();
        if !self.more {
            pieces.push(Piece::End(answer::end(&news.state)));
        }
        pieces
    }

    fn rest_of(&mut self, text: &str) -> Option<Piece> {
        let rest = text.get(self.told.bytes..).filter(|t| !t.is_empty())?;
        let piece = &rest[..rest.floor_char_boundary(MAX_TEXT_BYTES)];
        self.more = piece.len() < rest.len();
        self.told.add(piece);
        Some(Piece::Text(piece.to_owned()))
    }
}

fn broken(problem: Problem) -> Piece {
    Piece::Broken(Box::new(problem))
}

fn changed() -> Piece {
    let detail = "The model had to be asked again and began another answer, which cannot be put in \
                  the place of the text sent so far. Fetch the answer by the ticket's id.";
    broken(Problem::new(Code::AnswerChanged, detail))
}
