//! One place's policies put together: what must be so for the next call to go, and what a call that
//! ended changes. Plain data: time and chance are passed in, waking those who wait is
//! [`super::guard`]'s.

use std::sync::Arc;
use std::time::Duration;

use punchcard_events::retry::Jitter;
use tokio::time::Instant;

use super::allowances::{Allowances, Claimant, Reserved};
use super::breaker::{Breaker, BreakerState, Epoch, Health, Ready};
use super::budget::RetryBudget;
use super::limit::Limit;
use super::line::{Asker, Bulkhead, Charge, Line, Spot};
use super::options::{Concurrency, GuardOptions};
use super::pace::Pace;
use super::pause::Pause;
use super::rate::Rate;
use super::{GateStatus, Part, Verdict, Want};

/// The gate of one place. `T` is what it keeps of a waiter.
#[derive(Debug)]
pub(super) struct Gate<T> {
    name: Claimant,
    allowances: Arc<Allowances>,
    breaker: Breaker,
    budget: RetryBudget,
    limit: Limit,
    rate: Rate,
    pause: Pause,
    line: Line<Waiter<T>>,
    pace: Pace,
    max_share: f64,
    running: usize,
    calls: u64,
    repeats: u64,
}

#[derive(Debug)]
struct Waiter<T> {
    since: Instant,
    waiter: T,
}

/// The right to make one call. To be given back by [`Gate::settle`].
#[derive(Debug)]
#[must_use]
pub(super) struct Pass {
    charge: Charge,
    reserved: Option<Reserved>,
    epoch: Epoch,
    begun: Instant,
    /// Whether the call has begun, as far as anybody said so.
    called: bool,
    /// The tokens that it took in truth.
    used: Option<u64>,
    /// Whether it was let through to see whether the place is back, and that is not known yet.
    probe: bool,
    /// Whether it has shown that the place is back.
    shown: bool,
}

impl Pass {
    pub(super) const fn is_probe(&self) -> bool {
        self.probe
    }

    /// The call begins now: what came before was not the place's time.
    pub(super) const fn begin(&mut self, now: Instant) {
        self.begun = now;
        self.called = true;
    }

    /// It took so many tokens.
    pub(super) const fn used(&mut self, tokens: u64) {
        self.used = Some(tokens);
    }
}

impl<T> Gate<T> {
    /// The gate of the place called `name`.
    pub(super) fn new(
        name: Claimant,
        concurrency: Concurrency,
        options: &GuardOptions,
        allowances: Arc<Allowances>,
    ) -> Self {
        Self {
            name,
            allowances,
            breaker: Breaker::new(options.breaker.clone()),
            budget: RetryBudget::new(options.budget.clone()),
            limit: Limit::new(concurrency, &options.adaptive),
            rate: Rate::new(options.rate, options.ramp.clone()),
            pause: Pause::new(options.max_pause),
            line: Line::default(),
            pace: Pace::default(),
            max_share: options.max_share,
            running: 0,
            calls: 0,
            repeats: 0,
        }
    }

    /// A pass at once, if one is free, nobody in line could take it, and the tenant may go.
    pub(super) fn try_pass(&mut self, want: &Want<'_>, now: Instant) -> Option<Pass> {
        self.line.come_back(now);
        let repeat = want.retry;
        let ahead = self.line.has_first_calls() || (repeat && self.line.has_repeats());
        if ahead || self.ready(now) != Ready::Now || (repeat && !self.budget.allows(now)) {
            return None;
        }
        if !repeat && self.line.has_repeats() && self.budget.allows(now) {
            return None;
        }
        let asker = self.asker(want);
        if self.line.stands_aside(&asker) {
            return None;
        }
        let (tenant, task, tokens) = (asker.tenant, asker.task, asker.tokens);
        let reserved = self
            .allowances
            .reserve(&self.name, tenant, task, tokens, now);
        let reserved = reserved.ok()?;
        let charge = self.line.pass_by(&asker);
        Some(self.pass(charge, reserved, repeat, now))
    }

    /// Stands in line.
    pub(super) fn join(&mut self, want: &Want<'_>, waiter: T, now: Instant) -> Spot {
        let since = now;
        let asker = self.asker(want);
        self.line.join(&asker, Waiter { since, waiter })
    }

    /// Leaves the line; `None` when its turn has come.
    pub(super) fn leave(&mut self, spot: Spot) -> Option<T> {
        self.line.leave(spot).map(|gone| gone.waiter)
    }

    /// The next in line, if it may go now.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Pass, T)> {
        if self.line.waiting() == 0 || self.ready(now) != Ready::Now {
            return None;
        }
        // Who stood aside may be a repeat.
        self.line.come_back(now);
        let repeats = self.line.has_repeats() && self.budget.allows(now);
        let bulkhead = Bulkhead {
            permits: self.limit.get(),
            share: self.share(),
        };
        let (name, allowances) = (&self.name, &self.allowances);
        let chosen = self
            .line
            .choose(repeats, bulkhead, now, |tenant, task, tokens| {
                allowances.reserve(name, tenant, task, tokens, now)
            })?;
        let pass = self.pass(chosen.charge, chosen.allowed, chosen.repeat, now);
        Some((pass, chosen.waiter.waiter))
    }

    /// When time alone lets the next in line go, if it does.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        if self.line.waiting() == 0 {
            return None;
        }
        match self.ready(now) {
            Ready::At(at) => Some(at),
            Ready::AfterACall => None,
            // Only repeats without a budget, and who stands aside, can wait at an open gate.
            Ready::Now => {
                let repeats = self.line.has_repeats().then(|| self.budget.next(now));
                repeats.into_iter().chain(self.line.next_aside()).min()
            }
        }
    }

    /// A call ended. `jitter` is drawn if the breaker opens.
    pub(super) fn settle(
        &mut self,
        pass: Pass,
        verdict: Verdict,
        now: Instant,
        jitter: impl FnOnce() -> Jitter,
    ) {
        let running = self.running;
        self.running = self.running.saturating_sub(1);
        self.give_back(&pass, verdict, now);
        let health = match verdict {
            Verdict::Succeeded => {
                self.limit.succeeded(pass.begun, running, now);
                self.pace.took(now.saturating_duration_since(pass.begun));
                self.pause.succeeded();
                Health::Good
            }
            Verdict::Failed => {
                self.limit.failed(pass.begun, now);
                Health::Bad
            }
            Verdict::Overloaded { retry_after } => {
                let was_lowest = self.limit.is_lowest();
                let news = self.limit.overloaded(pass.begun, now);
                match retry_after {
                    Some(wait) => self.pause.asked(wait, now),
                    None if news && was_lowest => self.pause.back_off(now),
                    None => {}
                }
                Health::Unknown
            }
            Verdict::Neutral => Health::Unknown,
        };
        // What a probe showed early counts once; that it failed in the end counts all the same.
        if !pass.shown || health == Health::Bad {
            self.record(pass.epoch, health, now, jitter);
        }
    }

    /// The place has begun to answer a probe: it is back, however long the answer takes.
    pub(super) fn answering(&mut self, pass: &mut Pass, now: Instant) {
        if std::mem::replace(&mut pass.probe, false) {
            pass.shown = true;
            self.record(pass.epoch, Health::Good, now, || Jitter::MAX);
        }
    }

    fn record(
        &mut self,
        epoch: Epoch,
        health: Health,
        now: Instant,
        jitter: impl FnOnce() -> Jitter,
    ) {
        let before = self.breaker.state();
        self.breaker.record(epoch, health, now, jitter);
        if before == BreakerState::HalfOpen && self.breaker.state() == BreakerState::Closed {
            self.rate.begin_ramp(now);
        }
    }

    /// How the breaker stands.
    pub(super) const fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Whether the breaker would hold up a call now.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.breaker.ready(now) != Ready::Now
    }

    /// How long one more caller would wait: as `want` says, or behind everybody.
    pub(super) fn expected_wait(&self, want: Option<&Want<'_>>, now: Instant) -> Duration {
        let asker = want.map(|want| self.asker(want));
        let ahead = asker
            .as_ref()
            .map_or_else(|| self.line.waiting(), |asker| self.line.ahead_of(asker));
        let paced = asker.as_ref().map_or(Duration::ZERO, |asker| {
            let backlog = self.line.backlog_of(asker);
            self.allowances.wait(asker.tenant, asker.task, backlog, now)
        });
        let shut = match self.ready(now) {
            Ready::At(at) => at.saturating_duration_since(now),
            Ready::Now | Ready::AfterACall => Duration::ZERO,
        };
        let (limit, rate) = (self.limit.get(), self.rate.full());
        let served = self.pace.time_for(ahead, limit, rate);
        // Where nothing succeeded yet, the line has shown how long it takes at least.
        let served = served.unwrap_or_else(|| self.oldest_wait(now));
        let served = shut + served + self.rate.ramp_left(now).min(self.ramp_time(ahead, now));
        served.max(paced)
    }

    /// How all this stands.
    /// Each tenant that has something here, with the calls of it that run and those in line.
    pub(super) fn parts(&self) -> Vec<Part> {
        let parts = self.line.parts();
        let parts = parts.filter(|(_, in_use, waiting)| in_use + waiting > 0);
        parts
            .map(|(tenant, in_use, waiting)| Part {
                tenant: tenant.clone(),
                in_use,
                waiting,
            })
            .collect()
    }

    pub(super) fn status(&self, now: Instant) -> GateStatus {
        GateStatus {
            name: self.name.as_ref().to_owned(),
            limit: self.limit.get(),
            in_use: self.running,
            waiting: self.line.waiting(),
            tokens_waiting: self.line.tokens_waiting(),
            tenants_waiting: self.line.tenants_waiting(),
            paced: usize::try_from(self.line.aside()).unwrap_or(usize::MAX),
            oldest_wait: self.oldest_wait(now),
            expected_wait: self.expected_wait(None, now),
            breaker: self.breaker.state(),
            paused_for: self
                .pause
                .until(now)
                .map(|until| until.saturating_duration_since(now)),
            calls: self.calls,
            retries: self.repeats,
            calls_per_second: self.rate.per_second(now),
        }
    }

    /// How long the ramp's rate of now takes to serve so many.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn ramp_time(&self, ahead: usize, now: Instant) -> Duration {
        let rate = self.rate.per_second(now).unwrap_or(f64::INFINITY);
        Duration::try_from_secs_f64(ahead as f64 / rate).unwrap_or(Duration::MAX)
    }

    fn oldest_wait(&self, now: Instant) -> Duration {
        let oldest = self.line.firsts().map(|waiter| waiter.since).min();
        oldest.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Whether the place can be called at all now.
    fn ready(&self, now: Instant) -> Ready {
        if let Some(until) = self.pause.until(now) {
            return Ready::At(until);
        }
        match self.breaker.ready(now) {
            Ready::Now => {}
            not_now @ (Ready::At(_) | Ready::AfterACall) => return not_now,
        }
        if self.running >= self.limit.get() {
            return Ready::AfterACall;
        }
        match self.rate.ready_at(now) {
            Some(at) if now < at => Ready::At(at),
            Some(_) | None => Ready::Now,
        }
    }

    fn pass(
        &mut self,
        charge: Charge,
        reserved: Option<Reserved>,
        repeat: bool,
        now: Instant,
    ) -> Pass {
        self.calls += 1;
        if repeat {
            self.repeats += 1;
            self.budget.repeat(now);
        } else {
            self.budget.first_call(now);
        }
        self.rate.pass(now);
        self.running += 1;
        Pass {
            charge,
            reserved,
            epoch: self.breaker.pass(),
            begun: now,
            called: false,
            used: None,
            probe: self.breaker.state() == BreakerState::HalfOpen,
            shown: false,
        }
    }

    /// Gives back what the call did not use. Who said nothing of what it took is taken at its
    /// estimate, so that calls that fail cost their turn; but a place that asks to be spared has
    /// counted no tokens, and a call that was not made nothing at all.
    fn give_back(&mut self, pass: &Pass, verdict: Verdict, now: Instant) {
        let made = pass.called || verdict != Verdict::Neutral;
        let unmade = (!made).then_some(0);
        let charged = pass.used.map(|used| used.max(1)).or(unmade);
        self.line.give_back(pass.charge, charged);
        let Some(reserved) = &pass.reserved else {
            return;
        };
        let spared = matches!(verdict, Verdict::Overloaded { .. }).then_some(0);
        let used = pass.used.or(spared).unwrap_or_else(|| reserved.tokens());
        self.allowances.settle(reserved, made.then_some(used), now);
    }

    fn asker<'a>(&self, want: &Want<'a>) -> Asker<'a> {
        Asker {
            tenant: want.tenant,
            task: want.task,
            repeat: want.retry,
            priority: want.priority,
            tokens: want.tokens.max(1),
            weight: self.allowances.weight(want.tenant),
        }
    }

    /// Permits that one tenant may hold while others wait.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a small number"
    )]
    fn share(&self) -> usize {
        ((self.limit.get() as f64 * self.max_share).ceil() as usize).max(1)
    }
}

#[cfg(test)]
mod tests;
