//! The guard of one place: its gate behind a lock, and those who wait.
//!
//! The lock is held for a few steps of plain data and never over an await. Whoever changes
//! something hands the passes that this frees to those whose turn it is, after the lock is let go:
//! each pass wakes one waiter.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::alarms::Alarms;
use super::allowances::Allowances;
use super::breaker::BreakerState;
use super::gate::{Gate, Pass};
use super::line::Spot;
use super::observe::{Kind, tell_transition};
use super::options::{Concurrency, GuardOptions};
use super::{GateStatus, Verdict, Want};
use crate::ports::Clock;

/// The right to make one call. Dropped without a verdict it says nothing about the place.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    guard: Arc<Guard>,
    pass: Option<Pass>,
}

pub(super) struct Guard {
    name: Arc<str>,
    kind: Kind,
    inner: Mutex<Inner>,
    alarms: Arc<Alarms>,
    /// For chance only.
    clock: Arc<dyn Clock>,
}

struct Inner {
    gate: Gate<oneshot::Sender<Permit>>,
    /// The earliest alarm that is set.
    alarm: Option<Instant>,
    /// The breaker's state that was told last.
    told: BreakerState,
}

/// A place in line. Dropped, it leaves the line; a permit that has come by then goes back.
struct Waiting {
    guard: Arc<Guard>,
    spot: Spot,
    turn: oneshot::Receiver<Permit>,
    served: bool,
}

impl Permit {
    /// The call begins now: the time since the permit was had is not the place's.
    pub(crate) fn begin(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.begin(Instant::now());
        }
    }

    /// The place has begun to answer. That is enough to know that it is back from an outage, if that
    /// is what this call was let through for.
    pub(crate) fn answering(&mut self) {
        if let Some(pass) = &mut self.pass
            && pass.is_probe()
        {
            self.guard.with(|gate, now| gate.answering(pass, now));
        }
    }

    /// The call took so many tokens, prompt and answer together. Who does not say is taken at the
    /// estimate.
    pub(crate) const fn used(&mut self, tokens: u64) {
        if let Some(pass) = &mut self.pass {
            pass.used(tokens);
        }
    }

    /// The call ended.
    pub(crate) fn settle(mut self, verdict: Verdict) {
        self.give_back(verdict);
    }

    fn give_back(&mut self, verdict: Verdict) {
        if let Some(pass) = self.pass.take() {
            self.guard.settle(pass, verdict);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back(Verdict::Neutral);
    }
}

impl Guard {
    /// The place it guards.
    pub(super) const fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn new(
        name: Arc<str>,
        kind: Kind,
        concurrency: Concurrency,
        options: &GuardOptions,
        allowances: Arc<Allowances>,
        alarms: Arc<Alarms>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let gate = Gate::new(Arc::clone(&name), concurrency, options, allowances);
        Self {
            name,
            kind,
            inner: Mutex::new(Inner {
                gate,
                alarm: None,
                told: BreakerState::Closed,
            }),
            alarms,
            clock,
        }
    }

    /// A permit at once, if nobody in line could take it.
    pub(super) fn try_permit(self: &Arc<Self>, want: &Want<'_>) -> Option<Permit> {
        let pass = self.with(|gate, now| gate.try_pass(want, now))?;
        Some(self.permit_of(pass))
    }

    /// A permit, after waiting in line if need be.
    pub(super) async fn permit(self: &Arc<Self>, want: &Want<'_>) -> Permit {
        let entered = self.with(|gate, now| {
            gate.try_pass(want, now).ok_or_else(|| {
                let (sender, turn) = oneshot::channel();
                (gate.join(want, sender, now), turn)
            })
        });
        let (spot, turn) = match entered {
            Ok(pass) => return self.permit_of(pass),
            Err(waiting) => waiting,
        };
        let mut waiting = Waiting {
            guard: Arc::clone(self),
            spot,
            turn,
            served: false,
        };
        let permit = (&mut waiting.turn).await;
        waiting.served = true;
        // The gate lives as long as its guard, so it never drops who waits; if it did, nobody
        // should be held up by that.
        permit.unwrap_or_else(|_| Permit {
            guard: Arc::clone(self),
            pass: None,
        })
    }

    /// An alarm rang.
    pub(super) fn look_after(self: &Arc<Self>, now: Instant) {
        self.changed(|inner, _| {
            if inner.alarm.is_some_and(|alarm| alarm <= now) {
                inner.alarm = None;
            }
        });
    }

    /// Looks at the gate without changing it.
    pub(super) fn look<R>(
        &self,
        look: impl FnOnce(&Gate<oneshot::Sender<Permit>>, Instant) -> R,
    ) -> R {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        look(&inner.gate, Instant::now())
    }

    /// How the place stands.
    pub(super) fn status(&self) -> GateStatus {
        self.look(|gate, now| gate.status(now))
    }

    fn settle(self: &Arc<Self>, pass: Pass, verdict: Verdict) {
        self.with(|gate, now| gate.settle(pass, verdict, now, || self.clock.jitter()));
    }

    fn with<R>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Gate<oneshot::Sender<Permit>>, Instant) -> R,
    ) -> R {
        self.changed(|inner, now| change(&mut inner.gate, now))
    }

    /// Makes a change, and then lets go everybody who may.
    fn changed<R>(self: &Arc<Self>, change: impl FnOnce(&mut Inner, Instant) -> R) -> R {
        // No allocation while nobody waits.
        let mut turns = Vec::new();
        let mut alarm = None;
        let (result, transition) = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let result = change(&mut inner, now);
            while let Some(turn) = inner.gate.next(now) {
                turns.push(turn);
            }
            if let Some(at) = inner.gate.wake_at(now)
                && inner.alarm.is_none_or(|set| at < set)
            {
                inner.alarm = Some(at);
                alarm = Some(at);
            }
            let state = inner.gate.breaker();
            let before = std::mem::replace(&mut inner.told, state);
            (result, (before != state).then_some((before, state)))
        };
        if let Some((from, to)) = transition {
            tell_transition(self.kind, &self.name, from, to);
        }
        if let Some(at) = alarm {
            self.alarms.set(at, Arc::clone(self));
        }
        for (pass, turn) in turns {
            // One who went meanwhile hands it back by dropping it.
            let _ = turn.send(self.permit_of(pass));
        }
        result
    }

    fn permit_of(self: &Arc<Self>, pass: Pass) -> Permit {
        Permit {
            guard: Arc::clone(self),
            pass: Some(pass),
        }
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Guard").field(&self.name).finish()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.served {
            // What was chosen meanwhile is in `turn`, and dropped with it.
            drop(self.guard.with(|gate, _| gate.leave(self.spot)));
        }
    }
}
