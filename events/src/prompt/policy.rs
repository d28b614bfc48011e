//! Decisions about what a deployment needs besides a passed test run, and the results of shadow runs.

use uuid::Uuid;

use super::decide::{Decided, find};
use super::event::{
    Act, DeploymentPolicy, DeploymentPolicySet, PromptEvent, PromptShadowed, ShadowRunPolicy,
};
use super::rejection::Rejection;
use super::state::{PromptState, Version};
use crate::shadow_run::MAX_CASES;

pub(super) fn set(state: &PromptState, policy: DeploymentPolicy, act: Act) -> Decided {
    if state.policy == policy {
        return Ok(vec![]);
    }
    if let Some(ShadowRunPolicy {
        min_cases,
        max_failed_percent,
    }) = policy.shadow_run
    {
        if !(1..=MAX_CASES).contains(&min_cases) {
            let max = MAX_CASES;
            return Err(Rejection::MinCasesOutOfRange { min_cases, max });
        }
        if max_failed_percent > 100 {
            return Err(Rejection::BoundOutOfRange(max_failed_percent));
        }
    }
    let set = DeploymentPolicySet { policy, act };
    Ok(vec![PromptEvent::DeploymentPolicySet(set)])
}

pub(super) fn record_shadow(state: &PromptState, result: PromptShadowed) -> Decided {
    if state.shadows.iter().any(|known| known.run == result.run) {
        return Ok(vec![]);
    }
    let tally = result.tally;
    if tally.cases == 0 || !tally.adds_up() {
        let (failed, cases) = (tally.without_answer(), tally.cases);
        return Err(Rejection::ResultMisfit { failed, cases });
    }
    if find(state, result.version)?.hash != result.hash {
        let (version, hash) = (result.version, result.hash);
        return Err(Rejection::HashMisfit { version, hash });
    }
    Ok(vec![PromptEvent::PromptShadowed(result)])
}

/// The shadow run that lets a version reach users, where one is needed: the newest of its content
/// that had enough cases. A smaller one after it says less, and takes nothing away.
pub(super) fn passing_shadow(
    state: &PromptState,
    version: &Version,
) -> Result<Option<Uuid>, Rejection> {
    let Some(policy) = state.policy.shadow_run else {
        return Ok(None);
    };
    let mut newest_first = state.shadows.iter().rev();
    let counts = |shadow: &&PromptShadowed| {
        shadow.hash == version.hash && shadow.tally.cases >= policy.min_cases
    };
    let Some(shadow) = newest_first.find(counts) else {
        return Err(Rejection::NotShadowed {
            version: version.number,
            min_cases: policy.min_cases,
        });
    };
    if policy.is_met_by(shadow) {
        return Ok(Some(shadow.run));
    }
    Err(Rejection::ShadowFailed {
        version: version.number,
        run: shadow.run,
        failed: shadow.tally.without_answer(),
        cases: shadow.tally.cases,
        max_failed_percent: policy.max_failed_percent,
    })
}

impl ShadowRunPolicy {
    /// Whether a shadow run is one that a deployment needs.
    pub fn is_met_by(&self, shadow: &PromptShadowed) -> bool {
        let cases = u64::from(shadow.tally.cases);
        let failed = u64::from(shadow.tally.without_answer());
        cases >= u64::from(self.min_cases)
            && failed * 100 <= cases * u64::from(self.max_failed_percent)
    }
}
