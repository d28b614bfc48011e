//! A ticket's timeline as the API shows it: the explanation of its events, with what the calls to the
//! tenant's API said, what the calls of models cost, and what went to the model.

use std::sync::Arc;

use punchcard_actors::feed::News;
use punchcard_actors::tickets::{Past, Tickets};
use punchcard_actors::usage::Estimate;
use punchcard_events::ticket::timeline::{
    AttemptLine, CallbackLine, Chain, Share, Step, Timeline, explain,
};
use punchcard_events::ticket::{CallbackKind, Failure, Message, Parameters, PromptRef, StateName};
use punchcard_events::{TaskName, TicketId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::callback_bodies::{id_of_call, sent};
use crate::http::dispatch::Call;
use crate::http::routes::BODIES;

/// What happened to a ticket, and how long all of it took.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TimelineView {
    ticket: TicketId,
    task: TaskName,
    state: StateName,
    requested_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    /// How long it took, or has taken so far, in milliseconds.
    total_ms: u64,
    /// The time of this answer, in milliseconds since the ticket was issued.
    now_ms: u64,
    /// Why it failed, where it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Arc<Failure>>,
    /// What went on, one thing after the other.
    steps: Vec<Step>,
    /// The steps added up by kind, the longest first.
    spent: Vec<Share>,
    attempts: Vec<AttemptView>,
    callbacks: Vec<CallbackView>,
    /// Whether this key sees what was sent to the tenant's API, and what that answered.
    bodies: Bodies,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<PromptRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Arc<Parameters>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Arc<[Message]>>,
    chain: ChainView,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Bodies {
    Shown,
    Withheld,
}

/// One call of a model.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TimelineAttempt")]
struct AttemptView {
    #[serde(flatten)]
    line: AttemptLine,
    /// What the counted tokens cost by today's prices, in US dollars; absent where the model has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
}

/// One try of a call to the tenant's API.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TimelineCallback")]
struct CallbackView {
    #[serde(flatten)]
    line: CallbackLine,
    /// The `webhook-id` of the call: the same over all tries of one callback.
    id: String,
    /// What was sent, made again from the ticket as it was then: only its `timestamp` may be some
    /// milliseconds off.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Box<RawValue>>,
    /// What was taken from the reply, where it put anything in the place of something.
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Value>,
}

/// Where the ticket came from, and what it belongs to.
#[derive(Debug, Serialize, JsonSchema)]
struct ChainView {
    /// Shared by all events of the ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<Uuid>,
    #[serde(flatten)]
    chain: Chain,
}

impl TimelineView {
    /// The timeline of the ticket with this past, as whoever calls may see it; `None` without a past.
    pub(super) fn of(call: &Call, news: &News, past: &Past) -> Option<Self> {
        let tickets = &call.api.tickets;
        let timeline = told(tickets, news, past)?;
        let state = &past.happened.last()?.state;
        let bodies = if call.caller.roles.allow(BODIES) {
            Bodies::Shown
        } else {
            Bodies::Withheld
        };
        let callbacks = timeline.callbacks.into_iter();
        let attempts = timeline.attempts.into_iter();
        let prepared = state.prepared();
        Some(Self {
            ticket: news.ticket,
            task: state.request()?.task.clone(),
            state: timeline.state,
            requested_at: timeline.requested_at,
            ended_at: timeline.ended_at,
            total_ms: timeline.total_ms,
            now_ms: timeline.now_ms,
            failure: timeline.failure,
            steps: timeline.steps,
            spent: timeline.spent,
            attempts: attempts
                .map(|line| AttemptView::of(line, tickets))
                .collect(),
            callbacks: callbacks
                .map(|line| CallbackView::of(line, news.ticket, bodies))
                .collect(),
            bodies,
            prompt: prepared
                .map(|prepared| prepared.prompt.clone())
                .filter(|prompt| !prompt.is_none()),
            model: state.model().map(str::to_owned),
            parameters: prepared.map(|prepared| Arc::clone(&prepared.parameters)),
            messages: prepared.map(|prepared| Arc::clone(&prepared.messages)),
            chain: ChainView {
                correlation_id: past
                    .recorded
                    .first()
                    .map(|first| first.event.correlation_id),
                chain: timeline.chain,
            },
        })
    }
}

/// The timeline as of now. That a call under way has brought text is not in the events: the ticket's
/// actor knows.
pub(super) fn told(tickets: &Tickets, news: &News, past: &Past) -> Option<Timeline> {
    let mut timeline = explain(&past.happened, tickets.now())?;
    let text = news.live.as_ref().filter(|live| !live.is_empty());
    if let Some(text) = text {
        timeline.text_comes(text.generation());
    }
    Some(timeline)
}

impl AttemptView {
    fn of(line: AttemptLine, tickets: &Tickets) -> Self {
        let tokens = line.usage.map(|usage| Estimate {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
        });
        let cost = tokens.and_then(|tokens| tickets.cost(&line.model, tokens));
        #[expect(
            clippy::cast_precision_loss,
            reason = "what one call costs is far below what a float holds exactly"
        )]
        let cost_usd = cost.map(|cost| cost.0 as f64 / 1e6);
        Self { line, cost_usd }
    }
}

impl CallbackView {
    fn of(line: CallbackLine, ticket: TicketId, bodies: Bodies) -> Self {
        let shown = bodies == Bodies::Shown;
        let request = || sent(ticket, &line.called_for, line.at);
        Self {
            id: id_of_call(ticket, line.callback, &line.called_for),
            request: if shown { request() } else { None },
            response: line.replaced.as_deref().filter(|_| shown).map(|replaced| {
                match line.callback {
                    CallbackKind::PreProcess => json!({ "input": replaced }),
                    CallbackKind::PostProcess => json!({ "answer": replaced }),
                }
            }),
            line,
        }
    }
}
