//! Events that cannot happen: a store that holds one was not written by this program.

use punchcard_events::Revision;
use punchcard_events::prompt::*;

use crate::harness::given;
use crate::samples::*;

#[track_caller]
fn cannot_happen(history: Vec<PromptEvent>, event: PromptEvent) {
    let state = given(&history).state();
    let illegal = apply(state.clone(), &event).expect_err("it cannot happen");
    assert_eq!(illegal.event, event.kind());
    assert_eq!(illegal.state, state, "it comes back unchanged");
    assert_eq!(evolve(state.clone(), &event), state);

    let revision = Revision(u64::try_from(history.len()).expect("a small number"));
    let event_kind = event.kind();
    let broken = replay(&[history, vec![event]].concat());
    let error = ReplayError {
        revision,
        event: event_kind,
    };
    assert_eq!(broken, Err(error));
}

fn to(from: Option<u32>, to: u32, cause: MoveCause) -> PromptEvent {
    moved(production(), from, to, cause, Clearance::NotNeeded)
}

#[test]
fn edits_and_versions_are_counted_without_a_repeat_or_a_gap() {
    cannot_happen(a_draft(), drafted(1, words(2)));
    cannot_happen(versions(1), drafted(1, words(2)));
    cannot_happen(versions(1), published(1));
    cannot_happen(versions(1), published(3));
    let other = DraftDiscarded {
        edit: 2,
        act: by_mina(9),
    };
    cannot_happen(a_draft(), PromptEvent::DraftDiscarded(other));
}

#[test]
fn a_label_moves_from_where_it_is_to_a_version_with_that_hash() {
    use MoveCause::{Deployed, RolledBack};
    cannot_happen(versions(1), to(None, 2, Deployed));
    cannot_happen(versions(2), to(Some(2), 1, Deployed));
    cannot_happen(in_production(2), to(None, 2, Deployed));
    let mut wrong_hash = to(None, 1, Deployed);
    if let PromptEvent::LabelMoved(moved) = &mut wrong_hash {
        moved.hash = hash(2);
    }
    cannot_happen(versions(2), wrong_hash);
    // Nothing was there before that a rollback could lead to, or something else was.
    cannot_happen(in_production(2), to(Some(1), 2, RolledBack));
    let mut twice = in_production(3);
    twice.push(to(Some(1), 2, Deployed));
    cannot_happen(twice, to(Some(2), 3, RolledBack));
}

#[test]
fn production_is_never_taken_away_and_no_label_from_where_it_is_not() {
    let gone = |label, from| {
        PromptEvent::LabelRemoved(LabelRemoved {
            label,
            from,
            act: by_mina(60),
        })
    };
    cannot_happen(in_production(1), gone(production(), 1));
    cannot_happen(in_production(1), gone(staging(), 1));
}

#[test]
fn a_canary_stands_beside_production_alone_and_ends_once() {
    cannot_happen(passed_versions(2), canary_started(2, passed(2)));
    cannot_happen(with_canary(), canary_started(2, passed(2)));
    cannot_happen(in_production(2), canary_ended(CanaryEnd::Stopped, None));
}

#[test]
fn a_test_set_has_the_next_number_and_a_result_counts_within_its_cases() {
    cannot_happen(vec![], set_saved(2, vec![]));
    cannot_happen(passed_versions(1), set_saved(1, vec![]));
    cannot_happen(passed_versions(1), tested(2, 1, 2));
}

#[test]
fn a_prompt_is_retired_and_restored_in_turn() {
    let retired_again = retired().pop().expect("it was retired");
    cannot_happen(retired(), retired_again);
    let act = by_mina(80);
    let restored = PromptEvent::PromptRestored(PromptRestored { act });
    cannot_happen(in_production(1), restored);
}
