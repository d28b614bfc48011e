//! What a ticket is now. Each state carries its own data, so an impossible mixture cannot be written.
//!
//! Texts sit behind [`Arc`], so a state is cheap to copy and hand to whoever shows it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    AnswerFormat, AttemptError, CallbackError, Failure, Fallback, Stage, TicketAnswered,
    TicketCancelled, TicketDelivered, TicketPersisted, TicketPreProcessed, TicketRequested,
};
use crate::time::Timestamp;

/// The state of a ticket: the fold of its events.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TicketState {
    /// No event yet.
    Unrequested,
    /// Issued; owes the pre-process callback.
    Requested(Requested),
    /// Ready for the model; owes the first attempt.
    PreProcessed(PreProcessed),
    /// Asking the model.
    Sent(Sent),
    /// Answered; owes the post-process callback.
    Answered(Answered),
    /// Safe with the tenant; owes the delivery.
    Persisted(Persisted),
    /// Done.
    Delivered(Delivered),
    /// Ended without delivery; may be redriven.
    Failed(Failed),
    /// Ended by request.
    Cancelled(Cancelled),
}

/// The names of the states, as code, API, docs and console write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// See [`TicketState::Unrequested`].
    Unrequested,
    /// See [`TicketState::Requested`].
    Requested,
    /// See [`TicketState::PreProcessed`].
    PreProcessed,
    /// See [`TicketState::Sent`].
    Sent,
    /// See [`TicketState::Answered`].
    Answered,
    /// See [`TicketState::Persisted`].
    Persisted,
    /// See [`TicketState::Delivered`].
    Delivered,
    /// See [`TicketState::Failed`].
    Failed,
    /// See [`TicketState::Cancelled`].
    Cancelled,
}

/// Tries of a callback so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Tries {
    /// How many failed.
    pub failed: u32,
    /// When the next may start; absent before the first failure.
    pub retry_at: Option<Timestamp>,
    /// What the last failure was.
    pub last_error: Option<Box<CallbackError>>,
}

/// Data of [`TicketState::Requested`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Requested {
    /// What was asked.
    pub request: Arc<TicketRequested>,
    /// Tries of the pre-process callback.
    pub callback: Tries,
    /// Attempts made before the redrive that had it prepared anew; 0 without one.
    #[serde(skip_serializing_if = "is_zero")]
    pub earlier_attempts: u32,
    /// How often a redrive had it prepared anew.
    #[serde(skip_serializing_if = "is_zero")]
    pub prepared_again: u32,
}

/// Data of [`TicketState::PreProcessed`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PreProcessed {
    /// What was asked.
    pub request: Arc<TicketRequested>,
    /// What goes to the model.
    pub prepared: Arc<TicketPreProcessed>,
    /// Attempts made before the redrive that had it prepared anew; 0 without one.
    #[serde(skip_serializing_if = "is_zero")]
    pub earlier_attempts: u32,
    /// How often a redrive had it prepared anew.
    #[serde(skip_serializing_if = "is_zero")]
    pub prepared_again: u32,
}

/// Data of [`TicketState::Sent`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sent {
    /// What was asked.
    pub request: Arc<TicketRequested>,
    /// What goes to the model.
    pub prepared: Arc<TicketPreProcessed>,
    /// The newest attempt.
    pub attempt: u32,
    /// Attempts at the model in turn that failed and count against the retry limit
    /// (interruptions do not).
    pub failures: u32,
    /// How the newest attempt stands.
    pub status: AttemptStatus,
    /// The fallback whose turn it is; absent while it is the turn of the model the prompt names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Arc<FallbackTurn>>,
    /// Attempts made before the last redrive; 0 without one.
    #[serde(skip_serializing_if = "is_zero")]
    pub earlier_attempts: u32,
    /// How often a redrive had it prepared anew.
    #[serde(skip_serializing_if = "is_zero")]
    pub prepared_again: u32,
}

/// A fallback model's turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FallbackTurn {
    /// The fallback.
    pub model: String,
    /// How its turn came.
    pub why: Fallback,
}

/// How an attempt stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum AttemptStatus {
    /// The call is running, or was when the process stopped.
    InFlight,
    /// It failed; the next may start at `retry_at`.
    Waiting {
        /// When the next attempt may start.
        retry_at: Timestamp,
        /// Why the last one failed.
        error: Box<AttemptError>,
    },
}

/// Data of [`TicketState::Answered`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answered {
    /// What was asked.
    pub request: Arc<TicketRequested>,
    /// What went to the model.
    pub prepared: Arc<TicketPreProcessed>,
    /// What it said.
    pub answered: Arc<TicketAnswered>,
    /// Tries of the post-process callback.
    pub callback: Tries,
    /// The fallback that said it; absent where the model did that the prompt names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Arc<FallbackTurn>>,
    /// How often a redrive had it prepared anew.
    #[serde(skip_serializing_if = "is_zero")]
    pub prepared_again: u32,
}

/// Data of [`TicketState::Persisted`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Persisted {
    /// What was asked.
    pub request: Arc<TicketRequested>,
    /// What went to the model.
    pub prepared: Arc<TicketPreProcessed>,
    /// What it said.
    pub answered: Arc<TicketAnswered>,
    /// What the tenant's API made of it.
    pub persisted: Arc<TicketPersisted>,
    /// The fallback that said it; absent where the model did that the prompt names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Arc<FallbackTurn>>,
    /// How often a redrive had it prepared anew.
    #[serde(skip_serializing_if = "is_zero")]
    pub prepared_again: u32,
}

/// Data of [`TicketState::Delivered`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delivered {
    /// What was delivered.
    pub persisted: Persisted,
    /// How.
    pub delivered: Arc<TicketDelivered>,
}

/// Data of [`TicketState::Failed`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failed {
    /// The state it failed in, which a redrive goes back to.
    pub from: Box<TicketState>,
    /// Why.
    pub failure: Arc<Failure>,
}

/// Data of [`TicketState::Cancelled`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cancelled {
    /// The state it was cancelled in.
    pub from: Box<TicketState>,
    /// By whom and how.
    pub cancelled: Arc<TicketCancelled>,
}

impl StateName {
    /// Every state a stored ticket can have.
    pub const ALL: [Self; 8] = [
        Self::Requested,
        Self::PreProcessed,
        Self::Sent,
        Self::Answered,
        Self::Persisted,
        Self::Delivered,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name as code, API and docs write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unrequested => "unrequested",
            Self::Requested => "requested",
            Self::PreProcessed => "pre_processed",
            Self::Sent => "sent",
            Self::Answered => "answered",
            Self::Persisted => "persisted",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether the ticket has ended.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Delivered | Self::Failed | Self::Cancelled => true,
            Self::Unrequested
            | Self::Requested
            | Self::PreProcessed
            | Self::Sent
            | Self::Answered
            | Self::Persisted => false,
        }
    }
}

impl TicketState {
    /// The state's name.
    pub const fn name(&self) -> StateName {
        match self {
            Self::Unrequested => StateName::Unrequested,
            Self::Requested(_) => StateName::Requested,
            Self::PreProcessed(_) => StateName::PreProcessed,
            Self::Sent(_) => StateName::Sent,
            Self::Answered(_) => StateName::Answered,
            Self::Persisted(_) => StateName::Persisted,
            Self::Delivered(_) => StateName::Delivered,
            Self::Failed(_) => StateName::Failed,
            Self::Cancelled(_) => StateName::Cancelled,
        }
    }

    /// What was asked; absent only before the first event.
    pub fn request(&self) -> Option<&Arc<TicketRequested>> {
        match self {
            Self::Unrequested => None,
            Self::Requested(s) => Some(&s.request),
            Self::PreProcessed(s) => Some(&s.request),
            Self::Sent(s) => Some(&s.request),
            Self::Answered(s) => Some(&s.request),
            Self::Persisted(s) => Some(&s.request),
            Self::Delivered(s) => Some(&s.persisted.request),
            Self::Failed(s) => s.from.request(),
            Self::Cancelled(s) => s.from.request(),
        }
    }

    /// What goes or went to the model, once that is known.
    pub fn prepared(&self) -> Option<&Arc<TicketPreProcessed>> {
        match self {
            Self::Unrequested | Self::Requested(_) => None,
            Self::PreProcessed(s) => Some(&s.prepared),
            Self::Sent(s) => Some(&s.prepared),
            Self::Answered(s) => Some(&s.prepared),
            Self::Persisted(s) => Some(&s.prepared),
            Self::Delivered(s) => Some(&s.persisted.prepared),
            Self::Failed(s) => s.from.prepared(),
            Self::Cancelled(s) => s.from.prepared(),
        }
    }

    /// The fallback that is asked, or that answered; absent where it is or was the model that the
    /// prompt names.
    pub fn fallback(&self) -> Option<&FallbackTurn> {
        match self {
            Self::Unrequested | Self::Requested(_) | Self::PreProcessed(_) => None,
            Self::Sent(s) => s.fallback.as_deref(),
            Self::Answered(s) => s.fallback.as_deref(),
            Self::Persisted(s) => s.fallback.as_deref(),
            Self::Delivered(s) => s.persisted.fallback.as_deref(),
            Self::Failed(s) => s.from.fallback(),
            Self::Cancelled(s) => s.from.fallback(),
        }
    }

    /// The model that is asked, or that answered, once the prompt is known.
    pub fn model(&self) -> Option<&str> {
        let named = self.prepared()?.model.as_str();
        Some(self.fallback().map_or(named, |turn| &turn.model))
    }

    /// What the model said, once it did. Provisional until persisted.
    pub fn answered(&self) -> Option<&Arc<TicketAnswered>> {
        match self {
            Self::Unrequested | Self::Requested(_) | Self::PreProcessed(_) | Self::Sent(_) => None,
            Self::Answered(s) => Some(&s.answered),
            Self::Persisted(s) => Some(&s.answered),
            Self::Delivered(s) => Some(&s.persisted.answered),
            Self::Failed(s) => s.from.answered(),
            Self::Cancelled(s) => s.from.answered(),
        }
    }

    /// The newest attempt's number; 0 before the first, and again while a redriven ticket is prepared
    /// anew.
    pub fn attempt(&self) -> u32 {
        match self {
            Self::Unrequested | Self::Requested(_) | Self::PreProcessed(_) => 0,
            Self::Sent(s) => s.attempt,
            Self::Answered(_) | Self::Persisted(_) | Self::Delivered(_) => {
                self.answered().map_or(0, |a| a.attempt)
            }
            Self::Failed(s) => s.from.attempt(),
            Self::Cancelled(s) => s.from.attempt(),
        }
    }

    /// How many attempts were made, whatever became of them: the next one's number is one more.
    pub fn attempts_made(&self) -> u32 {
        match self {
            Self::Unrequested => 0,
            Self::Requested(s) => s.earlier_attempts,
            Self::PreProcessed(s) => s.earlier_attempts,
            Self::Sent(_) | Self::Answered(_) | Self::Persisted(_) | Self::Delivered(_) => {
                self.attempt()
            }
            Self::Failed(s) => s.from.attempts_made(),
            Self::Cancelled(s) => s.from.attempts_made(),
        }
    }

    /// How often a redrive had it prepared anew.
    pub fn prepared_again(&self) -> u32 {
        match self {
            Self::Unrequested => 0,
            Self::Requested(s) => s.prepared_again,
            Self::PreProcessed(s) => s.prepared_again,
            Self::Sent(s) => s.prepared_again,
            Self::Answered(s) => s.prepared_again,
            Self::Persisted(s) => s.prepared_again,
            Self::Delivered(s) => s.persisted.prepared_again,
            Self::Failed(s) => s.from.prepared_again(),
            Self::Cancelled(s) => s.from.prepared_again(),
        }
    }

    /// The final answer. Given only in `persisted` and `delivered`: nothing before that may be
    /// shown as final. Text for a text task, the parsed document for a JSON task, or whatever the
    /// tenant's API put in its place.
    pub fn final_answer(&self) -> Option<Arc<Value>> {
        self.persisted().map(Persisted::answer)
    }

    /// The answer that is safe with the tenant, delivered or not.
    const fn persisted(&self) -> Option<&Persisted> {
        match self {
            Self::Persisted(s) => Some(s),
            Self::Delivered(s) => Some(&s.persisted),
            Self::Unrequested
            | Self::Requested(_)
            | Self::PreProcessed(_)
            | Self::Sent(_)
            | Self::Answered(_)
            | Self::Failed(_)
            | Self::Cancelled(_) => None,
        }
    }

    /// What the model said, once it is the final answer and nothing was put in its place.
    pub fn unreplaced_answer(&self) -> Option<&Arc<TicketAnswered>> {
        let persisted = self.persisted()?;
        let stands = persisted.persisted.answer.is_none();
        stands.then_some(&persisted.answered)
    }

    /// When the ticket gives up waiting in this state; absent once it has ended.
    pub fn deadline(&self) -> Option<Timestamp> {
        let deadlines = &self.request()?.terms.deadlines;
        match self {
            Self::Requested(_) | Self::PreProcessed(_) | Self::Sent(_) => Some(deadlines.answer_by),
            Self::Answered(_) => Some(deadlines.persist_by),
            Self::Persisted(_) => Some(deadlines.deliver_by),
            Self::Unrequested | Self::Delivered(_) | Self::Failed(_) | Self::Cancelled(_) => None,
        }
    }

    /// Before when the ticket owes nothing, while it has not begun.
    pub fn not_before(&self) -> Option<Timestamp> {
        match self {
            Self::Requested(s) => s.request.not_before,
            Self::Unrequested
            | Self::PreProcessed(_)
            | Self::Sent(_)
            | Self::Answered(_)
            | Self::Persisted(_)
            | Self::Delivered(_)
            | Self::Failed(_)
            | Self::Cancelled(_) => None,
        }
    }

    /// When the next try may start, while one is waited for.
    pub fn retry_at(&self) -> Option<Timestamp> {
        match self {
            Self::Requested(s) => s.callback.retry_at,
            Self::Answered(s) => s.callback.retry_at,
            Self::Sent(s) => match &s.status {
                AttemptStatus::InFlight => None,
                AttemptStatus::Waiting { retry_at, .. } => Some(*retry_at),
            },
            Self::Unrequested
            | Self::PreProcessed(_)
            | Self::Persisted(_)
            | Self::Delivered(_)
            | Self::Failed(_)
            | Self::Cancelled(_) => None,
        }
    }

    /// What is being done in this state, for a failure's record.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Self::Requested(_) => Some(Stage::PreProcess),
            Self::PreProcessed(_) | Self::Sent(_) => Some(Stage::Model),
            Self::Answered(_) => Some(Stage::Persist),
            Self::Persisted(_) => Some(Stage::Deliver),
            Self::Unrequested | Self::Delivered(_) | Self::Failed(_) | Self::Cancelled(_) => None,
        }
    }

    /// SHA-256 over the state's JSON, in hexadecimal: equal histories give equal fingerprints.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        // A state that JSON cannot hold does not come out of stored events; its debug form stands in.
        match serde_json::to_vec(self) {
            Ok(json) => hash.update(json),
            Err(_) => hash.update(format!("{self:?}")),
        }
        let digest = hash.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl PreProcessed {
    /// The number of the attempt that is due.
    pub const fn next_attempt(&self) -> u32 {
        self.earlier_attempts.saturating_add(1)
    }
}

impl Answered {
    /// The model that answered.
    pub fn model(&self) -> &str {
        let fallback = self.fallback.as_deref();
        fallback.map_or(&self.prepared.model, |turn| &turn.model)
    }

    /// What the model said, as the task's answer format reads it: provisional.
    pub fn provisional_answer(&self) -> Value {
        read_answer(
            answer_format(&self.request, &self.prepared),
            &self.answered.content,
        )
    }
}

impl Persisted {
    /// The final answer.
    pub fn answer(&self) -> Arc<Value> {
        match &self.persisted.answer {
            Some(replaced) => Arc::clone(replaced),
            None => Arc::new(read_answer(
                answer_format(&self.request, &self.prepared),
                &self.answered.content,
            )),
        }
    }
}

impl Sent {
    /// The model whose turn it is.
    pub fn model(&self) -> &str {
        let fallback = self.fallback.as_deref();
        fallback.map_or(&self.prepared.model, |turn| &turn.model)
    }
}

/// For serde: a field that a ticket without a redrive does not have.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What the answer is: as the prompt that made the messages says, which may be newer than the
/// terms.
fn answer_format(request: &TicketRequested, prepared: &TicketPreProcessed) -> AnswerFormat {
    let of_prompt = prepared.answer_format;
    of_prompt.unwrap_or(request.terms.answer_format)
}

/// A model's text read as `format` says; text that is not JSON after all stays text.
fn read_answer(format: AnswerFormat, content: &str) -> Value {
    match format {
        AnswerFormat::Text => Value::String(content.to_owned()),
        AnswerFormat::Json => {
            serde_json::from_str(content).unwrap_or_else(|_| Value::String(content.to_owned()))
        }
    }
}
