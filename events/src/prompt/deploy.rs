//! Decisions about what reaches users: labels and canaries.

use uuid::Uuid;

use super::command::{Seen, SeenCanary};
use super::decide::{Decided, find, words};
use super::event::{
    Act, CanaryBounds, CanaryEnd, CanaryEnded, CanaryStarted, CanaryTally, Clearance, LabelMoved,
    LabelRemoved, MoveCause, PromptEvent,
};
use super::limits;
use super::policy::passing_shadow;
use super::rejection::Rejection;
use super::state::{PromptState, Version};
use crate::ids::LabelName;

/// A version on its way to users.
pub(super) struct Deployment {
    pub(super) version: u32,
    pub(super) reason: Option<String>,
    pub(super) override_reason: Option<String>,
    pub(super) act: Act,
}

pub(super) fn move_label(
    state: &PromptState,
    label: LabelName,
    (expected, expected_canary): (Option<Seen>, Option<SeenCanary>),
    deployment: Deployment,
) -> Decided {
    let version = find(state, deployment.version)?;
    open(state)?;
    let now = state.labelled(&label);
    if now == Some(version.number) {
        return Ok(vec![]);
    }
    as_seen(&label, expected, now)?;
    canary_as_seen(state, &label, expected_canary)?;
    if now.is_none() && state.labels.len() >= limits::LABELS {
        let (what, max) = ("labels", limits::LABELS);
        return Err(Rejection::TooMany { what, max });
    }
    let reason = words("a reason", deployment.reason)?;
    if !label.is_production() {
        let moved = LabelMoved {
            label,
            from: now,
            to: version.number,
            hash: version.hash,
            cause: MoveCause::Deployed,
            reason,
            clearance: Clearance::NotNeeded,
            act: deployment.act,
        };
        return Ok(vec![PromptEvent::LabelMoved(moved)]);
    }
    match &state.canary {
        Some(canary) if canary.version == version.number => {
            Ok(promoted(canary, None, reason, deployment.act))
        }
        Some(canary) => Err(running(canary)),
        None => Ok(vec![PromptEvent::LabelMoved(LabelMoved {
            label,
            from: now,
            to: version.number,
            hash: version.hash,
            cause: MoveCause::Deployed,
            reason,
            clearance: clearance(state, version, deployment.override_reason)?,
            act: deployment.act,
        })]),
    }
}

/// Also of a retired prompt: tickets that were taken before still run its production.
pub(super) fn roll_back(
    state: &PromptState,
    label: LabelName,
    (expected, expected_canary): (u32, SeenCanary),
    reason: Option<String>,
    act: Act,
) -> Decided {
    let Some(present) = state.labels.get(&label) else {
        return Err(Rejection::NoSuchLabel(label));
    };
    let expected = Some(Seen::Version(expected));
    as_seen(&label, expected, Some(present.version))?;
    canary_as_seen(state, &label, Some(expected_canary))?;
    let reason = words("a reason", reason)?;
    if let Some(canary) = state.canary.as_ref().filter(|_| label.is_production()) {
        return Ok(vec![ended(canary, CanaryEnd::Stopped, None, reason, act)]);
    }
    let Some(&before) = present.before.last() else {
        let version = present.version;
        return Err(Rejection::NothingBefore { label, version });
    };
    let version = find(state, before)?;
    Ok(vec![PromptEvent::LabelMoved(LabelMoved {
        label,
        from: Some(present.version),
        to: version.number,
        hash: version.hash,
        cause: MoveCause::RolledBack,
        reason,
        clearance: Clearance::NotNeeded,
        act,
    })])
}

pub(super) fn remove_label(state: &PromptState, label: LabelName, act: Act) -> Decided {
    if label.is_production() {
        return Err(Rejection::ProductionStays);
    }
    let Some(from) = state.labelled(&label) else {
        return Ok(vec![]);
    };
    let removed = LabelRemoved { label, from, act };
    Ok(vec![PromptEvent::LabelRemoved(removed)])
}

pub(super) fn start_canary(
    state: &PromptState,
    canary: Uuid,
    percent: u8,
    bounds: CanaryBounds,
    deployment: Deployment,
) -> Decided {
    let version = find(state, deployment.version)?;
    open(state)?;
    match &state.canary {
        Some(present) if present.canary == canary => return Ok(vec![]),
        Some(present) => return Err(running(present)),
        None => {}
    }
    canary_fits(percent, bounds)?;
    let beside = state.production().ok_or(Rejection::NoProduction)?;
    if beside == version.number {
        let version = version.number;
        return Err(Rejection::AlreadyInProduction { version });
    }
    Ok(vec![PromptEvent::CanaryStarted(CanaryStarted {
        canary,
        version: version.number,
        hash: version.hash,
        beside,
        percent,
        bounds,
        reason: words("a reason", deployment.reason)?,
        clearance: clearance(state, version, deployment.override_reason)?,
        act: deployment.act,
    })])
}

pub(super) fn end_canary(
    state: &PromptState,
    canary: Uuid,
    end: CanaryEnd,
    tally: CanaryTally,
    reason: Option<String>,
    act: Act,
) -> Decided {
    let Some(present) = state.canary.as_ref().filter(|c| c.canary == canary) else {
        return already_ended(state, canary, end);
    };
    let reason = words("a reason", reason)?;
    Ok(match end {
        CanaryEnd::Promoted => promoted(present, Some(tally), reason, act),
        CanaryEnd::Stopped | CanaryEnd::Returned => {
            vec![ended(present, end, Some(tally), reason, act)]
        }
    })
}

/// The watch over a canary and a planner may both end it: the second finds it done, unless one
/// gave the version to everybody and the other took it back.
fn already_ended(state: &PromptState, canary: Uuid, end: CanaryEnd) -> Decided {
    let promoted = |end: CanaryEnd| end == CanaryEnd::Promoted;
    match &state.last_canary {
        Some(last) if last.canary == canary && promoted(last.end) == promoted(end) => Ok(vec![]),
        _ => Err(Rejection::NotRunning(canary)),
    }
}

/// The canary's version for everybody. What allowed the canary allows this: its version has been
/// with users since.
fn promoted(
    canary: &CanaryStarted,
    tally: Option<CanaryTally>,
    reason: Option<String>,
    act: Act,
) -> Vec<PromptEvent> {
    let end = CanaryEnd::Promoted;
    vec![
        ended(canary, end, tally, reason.clone(), act.clone()),
        PromptEvent::LabelMoved(LabelMoved {
            label: LabelName::production(),
            from: Some(canary.beside),
            to: canary.version,
            hash: canary.hash,
            cause: MoveCause::Promoted,
            reason,
            clearance: canary.clearance.clone(),
            act,
        }),
    ]
}

pub(super) fn ended(
    canary: &CanaryStarted,
    end: CanaryEnd,
    tally: Option<CanaryTally>,
    reason: Option<String>,
    act: Act,
) -> PromptEvent {
    PromptEvent::CanaryEnded(CanaryEnded {
        canary: canary.canary,
        version: canary.version,
        end,
        tally,
        reason,
        act,
    })
}

/// What lets a version reach the users of `production`: its newest test under the present test
/// set, and a shadow run where the policy asks for one; or else a reason.
fn clearance(
    state: &PromptState,
    version: &Version,
    override_reason: Option<String>,
) -> Result<Clearance, Rejection> {
    let shown = passing_run(state, version)
        .and_then(|run| passing_shadow(state, version).map(|shadow_run| (run, shadow_run)));
    let untested = match shown {
        Ok((run, shadow_run)) => return Ok(Clearance::Tested { run, shadow_run }),
        Err(untested) => untested,
    };
    let Some(reason) = override_reason else {
        return Err(untested);
    };
    let reason = words("a reason", Some(reason))?.ok_or(Rejection::ReasonMissing)?;
    Ok(Clearance::Overridden { reason })
}

fn passing_run(state: &PromptState, version: &Version) -> Result<Uuid, Rejection> {
    let (number, version) = (version.number, version.hash);
    let Some(set) = state.test_set.as_ref().filter(|set| !set.cases.is_empty()) else {
        return Err(Rejection::NoTestCases { version: number });
    };
    // Such sets are refused now, but were not always.
    if let Some(case) = set.cases.iter().find(|_| set.expects_nothing()) {
        let case = case.name.clone();
        return Err(Rejection::ExpectsNothing { case });
    }
    match state.newest_test(version) {
        Some(tested) if tested.passed() => Ok(tested.run),
        Some(tested) => Err(Rejection::TestFailed {
            version: number,
            run: tested.run,
            failed: tested.failed,
            cases: tested.cases,
        }),
        None => Err(Rejection::NotTested {
            version: number,
            test_set: set.number,
        }),
    }
}

fn open(state: &PromptState) -> Result<(), Rejection> {
    match state.retired {
        Some(_) => Err(Rejection::Retired),
        None => Ok(()),
    }
}

fn as_seen(label: &LabelName, expected: Option<Seen>, now: Option<u32>) -> Result<(), Rejection> {
    let seen = match expected {
        None => return Ok(()),
        Some(Seen::Nothing) => None,
        Some(Seen::Version(version)) => Some(version),
    };
    if seen == now {
        return Ok(());
    }
    let label = label.clone();
    Err(Rejection::LabelConflict { label, seen, now })
}

/// Only `production` has a canary: of another label nothing is compared.
fn canary_as_seen(
    state: &PromptState,
    label: &LabelName,
    expected: Option<SeenCanary>,
) -> Result<(), Rejection> {
    let Some(expected) = expected.filter(|_| label.is_production()) else {
        return Ok(());
    };
    let seen = match expected {
        SeenCanary::Nothing => None,
        SeenCanary::Running(canary) => Some(canary),
    };
    let running = state.canary.as_ref();
    if seen == running.map(|canary| canary.canary) {
        return Ok(());
    }
    Err(Rejection::CanaryConflict {
        saw_one: seen.is_some(),
        production: state.production(),
        now: running.map(|canary| canary.version),
    })
}

fn canary_fits(percent: u8, bounds: CanaryBounds) -> Result<(), Rejection> {
    if !(1..=99).contains(&percent) {
        return Err(Rejection::PercentOutOfRange(percent));
    }
    for bound in [
        bounds.max_failed_percent,
        bounds.max_schema_violation_percent,
    ] {
        if bound > 100 {
            return Err(Rejection::BoundOutOfRange(bound));
        }
    }
    if bounds.min_tickets == 0 {
        return Err(Rejection::NoMinimum);
    }
    Ok(())
}

fn running(canary: &CanaryStarted) -> Rejection {
    Rejection::CanaryRunning {
        version: canary.version,
        percent: canary.percent,
    }
}
