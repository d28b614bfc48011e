//! One of the two tickets.

use std::sync::Arc;

use punchcard_events::TicketId;
use punchcard_events::tenant::MicroUsd;
use punchcard_events::ticket::{
    AnswerFormat, Failure, Message, Parameters, PromptRef, Role, StateName, TicketState, Usage,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A ticket as far as it is compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ComparedView")]
pub struct Side {
    /// The ticket.
    pub ticket: TicketId,
    /// Its state.
    pub state: StateName,
    /// The version that it ran; absent where it ran none, or none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptRef>,
    /// The model that answered, or that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Arc<Parameters>>,
    /// What the model said: a text, or the document where it was to give one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Arc<Failure>>,
    /// What the attempt that was answered used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What that cost, in US dollars; absent where the model has no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// From the call to the first text, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<u64>,
    /// From the call to the end of the answer, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<u64>,
    /// What went to the model. Shown as lines, beside the other's.
    #[serde(skip)]
    pub(super) messages: Option<Arc<[Message]>>,
}

impl Side {
    /// A ticket as it stands in `state`. `cost` is asked what so many tokens of a model cost.
    pub fn of(
        ticket: TicketId,
        state: &TicketState,
        cost: impl FnOnce(&str, Usage) -> Option<MicroUsd>,
    ) -> Self {
        let prepared = state.prepared();
        let answered = state.answered();
        let usage = answered.and_then(|answered| answered.usage);
        let model = state.model();
        let cost = model
            .zip(usage)
            .and_then(|(model, usage)| cost(model, usage));
        let prompt = prepared.map(|prepared| prepared.prompt.clone());
        Self {
            ticket,
            state: state.name(),
            prompt: prompt.filter(|prompt| !prompt.is_none()),
            model: model.map(str::to_owned),
            parameters: prepared.map(|prepared| Arc::clone(&prepared.parameters)),
            answer: answer(state),
            failure: failure(state),
            usage,
            cost_usd: cost.map(dollars),
            first_token_ms: answered.map(|answered| answered.timings.first_token_ms),
            total_ms: answered.map(|answered| answered.timings.total_ms),
            messages: prepared.map(|prepared| Arc::clone(&prepared.messages)),
        }
    }

    /// The messages as one text.
    pub(super) fn said(&self) -> String {
        let mut text = String::new();
        for Message { role, content } in self.messages.iter().flat_map(|all| all.iter()) {
            let who = match role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            text.push_str(who);
            text.push_str(":\n");
            text.push_str(content);
            if !content.ends_with('\n') {
                text.push('\n');
            }
        }
        text
    }

    /// The model and the parameters, always the same ones in the same order.
    pub(super) fn settings(&self) -> [(&'static str, Value); 6] {
        let default = Parameters::default();
        let set = self.parameters.as_deref().unwrap_or(&default);
        [
            ("model", Value::from(self.model.clone())),
            ("temperature", Value::from(set.temperature)),
            ("top_p", Value::from(set.top_p)),
            ("max_tokens", Value::from(set.max_tokens)),
            ("seed", Value::from(set.seed)),
            ("json", Value::from(set.json)),
        ]
    }
}

/// What the model said. A document that cannot be read is the text that it is.
fn answer(state: &TicketState) -> Option<Value> {
    let (answered, prepared) = (state.answered()?, state.prepared()?);
    let by_terms = state.request().map(|request| request.terms.answer_format);
    let text = || Value::from(&*answered.content);
    Some(match prepared.answer_format.or(by_terms) {
        Some(AnswerFormat::Json) => {
            serde_json::from_str(&answered.content).unwrap_or_else(|_| text())
        }
        Some(AnswerFormat::Text) | None => text(),
    })
}

fn failure(state: &TicketState) -> Option<Arc<Failure>> {
    match state {
        TicketState::Failed(failed) => Some(Arc::clone(&failed.failure)),
        TicketState::Unrequested
        | TicketState::Requested(_)
        | TicketState::PreProcessed(_)
        | TicketState::Sent(_)
        | TicketState::Answered(_)
        | TicketState::Persisted(_)
        | TicketState::Delivered(_)
        | TicketState::Cancelled(_) => None,
    }
}

/// Dollars to the millionth.
#[expect(
    clippy::cast_precision_loss,
    reason = "no ticket costs 2^53 millionths of a dollar"
)]
pub fn dollars(micro: MicroUsd) -> f64 {
    micro.0 as f64 / 1_000_000.0
}
