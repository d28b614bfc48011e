//! A deterministic model without a network, for the demo and for development.
//!
//! The same model, messages and seed give the same answer, whatever the attempt. With
//! `parameters.json` the answer is the example object that a system message gives after
//! [`EXAMPLE_MARKER`], its sentences lightly varied; otherwise it is a few sentences that take up
//! words of the last user message. It understands nothing, and is not meant to.
//!
//! The model's name chooses how it behaves, for failure drills:
//!
//! | name | behaviour |
//! |---|---|
//! | [`FLAKY`] | the first attempt of every ticket is cut in the middle; later ones are complete |
//! | [`BROKEN`] | every attempt fails as if the server had answered 500 |
//! | any other, such as `offline` | every attempt is complete |

mod writing;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use punchcard_actors::ports::{AnswerPart, AnswerStream, LanguageModel, ModelCall};
use punchcard_events::ticket::{AttemptError, AttemptErrorKind, Usage};

pub use writing::EXAMPLE_MARKER;

/// The model whose first attempts are cut.
pub const FLAKY: &str = "offline-flaky";
/// The model that always fails.
pub const BROKEN: &str = "offline-broken";

/// The pace of the answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// From the call to the first token.
    pub first_token_delay: Duration,
    /// From one token to the next.
    pub token_delay: Duration,
}

/// The model.
#[derive(Debug, Clone, Copy)]
pub struct Offline {
    options: Options,
}

impl Offline {
    /// A model that answers at this pace.
    pub const fn new(options: Options) -> Self {
        Self { options }
    }
}

#[async_trait]
impl LanguageModel for Offline {
    async fn answer(&self, call: ModelCall) -> Result<AnswerStream, AttemptError> {
        if call.model == BROKEN {
            let message = "the model's server answered 500";
            return Err(error(AttemptErrorKind::Server, message));
        }
        let parts = parts(&call);
        let Options {
            first_token_delay,
            token_delay,
        } = self.options;
        let paced = stream::iter(parts)
            .enumerate()
            .then(move |(index, part)| async move {
                let delay = match (index, &part) {
                    (0, _) => first_token_delay,
                    (_, Ok(AnswerPart::Text(_))) => token_delay,
                    // The end comes with the last token.
                    (_, Ok(AnswerPart::Usage(_) | AnswerPart::Complete { .. }) | Err(_)) => {
                        Duration::ZERO
                    }
                };
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                part
            });
        Ok(paced.boxed())
    }
}

/// Everything the stream of one call gives.
fn parts(call: &ModelCall) -> Vec<Result<AnswerPart, AttemptError>> {
    let answer = writing::answer(call);
    let mut tokens: Vec<&str> = answer.split_inclusive(' ').collect();
    let limit = call
        .parameters
        .max_tokens
        .and_then(|limit| usize::try_from(limit).ok());
    let finish_reason = if limit.is_some_and(|limit| tokens.len() > limit) {
        "length"
    } else {
        "stop"
    };
    tokens.truncate(limit.unwrap_or(usize::MAX));

    let cut = call.model == FLAKY && call.attempt <= 1;
    if cut {
        tokens.truncate(tokens.len() / 2);
    }
    let end = if cut {
        let message = "the stream ended before the answer was complete";
        Err(error(AttemptErrorKind::Incomplete, message))
    } else {
        let words = |text: &str| text.split_whitespace().count();
        let prompt_tokens = call
            .messages
            .iter()
            .map(|message| words(&message.content))
            .sum();
        let usage = Some(Usage {
            prompt_tokens: count(prompt_tokens),
            completion_tokens: count(tokens.len()),
        });
        Ok(AnswerPart::Complete {
            finish_reason: finish_reason.to_owned(),
            usage,
        })
    };
    let text = |token: &str| Ok(AnswerPart::Text(token.to_owned()));
    tokens.into_iter().map(text).chain([end]).collect()
}

fn count(tokens: usize) -> u64 {
    u64::try_from(tokens).unwrap_or(u64::MAX)
}

fn error(kind: AttemptErrorKind, message: &str) -> AttemptError {
    AttemptError {
        kind,
        message: message.to_owned(),
        retry_after_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use punchcard_events::TicketId;
    use punchcard_events::ticket::{Message, Parameters, Role};

    use super::*;

    fn call(model: &str, attempt: u32, json: bool) -> ModelCall {
        let system = "Review the text. Answer with JSON like this: {\"score\": 4, \"comment\": \
                      \"A clear start with {room} to grow.\", \"level\": \"easy\"} and no more.";
        let user = "Photosynthesis turns sunlight into chemical energy inside chloroplasts.";
        let message = |role, content: &str| Message {
            role,
            content: content.to_owned(),
        };
        ModelCall {
            ticket: TicketId("0192f0c1-2345-7890-abcd-ef0123456789".parse().unwrap()),
            attempt,
            model: model.to_owned(),
            messages: Arc::new([message(Role::System, system), message(Role::User, user)]),
            parameters: Arc::new(Parameters {
                json,
                ..Parameters::default()
            }),
            traceparent: None,
        }
    }

    fn text(parts: &[Result<AnswerPart, AttemptError>]) -> String {
        let text = |part: &Result<AnswerPart, AttemptError>| match part {
            Ok(AnswerPart::Text(text)) => Some(text.clone()),
            Ok(AnswerPart::Usage(_) | AnswerPart::Complete { .. }) | Err(_) => None,
        };
        parts.iter().filter_map(text).collect()
    }

    #[test]
    fn a_json_answer_is_the_example_with_its_sentences_varied() {
        let parts = parts(&call("offline", 1, true));
        let answer: serde_json::Value = serde_json::from_str(&text(&parts)).unwrap();
        assert_eq!(
            (&answer["score"], &answer["level"]),
            (&4.into(), &"easy".into())
        );
        let comment = answer["comment"].as_str().unwrap();
        assert!(
            comment.starts_with("A clear start with {room} to grow."),
            "{comment}"
        );
        assert!(matches!(
            parts.last(),
            Some(Ok(AnswerPart::Complete { usage: Some(_), .. }))
        ));
    }

    #[test]
    fn a_text_answer_takes_up_words_of_the_user() {
        let answer = text(&parts(&call("offline", 1, false)));
        assert!(answer.to_lowercase().contains("photosynthesis"), "{answer}");
    }

    #[test]
    fn the_answer_is_the_same_in_every_attempt_and_another_with_another_seed() {
        let first = parts(&call("offline", 1, false));
        assert_eq!(parts(&call("offline", 2, false)), first);
        let seeded = |seed| {
            let mut call = call("offline", 1, false);
            call.parameters = Arc::new(Parameters {
                seed: Some(seed),
                ..Parameters::default()
            });
            text(&parts(&call))
        };
        assert!((0..8).any(|seed| seeded(seed) != text(&first)));
    }

    #[test]
    fn the_flaky_model_cuts_the_first_attempt_and_completes_the_second() {
        let first = parts(&call(FLAKY, 1, false));
        let second = parts(&call(FLAKY, 2, false));
        let kind = first.last().unwrap().as_ref().unwrap_err().kind;
        assert_eq!(kind, AttemptErrorKind::Incomplete);
        assert!(!text(&first).is_empty() && text(&second).starts_with(&text(&first)));
        assert!(second.last().unwrap().is_ok());
    }

    #[test]
    fn max_tokens_ends_the_answer_with_its_own_reason() {
        let mut call = call("offline", 1, false);
        call.parameters = Arc::new(Parameters {
            max_tokens: Some(3),
            ..Parameters::default()
        });
        let parts = parts(&call);
        assert_eq!(parts.len(), 4);
        let Some(Ok(AnswerPart::Complete { finish_reason, .. })) = parts.last() else {
            panic!("{parts:?}");
        };
        assert_eq!(finish_reason, "length");
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_come_at_the_set_pace() {
        let ms = Duration::from_millis;
        let model = Offline::new(Options {
            first_token_delay: ms(500),
            token_delay: ms(20),
        });
        let start = tokio::time::Instant::now();
        let parts: Vec<_> = model
            .answer(call("offline", 1, false))
            .await
            .unwrap()
            .collect()
            .await;
        let tokens = u32::try_from(parts.len() - 1).unwrap();
        assert_eq!(start.elapsed(), ms(500) + ms(20) * (tokens - 1));
    }

    #[tokio::test]
    async fn the_broken_model_always_fails() {
        let model = Offline::new(Options::default());
        let refused = model.answer(call(BROKEN, 3, false)).await.err().unwrap();
        assert_eq!(refused.kind, AttemptErrorKind::Server);
    }
}
