//! What may reach users, and the way back.

use punchcard_events::LabelName;
use punchcard_events::prompt::*;
use uuid::Uuid;

use crate::harness::given;
use crate::samples::*;

use MoveCause::{Deployed, RolledBack};

#[test]
fn a_version_that_passed_its_test_goes_to_production() {
    given(passed_versions(1))
        .when(deploy(production(), 1))
        .then([moved(production(), None, 1, Deployed, passed(1))]);
}

#[test]
fn a_version_without_a_test_does_not_go_to_production() {
    given(versions(1))
        .when(deploy(production(), 1))
        .then_rejected(Rejection::NoTestCases { version: 1 });
    given(versions(1))
        .and(save_set(None, vec![]))
        .when(deploy(production(), 1))
        .then_rejected(Rejection::NoTestCases { version: 1 });
    given(versions(1))
        .and(save_set(None, vec![case("day")]))
        .when(deploy(production(), 1))
        .then_rejected(Rejection::NotTested {
            version: 1,
            test_set: 1,
        });
}

#[test]
fn a_version_that_failed_its_newest_test_does_not_go_to_production() {
    let failed = Rejection::TestFailed {
        version: 1,
        run: Uuid::from_u128(2),
        failed: 1,
        cases: 1,
    };
    given(passed_versions(1))
        .and(record(2, 1, 1))
        .when(deploy(production(), 1))
        .then_rejected(failed);
    given(passed_versions(1))
        .and(record(2, 1, 1))
        .and(record(3, 1, 0))
        .when(deploy(production(), 1))
        .then([moved(production(), None, 1, Deployed, passed(3))]);
}

#[test]
fn a_test_under_an_older_test_set_does_not_count() {
    given(passed_versions(1))
        .and(save_set(Some(1), vec![case("day"), case("night")]))
        .when(deploy(production(), 1))
        .then_rejected(Rejection::NotTested {
            version: 1,
            test_set: 2,
        });
}

#[test]
fn a_test_of_the_draft_counts_for_the_version_that_says_the_same() {
    let of_draft = Command::RecordTest {
        run: Uuid::from_u128(7),
        tested: Tested::Draft(1),
        hash: hash(1),
        test_set: 1,
        cases: 1,
        failed: 0,
        act: by_mina(5),
    };
    given(a_draft())
        .and(save_set(None, vec![case("day")]))
        .and(of_draft)
        .and(publish(1, words(1)))
        .when(deploy(production(), 1))
        .then([moved(production(), None, 1, Deployed, passed(7))]);
}

#[test]
fn an_override_takes_the_place_of_a_test_and_is_recorded_with_its_reason() {
    let reason = "the model is down and users wait".to_owned();
    let clearance = Clearance::Overridden {
        reason: reason.clone(),
    };
    given(versions(1))
        .when(override_with(&reason, 1))
        .then([moved(production(), None, 1, Deployed, clearance)]);
}

#[test]
fn an_override_needs_a_reason_and_is_not_recorded_where_the_test_passed() {
    given(versions(1))
        .when(override_with(" \n", 1))
        .then_rejected(Rejection::ReasonMissing);
    given(versions(1))
        .when(override_with(&"x".repeat(limits::TEXT_BYTES + 1), 1))
        .then_refused("too_long");
    given(passed_versions(1))
        .when(override_with("to be sure", 1))
        .then([moved(production(), None, 1, Deployed, passed(1))]);
}

#[test]
fn another_label_needs_only_a_published_version() {
    let clearance = Clearance::NotNeeded;
    given(versions(1)).when(deploy(staging(), 1)).then([moved(
        staging(),
        None,
        1,
        Deployed,
        clearance,
    )]);
}

#[test]
fn what_was_not_published_is_not_deployed() {
    for version in [0, 2, u32::MAX] {
        given(versions(1))
            .when(deploy(staging(), version))
            .then_rejected(Rejection::NoSuchVersion { version, newest: 1 });
    }
    given(a_draft())
        .when(deploy(production(), 1))
        .then_rejected(Rejection::NoSuchVersion {
            version: 1,
            newest: 0,
        });
}

#[test]
fn a_label_moved_to_where_it_points_is_not_moved() {
    given(in_production(1))
        .when(deploy(production(), 1))
        .then_nothing();
    // Repeated by a client that did not hear the answer to what it asked before.
    given(in_production(1))
        .when(deploy_if(Seen::Nothing, 1))
        .then_nothing();
}

fn deploy_if(seen: Seen, version: u32) -> Command {
    Command::MoveLabel {
        label: production(),
        version,
        expected: Some(seen),
        expected_canary: None,
        reason: None,
        override_reason: None,
        act: by_mina(40),
    }
}

#[test]
fn of_two_who_deploy_at_once_the_second_is_told_where_the_label_points_now() {
    let conflict = |seen| Rejection::LabelConflict {
        label: production(),
        seen,
        now: Some(2),
    };
    let given = || given(in_production(3)).and(deploy(production(), 2));
    given()
        .when(deploy_if(Seen::Version(1), 3))
        .then_rejected(conflict(Some(1)));
    given()
        .when(deploy_if(Seen::Nothing, 3))
        .then_rejected(conflict(None));
    let clearance = passed(3);
    given().when(deploy_if(Seen::Version(2), 3)).then([moved(
        production(),
        Some(2),
        3,
        Deployed,
        clearance,
    )]);
}

#[test]
fn a_prompt_has_at_most_so_many_labels() {
    let label = |n: usize| LabelName::new(&format!("label-{n}")).expect("a label");
    let full = (0..limits::LABELS).fold(given(versions(2)), |prompt, n| {
        prompt.and(deploy(label(n), 1))
    });
    let state = full.state();
    let more = decide(&state, deploy(production(), 1));
    assert_eq!(more.map_err(|no| no.code()), Err("too_many"));
    let moved = decide(&state, deploy(label(0), 2));
    assert!(moved.is_ok(), "a label that is there can be moved");
}

#[test]
fn rolling_back_goes_to_what_was_there_before_step_by_step() {
    let back = |from, to| {
        moved(
            production(),
            Some(from),
            to,
            RolledBack,
            Clearance::NotNeeded,
        )
    };
    let prompt = || {
        given(in_production(3))
            .and(deploy(production(), 2))
            .and(deploy(production(), 3))
    };
    prompt().when_back(production()).then([back(3, 2)]);
    prompt()
        .and_back(production())
        .when_back(production())
        .then([back(2, 1)]);
    // A deployment after a rollback stands on what was rolled back to.
    prompt()
        .and_back(production())
        .and_back(production())
        .and(deploy(production(), 3))
        .when_back(production())
        .then([back(3, 1)]);
}

#[test]
fn there_is_no_way_back_past_the_first_version() {
    let nothing = || Rejection::NothingBefore {
        label: production(),
        version: 1,
    };
    given(in_production(2))
        .when_back(production())
        .then_rejected(nothing());
    given(in_production(2))
        .and(deploy(production(), 2))
        .and_back(production())
        .when_back(production())
        .then_rejected(nothing());
    given(in_production(2))
        .when_back(staging())
        .then_rejected(Rejection::NoSuchLabel(staging()));
}

#[test]
fn the_way_back_is_remembered_for_so_many_steps() {
    let to_and_fro = |prompt: crate::harness::Given, n: usize| {
        let version = if n.is_multiple_of(2) { 2 } else { 1 };
        prompt.and(deploy(staging(), version))
    };
    let moves = limits::STEPS_BACK + 2;
    let state = (0..moves).fold(given(versions(2)), to_and_fro).state();
    assert_eq!(state.labels[&staging()].before.len(), limits::STEPS_BACK);
}

#[test]
fn a_version_rolled_back_to_needs_no_new_test() {
    given(in_production(2))
        .and(deploy(production(), 2))
        .and(record(9, 1, 1))
        .when_back(production())
        .then([moved(
            production(),
            Some(2),
            1,
            RolledBack,
            Clearance::NotNeeded,
        )]);
}

#[test]
fn a_label_can_be_removed_but_not_production() {
    let from = 1;
    let gone = PromptEvent::LabelRemoved(LabelRemoved {
        label: staging(),
        from,
        act: by_mina(60),
    });
    let prompt = || given(in_production(1)).and(deploy(staging(), 1));
    let state = prompt().when(remove(staging())).then([gone]);
    assert_eq!(state.labelled(&staging()), None);
    prompt()
        .and(remove(staging()))
        .when(remove(staging()))
        .then_nothing();
    prompt()
        .when(remove(production()))
        .then_rejected(Rejection::ProductionStays);
    prompt()
        .and(remove(staging()))
        .and(deploy(staging(), 1))
        .when_back(staging())
        .then_refused("nothing_before");
}

#[test]
fn a_retired_prompt_is_not_deployed_but_can_be_edited_published_and_rolled_back() {
    for label in [production(), staging()] {
        given(retired())
            .when(deploy(label, 2))
            .then_rejected(Rejection::Retired);
    }
    let state = given(in_production(3))
        .and(deploy(production(), 2))
        .and(retire())
        .and(save(None, words(4)))
        .and(publish(4, words(4)))
        .and_back(production())
        .state();
    assert_eq!(state.production(), Some(1));
    assert_eq!(state.versions.len(), 4);
}

#[test]
fn a_restored_prompt_is_open_again() {
    given(retired())
        .and(restore())
        .when(deploy(production(), 2))
        .then([moved(production(), Some(1), 2, Deployed, passed(2))]);
    given(in_production(1)).when(restore()).then_nothing();
    given(retired()).when(retire()).then_nothing();
}

#[test]
fn a_blank_reason_is_no_reason() {
    let command = Command::MoveLabel {
        label: staging(),
        version: 1,
        expected: None,
        expected_canary: None,
        reason: Some("  ".to_owned()),
        override_reason: None,
        act: by_mina(40),
    };
    given(versions(1)).when(command).then([moved(
        staging(),
        None,
        1,
        Deployed,
        Clearance::NotNeeded,
    )]);
}

#[test]
fn a_rollback_asked_for_twice_is_one_step_back() {
    let twice = || roll_back(production(), 3, None);
    let state = given(in_production(3))
        .and(deploy(production(), 2))
        .and(deploy(production(), 3))
        .and(twice())
        .state();
    assert_eq!(state.production(), Some(2));
    let again = decide(&state, twice());
    assert_eq!(
        again,
        Err(Rejection::LabelConflict {
            label: production(),
            seen: Some(3),
            now: Some(2),
        })
    );
}

/// Sets of cases without expectations are refused; ones that were saved before that are not tests.
#[test]
fn a_test_set_that_expects_nothing_clears_nothing() {
    let mut history = passed_versions(1);
    for event in &mut history {
        if let PromptEvent::TestSetSaved(saved) = event {
            let set = std::sync::Arc::make_mut(&mut saved.test_set);
            set.cases.iter_mut().for_each(|case| case.expect.clear());
        }
    }
    given(&history)
        .when(deploy(production(), 1))
        .then_refused("expects_nothing");
    let state = given(&history).when(deploy(staging(), 1)).folded();
    assert_eq!(state.labelled(&staging()), Some(1));
}
