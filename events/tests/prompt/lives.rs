//! Random but reproducible lives of a prompt.
//!
//! A life is a list of steps, resolved against the state they meet, so dropping any step leaves a
//! life: proptest shrinks to the few steps that matter. One second passes with each step.

use proptest::collection::vec;
use proptest::prelude::*;
use punchcard_events::LabelName;
use punchcard_events::prompt::*;
use uuid::Uuid;

use crate::samples::{BOUNDS, TALLY, asking_for, at, case, content, production, staging, tally};

/// A life so far: its events and the state they were folded to while they were decided.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life {
    pub(crate) events: Vec<PromptEvent>,
    pub(crate) state: PromptState,
    /// The codes of the refusals on the way.
    pub(crate) refused: Vec<&'static str>,
}

/// What is asked next, and three numbers that say of what.
pub(crate) type Step = (u8, u8, u8, bool);

pub(crate) fn lives() -> impl Strategy<Value = Life> {
    vec((0..40_u8, any::<u8>(), any::<u8>(), any::<bool>()), 0..90).prop_map(|steps| live(&steps))
}

pub(crate) fn live(steps: &[Step]) -> Life {
    let mut life = Life::default();
    for (second, step) in (1..).zip(steps) {
        let act = Act {
            at: at(second),
            by: Author::Runtime,
        };
        match decide(&life.state, command(&life.state, second, *step, act)) {
            Ok(events) => {
                for event in events {
                    life.state = apply(life.state, &event).expect("what is decided can happen");
                    life.events.push(event);
                }
            }
            Err(rejection) => life.refused.push(rejection.code()),
        }
    }
    life
}

/// Mostly something that fits, sometimes something that does not.
fn command(state: &PromptState, second: u64, (ask, a, b, flag): Step, act: Act) -> Command {
    let edit = state.draft.as_ref().map(|draft| draft.edit);
    let version = a_version(state, a);
    let label = [production(), staging(), production(), side()][usize::from(b) % 4].clone();
    let override_reason = (b >= 170).then(|| "it must".to_owned());
    let run = Uuid::from_u128(u128::from(second));
    match ask {
        0..=4 => Command::SaveDraft {
            expected_edit: if a.is_multiple_of(9) {
                Some(u32::from(b))
            } else {
                edit
            },
            based_on: a.is_multiple_of(3).then_some(version),
            content: content(&format!("text {}", a % 8)),
            act,
        },
        5 => Command::DiscardDraft {
            expected_edit: edit.unwrap_or_else(|| b.into()),
            act,
        },
        6..=8 => publish(state, a, act),
        9..=11 => Command::MoveLabel {
            expected: flag.then(|| seen(state, &label, b)),
            expected_canary: flag.then(|| seen_canary(state, a)),
            label,
            version,
            reason: None,
            override_reason,
            act,
        },
        12 | 13 => Command::RollBack {
            expected: state.labelled(&label).unwrap_or(0) + u32::from(b.is_multiple_of(7)),
            expected_canary: seen_canary(state, a),
            label,
            reason: None,
            act,
        },
        14 => Command::RemoveLabel { label, act },
        15..=18 => Command::StartCanary {
            canary: run,
            version,
            percent: b % 105,
            bounds: BOUNDS,
            reason: None,
            override_reason,
            act,
        },
        19 | 20 => Command::EndCanary {
            canary: state.canary.as_ref().map_or(run, |canary| canary.canary),
            end: [CanaryEnd::Promoted, CanaryEnd::Stopped, CanaryEnd::Returned][usize::from(a) % 3],
            tally: TALLY,
            reason: None,
            act,
        },
        21 => Command::SaveTestSet {
            expected_number: state.test_set.as_ref().map(|set| set.number),
            cases: (0..a % 3).map(|n| case(&n.to_string())).collect(),
            act,
        },
        22..=26 => record(state, run, version, flag, act),
        27 => Command::Retire { reason: None, act },
        28..=30 => Command::Restore { act },
        32..=37 => record_shadow(state, run, version, (a, b), act),
        38 | 39 => set_policy(flag, a, b, act),
        _ => Command::Adopt {
            content: content("configured"),
            act,
        },
    }
}

/// One that is there, or the one after the newest.
fn a_version(state: &PromptState, a: u8) -> u32 {
    let newest = state.latest().map_or(0, |version| version.number);
    if a.is_multiple_of(8) {
        newest + 1
    } else {
        1 + u32::from(a) % newest.max(1)
    }
}

/// Where the label points, or what nobody can have seen.
fn seen(state: &PromptState, label: &LabelName, b: u8) -> Seen {
    if b.is_multiple_of(7) {
        Seen::Version(0)
    } else {
        state.labelled(label).map_or(Seen::Nothing, Seen::Version)
    }
}

/// The canary that runs, or one that nobody can have seen.
fn seen_canary(state: &PromptState, a: u8) -> SeenCanary {
    if a.is_multiple_of(9) {
        return SeenCanary::Running(Uuid::nil());
    }
    let running = state.canary.as_ref();
    running.map_or(SeenCanary::Nothing, |canary| {
        SeenCanary::Running(canary.canary)
    })
}

fn side() -> LabelName {
    LabelName::new("side").expect("a label")
}

fn publish(state: &PromptState, a: u8, act: Act) -> Command {
    let draft = state.draft.as_ref();
    Command::Publish {
        expected_edit: draft.map_or_else(|| a.into(), |draft| draft.edit),
        content: draft.map_or_else(|| content("none"), |draft| draft.content.clone()),
        notes: String::new(),
        act,
    }
}

fn set_policy(asks: bool, a: u8, b: u8, act: Act) -> Command {
    let asked = asks.then(|| asking_for(u32::from(a % 12), b % 110));
    let policy = asked.unwrap_or_default();
    Command::SetDeploymentPolicy { policy, act }
}

fn record_shadow(
    state: &PromptState,
    run: Uuid,
    version: u32,
    (a, b): (u8, u8),
    act: Act,
) -> Command {
    let hash = state.version(version).map(|version| version.hash);
    let cases = u32::from(a % 20);
    Command::RecordShadow {
        run,
        version,
        hash: hash.unwrap_or_else(|| content("none").hash()),
        tally: tally(cases, cases * u32::from(b % 3) / 2),
        act,
    }
}

fn record(state: &PromptState, run: Uuid, version: u32, passes: bool, act: Act) -> Command {
    let hash = state.version(version).map(|version| version.hash);
    let set = state.test_set.as_deref();
    let cases = set.map_or(1, |set| u32::try_from(set.cases.len()).unwrap_or(u32::MAX));
    Command::RecordTest {
        run,
        tested: Tested::Version(version),
        hash: hash.unwrap_or_else(|| content("none").hash()),
        test_set: set.map_or(1, |set| set.number),
        cases,
        failed: u32::from(!passes),
        act,
    }
}
