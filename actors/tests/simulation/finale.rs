//! The end of a history: the faults have stopped, time passes, and everything must come to rest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use punchcard_actors::callbacks::CallbackStatus;
use punchcard_actors::guards::BreakerState;
use punchcard_actors::llm::ModelStatus;
use punchcard_actors::ports::TicketIndex as _;
use punchcard_actors::runtime::Runtime;
use punchcard_actors::tickets::Tickets;
use punchcard_events::ticket::{Channel, StateName, TicketState, replay as fold};
use punchcard_events::{TicketId, Timestamp};

use crate::client::acknowledge;
use crate::stage::{Inner, Stage};
use crate::{issuer, world};

/// How long after its deadline a ticket may still be open: the time to the next sweep and an append.
const SLACK: Duration = Duration::from_secs(8);

/// The same where the store failed, which tickets come back from at most a minute later, or the clock
/// jumped, which no timer knows of.
const LONG_SLACK: Duration = Duration::from_secs(150);

/// How long an issuer leaves an answer to its user before it fetches it. No client takes longer.
const PATIENCE: Duration = Duration::from_secs(6);

/// Waits until every ticket has ended, none of them past its deadline.
pub(crate) async fn come_to_rest(stage: &Arc<Stage>, tickets: &Tickets) {
    // What was asked in the last moment is on its way.
    tokio::time::sleep(Duration::from_secs(5)).await;
    issuer::settle(stage, tickets).await;
    let since = stage.lock().time.now();
    while !stage.lock().all_ended(since) {
        if stage.fetches {
            let untaken = stage.lock().untaken();
            for ticket in untaken {
                acknowledge(stage, tickets, ticket, Channel::Fetch).await;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Whoever waits to acknowledge, to be told or to be passivated does so within this time.
    let idle = Duration::from_millis(stage.setup.passivate_after_ms);
    tokio::time::sleep(idle + Duration::from_secs(4)).await;
    let mut inner = stage.lock();
    inner.check_failures(stage.may_be_late, stage.may_fail);
    inner.check_accepted();
    inner.check_clients();
    inner.check_records();
}

/// Counts what the guards do after the last step.
pub(crate) async fn look_at_the_guards(stage: &Arc<Stage>, runtime: &Runtime) {
    let mut gates = runtime.llm().send(ModelStatus).await.unwrap_or_default();
    let callbacks = runtime.callbacks().send(CallbackStatus).await;
    gates.extend(callbacks.unwrap_or_default());
    let mut inner = stage.lock();
    for gate in gates {
        if gate.breaker != BreakerState::Closed {
            inner.fired.count("guard: breaker open");
        }
        if gate.paused_for.is_some() {
            inner.fired.count("guard: place left alone");
        }
        if gate.waiting > 0 {
            inner.fired.count("guard: callers in line");
        }
    }
}

/// Stops a runtime that has come to rest, and finds nothing left in it.
pub(crate) async fn leave_nothing(stage: &Arc<Stage>, runtime: Runtime) {
    let (llm, callbacks) = (runtime.llm().clone(), runtime.callbacks().clone());
    let active = runtime.active_tickets();
    let mut gates = llm.send(ModelStatus).await.unwrap_or_default();
    gates.extend(callbacks.send(CallbackStatus).await.unwrap_or_default());
    let cut = runtime.stop(Duration::from_secs(2)).await;
    let mut inner = stage.lock();
    let in_flight = inner.in_flight;
    if active + cut > 0 || in_flight > 0 {
        inner.violate(
            "10 nothing left",
            format_args!("{active} actors, {in_flight} calls, {cut} cut off"),
        );
    }
    for gate in gates {
        if (gate.in_use, gate.waiting) != (0, 0) {
            inner.violate("10 nothing left", format_args!("{gate:?}"));
        }
    }
}

/// Promise 11: started once more over the same store, the runtime finds nothing to do, and another fold
/// of every history comes to the state that was lived.
pub(crate) async fn replay(stage: &Arc<Stage>) {
    let before = stage.lock().done_so_far();
    let runtime = Runtime::start_here(world::ports(stage), world::options(&stage.setup)).await;
    runtime.recover(std::num::NonZeroU32::MAX).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    runtime.stop(Duration::ZERO).await;
    let mut inner = stage.lock();
    if inner.done_so_far() != before {
        inner.violate("11 replay", format_args!("a replay made calls or events"));
    }
    inner.check_folds();
    inner.check_list();
}

impl Inner {
    /// Whether every ticket has ended, or one is late. A deadline that had passed before the faults
    /// stopped counts from there.
    fn all_ended(&mut self, since: Timestamp) -> bool {
        let slack = if self.disturbed || self.time_jumped() {
            LONG_SLACK
        } else {
            SLACK
        };
        let now = self.time.now();
        let mut ended = true;
        let mut late = None;
        for (_, record) in self.oracle.all() {
            if let Some(deadline) = record.state.deadline() {
                ended = false;
                if now > deadline.max(since).plus(slack) {
                    late = Some((record.number, record.state.name()));
                }
            }
        }
        if let Some((number, state)) = late {
            let state = state.as_str();
            self.violate(
                "7 deadlines",
                format_args!("t{number} is {state} past its deadline"),
            );
        }
        ended || late.is_some()
    }

    /// Tickets whose answer has been there for a while.
    fn untaken(&self) -> Vec<TicketId> {
        let now = self.time.passed();
        let untaken = self.oracle.all().filter(|(_, record)| {
            record.state.name() == StateName::Persisted && record.changed + PATIENCE < now
        });
        untaken.map(|(ticket, _)| *ticket).collect()
    }

    /// Whether the time of day was ever moved: a deadline set before then is far from its timer.
    fn time_jumped(&self) -> bool {
        self.fired.of("clock: jumps forwards") + self.fired.of("clock: jumps backwards") > 0
    }

    /// Promise 7: a ticket fails for a reason. That its deadline came is none where nothing held it up:
    /// somebody forgot it.
    fn check_failures(&mut self, may_be_late: bool, may_fail: bool) {
        let mut wrong = None;
        let mut codes = vec![];
        for (_, record) in self.oracle.all() {
            let TicketState::Failed(failed) = &record.state else {
                continue;
            };
            let code = failed.failure.code.as_str();
            codes.push(failed_as(code));
            let own_fault = matches!(code, "undelivered" | "prompt_not_rendered");
            if (!may_be_late && code == "deadline_exceeded") || (!may_fail && !own_fault) {
                wrong = Some((record.number, code.to_owned()));
            }
        }
        for code in codes {
            self.fired.count(code);
        }
        if let Some((number, code)) = wrong {
            self.violate(
                "7 deadlines",
                format_args!("t{number} failed without a cause: {code}"),
            );
        }
        if !may_be_late {
            self.fired
                .count("a history in which nothing may come too late");
        }
        if !may_fail {
            self.fired.count("a history without faults");
        }
    }

    fn check_records(&mut self) {
        let mut found = vec![];
        let (mut calls, mut intents) = (0, 0);
        for (_, record) in self.oracle.all() {
            found.push(record.check_intents());
            let (made, meant) = record.calls_and_intents();
            (calls, intents) = (calls + made, intents + meant);
            for (deliveries, done) in record.callbacks() {
                debug_assert!(deliveries > 0 || !done, "done without a delivery");
            }
        }
        for found in found {
            self.report(found);
        }
        if calls < intents {
            self.fired.count("an intent closed without its call");
        }
    }

    fn done_so_far(&self) -> (u64, u64, usize) {
        let (model, callback) = (
            self.fired.of("calls: model"),
            self.fired.of("calls: callback"),
        );
        (model, callback, self.memory.all_events().len())
    }

    fn check_folds(&mut self) {
        let mut differ = vec![];
        for (_, record) in self.oracle.all() {
            let folded = fold(&record.history);
            let mut same = folded.as_ref() == Ok(&record.state);
            // Equal states have equal hashes; one ticket of each history is enough to see that.
            if let (true, 0, Ok(folded)) = (same, record.number, &folded) {
                same = folded.fingerprint() == record.state.fingerprint();
            }
            if !same {
                differ.push(record.number);
            }
        }
        for number in differ {
            self.violate(
                "11 replay",
                format_args!("t{number} folds to another state"),
            );
        }
    }

    /// Promise 7: the list, the events and what was accepted tell of the same tickets.
    fn check_list(&mut self) {
        let mut states: BTreeMap<StateName, u64> = BTreeMap::new();
        for (_, record) in self.oracle.all() {
            *states.entry(record.state.name()).or_default() += 1;
        }
        if states.keys().any(|state| !state.is_terminal()) {
            self.violate(
                "7 deadlines",
                format_args!("at the end there are {states:?}"),
            );
        }
        for (state, count) in &states {
            for _ in 0..*count {
                self.fired.count(ended_as(*state));
            }
        }
        let listed = self.memory.count_by_state().now_or_never();
        let listed: BTreeMap<_, _> = listed.and_then(Result::ok).into_iter().flatten().collect();
        if listed != states {
            self.violate(
                "7 deadlines",
                format_args!("listed {listed:?}, stored {states:?}"),
            );
        }
    }
}

const fn ended_as(state: StateName) -> &'static str {
    match state {
        StateName::Delivered => "ended: delivered",
        StateName::Failed => "ended: failed",
        StateName::Cancelled => "ended: cancelled",
        _ => "ended: not at all",
    }
}

/// What a failure's code is counted as.
fn failed_as(code: &str) -> &'static str {
    match code {
        "poison" => "failed: poison",
        "undelivered" => "failed: undelivered",
        "deadline_exceeded" => "failed: deadline",
        "no_time_for_retry" => "failed: no time for another try",
        "attempts_exhausted" => "failed: attempts exhausted",
        "callback_exhausted" => "failed: callbacks exhausted",
        _ => "failed: at once",
    }
}
