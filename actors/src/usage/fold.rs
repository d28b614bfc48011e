//! From a ticket's stored events to what is counted: a small fold of its own, so that counting
//! needs neither the ticket's texts nor its actor.
//!
//! Everything counts when its attempt ends, on the day of the event that says so. A ticket counts
//! once, with its first attempt. What a server counted is in the prompt's and the answer's tokens;
//! what nobody counted is estimated, and kept apart.

use std::collections::HashMap;

use punchcard_events::tenant::MicroUsd;
use punchcard_events::ticket::{
    AttemptErrorKind, AttemptFailed, TicketAnswered, TicketEvent, TicketRequested, Usage,
};
use punchcard_events::{Recorded, TaskName, TenantId, TicketId};
use serde::{Deserialize, Serialize};

use super::{Amount, Day, Estimate, Prices};

/// What usage is added up by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The day of UTC on which the attempts ended.
    pub day: Day,
    /// Who used it.
    pub tenant: TenantId,
    /// For what.
    pub task: TaskName,
    /// The version of the task's prompt; 0 where no prompt of the task was run.
    pub version: u32,
    /// The model that was asked.
    pub model: String,
}

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Counts {
    /// Tickets whose first attempt ended.
    pub tickets: u64,
    /// Attempts that ended.
    pub attempts: u64,
    /// Tokens of messages, as servers counted them.
    pub prompt_tokens: u64,
    /// Tokens of answers, as servers counted them.
    pub completion_tokens: u64,
    /// Tokens that no server counted, estimated.
    pub estimated_tokens: u64,
    /// What all of them cost, in millionths of a US dollar.
    pub cost_micro_usd: MicroUsd,
}

/// A ticket that may still call a model, as far as counting needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTicket {
    /// Whose.
    pub tenant: TenantId,
    /// For what.
    pub task: TaskName,
    /// The version of the prompt, once it is known; 0 before.
    pub version: u32,
    /// The model that is or was asked; empty before the prompt is known.
    pub model: String,
    /// The newest attempt; 0 before the first.
    pub attempt: u32,
    /// Whether its end has not been seen.
    pub in_flight: bool,
    /// What a call is estimated at.
    pub estimate: Estimate,
}

/// What an event means for the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing.
    Nothing,
    /// The ticket is there, or more is known of it.
    Changed,
    /// An attempt ended.
    Settled(Settlement),
    /// The ticket will call no model any more; its last attempt may have ended with it.
    Ended(Option<Settlement>),
    /// The event speaks of a ticket that is not known: its history must be read.
    Unknown,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settlement {
    pub(super) key: RowKey,
    pub(super) counts: Counts,
    pub(super) attempt: u32,
}

impl Settlement {
    pub(super) const fn amount(&self) -> Amount {
        Amount {
            tokens: self.counts.tokens(),
            cost: self.counts.cost_micro_usd,
        }
    }
}

impl Counts {
    /// All tokens.
    pub const fn tokens(&self) -> u64 {
        self.prompt_tokens
            .saturating_add(self.completion_tokens)
            .saturating_add(self.estimated_tokens)
    }

    /// Adds `more`.
    pub const fn add(&mut self, more: &Self) {
        self.tickets = self.tickets.saturating_add(more.tickets);
        self.attempts = self.attempts.saturating_add(more.attempts);
        self.prompt_tokens = self.prompt_tokens.saturating_add(more.prompt_tokens);
        self.completion_tokens = self
            .completion_tokens
            .saturating_add(more.completion_tokens);
        self.estimated_tokens = self.estimated_tokens.saturating_add(more.estimated_tokens);
        let cost = self.cost_micro_usd.0.saturating_add(more.cost_micro_usd.0);
        self.cost_micro_usd = MicroUsd(cost);
    }
}

/// What an attempt used.
enum Used {
    Counted(Usage),
    Estimated(Estimate),
}

/// Whether an event of this kind can mean anything here. The others need not be read.
pub(super) fn matters(kind: &str) -> bool {
    !matches!(
        kind,
        "TicketPersisted" | "TicketDelivered" | "CallbackFailed"
    )
}

/// Folds one event into the tickets that are open.
pub(super) fn fold(
    open: &mut HashMap<TicketId, OpenTicket>,
    ticket: TicketId,
    event: &TicketEvent,
    recorded: &Recorded,
    prices: &Prices,
) -> Seen {
    if let TicketEvent::TicketRequested(request) = event {
        let bytes = recorded.event.data.len() as u64;
        open.insert(ticket, OpenTicket::of(request, bytes));
        return Seen::Changed;
    }
    let Some(known) = open.get_mut(&ticket) else {
        return match event {
            TicketEvent::TicketPreProcessed(_)
            | TicketEvent::TicketSent(_)
            | TicketEvent::AttemptFailed(_)
            | TicketEvent::TicketAnswered(_)
            | TicketEvent::TicketRedriven(_) => Seen::Unknown,
            // Ended before, by an answer.
            TicketEvent::TicketRequested(_)
            | TicketEvent::CallbackFailed(_)
            | TicketEvent::TicketPersisted(_)
            | TicketEvent::TicketDelivered(_)
            | TicketEvent::TicketFailed(_)
            | TicketEvent::TicketCancelled(_) => Seen::Nothing,
        };
    };
    let day = Day::of(recorded.event.recorded_at);
    let used = match known.apply(event) {
        Applied::Nothing => return Seen::Nothing,
        Applied::Changed => return Seen::Changed,
        Applied::Attempt(used) => used,
        Applied::End(used) => {
            let last = used.map(|used| known.settlement(day, &used, prices));
            open.remove(&ticket);
            return Seen::Ended(last);
        }
    };
    Seen::Settled(known.settlement(day, &used, prices))
}

enum Applied {
    Nothing,
    Changed,
    Attempt(Used),
    End(Option<Used>),
}

impl OpenTicket {
    fn of(request: &TicketRequested, bytes: u64) -> Self {
        let conversation = request.conversation.as_deref();
        Self {
            tenant: request.tenant.clone(),
            task: request.task.clone(),
            version: 0,
            model: String::new(),
            attempt: 0,
            in_flight: false,
            estimate: Estimate::of_request(
                bytes,
                conversation.and_then(|c| c.parameters.max_tokens),
            ),
        }
    }

    fn apply(&mut self, event: &TicketEvent) -> Applied {
        match event {
            TicketEvent::TicketPreProcessed(prepared) => {
                self.version = prepared.prompt.version;
                self.model.clone_from(&prepared.model);
                self.estimate = Estimate::of_call(&prepared.messages, &prepared.parameters);
                Applied::Changed
            }
            TicketEvent::TicketSent(sent) => {
                self.attempt = sent.attempt;
                self.model.clone_from(&sent.model);
                self.in_flight = true;
                Applied::Changed
            }
            TicketEvent::AttemptFailed(failed) if self.in_flight => {
                self.in_flight = false;
                Applied::Attempt(used_by(failed, self.estimate))
            }
            TicketEvent::TicketAnswered(answered) => {
                Applied::End(self.in_flight.then(|| used_for(answered, self.estimate)))
            }
            TicketEvent::TicketCancelled(cancelled) => Applied::End(self.in_flight.then(|| {
                let text = cancelled.text.as_ref();
                let bytes = text.map(|text| text.len() as u64);
                Used::Estimated(bytes.map_or(self.estimate, |b| self.estimate.answered_with(b)))
            })),
            TicketEvent::TicketFailed(_) => {
                Applied::End(self.in_flight.then_some(Used::Estimated(self.estimate)))
            }
            TicketEvent::TicketRedriven(_) => Applied::Changed,
            TicketEvent::TicketRequested(_)
            | TicketEvent::AttemptFailed(_)
            | TicketEvent::CallbackFailed(_)
            | TicketEvent::TicketPersisted(_)
            | TicketEvent::TicketDelivered(_) => Applied::Nothing,
        }
    }

    fn settlement(&self, day: Day, used: &Used, prices: &Prices) -> Settlement {
        let (tokens, estimated) = match *used {
            Used::Counted(usage) => (Estimate::from(usage), 0),
            Used::Estimated(estimate) => (estimate, estimate.total()),
        };
        let counted = if estimated == 0 {
            tokens
        } else {
            Estimate::default()
        };
        Settlement {
            key: RowKey {
                day,
                tenant: self.tenant.clone(),
                task: self.task.clone(),
                version: self.version,
                model: self.model.clone(),
            },
            counts: Counts {
                tickets: u64::from(self.attempt == 1),
                attempts: 1,
                prompt_tokens: counted.prompt_tokens,
                completion_tokens: counted.completion_tokens,
                estimated_tokens: estimated,
                cost_micro_usd: prices.amount(&self.model, tokens).cost,
            },
            attempt: self.attempt,
        }
    }
}

fn used_for(answered: &TicketAnswered, estimate: Estimate) -> Used {
    let bytes = answered.content.len() as u64;
    let guessed = || Used::Estimated(estimate.answered_with(bytes));
    answered.usage.map_or_else(guessed, Used::Counted)
}

/// What a failed attempt used: what was counted; else nothing where no model was at work, and what
/// it may have been where one was.
fn used_by(failed: &AttemptFailed, estimate: Estimate) -> Used {
    use AttemptErrorKind as Kind;
    if let Some(usage) = failed.usage {
        return Used::Counted(usage);
    }
    let came = estimate.answered_with(failed.answer_bytes);
    Used::Estimated(match failed.error.kind {
        // The model may have gone on to the end.
        Kind::Interrupted | Kind::Timeout => estimate,
        Kind::Incomplete
        | Kind::SchemaViolation
        | Kind::Protocol
        | Kind::TooLarge
        | Kind::ContentFiltered => came,
        Kind::Connection
        | Kind::RateLimited
        | Kind::Server
        | Kind::QuotaExceeded
        | Kind::Unauthorized
        | Kind::InvalidRequest => {
            if failed.answer_bytes == 0 {
                Estimate::default()
            } else {
                came
            }
        }
    })
}

/// What is open of one ticket after `history`, all its events up to some point: `None` where it
/// will call no model any more.
pub(super) fn recall(
    ticket: TicketId,
    history: &[(TicketEvent, Recorded)],
    prices: &Prices,
) -> Option<OpenTicket> {
    let mut open = HashMap::new();
    let mut has_answer = false;
    for (event, recorded) in history {
        // A failed ticket may be redriven, so it is kept here; and one that had its answer, too, since it
        // may be asked of the model again.
        let keeps = match event {
            TicketEvent::TicketAnswered(_) => {
                has_answer = true;
                true
            }
            TicketEvent::TicketFailed(_) => true,
            TicketEvent::TicketRedriven(redriven) => {
                has_answer = has_answer && redriven.from.is_none();
                false
            }
            TicketEvent::TicketRequested(_)
            | TicketEvent::TicketPreProcessed(_)
            | TicketEvent::TicketSent(_)
            | TicketEvent::AttemptFailed(_)
            | TicketEvent::CallbackFailed(_)
            | TicketEvent::TicketPersisted(_)
            | TicketEvent::TicketDelivered(_)
            | TicketEvent::TicketCancelled(_) => false,
        };
        if keeps {
            if let Some(known) = open.get_mut(&ticket) {
                let known: &mut OpenTicket = known;
                known.in_flight = false;
            }
            continue;
        }
        fold(&mut open, ticket, event, recorded, prices);
    }
    open.remove(&ticket).filter(|_| !has_answer)
}
