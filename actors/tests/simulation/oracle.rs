//! What must hold, checked as it happens: at every append, call, frame and reply.
//!
//! The promises are those of `docs/reliability.md`, by number:
//!
//! 1. A ticket that was accepted exists, with the content it was accepted with.
//! 2. A stream's revisions run from 0 without gap or repeat, positions rise, and what was
//!    acknowledged stays.
//! 3. Only legal transitions.
//! 4. No model call without its durable intent, none twice, none above the limit; no outcome without
//!    a call.
//! 5. No answer counts as persisted, and no input as prepared, before the tenant's API did it; all
//!    repeats of one callback say the same.
//! 6. A watcher's text has no gap, and is what the model said; nothing is final before it is persisted.
//! 7. Accepted is terminal plus open, and nothing stays open past its deadline.
//! 8. One idempotency key, one ticket.
//! 9. Nothing crosses users or tenants; nothing goes on for ever.
//! 10. Permits, lines and actors return to none.
//! 11. Replaying gives the same state, and no call.
//! 12. A fork that was accepted is one, and no tenant's API hears of it.
//!
//! The oracle knows the events by the store, the calls by the fakes, and nothing by the runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::ports::ModelCall;
use punchcard_events::ticket::{
    AttemptErrorKind, AttemptStatus, CallbackKind, StateName, TicketEvent, TicketRequested,
    TicketState, apply,
};
use punchcard_events::{EventId, Position, Recorded, Revision, StreamName, TicketId};
use serde_json::Value;

use crate::stage::Violation;

/// What is known of all tickets.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    tickets: BTreeMap<TicketId, Record>,
    /// The newest revision of every stream.
    revisions: BTreeMap<StreamName, Revision>,
    last: Option<Position>,
    events: usize,
    /// What the store said is durable.
    acknowledged: BTreeMap<EventId, (StreamName, Revision)>,
}

/// What is known of one ticket.
#[derive(Debug)]
pub(crate) struct Record {
    /// In the order of first events; what the trace calls it.
    pub(crate) number: usize,
    pub(crate) state: TicketState,
    pub(crate) history: Vec<TicketEvent>,
    /// Every state it was in, with its attempt.
    pub(crate) visited: BTreeSet<(StateName, u32)>,
    /// Every final answer it had.
    pub(crate) finals: Vec<Arc<Value>>,
    /// Another node wrote to it at some time.
    pub(crate) foreign: bool,
    /// The newest event is another node's.
    pub(crate) last_foreign: bool,
    /// When the newest event came, since the history began.
    pub(crate) changed: Duration,
    last_event: Option<EventId>,
    /// Attempts that this runtime recorded, and of those the ones the model saw.
    intents: BTreeSet<u32>,
    calls: BTreeSet<u32>,
    said: BTreeMap<u32, Said>,
    /// Failures that count, by model, since the ticket was last opened.
    failures: BTreeMap<String, u32>,
    /// The model that the newest attempt is recorded for.
    model: String,
    callbacks: BTreeMap<Which, Callback>,
    /// Actor panics in this life of the process, since the ticket last ended.
    pub(crate) panics: u32,
}

/// What the model said in one attempt.
#[derive(Debug, Default)]
struct Said {
    text: String,
    complete: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    Before,
    After,
}

/// What a receiver that drops repeats knows of one callback.
#[derive(Debug)]
struct Callback {
    payload: Value,
    deliveries: u32,
    done: bool,
}

type Found = Result<(), Violation>;

fn found<T>(promise: &'static str, what: String) -> Result<T, Violation> {
    Err(Violation { promise, what })
}

impl Oracle {
    /// How many events there are.
    pub(crate) const fn events(&self) -> usize {
        self.events
    }

    /// The position of the newest event that was looked at.
    pub(crate) const fn last(&self) -> Option<Position> {
        self.last
    }

    pub(crate) fn record(&self, ticket: TicketId) -> Option<&Record> {
        self.tickets.get(&ticket)
    }

    pub(crate) fn record_mut(&mut self, ticket: TicketId) -> Option<&mut Record> {
        self.tickets.get_mut(&ticket)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&TicketId, &Record)> {
        self.tickets.iter()
    }

    /// What the trace calls a ticket.
    pub(crate) fn name(&self, ticket: TicketId) -> String {
        self.record(ticket).map_or_else(
            || format!("new {ticket}"),
            |record| format!("t{}", record.number),
        )
    }

    /// A new life: what a dead process counted is forgotten.
    pub(crate) fn new_life(&mut self) {
        for record in self.tickets.values_mut() {
            record.panics = 0;
        }
    }

    /// The store said that this event is durable.
    pub(crate) fn acknowledge(&mut self, stream: &StreamName, revision: Revision, id: EventId) {
        self.acknowledged.insert(id, (stream.clone(), revision));
    }

    /// Promise 2: what was acknowledged is among `stored`.
    pub(crate) fn check_kept(&self, stored: &[Recorded]) -> Found {
        let stored: BTreeSet<_> = (stored.iter())
            .map(|e| (e.event.id, &e.stream, e.revision))
            .collect();
        for (id, (stream, revision)) in &self.acknowledged {
            if !stored.contains(&(*id, stream, *revision)) {
                let revision = revision.0;
                return found(
                    "2 streams",
                    format!("revision {revision} of {stream} was acknowledged and is gone"),
                );
            }
        }
        Ok(())
    }

    /// An event was stored.
    pub(crate) fn stored(&mut self, recorded: &Recorded, foreign: bool, at: Duration) -> Found {
        self.events += 1;
        if self.last.is_some_and(|last| last >= recorded.position) {
            return found(
                "2 streams",
                format!("{:?} does not rise", recorded.position),
            );
        }
        self.last = Some(recorded.position);
        let newest = self
            .revisions
            .insert(recorded.stream.clone(), recorded.revision);
        let due = newest.map_or(Revision::FIRST, Revision::next);
        if recorded.revision != due {
            let (is, due) = (recorded.revision.0, due.0);
            return found("2 streams", format!("revision {is}, and {due} was due"));
        }
        let Some(ticket) = recorded.stream.ticket() else {
            return Ok(());
        };
        let number = self.tickets.len();
        let record = self
            .tickets
            .entry(ticket)
            .or_insert_with(|| Record::new(number));
        record.stored(recorded, foreign, at)
    }

    /// The model is called.
    pub(crate) fn called(&mut self, call: &ModelCall) -> Found {
        match self.record_mut(call.ticket) {
            Some(record) => record.called(call),
            None => found(
                "4 intents",
                "a call for a ticket that is not stored".to_owned(),
            ),
        }
    }

    /// The model said a piece of text, or was done.
    pub(crate) fn said(&mut self, ticket: TicketId, attempt: u32, piece: Option<&str>) {
        let Some(record) = self.record_mut(ticket) else {
            return;
        };
        let said = record.said.entry(attempt).or_default();
        match piece {
            Some(piece) => said.text.push_str(piece),
            None => said.complete = true,
        }
    }

    /// The tenant's API got a callback.
    pub(crate) fn delivered(
        &mut self,
        ticket: TicketId,
        kind: CallbackKind,
        payload: Value,
    ) -> Found {
        match self.record_mut(ticket) {
            Some(record) => record.delivered(kind, payload),
            None => found(
                "5 callbacks",
                "a callback for a ticket that is not stored".to_owned(),
            ),
        }
    }

    /// The tenant's API did what a callback asked. Whether it was for the first time.
    pub(crate) fn done(&mut self, ticket: TicketId, kind: CallbackKind) -> bool {
        let record = self.record_mut(ticket);
        let callback = record.and_then(|record| record.callbacks.get_mut(&kind.into()));
        callback.is_some_and(|callback| !std::mem::replace(&mut callback.done, true))
    }
}

impl Record {
    const fn new(number: usize) -> Self {
        Self {
            number,
            state: TicketState::Unrequested,
            history: vec![],
            visited: BTreeSet::new(),
            finals: vec![],
            foreign: false,
            last_foreign: false,
            changed: Duration::ZERO,
            last_event: None,
            intents: BTreeSet::new(),
            calls: BTreeSet::new(),
            said: BTreeMap::new(),
            failures: BTreeMap::new(),
            model: String::new(),
            callbacks: BTreeMap::new(),
            panics: 0,
        }
    }

    /// What was asked.
    pub(crate) fn request(&self) -> Option<&Arc<TicketRequested>> {
        self.state.request()
    }

    /// Its newest event.
    pub(crate) const fn last_event(&self) -> Option<EventId> {
        self.last_event
    }

    /// The revision of its newest event.
    pub(crate) fn revision(&self) -> u64 {
        (self.history.len() as u64).saturating_sub(1)
    }

    /// The text the model said in that attempt.
    pub(crate) fn text_of(&self, attempt: u32) -> Option<&str> {
        Some(self.said.get(&attempt)?.text.as_str())
    }

    /// Whether this runtime recorded that attempt.
    pub(crate) fn intended(&self, attempt: u32) -> bool {
        self.intents.contains(&attempt)
    }

    /// How many callbacks the tenant's API got, and how many effects they had.
    pub(crate) fn callbacks(&self) -> impl Iterator<Item = (u32, bool)> {
        self.callbacks.values().map(|c| (c.deliveries, c.done))
    }

    fn stored(&mut self, recorded: &Recorded, foreign: bool, at: Duration) -> Found {
        let event = &recorded.event;
        let decoded = TicketEvent::decode(&event.kind, event.schema_version, &event.data);
        let decoded = decoded.or_else(|error| found("3 transitions", error.to_string()))?;
        let asked = match (&decoded, self.request()) {
            (TicketEvent::TicketRequested(request), None) => Some(request),
            (_, request) => request.map(|request| &**request),
        };
        let fork = asked.and_then(|request| request.fork.as_ref());
        let piece = fork.map_or_else(|| recorded.stream.ticket(), |fork| Some(fork.parent));
        if piece.map(|ticket| ticket.0) != Some(event.correlation_id)
            || event.causation_id != self.last_event
        {
            return found("2 streams", format!("{} has a wrong cause", event.kind));
        }
        if !foreign {
            self.check_outcome(&decoded)?;
        }
        let before = std::mem::replace(&mut self.state, TicketState::Unrequested);
        self.state = apply(before, &decoded)
            .or_else(|illegal| found("3 transitions", illegal.to_string()))?;
        self.foreign |= foreign;
        self.last_foreign = foreign;
        self.changed = at;
        self.last_event = Some(event.id);
        self.visited
            .insert((self.state.name(), self.state.attempt()));
        self.finals.extend(self.state.final_answer());
        self.count(&decoded, foreign);
        self.history.push(decoded);
        self.check_limits()
    }

    /// Promises 4 and 5: no outcome without what it is the outcome of.
    fn check_outcome(&self, event: &TicketEvent) -> Found {
        let Some(request) = self.request() else {
            return Ok(());
        };
        let terms = &request.terms;
        match event {
            TicketEvent::AttemptFailed(failed)
                if failed.error.kind != AttemptErrorKind::Interrupted
                    && !self.calls.contains(&failed.attempt) =>
            {
                let attempt = failed.attempt;
                found(
                    "4 intents",
                    format!("attempt {attempt} failed without a call"),
                )
            }
            TicketEvent::TicketAnswered(answered) => match self.said.get(&answered.attempt) {
                Some(said) if said.complete && said.text == *answered.content => Ok(()),
                _ => found(
                    "6 text",
                    "the stored answer is not what the model said".to_owned(),
                ),
            },
            TicketEvent::TicketPreProcessed(prepared) if terms.pre_process => {
                self.check_done(Which::Before, prepared.input.as_deref())
            }
            TicketEvent::TicketPersisted(persisted) if terms.post_process => {
                self.check_done(Which::After, persisted.answer.as_deref())
            }
            TicketEvent::CallbackFailed(failed) => {
                match self.callbacks.get(&failed.callback.into()) {
                    Some(_) => Ok(()),
                    None => found("5 callbacks", "one failed that was never made".to_owned()),
                }
            }
            _ => Ok(()),
        }
    }

    fn check_done(&self, which: Which, replaced: Option<&Value>) -> Found {
        if !self.callbacks.get(&which).is_some_and(|c| c.done) {
            return found(
                "5 callbacks",
                format!("{which:?} counts as done and is not"),
            );
        }
        match replaced {
            Some(value) if *value != crate::callbacks::replacement(self.number) => found(
                "5 callbacks",
                format!("{value} was never given in its place"),
            ),
            _ => Ok(()),
        }
    }

    fn count(&mut self, event: &TicketEvent, foreign: bool) {
        match event {
            TicketEvent::TicketSent(sent) => {
                self.model.clone_from(&sent.model);
                if !foreign {
                    self.intents.insert(sent.attempt);
                }
            }
            TicketEvent::AttemptFailed(failed)
                if failed.error.kind != AttemptErrorKind::Interrupted =>
            {
                *self.failures.entry(self.model.clone()).or_default() += 1;
            }
            TicketEvent::TicketRedriven(_) => self.failures.clear(),
            _ => {}
        }
        if self.state.name().is_terminal() {
            self.panics = 0;
        }
    }

    /// Promise 4: attempts are numbered without gaps, and there are no more than the terms allow.
    fn check_limits(&self) -> Found {
        let Some(request) = self.request() else {
            return Ok(());
        };
        let sent = self
            .history
            .iter()
            .filter(|e| matches!(e, TicketEvent::TicketSent(_)));
        let (sent, attempt) = (sent.count(), self.state.attempt());
        if u32::try_from(sent) != Ok(attempt) {
            return found("4 intents", format!("{sent} intents and attempt {attempt}"));
        }
        let most = request.terms.model_retry.max_tries.max(1);
        if let Some(failures) = self.failures.values().find(|failures| **failures > most) {
            return found(
                "4 intents",
                format!("{failures} attempts failed, of at most {most}"),
            );
        }
        Ok(())
    }

    fn called(&mut self, call: &ModelCall) -> Found {
        let attempt = call.attempt;
        if !self.intents.contains(&attempt) {
            return found(
                "4 intents",
                format!("attempt {attempt} has no durable intent"),
            );
        }
        if !self.calls.insert(attempt) {
            return found(
                "4 intents",
                format!("attempt {attempt} was called for twice"),
            );
        }
        let due = match &self.state {
            TicketState::Sent(s) => s.attempt == attempt && s.status == AttemptStatus::InFlight,
            _ => false,
        };
        if !due && !self.foreign {
            let state = self.state.name();
            return found(
                "4 intents",
                format!("a call for a ticket that is {}", state.as_str()),
            );
        }
        if self.model != call.model {
            let (model, recorded) = (&call.model, &self.model);
            return found(
                "4 intents",
                format!("{model} is called, and {recorded} was meant"),
            );
        }
        match self.state.prepared() {
            Some(prepared) if prepared.messages == call.messages => Ok(()),
            _ => found("4 intents", "the call is not what was prepared".to_owned()),
        }
    }

    fn delivered(&mut self, kind: CallbackKind, payload: Value) -> Found {
        if self.request().is_some_and(|request| request.fork.is_some()) {
            return found("12 forks", format!("{} for a fork", kind.as_str()));
        }
        let due = match kind {
            CallbackKind::PreProcess => self.state.name() == StateName::Requested,
            CallbackKind::PostProcess => self.state.name() == StateName::Answered,
        };
        if !due && !self.foreign {
            let (kind, state) = (kind.as_str(), self.state.name().as_str());
            return found(
                "5 callbacks",
                format!("{kind} for a ticket that is {state}"),
            );
        }
        let callback = self
            .callbacks
            .entry(kind.into())
            .or_insert_with(|| Callback {
                payload: payload.clone(),
                deliveries: 0,
                done: false,
            });
        callback.deliveries += 1;
        if callback.payload != payload {
            return found(
                "5 callbacks",
                format!("a repeat of {} says another thing", kind.as_str()),
            );
        }
        Ok(())
    }

    /// Promise 4 at the end: an intent whose call the model never saw was closed as interrupted, or
    /// its ticket ended before it began.
    pub(crate) fn check_intents(&self) -> Found {
        for (index, event) in self.history.iter().enumerate() {
            let TicketEvent::TicketSent(sent) = event else {
                continue;
            };
            if self.calls.contains(&sent.attempt) {
                continue;
            }
            let unstarted = match self.history.get(index + 1) {
                Some(TicketEvent::AttemptFailed(failed)) => {
                    failed.error.kind == AttemptErrorKind::Interrupted
                }
                Some(TicketEvent::TicketCancelled(_) | TicketEvent::TicketFailed(_)) => true,
                _ => false,
            };
            if !unstarted {
                let attempt = sent.attempt;
                return found(
                    "4 intents",
                    format!("attempt {attempt} was never called for"),
                );
            }
        }
        Ok(())
    }

    /// Model calls, and the intents behind them.
    pub(crate) fn calls_and_intents(&self) -> (usize, usize) {
        (self.calls.len(), self.intents.len())
    }
}

impl From<CallbackKind> for Which {
    fn from(kind: CallbackKind) -> Self {
        match kind {
            CallbackKind::PreProcess => Self::Before,
            CallbackKind::PostProcess => Self::After,
        }
    }
}
