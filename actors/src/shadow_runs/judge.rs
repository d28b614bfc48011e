//! What came of a ticket, measured from its events, and of two tickets side by side.

use std::sync::Arc;

use punchcard_events::Recorded;
use punchcard_events::shadow_run::{CaseFailure, CaseVerdict, Measured};
use punchcard_events::ticket::{
    AnswerFormat, AttemptErrorKind, TicketAnswered, TicketEvent, TicketState, Usage, evolve,
};
use serde_json::Value;

use crate::ports::ReadError;

/// A ticket that has ended, as far as shadow runs look at it.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) measured: Measured,
    /// What the model said, where that became the answer.
    answered: Option<Arc<TicketAnswered>>,
    format: AnswerFormat,
    failure: Option<(CaseVerdict, CaseFailure)>,
}

impl Ended {
    /// Of a whole history. `cost` says what one call of a model cost in US dollars.
    pub(super) fn of(
        history: &[Recorded],
        cost: impl Fn(&str, Usage) -> Option<f64>,
    ) -> Result<Self, ReadError> {
        let mut state = TicketState::Unrequested;
        let mut meter = Meter::default();
        for recorded in history {
            let event = &recorded.event;
            let event = TicketEvent::decode(&event.kind, event.schema_version, &event.data)
                .map_err(|error| ReadError::Damaged(format!("{}: {error}", recorded.stream)))?;
            meter.take(&event, &cost);
            state = evolve(state, &event);
        }
        let answered = state.answered().cloned();
        let terms = state.request().map(|request| request.terms.answer_format);
        let own = state.prepared().and_then(|prepared| prepared.answer_format);
        let failure = failure(&state, meter.last_error);
        Ok(Self {
            measured: meter.measured(answered.as_deref()),
            answered,
            format: own.or(terms).unwrap_or(AnswerFormat::Text),
            failure,
        })
    }

    /// Whether nothing is left to do for it but its delivery.
    pub(super) const fn answer(&self) -> Option<&Arc<TicketAnswered>> {
        self.answered.as_ref()
    }
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judged {
    pub(super) verdict: CaseVerdict,
    pub(super) similarity: f64,
    pub(super) failure: Option<CaseFailure>,
}

/// Looks at a past ticket and the one that ran it again. What the tenant's API put in an answer's place
/// has no part in this: it was asked once only.
pub(super) fn judge(
    before: &Ended,
    after: &Ended,
    similarity: impl FnOnce(&str, &str) -> f64,
) -> Judged {
    if let Some((verdict, failure)) = &after.failure {
        return Judged {
            verdict: *verdict,
            similarity: 0.0,
            failure: Some(failure.clone()),
        };
    }
    let (Some(old), Some(new)) = (before.answer(), after.answer()) else {
        return Judged {
            verdict: CaseVerdict::Failed,
            similarity: 0.0,
            failure: Some(failed("no_answer", "There is no answer to compare with.")),
        };
    };
    let is_same = old.content == new.content
        || (before.format == AnswerFormat::Json
            && after.format == AnswerFormat::Json
            && is_same_document(&old.content, &new.content));
    if is_same {
        return Judged {
            verdict: CaseVerdict::Same,
            similarity: 1.0,
            failure: None,
        };
    }
    let similarity = similarity(&old.content, &new.content);
    Judged {
        verdict: CaseVerdict::Changed,
        // What is no number between these is no likeness.
        similarity: if similarity.is_finite() {
            similarity.clamp(0.0, 1.0)
        } else {
            0.0
        },
        failure: None,
    }
}

/// A failure with a stable word and a sentence.
pub(super) fn failed(code: &str, message: impl Into<String>) -> CaseFailure {
    /// The most characters of a sentence that are kept.
    const MOST: usize = 500;
    let message: String = message.into();
    CaseFailure {
        code: code.to_owned(),
        message: message.chars().take(MOST).collect(),
    }
}

fn is_same_document(one: &str, other: &str) -> bool {
    let document = |text| serde_json::from_str::<Value>(text).ok();
    document(one).is_some_and(|one| Some(one) == document(other))
}

/// Why the ticket has no answer, where it has none.
fn failure(
    state: &TicketState,
    last_error: Option<AttemptErrorKind>,
) -> Option<(CaseVerdict, CaseFailure)> {
    match state {
        TicketState::Failed(end) => {
            let verdict = match last_error {
                Some(AttemptErrorKind::SchemaViolation) => CaseVerdict::SchemaFailed,
                Some(_) | None => CaseVerdict::Failed,
            };
            let failure = &end.failure;
            Some((verdict, failed(&failure.code, failure.message.as_str())))
        }
        TicketState::Cancelled(_) => {
            let failure = failed("cancelled", "Somebody cancelled the case's ticket.");
            Some((CaseVerdict::Failed, failure))
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

/// Adds up the calls of a ticket.
#[derive(Debug, Default)]
struct Meter {
    model: String,
    usage: Option<Usage>,
    cost: Option<f64>,
    has_unpriced: bool,
    last_error: Option<AttemptErrorKind>,
}

impl Meter {
    fn take(&mut self, event: &TicketEvent, cost: &impl Fn(&str, Usage) -> Option<f64>) {
        match event {
            TicketEvent::TicketSent(sent) => self.model.clone_from(&sent.model),
            TicketEvent::AttemptFailed(attempt) => {
                self.last_error = Some(attempt.error.kind);
                if let Some(usage) = attempt.usage {
                    self.add(usage, cost);
                }
            }
            TicketEvent::TicketAnswered(answered) => {
                self.last_error = None;
                if let Some(usage) = answered.usage {
                    self.add(usage, cost);
                }
            }
            TicketEvent::TicketRequested(_)
            | TicketEvent::TicketPreProcessed(_)
            | TicketEvent::CallbackFailed(_)
            | TicketEvent::TicketPersisted(_)
            | TicketEvent::TicketDelivered(_)
            | TicketEvent::TicketFailed(_)
            | TicketEvent::TicketCancelled(_)
            | TicketEvent::TicketRedriven(_) => {}
        }
    }

    fn add(&mut self, usage: Usage, cost: &impl Fn(&str, Usage) -> Option<f64>) {
        let sum = self.usage.get_or_insert(Usage {
            prompt_tokens: 0,
            completion_tokens: 0,
        });
        sum.prompt_tokens = sum.prompt_tokens.saturating_add(usage.prompt_tokens);
        sum.completion_tokens = sum
            .completion_tokens
            .saturating_add(usage.completion_tokens);
        match cost(&self.model, usage) {
            Some(cost) => self.cost = Some(self.cost.unwrap_or(0.0) + cost),
            None => self.has_unpriced = true,
        }
    }

    /// Of an answer whose tokens were not counted, nothing is known.
    fn measured(&self, answered: Option<&TicketAnswered>) -> Measured {
        let is_counted = answered.is_none_or(|answered| answered.usage.is_some());
        Measured {
            answer_bytes: answered.map_or(0, |answered| answered.content.len() as u64),
            usage: self.usage.filter(|_| is_counted),
            cost_usd: self.cost.filter(|_| is_counted && !self.has_unpriced),
            first_token_ms: answered.map(|answered| answered.timings.first_token_ms),
            total_ms: answered.map(|answered| answered.timings.total_ms),
        }
    }
}
