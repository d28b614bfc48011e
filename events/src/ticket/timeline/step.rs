//! One thing that went on for a while.

use serde::Serialize;

/// One thing that went on for a while, in the life of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// What it was.
    pub step: StepName,
    /// The attempt it was a part of, or led up to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The try of a callback that it was, or led up to.
    #[serde(rename = "try", skip_serializing_if = "Option::is_none")]
    pub try_number: Option<u32>,
    /// When it began, in milliseconds since the ticket was issued.
    pub begins_ms: u64,
    /// When it ended; null where it goes on.
    pub ends_ms: Option<u64>,
    /// How it ended, or how it stands.
    pub outcome: Outcome,
    /// What else is known of it: a sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The kinds of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// Not to be begun before its time.
    Scheduled,
    /// The tenant's API prepared the input, where it is asked; the prompt was rendered.
    PreProcess,
    /// Waiting for a place at the model.
    ModelQueue,
    /// Waiting for the time of the next try.
    RetryWait,
    /// From the call of the model to its first text.
    FirstToken,
    /// From its first text to its last.
    Streaming,
    /// The tenant's API persisted the answer.
    PostProcess,
    /// Waiting for whoever the answer is for.
    Delivery,
}

/// How a step ended, or how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "StepOutcome")
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It came to its end.
    Done,
    /// It was in vain, or was cut short.
    Failed,
    /// Nothing is being done: a time, a place or somebody is waited for.
    Waiting,
    /// It is being done.
    Running,
}

/// How long steps of one kind took together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "StepShare")
)]
pub struct Share {
    /// Which kind.
    pub step: StepName,
    /// How long, in milliseconds.
    pub ms: u64,
}

impl StepName {
    /// The name as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::PreProcess => "pre_process",
            Self::ModelQueue => "model_queue",
            Self::RetryWait => "retry_wait",
            Self::FirstToken => "first_token",
            Self::Streaming => "streaming",
            Self::PostProcess => "post_process",
            Self::Delivery => "delivery",
        }
    }
}

impl Outcome {
    /// The name as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
            Self::Running => "running",
        }
    }
}

impl Step {
    /// How long it took, or has taken by `now_ms`.
    pub fn lasts_ms(&self, now_ms: u64) -> u64 {
        self.ends_ms
            .unwrap_or(now_ms)
            .saturating_sub(self.begins_ms)
    }
}

/// The steps added up by kind, the longest first; what took no time is left out.
pub(super) fn shares(steps: &[Step], now_ms: u64) -> Vec<Share> {
    let mut shares: Vec<Share> = Vec::new();
    for step in steps {
        let ms = step.lasts_ms(now_ms);
        match shares.iter_mut().find(|share| share.step == step.step) {
            Some(share) => share.ms = share.ms.saturating_add(ms),
            None => shares.push(Share {
                step: step.step,
                ms,
            }),
        }
    }
    shares.retain(|share| share.ms > 0);
    shares.sort_by_key(|share| std::cmp::Reverse(share.ms));
    shares
}
