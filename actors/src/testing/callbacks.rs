//! A tenant's API that replies as told and keeps a ledger.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use punchcard_events::TenantId;
use punchcard_events::ticket::{CallbackError, CallbackErrorKind};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ports::{Callbacks, Called, PostProcessCall, PreProcessCall, PreProcessReply};

/// What the tenant's API does with one call.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply<T> {
    /// Answers with this.
    Gives(T),
    /// Fails.
    Fails(CallbackErrorKind),
    /// Fails and asks to be left alone for this long.
    FailsFor(CallbackErrorKind, Duration),
    /// Panics.
    Panics,
    /// Never answers.
    Hangs,
}

/// The tenants' APIs. Clones share replies and ledger.
#[derive(Debug, Clone, Default)]
pub struct RecordingCallbacks {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    pre_process: Mutex<Line<PreProcessCall, PreProcessReply>>,
    post_process: Mutex<Line<PostProcessCall, Option<Arc<Value>>>>,
    counts: watch::Sender<CallbackCounts>,
    /// By tenant: what becomes of every call to its API, of either kind.
    outages: Mutex<HashMap<TenantId, CallbackErrorKind>>,
    /// When each call came, and whose API was called.
    times: Mutex<Vec<(Instant, TenantId)>>,
    /// How long every call takes.
    latency: Mutex<Duration>,
}

/// What was counted so far, over both callbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallbackCounts {
    /// Calls to prepare an input.
    pub pre_process: usize,
    /// Calls to persist an answer.
    pub post_process: usize,
    /// Calls running now.
    pub in_flight: usize,
    /// The most calls that ever ran at once.
    pub most_in_flight: usize,
    /// Panics that a reply asked for and that happened.
    pub panics: usize,
}

/// One callback: what was asked, and what will be replied.
#[derive(Debug)]
struct Line<C, R> {
    calls: Vec<C>,
    replies: VecDeque<(Reply<R>, Option<watch::Receiver<bool>>)>,
    always: Option<Reply<R>>,
}

/// Holds back the reply to one call until it is opened. Dropping it opens it.
#[derive(Debug)]
pub struct Gate(watch::Sender<bool>);

impl<C, R> Default for Line<C, R> {
    fn default() -> Self {
        Self {
            calls: vec![],
            replies: VecDeque::new(),
            always: None,
        }
    }
}

impl Gate {
    /// Lets the reply go.
    pub fn open(self) {}
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

impl RecordingCallbacks {
    /// An API that leaves every input as it is and persists every answer as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// The reply to the next pre-process call without one; several are given in turn.
    pub fn next_pre_process(&self, reply: Reply<PreProcessReply>) {
        lock(&self.shared.pre_process)
            .replies
            .push_back((reply, None));
    }

    /// The reply to every pre-process call that has no other.
    pub fn always_pre_process(&self, reply: Reply<PreProcessReply>) {
        lock(&self.shared.pre_process).always = Some(reply);
    }

    /// Like [`Self::next_pre_process`], but held back until the gate is opened.
    pub fn hold_pre_process(&self, reply: Reply<PreProcessReply>) -> Gate {
        let (gate, opened) = gate();
        lock(&self.shared.pre_process)
            .replies
            .push_back((reply, Some(opened)));
        gate
    }

    /// The reply to the next post-process call without one; several are given in turn.
    pub fn next_post_process(&self, reply: Reply<Option<Arc<Value>>>) {
        lock(&self.shared.post_process)
            .replies
            .push_back((reply, None));
    }

    /// The reply to every post-process call that has no other.
    pub fn always_post_process(&self, reply: Reply<Option<Arc<Value>>>) {
        lock(&self.shared.post_process).always = Some(reply);
    }

    /// Like [`Self::next_post_process`], but held back until the gate is opened.
    pub fn hold_post_process(&self, reply: Reply<Option<Arc<Value>>>) -> Gate {
        let (gate, opened) = gate();
        lock(&self.shared.post_process)
            .replies
            .push_back((reply, Some(opened)));
        gate
    }

    /// From now on the API of `tenant` fails every call like this; with `None` it is back.
    pub fn outage(&self, tenant: &TenantId, fails: Option<CallbackErrorKind>) {
        let mut outages = lock(&self.shared.outages);
        match fails {
            Some(kind) => outages.insert(tenant.clone(), kind),
            None => outages.remove(tenant),
        };
    }

    /// From now on every call takes this long.
    pub fn take(&self, latency: Duration) {
        *lock(&self.shared.latency) = latency;
    }

    /// When each call of either kind came, and whose API was called, in order.
    pub fn call_times(&self) -> Vec<(Instant, TenantId)> {
        lock(&self.shared.times).clone()
    }

    /// Every pre-process call so far, in order.
    pub fn pre_process_calls(&self) -> Vec<PreProcessCall> {
        lock(&self.shared.pre_process).calls.clone()
    }

    /// Every post-process call so far, in order.
    pub fn post_process_calls(&self) -> Vec<PostProcessCall> {
        lock(&self.shared.post_process).calls.clone()
    }

    /// What was counted so far.
    pub fn counts(&self) -> CallbackCounts {
        *self.shared.counts.borrow()
    }

    /// Waits until `wanted` holds of the counts.
    pub async fn until(&self, wanted: impl FnMut(&CallbackCounts) -> bool) -> CallbackCounts {
        let mut counts = self.shared.counts.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let reached = counts.wait_for(wanted).await.map(|counts| *counts);
        reached.unwrap_or_default()
    }

    /// How many replies nobody has called for.
    pub fn unplayed(&self) -> usize {
        let waiting = lock(&self.shared.pre_process).replies.len();
        waiting + lock(&self.shared.post_process).replies.len()
    }

    async fn reply<C, R: Clone>(
        &self,
        line: &Mutex<Line<C, R>>,
        tenant: TenantId,
        call: C,
        usual: R,
    ) -> Result<R, CallbackError> {
        let (reply, gate) = {
            let mut line = lock(line);
            line.calls.push(call);
            let always = line.always.clone().unwrap_or(Reply::Gives(usual));
            line.replies.pop_front().unwrap_or((always, None))
        };
        let in_flight = InFlight::begin(&self.shared.counts);
        let outage = lock(&self.shared.outages).get(&tenant).copied();
        lock(&self.shared.times).push((Instant::now(), tenant));
        let latency = *lock(&self.shared.latency);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if let Some(kind) = outage {
            return Err(callback_error(kind, None));
        }
        if let Some(mut gate) = gate {
            // A gate that is gone is open.
            let _ = gate.wait_for(|open| *open).await;
        }
        match reply {
            Reply::Gives(reply) => Ok(reply),
            Reply::Fails(kind) => Err(callback_error(kind, None)),
            Reply::FailsFor(kind, wait) => Err(callback_error(kind, Some(wait))),
            Reply::Panics => in_flight.panic(),
            Reply::Hangs => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Callbacks for RecordingCallbacks {
    async fn pre_process(&self, call: PreProcessCall) -> Called<PreProcessReply> {
        self.shared
            .counts
            .send_modify(|counts| counts.pre_process += 1);
        let line = &self.shared.pre_process;
        let tenant = call.request.tenant.clone();
        let reply = self.reply(line, tenant, call, PreProcessReply::Unchanged);
        reply.await.into()
    }

    async fn post_process(&self, call: PostProcessCall) -> Called<Option<Arc<Value>>> {
        self.shared
            .counts
            .send_modify(|counts| counts.post_process += 1);
        let tenant = call.request.tenant.clone();
        let reply = self.reply(&self.shared.post_process, tenant, call, None);
        reply.await.into()
    }
}

/// Counts one call for as long as it runs.
struct InFlight<'a>(&'a watch::Sender<CallbackCounts>);

impl<'a> InFlight<'a> {
    fn begin(counts: &'a watch::Sender<CallbackCounts>) -> Self {
        counts.send_modify(|counts| {
            counts.in_flight += 1;
            counts.most_in_flight = counts.most_in_flight.max(counts.in_flight);
        });
        Self(counts)
    }

    #[expect(clippy::panic, reason = "the reply asks for it")]
    fn panic(&self) -> ! {
        self.0.send_modify(|counts| counts.panics += 1);
        panic!("the recording callbacks panic as told");
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|counts| counts.in_flight -= 1);
    }
}

/// A callback's failure of the given kind.
pub fn callback_error(kind: CallbackErrorKind, retry_after: Option<Duration>) -> CallbackError {
    CallbackError {
        kind,
        message: "the recording callbacks fail as told".to_owned(),
        retry_after_ms: retry_after.and_then(|wait| u64::try_from(wait.as_millis()).ok()),
        blame: punchcard_events::ticket::Blame::default(),
    }
}

fn gate() -> (Gate, watch::Receiver<bool>) {
    let (sender, receiver) = watch::channel(false);
    (Gate(sender), receiver)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
