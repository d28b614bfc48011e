//! What tickets' events say of the last minutes. Plain data: events and the time are passed in.
//!
//! Kept of a tenant is what happened in the window and nothing else, so one that is quiet for that long
//! is forgotten. What passes a bound is left out of the figures and changes nothing else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use punchcard_events::recorded::DecodeError;
use punchcard_events::ticket::{AttemptErrorKind, TicketAnswered, TicketEvent};
use punchcard_events::{Recorded, TenantId, TicketId, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::figures::{Callbacks, Flow, Model};
use super::samples::{Sample, Samples};
use super::series::{Series, Step};

/// The most tenants with figures; as many as there can be.
const MAX_TENANTS: usize = 10_000;
/// The most models of one tenant with figures.
const MAX_MODELS: usize = 64;
/// The most calls that are remembered until they end.
const MAX_CALLS: usize = 200_000;
/// Quiet tenants are looked for every so many steps.
const TIDY_EVERY: u64 = 12;

/// The figures of all tenants.
#[derive(Debug, Default)]
pub(super) struct Fold {
    tenants: HashMap<TenantId, Figures>,
    /// Which model each ticket's call that runs now is of.
    calls: HashMap<TicketId, Arc<str>>,
    tidied: Timestamp,
}

#[derive(Debug, Default)]
struct Figures {
    issued: Series,
    ended: Series,
    failed: Series,
    callbacks: Ends,
    models: BTreeMap<Arc<str>, Calls>,
}

/// Calls of one model.
#[derive(Debug, Default)]
struct Calls {
    ends: Ends,
    /// Tokens of answers.
    tokens: Series,
    samples: Samples,
}

/// Calls that ended, and those of them that did so without success.
#[derive(Debug, Clone, Default)]
struct Ends {
    calls: Series,
    errors: Series,
}

/// What stands in a body of a callback that was done. The rest of it, a whole prompt or answer, is not
/// looked at.
#[derive(Deserialize)]
struct Done {
    /// The call, where one was made.
    #[serde(default)]
    call: Option<IgnoredAny>,
}

impl Ends {
    fn add(&mut self, step: Step, good: bool) {
        self.calls.add(step, 1);
        if !good {
            self.errors.add(step, 1);
        }
    }

    fn is_idle(&self, now: Step) -> bool {
        self.calls.is_idle(now)
    }
}

impl Figures {
    fn is_idle(&self, now: Step) -> bool {
        let flow = [&self.issued, &self.ended, &self.failed];
        flow.iter().all(|series| series.is_idle(now))
            && self.callbacks.is_idle(now)
            && self.models.values().all(|calls| calls.ends.is_idle(now))
    }

    fn model(&mut self, model: &Arc<str>) -> Option<&mut Calls> {
        if !self.models.contains_key(model) && self.models.len() >= MAX_MODELS {
            return None;
        }
        Some(self.models.entry(Arc::clone(model)).or_default())
    }
}

impl Fold {
    /// Takes an event of a ticket; `now` is the time by this node's clock, and another node's clock
    /// that runs ahead does not move the window.
    ///
    /// # Errors
    /// When a body that is looked at cannot be read. Nothing was counted then.
    pub(super) fn take(&mut self, recorded: &Recorded, now: Timestamp) -> Result<(), DecodeError> {
        self.tidy(now);
        let event = &recorded.event;
        let step = Step::at(event.recorded_at.min(now));
        if !step.is_within(Step::at(now)) {
            return self.take_old(recorded);
        }
        match event.kind.as_ref() {
            "TicketRequested" => self.count(recorded, |figures| figures.issued.add(step, 1)),
            "TicketDelivered" => self.count(recorded, |figures| figures.ended.add(step, 1)),
            "TicketFailed" => {
                self.left(recorded);
                self.count(recorded, |figures| {
                    figures.ended.add(step, 1);
                    figures.failed.add(step, 1);
                });
            }
            "TicketCancelled" => {
                self.left(recorded);
                self.count(recorded, |figures| figures.ended.add(step, 1));
            }
            "TicketPreProcessed" | "TicketPersisted" if was_called(recorded)? => {
                self.count(recorded, |figures| figures.callbacks.add(step, true));
            }
            "CallbackFailed" => self.count(recorded, |figures| figures.callbacks.add(step, false)),
            "TicketSent" | "AttemptFailed" | "TicketAnswered" => self.attempt(recorded, step)?,
            _ => {}
        }
        Ok(())
    }

    /// An event from before the window: what counts of it is which call runs.
    fn take_old(&mut self, recorded: &Recorded) -> Result<(), DecodeError> {
        match recorded.event.kind.as_ref() {
            "TicketSent" => self.attempt(recorded, Step::default()),
            "AttemptFailed" | "TicketAnswered" | "TicketFailed" | "TicketCancelled" => {
                self.left(recorded);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn attempt(&mut self, recorded: &Recorded, step: Step) -> Result<(), DecodeError> {
        let event = &recorded.event;
        let Some(ticket) = recorded.stream.ticket() else {
            return Ok(());
        };
        match TicketEvent::decode(&event.kind, event.schema_version, &event.data)? {
            TicketEvent::TicketSent(sent) => {
                if self.calls.len() < MAX_CALLS {
                    self.calls.insert(ticket, sent.model.into());
                }
            }
            TicketEvent::AttemptFailed(failed) => {
                let model = self.calls.remove(&ticket);
                // What Punchcard broke off itself says nothing of the model.
                if failed.error.kind != AttemptErrorKind::Interrupted {
                    self.of_model(recorded, model, |calls| calls.ends.add(step, false));
                }
            }
            TicketEvent::TicketAnswered(answered) => {
                let model = self.calls.remove(&ticket);
                self.of_model(recorded, model, |calls| {
                    let sample = sample(step, &answered);
                    calls.ends.add(step, true);
                    calls.tokens.add(step, sample.tokens);
                    calls.samples.add(sample.took);
                });
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
        Ok(())
    }

    /// A ticket's call, if one ran, is over.
    fn left(&mut self, recorded: &Recorded) {
        if let Some(ticket) = recorded.stream.ticket() {
            self.calls.remove(&ticket);
        }
    }

    fn of_model(
        &mut self,
        recorded: &Recorded,
        model: Option<Arc<str>>,
        count: impl FnOnce(&mut Calls),
    ) {
        let Some(model) = model else { return };
        self.count(recorded, |figures| {
            figures.model(&model).map(count);
        });
    }

    fn count(&mut self, recorded: &Recorded, count: impl FnOnce(&mut Figures)) {
        let tenant = &recorded.event.tenant;
        if let Some(figures) = self.tenants.get_mut(tenant) {
            count(figures);
        } else if self.tenants.len() < MAX_TENANTS {
            count(self.tenants.entry(tenant.clone()).or_default());
        }
    }

    /// Forgets tenants and models of which nothing is in the window, once in a while.
    fn tidy(&mut self, now: Timestamp) {
        let every = TIDY_EVERY * super::series::STEP_MS;
        if now.as_millis() < self.tidied.as_millis().saturating_add(every) {
            return;
        }
        self.tidied = now;
        let now = Step::at(now);
        self.tenants.retain(|_, figures| {
            figures.models.retain(|_, calls| !calls.ends.is_idle(now));
            !figures.is_idle(now)
        });
    }

    /// How tickets came and went, of one tenant or of all.
    pub(super) fn flow(&self, tenant: Option<&TenantId>, now: Timestamp) -> Flow {
        let mut flow = Flow::default();
        for (_, figures) in self.of(tenant) {
            flow.add(
                Step::at(now),
                &figures.issued,
                &figures.ended,
                &figures.failed,
            );
        }
        flow
    }

    /// What became of the calls of each model, of one tenant or of all.
    pub(super) fn models(
        &self,
        tenant: Option<&TenantId>,
        now: Timestamp,
    ) -> BTreeMap<Arc<str>, Model> {
        let now = Step::at(now);
        let mut models: BTreeMap<Arc<str>, Model> = BTreeMap::new();
        for (_, figures) in self.of(tenant) {
            for (name, of_model) in &figures.models {
                let Calls {
                    ends,
                    tokens,
                    samples,
                } = of_model;
                if !ends.is_idle(now) {
                    let model = models.entry(Arc::clone(name)).or_default();
                    model.add(now, (&ends.calls, &ends.errors), tokens, samples);
                }
            }
        }
        models
    }

    /// What became of the calls of each tenant's API, of one tenant or of all.
    pub(super) fn callbacks(
        &self,
        tenant: Option<&TenantId>,
        now: Timestamp,
    ) -> BTreeMap<TenantId, Callbacks> {
        let now = Step::at(now);
        let busy = self
            .of(tenant)
            .filter(|(_, figures)| !figures.callbacks.is_idle(now));
        busy.map(|(tenant, figures)| {
            let Ends { calls, errors } = &figures.callbacks;
            (tenant.clone(), Callbacks::of(now, calls, errors))
        })
        .collect()
    }

    fn of<'a>(
        &'a self,
        tenant: Option<&'a TenantId>,
    ) -> impl Iterator<Item = (&'a TenantId, &'a Figures)> {
        let one = tenant.and_then(|tenant| self.tenants.get_key_value(tenant));
        let all = tenant.is_none().then_some(&self.tenants);
        one.into_iter().chain(all.into_iter().flatten())
    }
}

/// Whether the tenant's API was called for what the event says is done.
fn was_called(recorded: &Recorded) -> Result<bool, DecodeError> {
    let event = &recorded.event;
    let done: Done = serde_json::from_str(&event.data).map_err(|_| DecodeError::Body {
        kind: event.kind.to_string(),
        reason: "it is not what was written".to_owned(),
    })?;
    Ok(done.call.is_some())
}

/// What an answer adds to the figures of its model.
struct Answer {
    took: Sample,
    tokens: u32,
}

fn sample(step: Step, answered: &TicketAnswered) -> Answer {
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Answer {
        took: Sample {
            step,
            first_token_ms: narrow(answered.timings.first_token_ms),
            total_ms: narrow(answered.timings.total_ms),
        },
        tokens: narrow(answered.usage.map_or(0, |usage| usage.completion_tokens)),
    }
}

#[cfg(test)]
mod tests;
