//! Forks as the API shows them.

use std::sync::Arc;

use punchcard_actors::forks::ForkPlan;
use punchcard_actors::usage::Estimate;
use punchcard_events::ticket::{Fork, ForkFrom, Message, Parameters, PromptRef, ShadowCase};
use punchcard_events::{Revision, TicketId};
use schemars::JsonSchema;
use serde::Serialize;

/// What a ticket is a fork of.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct ForkView {
    parent: TicketId,
    /// The parent's newest event when it was forked.
    parent_revision: Revision,
    from: ForkFrom,
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<ShadowCase>,
}

impl From<&Fork> for ForkView {
    fn from(fork: &Fork) -> Self {
        Self {
            parent: fork.parent,
            parent_revision: fork.parent_revision,
            from: fork.from,
            by: fork.by.clone(),
            shadow: fork.shadow,
        }
    }
}

/// What a fork would send, and what it is estimated at.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ForkPreview")]
pub(in crate::http) struct PreviewView {
    parent: TicketId,
    parent_revision: Revision,
    from: ForkFrom,
    /// Absent where no prompt is run.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<PromptRef>,
    model: String,
    parameters: Arc<Parameters>,
    messages: Arc<[Message]>,
    estimate: EstimateView,
}

/// The tokens of a call before it is made, rather too many.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ForkEstimateView")]
struct EstimateView {
    prompt_tokens: u64,
    completion_tokens: u64,
    /// `null`: the model has no price.
    cost_usd: Option<f64>,
}

impl PreviewView {
    pub(super) fn of(parent: TicketId, from: ForkFrom, plan: &ForkPlan) -> Self {
        let prepared = &plan.prepared;
        let Estimate {
            prompt_tokens,
            completion_tokens,
        } = plan.estimate;
        Self {
            parent,
            parent_revision: plan.parent_revision,
            from,
            prompt: Some(prepared.prompt.clone()).filter(|prompt| !prompt.is_none()),
            model: prepared.model.clone(),
            parameters: Arc::clone(&prepared.parameters),
            messages: Arc::clone(&prepared.messages),
            estimate: EstimateView {
                prompt_tokens,
                completion_tokens,
                cost_usd: plan.cost.map(crate::compare::dollars),
            },
        }
    }
}
