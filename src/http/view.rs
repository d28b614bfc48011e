//! Tickets as the API shows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_actors::feed::News;
use punchcard_events::ticket::{
    BatchLine, CancelMode, Channel, Failure, Fallback, Message, Parameters, Priority, PromptRef,
    StateName, TicketRequested, TicketState, TicketSummary, Timings, Usage,
};
use punchcard_events::{LabelName, Revision, TaskName, TicketId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::forks::ForkView;

/// One ticket, whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TicketView {
    id: TicketId,
    task: TaskName,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<LabelName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    state: StateName,
    attempt: u32,
    metadata: BTreeMap<String, String>,
    requested_at: Timestamp,
    #[serde(skip_serializing_if = "Priority::is_normal")]
    priority: Priority,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<BatchLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fork: Option<ForkView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    revision: Revision,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<PromptView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Arc<Parameters>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<Fallback>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timings: Option<Timings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Arc<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Arc<Failure>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled: Option<CancelledView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered: Option<DeliveredView>,
}

/// Which prompt made the messages, and what they say.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MadeByView")]
struct PromptView {
    /// Absent where the messages are the issuer's own.
    #[serde(flatten)]
    made_by: Option<PromptRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Arc<[Message]>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CancelledView {
    mode: CancelMode,
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Arc<str>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DeliveredView {
    channel: Channel,
    acknowledged_by: String,
}

impl TicketView {
    /// A ticket as its first event left it. Made of that event only, so a repeated request gets the
    /// same bytes as the first, whatever has happened since.
    pub(super) fn first(id: TicketId, request: &TicketRequested) -> Self {
        Self {
            id,
            task: request.task.clone(),
            label: request.label.clone(),
            user: request.user.clone(),
            state: StateName::Requested,
            attempt: 0,
            metadata: request.metadata.clone(),
            requested_at: request.requested_at,
            priority: request.priority,
            not_before: request.not_before,
            batch: request.batch,
            fork: request.fork.as_deref().map(ForkView::from),
            deadline: Some(request.terms.deadlines.answer_by),
            revision: Revision::FIRST,
            prompt: None,
            model: None,
            parameters: None,
            fallback: None,
            finish_reason: None,
            usage: None,
            timings: None,
            answer: None,
            failure: None,
            cancelled: None,
            retry_at: None,
            delivered: None,
        }
    }

    /// A ticket as of now; `None` for a stream without a first event.
    pub(super) fn of(news: &News) -> Option<Self> {
        let state = &news.state;
        let mut view = Self::first(news.ticket, state.request()?);
        view.state = state.name();
        view.attempt = state.attempt();
        view.deadline = state.deadline();
        view.revision = news.revision;
        view.retry_at = state.retry_at();
        if let Some(prepared) = state.prepared() {
            view.prompt = Some(PromptView {
                made_by: Some(prepared.prompt.clone()).filter(|prompt| !prompt.is_none()),
                messages: None,
            });
            view.parameters = Some(Arc::clone(&prepared.parameters));
        }
        view.model = state.model().map(str::to_owned);
        view.fallback = state.fallback().map(|turn| turn.why.clone());
        if let Some(answered) = state.answered() {
            view.finish_reason = Some(answered.finish_reason.clone());
            view.usage = answered.usage;
            view.timings = Some(answered.timings);
        }
        view.answer = state.final_answer();
        view.conclude(state);
        Some(view)
    }

    /// The same, with the messages that go or went to the model. Whoever may read a ticket may read
    /// its history, and finds them there too.
    pub(super) fn with_messages(news: &News) -> Option<Self> {
        let mut view = Self::of(news)?;
        if let (Some(prompt), Some(prepared)) = (&mut view.prompt, news.state.prepared()) {
            prompt.messages = Some(Arc::clone(&prepared.messages));
        }
        Some(view)
    }

    fn conclude(&mut self, state: &TicketState) {
        match state {
            TicketState::Failed(failed) => self.failure = Some(Arc::clone(&failed.failure)),
            TicketState::Cancelled(s) => {
                self.cancelled = Some(CancelledView {
                    mode: s.cancelled.mode,
                    by: s.cancelled.by.clone(),
                    text: s.cancelled.text.clone(),
                });
            }
            TicketState::Delivered(s) => {
                self.delivered = Some(DeliveredView {
                    channel: s.delivered.channel,
                    acknowledged_by: s.delivered.acknowledged_by.clone(),
                });
            }
            TicketState::Unrequested
            | TicketState::Requested(_)
            | TicketState::PreProcessed(_)
            | TicketState::Sent(_)
            | TicketState::Answered(_)
            | TicketState::Persisted(_) => {}
        }
    }
}

/// A page of the ticket list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TicketPage {
    pub(super) tickets: Vec<TicketLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// One ticket of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TicketLine {
    id: TicketId,
    task: TaskName,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    state: StateName,
    attempt: u32,
    requested_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    revision: Revision,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureLine>,
    /// The ticket that it runs again, where it is a fork.
    #[serde(skip_serializing_if = "Option::is_none")]
    fork_of: Option<TicketId>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FailureLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<punchcard_events::ticket::Stage>,
    code: String,
}

impl From<TicketSummary> for TicketLine {
    fn from(summary: TicketSummary) -> Self {
        Self {
            deadline: summary.deadline(),
            id: summary.id,
            task: summary.task,
            user: summary.user,
            state: summary.state,
            attempt: summary.attempt,
            requested_at: summary.requested_at,
            updated_at: summary.updated_at,
            not_before: summary.not_before,
            revision: summary.revision,
            fork_of: summary.fork_of,
            failure: summary.failure_code.map(|code| FailureLine {
                stage: summary.failed_stage,
                code,
            }),
        }
    }
}
