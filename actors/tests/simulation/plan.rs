//! A plan: everything that will happen to the runtime in one simulated history, as plain data.
//!
//! A plan is a list of timed steps. A fault is a step like any other: it waits from then on for the
//! next append or call that it fits. So leaving out any step of a plan gives another plan, which is
//! all that the search for the smallest one needs, and a kept plan reads like a story.

use punchcard_events::ticket::{AttemptErrorKind, CallbackErrorKind};
use serde::{Deserialize, Serialize};

/// One simulated history to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// Ids, jitter and the store's delays are drawn from this.
    pub(crate) seed: u64,
    pub(crate) setup: Setup,
    pub(crate) steps: Vec<Step>,
}

impl Plan {
    /// Whether anything in it may hold a ticket up until its deadline. Failed calls, panics and
    /// crashes do not: they cost seconds. A place that asks to be left alone does, and so does one
    /// whose failures a tight guard holds against it.
    pub(crate) fn may_hold_up(&self) -> bool {
        let tight = self.setup.guards == Guards::Tight;
        self.steps.iter().any(|step| match &step.deed {
            Deed::Foreign { .. }
            | Deed::Store { .. }
            | Deed::StoreDown { .. }
            | Deed::ReadsDown { .. }
            | Deed::ClockJump { .. } => true,
            Deed::Model(script) => match script.end {
                ModelEnd::Hang => true,
                ModelEnd::Refuse { retry_after_ms, .. } => tight || retry_after_ms.is_some(),
                ModelEnd::Complete
                | ModelEnd::Misfit
                | ModelEnd::Cut
                | ModelEnd::Fail(_)
                | ModelEnd::Panic
                | ModelEnd::Crash => tight,
            },
            Deed::PreProcess(script) | Deed::PostProcess(script) => match script.reply {
                CallbackReply::Hang => true,
                CallbackReply::Fail { retry_after_ms, .. } => tight || retry_after_ms.is_some(),
                CallbackReply::Ok
                | CallbackReply::Replace
                | CallbackReply::Panic
                | CallbackReply::Crash => tight,
            },
            Deed::Issue(_)
            | Deed::Cancel { .. }
            | Deed::Acknowledge { .. }
            | Deed::Look { .. }
            | Deed::Fork { .. }
            | Deed::Connect(_)
            | Deed::Disconnect { .. }
            | Deed::Restart { .. }
            | Deed::Crash => false,
        })
    }

    /// Whether nothing in it can fail a ticket, but for a prompt that cannot be rendered and an answer
    /// that nobody takes.
    pub(crate) fn is_harmless(&self) -> bool {
        !self.may_hold_up()
            && !self.steps.iter().any(|step| {
                matches!(
                    step.deed,
                    Deed::Model(_) | Deed::PreProcess(_) | Deed::PostProcess(_)
                )
            })
    }
}

/// How the runtime and its world are set up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setup {
    pub(crate) shards: usize,
    /// Calls that may run at once, per model.
    pub(crate) model_permits: usize,
    /// Callbacks that may run at once, per tenant.
    pub(crate) callback_permits: usize,
    /// Open tickets; past them, new ones are refused.
    pub(crate) max_active: usize,
    pub(crate) passivate_after_ms: u64,
    /// The most that the store takes before it writes, and again before it says so.
    pub(crate) store_delay_ms: u64,
    /// Tickets picked up per second after a start.
    pub(crate) recover_per_second: u32,
    /// What comes after the last step, before everything is left to come to rest.
    pub(crate) end: End,
    /// How models and tenants' APIs are guarded.
    #[serde(default)]
    pub(crate) guards: Guards,
}

/// How places are guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Guards {
    /// As in the default configuration, which a few calls hardly meet.
    #[default]
    Usual,
    /// Two failures open the breaker, repeats and calls are few, and concurrency is found by trying.
    Tight,
}

/// What comes after the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// The runtime goes on.
    Rest,
    /// It is stopped and started.
    Restart,
    /// It crashes and is started.
    Crash,
}

/// Something that happens at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// Milliseconds since the history began, by a clock that never jumps.
    pub(crate) at_ms: u64,
    #[serde(rename = "do")]
    pub(crate) deed: Deed,
}

/// What happens. Tickets are named by their number in the order they were accepted, modulo how many
/// there are by then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Deed {
    /// A backend issues a ticket.
    Issue(IssueDeed),
    /// Somebody cancels a ticket, keeping its text or not.
    Cancel { ticket: usize, keep: bool },
    /// The issuer says that it has the answer, be there one or not.
    Acknowledge { ticket: usize },
    /// Somebody looks at a ticket.
    Look { ticket: usize },
    /// A planner runs a ticket again, without effects outside.
    Fork { ticket: usize },
    /// A user's session connects, going on from what that client holds.
    Connect(ConnectDeed),
    /// The session's connection is lost.
    Disconnect { client: u8 },
    /// Another node writes to a ticket's stream.
    Foreign { ticket: usize, deed: ForeignDeed },
    /// The store does this to the next append, or to the next one with an event of that kind.
    Store {
        fault: StoreFault,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<String>,
    },
    /// The store takes no events for so long.
    StoreDown { for_ms: u64 },
    /// The store cannot be read for so long.
    ReadsDown { for_ms: u64 },
    /// The next model call goes like this.
    Model(ModelScript),
    /// The next pre-process call goes like this.
    PreProcess(CallbackScript),
    /// The next post-process call goes like this.
    PostProcess(CallbackScript),
    /// The time of day jumps, forwards or backwards.
    ClockJump { by_ms: i64 },
    /// The runtime is drained, stopped and started again.
    Restart { grace_ms: u64 },
    /// The process dies where it stands and is started again.
    Crash,
}

/// A request to issue a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssueDeed {
    pub(crate) tenant: u8,
    pub(crate) task: Task,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<u8>,
    /// The idempotency key, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<u8>,
    /// What the request says; a repeat with another body is another request.
    pub(crate) body: u8,
    /// After so long the issuer hangs up and never learns what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hang_up_after_ms: Option<u64>,
}

/// The tasks there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// No callbacks.
    Plain,
    /// The tenant prepares the input.
    Before,
    /// The tenant persists the answer.
    After,
    /// Both, on another model.
    Both,
    /// A prompt that cannot be rendered.
    Broken,
}

/// A session that connects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectDeed {
    pub(crate) client: u8,
    /// The client takes so long over each batch of news.
    pub(crate) slow_ms: u64,
    /// So long after an answer it acknowledges it; never, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acknowledge_after_ms: Option<u64>,
    /// The client acknowledges twice, as two tabs would.
    pub(crate) twice: bool,
    /// The cursors it comes with point past what it was sent.
    pub(crate) bad_cursors: bool,
}

/// What another node writes, if the ticket's state allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ForeignDeed {
    Cancel,
    /// It records the next attempt, and then is never heard of again.
    Send,
    Acknowledge,
    Fail,
    /// An admin opens a failed ticket again.
    Redrive,
}

/// What goes wrong with an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoreFault {
    /// Nothing is written, and the store says so.
    Unavailable,
    /// Nothing is written, and the store does not say.
    UnknownNotWritten,
    /// All is written, and the store does not say.
    UnknownWritten,
    /// It takes this long.
    Slow { ms: u64 },
    /// Another node writes to that stream first.
    Overtaken(ForeignDeed),
    /// The process dies before it is written.
    CrashBefore,
    /// The process dies when it is written, before it hears so.
    CrashAfter,
}

/// What a model does in one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelScript {
    /// How many pieces of text it says.
    pub(crate) pieces: u8,
    /// How long it takes before each, and before the end.
    pub(crate) every_ms: u64,
    pub(crate) end: ModelEnd,
}

/// How a model call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModelEnd {
    Complete,
    /// Complete, and against the task's schema.
    Misfit,
    /// The stream ends without a word.
    Cut,
    Fail(AttemptErrorKind),
    /// The call is refused before any text.
    Refuse {
        kind: AttemptErrorKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// Nothing comes any more.
    Hang,
    /// The adapter panics, and the ticket's actor with it.
    Panic,
    /// The process dies.
    Crash,
}

/// What a tenant's API does with one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackScript {
    pub(crate) delay_ms: u64,
    /// Whether the API does what it was asked, whatever its reply becomes.
    pub(crate) done: bool,
    /// The network delivers the call twice.
    pub(crate) twice: bool,
    pub(crate) reply: CallbackReply,
}

/// What becomes of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallbackReply {
    Ok,
    /// 200 with something to use in place of what was sent.
    Replace,
    Fail {
        kind: CallbackErrorKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// It never comes.
    Hang,
    /// The adapter panics, and the ticket's actor with it.
    Panic,
    /// The process dies.
    Crash,
}
