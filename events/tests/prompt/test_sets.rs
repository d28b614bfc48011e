//! Test sets, and the results of running them.

use punchcard_events::prompt::*;
use uuid::Uuid;

use crate::harness::given;
use crate::samples::*;

#[test]
fn a_test_set_can_be_written_before_there_is_a_draft() {
    given([])
        .when(save_set(None, vec![case("day")]))
        .then([set_saved(1, vec![case("day")])]);
}

#[test]
fn a_changed_test_set_has_the_next_number() {
    given([set_saved(1, vec![case("day")])])
        .when(save_set(Some(1), vec![case("night")]))
        .then([set_saved(2, vec![case("night")])]);
}

#[test]
fn a_test_set_saved_twice_is_saved_once() {
    given([set_saved(1, vec![case("day")])])
        .when(save_set(None, vec![case("day")]))
        .then_nothing();
}

#[test]
fn of_two_who_change_a_test_set_the_second_is_told() {
    given([set_saved(1, vec![case("day")])])
        .and(save_set(Some(1), vec![case("night")]))
        .when(save_set(Some(1), vec![case("noon")]))
        .then_rejected(Rejection::TestSetConflict {
            seen: Some(1),
            now: Some(2),
        });
}

#[test]
fn the_name_of_a_case_can_name_a_file_and_only_one() {
    for name in ["a", "1-short", "x".repeat(64).as_str()] {
        let state = given([]).when(save_set(None, vec![case(name)])).folded();
        assert!(state.test_set.is_some(), "{name}");
    }
    for name in ["", "A", "a b", "../a", "a.b", "한글", "-a", "a-"] {
        given([])
            .when(save_set(None, vec![case(name)]))
            .then_rejected(Rejection::BadCaseName(name.to_owned()));
    }
    given([])
        .when(save_set(None, vec![case(&"x".repeat(65))]))
        .then_refused("bad_case_name");
    given([])
        .when(save_set(None, vec![case("a"), case("b"), case("a")]))
        .then_rejected(Rejection::CaseTwice("a".to_owned()));
}

#[test]
fn a_test_set_is_at_most_so_large() {
    let cases = (0..=limits::CASES).map(|n| case(&n.to_string())).collect();
    given([])
        .when(save_set(None, cases))
        .then_refused("too_many");

    let mut demanding = case("a");
    demanding.expect = vec![Expectation::FitsSchema; limits::EXPECTATIONS + 1];
    given([])
        .when(save_set(None, vec![demanding]))
        .then_refused("too_many");

    let mut long = case("a");
    long.expect = vec![Expectation::Contains("x".repeat(limits::TEST_SET_BYTES))];
    given([])
        .when(save_set(None, vec![long]))
        .then_refused("too_long");
}

#[test]
fn a_bound_that_json_cannot_hold_is_refused() {
    let mut odd = case("a");
    odd.expect = vec![Expectation::NumberBetween {
        path: "$.score".to_owned(),
        min: Some(f64::NEG_INFINITY),
        max: None,
    }];
    given([])
        .when(save_set(None, vec![odd]))
        .then_refused("not_finite");
}

#[test]
fn a_result_is_recorded_once() {
    given(passed_versions(1))
        .when(record(2, 1, 1))
        .then([tested(2, 1, 1)]);
    given(passed_versions(1))
        .when(record(1, 1, 0))
        .then_nothing();
}

#[test]
fn the_newest_result_of_a_content_under_a_set_is_kept() {
    let state = given(passed_versions(2))
        .and(record(3, 1, 1))
        .and(record(4, 1, 0))
        .state();
    let runs: Vec<_> = state.tests.iter().map(|tested| tested.run).collect();
    assert_eq!(runs, [Uuid::from_u128(2), Uuid::from_u128(4)]);
    let newest = state.newest_test(hash(1)).expect("it was tested");
    assert!(newest.passed() && newest.run == Uuid::from_u128(4));
}

#[test]
fn a_result_under_an_older_set_is_kept_but_is_not_the_newest_test() {
    let state = given(passed_versions(1))
        .and(save_set(Some(1), vec![case("night")]))
        .and(record(5, 1, 1))
        .state();
    assert_eq!(state.tests.len(), 1);
    assert_eq!(state.newest_test(hash(1)), None);
}

fn result(change: impl FnOnce(&mut PromptTested)) -> Command {
    let mut result = PromptTested {
        run: Uuid::from_u128(9),
        tested: Tested::Version(1),
        hash: hash(1),
        test_set: 1,
        cases: 1,
        failed: 0,
        act: by_mina(30),
    };
    change(&mut result);
    Command::RecordTest {
        run: result.run,
        tested: result.tested,
        hash: result.hash,
        test_set: result.test_set,
        cases: result.cases,
        failed: result.failed,
        act: result.act,
    }
}

#[test]
fn a_result_that_cannot_be_true_is_refused() {
    let refused = |command: Command, code: &str| {
        given(passed_versions(2)).when(command).then_refused(code);
    };
    refused(result(|r| r.test_set = 0), "no_such_test_set");
    refused(result(|r| r.test_set = 2), "no_such_test_set");
    refused(result(|r| r.cases = 0), "result_misfit");
    refused(result(|r| r.cases = 2), "result_misfit");
    refused(result(|r| r.failed = 2), "result_misfit");
    refused(result(|r| r.hash = hash(2)), "hash_misfit");
    refused(result(|r| r.tested = Tested::Version(3)), "no_such_version");
    refused(result(|r| r.tested = Tested::Draft(3)), "draft_conflict");
    given(versions(1))
        .when(result(|_| {}))
        .then_refused("no_such_test_set");
}

#[test]
fn only_so_many_results_are_remembered_and_the_newest_are() {
    let draft = |n: usize| {
        let run = Uuid::from_u128(1_000_000 + u128::try_from(n).expect("a small number"));
        PromptEvent::PromptTested(PromptTested {
            run,
            tested: Tested::Draft(1),
            hash: content(&format!("draft {n}")).hash(),
            test_set: 1,
            cases: 1,
            failed: 0,
            act: by_mina(30),
        })
    };
    let mut life = passed_versions(1);
    life.extend((0..limits::RESULTS).map(draft));
    let state = given(life).state();
    assert_eq!(state.tests.len(), limits::RESULTS);
    assert_eq!(state.newest_test(hash(1)), None, "the oldest is forgotten");
}

#[test]
fn a_case_expects_something() {
    let mut idle = case("idle");
    idle.expect.clear();
    given([])
        .when(save_set(None, vec![case("a"), idle]))
        .then_rejected(Rejection::ExpectsNothing {
            case: "idle".to_owned(),
        });
}

/// The failing run is the newest: the passing one before it, told of again, must not clear anything.
#[test]
fn a_result_that_is_told_again_after_a_newer_one_changes_nothing() {
    given(passed_versions(1))
        .and(record(8, 1, 0))
        .and(record(9, 1, 1))
        .when(record(8, 1, 0))
        .then_nothing();
}
