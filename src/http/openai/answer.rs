//! Answers in OpenAI's shapes: the chat completion object and its chunks (API reference, *The chat
//! completion object*, *The chat completion chunk object*).

use std::borrow::Cow;

use punchcard_actors::feed::News;
use punchcard_events::TicketId;
use punchcard_events::ticket::{TicketRequested, TicketState, Usage};
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::errors::{Code, Problem};

/// What every object of one chat completion says.
#[derive(Debug, Clone)]
pub(super) struct Title {
    /// The ticket's id, as that of a chat completion.
    id: String,
    /// When the ticket was issued, in seconds since 1970.
    created: u64,
    /// What was asked for.
    model: String,
}

/// The end of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// Why the model stopped, in OpenAI's words.
    pub(super) finish_reason: &'static str,
    /// Tokens of the last try, where the model's server counted them.
    pub(super) usage: Option<Usage>,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Value; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Value>,
    /// Null in all chunks but the last, where usage was asked for at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
}

impl Title {
    pub(super) fn of(ticket: TicketId, request: &TicketRequested, model: String) -> Self {
        Self {
            id: format!("chatcmpl-{ticket}"),
            created: request.requested_at.as_millis() / 1_000,
            model,
        }
    }

    /// The whole answer.
    pub(super) fn completion(&self, text: &str, end: &End) -> impl Serialize {
        Completion {
            id: &self.id,
            object: "chat.completion",
            created: self.created,
            model: &self.model,
            choices: [json!({
                "index": 0,
                "message": { "role": "assistant", "content": text, "refusal": null },
                "logprobs": null,
                "finish_reason": end.finish_reason,
            })],
            usage: end.usage.map(usage),
        }
    }

    /// A chunk that goes on with `delta`, or ends for a reason.
    pub(super) fn chunk(
        &self,
        delta: &Value,
        finish_reason: Option<&str>,
        with_usage: bool,
    ) -> impl Serialize {
        let choice = json!({
            "index": 0,
            "delta": delta,
            "logprobs": null,
            "finish_reason": finish_reason,
        });
        self.chunk_of(vec![choice], with_usage.then_some(Value::Null))
    }

    /// The chunk that says what was used.
    pub(super) fn usage_chunk(&self, used: Option<Usage>) -> impl Serialize {
        self.chunk_of(vec![], Some(used.map_or(Value::Null, usage)))
    }

    fn chunk_of(&self, choices: Vec<Value>, usage: Option<Value>) -> Chunk<'_> {
        Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            usage,
        }
    }
}

fn usage(used: Usage) -> Value {
    json!({
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.prompt_tokens.saturating_add(used.completion_tokens),
    })
}

/// The final answer as text, once there is one: the model's words, or what the tenant's API put in
/// their place.
pub(super) fn final_text(state: &TicketState) -> Option<Cow<'_, str>> {
    if let Some(answered) = state.unreplaced_answer() {
        return Some(Cow::Borrowed(&answered.content));
    }
    let answer = state.final_answer()?;
    Some(Cow::Owned(match answer.as_ref() {
        Value::String(text) => text.clone(),
        document => document.to_string(),
    }))
}

/// How the final answer came to its end.
pub(super) fn end(state: &TicketState) -> End {
    let answered = state.answered();
    let model_stopped = state.unreplaced_answer().map(|a| a.finish_reason.as_str());
    End {
        finish_reason: match model_stopped {
            Some("length") => "length",
            Some("content_filter") => "content_filter",
            // Clients know a few words and no others. What the tenant's API put in its place is whole.
            Some(_) | None => "stop",
        },
        usage: answered.and_then(|answered| answered.usage),
    }
}

/// The problem of a ticket that ended without an answer; `None` where it has one, or may have yet.
pub(super) fn no_answer(news: &News) -> Option<Problem> {
    let ticket = news.ticket.to_string();
    match &news.state {
        TicketState::Failed(failed) => {
            let failure = &failed.failure;
            let detail = format!("The ticket failed ({}): {}", failure.code, failure.message);
            let problem = Problem::new(Code::TicketFailed, detail).with("ticket", ticket);
            Some(problem.with("failure", json!(failure)))
        }
        TicketState::Cancelled(_) => {
            let detail = "The ticket was cancelled before its answer was given.";
            Some(Problem::new(Code::TicketCancelled, detail).with("ticket", ticket))
        }
        TicketState::Unrequested
        | TicketState::Requested(_)
        | TicketState::PreProcessed(_)
        | TicketState::Sent(_)
        | TicketState::Answered(_)
        | TicketState::Persisted(_)
        | TicketState::Delivered(_) => None,
    }
}
