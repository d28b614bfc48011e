//! The same bytes cut and split wherever they can be.

use punchcard_actors::ports::AnswerPart;
use punchcard_events::ticket::{AttemptErrorKind as Kind, Usage};

use super::fake_model::{Behaviour, Ending, FakeModel, Step};
use super::{Outcome, adapter, outcome};

/// Everything an answer has: a role, a comment, characters of several bytes, escapes, an end of line
/// of each kind, a reason, a token count and the end.
const HEAD: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
    : waiting\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"글을 \"}}]}\r\n\r\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\u00e9\\ud83d\\ude00\\n\"}}]}\n\n";
const FINISH: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const TEXT: &str = "글을 é😀\n";

fn sample() -> Vec<u8> {
    [HEAD, FINISH, USAGE, DONE].concat().into_bytes()
}

/// What the first `count` bytes of the sample are, if they end without an error of the connection.
fn complete_after(count: usize) -> AnswerPart {
    let counted = count >= HEAD.len() + FINISH.len() + USAGE.len();
    AnswerPart::Complete {
        finish_reason: "stop".to_owned(),
        usage: counted.then_some(Usage {
            prompt_tokens: 3,
            completion_tokens: 2,
        }),
    }
}

/// Cuts the sample after each of its bytes.
async fn cut_everywhere(ending: Ending) -> Vec<Outcome> {
    let sample = sample();
    let cuts = sample.len() + 1;
    let server = FakeModel::start({
        let sample = sample.clone();
        move |number, _| Behaviour::cut_after(&sample, number, ending)
    })
    .await;
    let adapter = adapter(&server);
    let mut outcomes = Vec::with_capacity(cuts);
    for _ in 0..cuts {
        outcomes.push(outcome(&adapter).await);
    }
    // Past `[DONE]` the adapter need not wait for the rest.
    server
        .until(|counts| counts.played + counts.abandoned == cuts)
        .await;
    assert_eq!(server.counts().requests, cuts);
    assert!(server.counts().abandoned <= 1);
    outcomes
}

/// An answer is there exactly when the finish event was whole; before it the text so far is a
/// beginning of the whole text.
fn assert_complete_exactly_after_the_finish_event(outcomes: Vec<Outcome>) {
    for (count, outcome) in outcomes.into_iter().enumerate() {
        assert!(
            TEXT.starts_with(&outcome.text),
            "after {count}: {outcome:?}"
        );
        if count >= HEAD.len() + FINISH.len() {
            assert_eq!(outcome.text, TEXT, "after {count}");
            assert_eq!(outcome.end, Ok(complete_after(count)), "after {count}");
        } else {
            assert_eq!(outcome.error().kind, Kind::Incomplete, "after {count}");
        }
    }
}

#[tokio::test]
async fn a_stream_cut_at_any_byte_with_a_clean_end_is_an_answer_only_after_its_finish_event() {
    assert_complete_exactly_after_the_finish_event(cut_everywhere(Ending::Clean).await);
}

#[tokio::test]
async fn a_stream_cut_at_any_byte_by_a_closed_connection_is_an_answer_only_after_its_finish_event()
{
    assert_complete_exactly_after_the_finish_event(cut_everywhere(Ending::Fin).await);
}

#[tokio::test]
async fn a_stream_cut_at_any_byte_by_a_reset_is_never_an_answer_before_its_finish_event() {
    for (count, outcome) in cut_everywhere(Ending::Reset).await.into_iter().enumerate() {
        assert!(
            TEXT.starts_with(&outcome.text),
            "after {count}: {outcome:?}"
        );
        // A reset may overtake bytes that were sent before it, even the whole answer.
        match outcome.end {
            Ok(_) => assert!(count >= HEAD.len() + FINISH.len(), "after {count}"),
            Err(error) => assert!(
                matches!(error.kind, Kind::Incomplete | Kind::Connection),
                "after {count}: {error:?}"
            ),
        }
    }
}

#[tokio::test]
async fn any_split_of_the_same_bytes_gives_the_same_answer() {
    let sample = sample();
    let splits = sample.len();
    let server = FakeModel::start({
        let sample = sample.clone();
        move |number, _| {
            let steps = if number < splits {
                let (head, tail) = sample.split_at(number);
                vec![Step::chunk(head), Step::chunk(tail)]
            } else {
                sample.chunks(1).map(Step::chunk).collect()
            };
            Behaviour::Stream(steps, Ending::Clean)
        }
    })
    .await;
    let adapter = adapter(&server);
    for split in 0..=splits {
        let expected = Outcome {
            text: TEXT.to_owned(),
            end: Ok(complete_after(sample.len())),
        };
        assert_eq!(outcome(&adapter).await, expected, "split at {split}");
    }
    assert_eq!(server.counts().requests, splits + 1);
}
