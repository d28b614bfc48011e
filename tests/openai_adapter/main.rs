//! The OpenAI adapter against a server that does everything a server can do.
//!
//! Every test asks the server's ledger whether what it scripted took place.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/fake_model.rs"]
mod fake_model;

mod bytes;
mod connections;
mod faults;
mod floods;
mod limits;
mod refusals;
mod request;

use std::sync::Arc;
use std::time::Duration;

use fake_model::{Behaviour, Ending, FakeModel};
use futures_util::StreamExt as _;
use punchcard::adapters::openai::{MaxTokensField, OpenAi, Options};
use punchcard::secret::Secret;
use punchcard_actors::ports::{AnswerPart, AnswerStream, LanguageModel as _, ModelCall};
use punchcard_events::TicketId;
use punchcard_events::ticket::{AttemptError, Message, Parameters, Role};
use uuid::Uuid;

const KEY: &str = "sk-canary-key";
const PROMPT: &str = "canary-prompt: 이 글을 고쳐 줘";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A whole answer.
const WHOLE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"canary-answer\"}}]}\n\n\
                     data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
                     data: [DONE]\n\n";
/// One event with the text `more`.
const MORE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"more\"}}]}\n\n";

fn whole() -> Behaviour {
    Behaviour::bytes(WHOLE, Ending::Clean)
}

fn call() -> ModelCall {
    ModelCall {
        ticket: TicketId(Uuid::from_u128(7)),
        attempt: 2,
        model: "model-1".to_owned(),
        messages: Arc::new([Message {
            role: Role::User,
            content: PROMPT.to_owned(),
        }]),
        parameters: Arc::new(Parameters::default()),
        traceparent: Some(TRACEPARENT.to_owned()),
    }
}

/// Limits that nothing reaches by itself.
fn options(base_url: &str) -> Options {
    Options {
        base_url: base_url.parse().unwrap(),
        api_key: Some(Secret::new(KEY)),
        connect_timeout: Duration::from_secs(20),
        first_byte_timeout: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(20),
        total_timeout: Duration::from_secs(30),
        max_answer_bytes: 64 << 10,
        max_line_bytes: 16 << 10,
        max_tokens_field: MaxTokensField::MaxTokens,
    }
}

fn adapter(server: &FakeModel) -> OpenAi {
    OpenAi::new(options(&server.base_url)).unwrap()
}

/// What came of a call: the text so far, and how it ended.
#[derive(Debug, PartialEq)]
struct Outcome {
    text: String,
    end: Result<AnswerPart, AttemptError>,
}

impl Outcome {
    fn error(self) -> AttemptError {
        self.end.unwrap_err()
    }
}

async fn outcome(adapter: &OpenAi) -> Outcome {
    match adapter.answer(call()).await {
        Ok(stream) => read(stream).await,
        Err(error) => Outcome {
            text: String::new(),
            end: Err(error),
        },
    }
}

/// Reads an answer to its end, and checks that nothing follows it.
async fn read(mut stream: AnswerStream) -> Outcome {
    let mut text = String::new();
    loop {
        match stream.next().await.unwrap() {
            Ok(AnswerPart::Text(more)) => {
                assert!(!more.is_empty());
                text.push_str(&more);
            }
            end => {
                assert!(stream.next().await.is_none(), "something followed {end:?}");
                return Outcome { text, end };
            }
        }
    }
}

fn complete() -> Outcome {
    Outcome {
        text: "canary-answer".to_owned(),
        end: Ok(AnswerPart::Complete {
            finish_reason: "stop".to_owned(),
            usage: None,
        }),
    }
}
