//! What holds for every life a prompt can have, and for every order of events.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use punchcard_events::prompt::*;
use punchcard_events::{LabelName, Revision};

use crate::lives::{Life, lives};
use crate::samples::{at, production, staging};

/// The summary after each event of a life, with the state after it.
fn summed(events: &[PromptEvent]) -> Vec<(PromptState, PromptSummary)> {
    let mut both = (PromptState::default(), PromptSummary::default());
    let mut after = vec![both.clone()];
    for (revision, event) in (0..).map(Revision).zip(events) {
        both.0 = evolve(both.0, event);
        both.1.apply(event, revision);
        after.push(both.clone());
    }
    after
}

/// What must hold of a state, however it came about.
fn sound(state: &PromptState) {
    for (number, version) in (1..).zip(&state.versions) {
        assert_eq!(version.number, number);
        assert_eq!(version.hash, version.content.hash());
    }
    for (label, place) in &state.labels {
        for version in place.before.iter().chain([&place.version]) {
            assert!(state.version(*version).is_some(), "{label} at {version}");
        }
    }
    if let Some(canary) = &state.canary {
        assert!(state.version(canary.version).is_some());
        assert!(state.version(canary.beside).is_some());
    }
    if let Some(draft) = &state.draft {
        assert!(draft.edit <= state.last_edit);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_replay_gives_the_state_that_was_lived(life in lives()) {
        let replayed = replay(&life.events);
        prop_assert_eq!(replayed.as_ref(), Ok(&life.state));
    }

    #[test]
    fn a_replay_of_what_was_stored_gives_the_state_that_was_lived(life in lives()) {
        let stored: Vec<_> = life.events.iter().map(|event| {
            let data = event.encode().expect("finite numbers");
            PromptEvent::decode(event.kind(), event.schema_version(), &data).expect("it is read")
        }).collect();
        prop_assert_eq!(&stored, &life.events);
        prop_assert_eq!(replay(&stored), Ok(life.state));
    }

    #[test]
    fn every_prefix_of_a_life_is_sound(life in lives()) {
        for (state, _) in summed(&life.events) {
            sound(&state);
            if let Some(canary) = &state.canary {
                prop_assert_eq!(state.production(), Some(canary.beside));
                prop_assert_ne!(canary.version, canary.beside);
                prop_assert!(state.retired.is_none());
            }
            let hashes: BTreeSet<_> = state.versions.iter().map(|v| v.hash).collect();
            prop_assert_eq!(hashes.len(), state.versions.len(), "no version says the same");
        }
    }

    #[test]
    fn the_summary_agrees_with_the_state_after_every_event(life in lives()) {
        for (state, summary) in summed(&life.events) {
            prop_assert_eq!(&summary.labels, &state.labels);
            for label in [production(), staging()] {
                prop_assert_eq!(summary.effective(&label), state.labelled(&label));
            }
            prop_assert_eq!(&summary.canary, &state.canary);
            prop_assert_eq!(&summary.tests, &state.tests);
            prop_assert_eq!(&summary.shadows, &state.shadows);
            prop_assert_eq!(&summary.policy, &state.policy);
            prop_assert_eq!(&summary.retired, &state.retired);
            prop_assert_eq!(summary.last_edit, state.last_edit);
            prop_assert_eq!(
                summary.draft.map(|d| (d.edit, d.based_on, d.act)),
                state.draft.map(|d| (d.edit, d.based_on, d.act))
            );
            prop_assert_eq!(
                summary.test_set.map(|set| (set.number, set.cases)),
                state.test_set.map(|set| (set.number, set.cases.len()))
            );
            let lines: Vec<_> = summary.versions.iter().map(|v| (v.number, v.hash)).collect();
            let versions: Vec<_> = state.versions.iter().map(|v| (v.number, v.hash)).collect();
            prop_assert_eq!(lines, versions);
            for line in &summary.versions {
                let event = &life.events[usize::try_from(line.revision.0).expect("a small number")];
                let PromptEvent::PromptPublished(published) = event else {
                    unreachable!("revision {} is {}", line.revision.0, event.kind());
                };
                prop_assert_eq!(published.version, line.number);
            }
        }
    }

    #[test]
    fn what_was_in_production_at_a_time_is_what_was_there_then(life in lives()) {
        let after = summed(&life.events);
        let last = &after.last().expect("there is a first").1;
        // The state when each second was over.
        let mut seconds: BTreeMap<_, _> = BTreeMap::new();
        for (event, (state, _)) in life.events.iter().zip(&after[1..]) {
            seconds.insert(event.act().at, state);
        }
        for (time, state) in seconds {
            for label in [production(), staging()] {
                let place = state.labels.get(&label);
                let expected = place.map(|place| (place.version, place.act.at));
                prop_assert_eq!(last.at(&label, time), expected, "{} at {}", label, time);
            }
            let canary = state.canary.as_ref().map(|canary| canary.canary);
            prop_assert_eq!(last.canary_at(time).map(|span| span.canary), canary);
        }
        prop_assert_eq!(last.at(&production(), at(0)), None);
    }

    #[test]
    fn production_only_ever_points_to_what_was_cleared(life in lives()) {
        let mut state = PromptState::default();
        let mut seen = BTreeSet::new();
        for event in &life.events {
            if let PromptEvent::LabelMoved(moved) = event
                && moved.label.is_production()
            {
                match (&moved.clearance, moved.cause) {
                    (Clearance::Tested { run, shadow_run }, MoveCause::Deployed) => {
                        let newest = state.newest_test(moved.hash).expect("it was tested");
                        prop_assert!(newest.passed() && newest.run == *run);
                        prop_assert_eq!(state.policy.shadow_run.is_some(), shadow_run.is_some());
                        if let (Some(policy), Some(run)) = (state.policy.shadow_run, shadow_run) {
                            let mut shadows = state.shadows.iter();
                            let shadow = shadows.find(|shadow| shadow.run == *run);
                            let shadow = shadow.expect("it was recorded");
                            prop_assert!(shadow.hash == moved.hash && policy.is_met_by(shadow));
                        }
                    }
                    (clearance, MoveCause::Promoted) => {
                        prop_assert_ne!(clearance, &Clearance::NotNeeded);
                    }
                    (Clearance::Overridden { reason }, _) => prop_assert_eq!(reason, "it must"),
                    (Clearance::NotNeeded, MoveCause::RolledBack) => {
                        prop_assert!(seen.contains(&moved.to));
                    }
                    (Clearance::NotNeeded, MoveCause::Deployed) => {
                        let adopted = state.version(1).map(|v| v.notes.as_str());
                        prop_assert_eq!(adopted, Some("Taken over from the configuration."));
                        prop_assert_eq!((moved.from, moved.to), (None, 1));
                    }
                    (Clearance::Tested { .. }, MoveCause::RolledBack) => unreachable!(),
                }
                seen.insert(moved.to);
            }
            state = evolve(state, event);
        }
    }

    #[test]
    fn no_order_of_events_breaks_a_fold(
        (one, other) in (lives(), lives()),
        picks in proptest::collection::vec(any::<Index>(), 0..80),
    ) {
        let events = [one.events, other.events].concat();
        prop_assume!(!events.is_empty());
        let shuffled: Vec<_> = picks.iter().map(|pick| pick.get(&events).clone()).collect();
        for (state, summary) in summed(&shuffled) {
            sound(&state);
            for second in [0, 5, 100] {
                let _ = summary.at(&production(), at(second));
                let _ = summary.until(&staging(), at(second));
                let _ = summary.canary_at(at(second));
            }
        }
    }

    #[test]
    fn an_event_that_was_folded_in_already_changes_no_summary(life in lives()) {
        let mut summary = summed(&life.events).pop().expect("there is a first").1;
        let before = summary.clone();
        for (revision, event) in (0..).map(Revision).zip(&life.events) {
            summary.apply(event, revision);
        }
        prop_assert_eq!(&summary, &before);
        let next = u64::try_from(life.events.len()).expect("a small number");
        prop_assert_eq!(summary.next_revision(), Revision(next));
    }
}

/// The properties say nothing if the lives are dull.
#[test]
fn random_lives_reach_every_event_and_most_refusals() {
    let mut runner = TestRunner::deterministic();
    let (mut kinds, mut codes, mut causes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for _ in 0..300 {
        let life: Life = lives().new_tree(&mut runner).expect("a life").current();
        for event in &life.events {
            kinds.insert(event.kind());
            if let PromptEvent::LabelMoved(moved) = event
                && moved.label == LabelName::production()
            {
                causes.insert(format!("{:?}", moved.cause));
            }
        }
        codes.extend(life.refused);
    }
    let all: BTreeSet<_> = PromptEvent::KINDS.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, all);
    assert_eq!(causes.len(), 3, "{causes:?}");
    for code in [
        "not_tested",
        "test_failed",
        "canary_running",
        "draft_conflict",
        "nothing_before",
    ] {
        assert!(codes.contains(code), "{code} is not in {codes:?}");
    }
}
