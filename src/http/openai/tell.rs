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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use punchcard_actors::feed::LiveText;
    use punchcard_events::TicketId;
    use punchcard_events::ticket::{
        Answered, AttemptStatus, Persisted, Sent, TicketAnswered, TicketPersisted,
        TicketPreProcessed, TicketRequested, Timings,
    };
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn request() -> Arc<TicketRequested> {
        let request = json!({
            "tenant": "a", "task": "t", "input": null, "requested_at": "2026-11-23T00:00:00.000Z",
            "terms": {
                "pre_process": false, "post_process": true, "answer_format": "text",
                "model_retry": { "max_tries": 1, "initial_delay_ms": 1, "max_delay_ms": 1 },
                "callback_retry": { "max_tries": 1, "initial_delay_ms": 1, "max_delay_ms": 1 },
                "deadlines": {
                    "answer_by": "2026-11-24T00:00:00.000Z",
                    "persist_by": "2026-11-25T00:00:00.000Z",
                    "deliver_by": "2026-11-26T00:00:00.000Z",
                },
            },
        });
        Arc::new(serde_json::from_value(request).unwrap())
    }

    fn prepared() -> Arc<TicketPreProcessed> {
        let prepared = json!({ "prompt": { "version": 1, "hash": "00" }, "messages": [],
                               "model": "m", "parameters": {} });
        Arc::new(serde_json::from_value(prepared).unwrap())
    }

    fn news(revision: u64, state: TicketState, live: Option<LiveText>) -> News {
        News {
            ticket: TicketId(Uuid::nil()),
            changed_at: punchcard_events::Timestamp::from_millis(0),
            revision: Revision(revision),
            state,
            live: live.map(Arc::new),
        }
    }

    fn saying(revision: u64, attempt: u32, text: &str) -> News {
        let live = LiveText::new(attempt);
        live.push(text);
        let sent = Sent {
            request: request(),
            prepared: prepared(),
            attempt,
            failures: 0,
            status: AttemptStatus::InFlight,
            fallback: None,
            earlier_attempts: 0,
            prepared_again: 0,
        };
        news(revision, TicketState::Sent(sent), Some(live))
    }

    fn answered(attempt: u32, text: &str) -> Arc<TicketAnswered> {
        Arc::new(TicketAnswered {
            attempt,
            content: text.into(),
            finish_reason: "length".to_owned(),
            usage: None,
            timings: Timings::default(),
        })
    }

    fn persisted(attempt: u32, text: &str, replaced: Option<Value>) -> News {
        let persisted = Persisted {
            request: request(),
            prepared: prepared(),
            answered: answered(attempt, text),
            fallback: None,
            persisted: Arc::new(TicketPersisted {
                answer: replaced.map(Arc::new),
                call: None,
            }),
            prepared_again: 0,
        };
        news(100, TicketState::Persisted(persisted), None)
    }

    /// What a reader of these news holds, and how it ended.
    fn told(all: &[News]) -> (String, Option<&'static str>) {
        let mut teller = Teller::default();
        let (mut text, mut end) = (String::new(), None);
        for news in all {
            loop {
                for piece in teller.advance(news) {
                    assert_eq!(end, None, "nothing comes after the end");
                    match piece {
                        Piece::Text(more) => text.push_str(&more),
                        Piece::End(how) => end = Some(how.finish_reason),
                        Piece::Broken(problem) => end = Some(problem.code().as_str()),
                    }
                }
                if !teller.has_more() {
                    break;
                }
            }
        }
        assert_eq!(teller.has_ended(), end.is_some());
        (text, end)
    }

    fn whole(text: &str, end: &'static str) -> (String, Option<&'static str>) {
        (text.to_owned(), Some(end))
    }

    #[test]
    fn text_is_told_once_and_the_end_only_when_it_is_persisted() {
        let first = [saying(2, 1, "one "), saying(2, 1, "one two")];
        assert_eq!(told(&first), ("one two".to_owned(), None));
        let all = [first.to_vec(), vec![persisted(1, "one two three", None)]].concat();
        assert_eq!(told(&all), whole("one two three", "length"));
        let late = [persisted(1, "한🙂", None), saying(2, 1, "old news")];
        assert_eq!(told(&late), whole("한🙂", "length"));
    }

    #[test]
    fn a_new_text_is_told_from_where_the_old_one_broke_off_or_not_at_all() {
        let same = [
            saying(2, 1, "one two"),
            saying(4, 2, "one"),
            saying(4, 2, "one two three"),
        ];
        assert_eq!(told(&same), ("one two three".to_owned(), None));
        let other = [
            saying(2, 1, "one two"),
            saying(4, 2, "one"),
            saying(4, 2, "one too three"),
        ];
        assert_eq!(told(&other), whole("one two", "answer_changed"));
        let shorter = [saying(2, 1, "one two"), persisted(2, "one", None)];
        assert_eq!(told(&shorter), whole("one two", "answer_changed"));
        let nothing_yet = [saying(2, 1, ""), saying(4, 2, "other")];
        assert_eq!(told(&nothing_yet), ("other".to_owned(), None));
    }

    #[test]
    fn what_the_tenants_api_put_in_its_place_is_the_answer_where_nothing_else_was_told() {
        let replaced = |answer| persisted(1, "one two", Some(answer));
        assert_eq!(told(&[replaced(json!("three"))]), whole("three", "stop"));
        let document = [replaced(json!({ "a": 1 }))];
        assert_eq!(told(&document), whole(r#"{"a":1}"#, "stop"));
        let goes_on = [saying(2, 1, "one"), replaced(json!("one more"))];
        assert_eq!(told(&goes_on), whole("one more", "stop"));
        let other = [saying(2, 1, "one"), replaced(json!("three"))];
        assert_eq!(told(&other), whole("one", "answer_changed"));
    }

    #[test]
    fn a_long_text_is_told_in_pieces_that_hold_whole_characters() {
        let long = "한".repeat(MAX_TEXT_BYTES);
        let answered = Answered {
            request: request(),
            prepared: prepared(),
            answered: answered(1, &long),
            fallback: None,
            callback: punchcard_events::ticket::Tries::default(),
            prepared_again: 0,
        };
        let waiting = news(3, TicketState::Answered(answered), None);
        assert_eq!(told(&[waiting]), (long.clone(), None));
        assert_eq!(told(&[persisted(1, &long, None)]), whole(&long, "length"));
    }
}
