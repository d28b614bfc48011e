//! What a deployment needs besides a passed test run, and who may do without it.

use punchcard_events::prompt::*;
use uuid::Uuid;

use crate::harness::given;
use crate::samples::*;

/// Version 1 in production, 2 and 3 tested, and a policy of 10 cases of which 10 percent may fail.
fn with_policy(more: impl IntoIterator<Item = PromptEvent>) -> Vec<PromptEvent> {
    let mut life = in_production(3);
    life.push(policy_set(10, 10));
    life.extend(more);
    life
}

fn cleared_by(run: u128, shadow_run: u128) -> Clearance {
    Clearance::Tested {
        run: Uuid::from_u128(run),
        shadow_run: Some(Uuid::from_u128(shadow_run)),
    }
}

fn to_two(clearance: Clearance) -> PromptEvent {
    moved(production(), Some(1), 2, MoveCause::Deployed, clearance)
}

#[test]
fn without_a_policy_no_shadow_run_is_needed_and_none_is_named() {
    let life = [in_production(3), vec![shadowed(8, 2, 100, 0)]].concat();
    given(life)
        .when(deploy(production(), 2))
        .then([to_two(passed(2))]);
}

#[test]
fn a_tested_version_waits_for_the_shadow_run_that_the_policy_asks_for() {
    let (version, min_cases) = (2, 10);
    given(with_policy([]))
        .when(deploy(production(), 2))
        .then_rejected(Rejection::NotShadowed { version, min_cases });
    given(with_policy([shadowed(8, 2, 10, 1)]))
        .when(deploy(production(), 2))
        .then([to_two(cleared_by(2, 8))]);
}

#[test]
fn a_shadow_run_of_another_version_or_of_too_few_cases_does_not_count() {
    for shadow in [shadowed(8, 3, 100, 0), shadowed(8, 2, 9, 0)] {
        given(with_policy([shadow]))
            .when(deploy(production(), 2))
            .then_refused("not_shadowed");
    }
}

#[test]
fn the_newest_run_that_is_large_enough_decides() {
    let (small, good, bad) = (
        shadowed(7, 2, 1, 1),
        shadowed(8, 2, 20, 0),
        shadowed(9, 2, 20, 3),
    );
    given(with_policy([good.clone(), small.clone()]))
        .when(deploy(production(), 2))
        .then([to_two(cleared_by(2, 8))]);
    given(with_policy([good.clone(), bad.clone(), small]))
        .when(deploy(production(), 2))
        .then_rejected(Rejection::ShadowFailed {
            version: 2,
            run: Uuid::from_u128(9),
            failed: 3,
            cases: 20,
            max_failed_percent: 10,
        });
    given(with_policy([bad, good]))
        .when(deploy(production(), 2))
        .then([to_two(cleared_by(2, 8))]);
}

#[test]
fn a_shadow_run_takes_no_test_runs_place() {
    let mut life = versions(2);
    life.extend([set_saved(1, vec![case("day")]), tested(1, 1, 0)]);
    life.push(moved(production(), None, 1, MoveCause::Deployed, passed(1)));
    life.extend([policy_set(10, 10), shadowed(8, 2, 10, 0)]);
    given(life)
        .when(deploy(production(), 2))
        .then_refused("not_tested");
}

#[test]
fn a_canary_needs_it_too_and_its_promotion_names_it() {
    given(with_policy([]))
        .when(start_canary(2))
        .then_refused("not_shadowed");
    let clearance = cleared_by(2, 8);
    let promoted = moved(production(), Some(1), 2, MoveCause::Promoted, clearance);
    given(with_policy([shadowed(8, 2, 10, 0)]))
        .and(start_canary(2))
        .when(deploy(production(), 2))
        .then([
            PromptEvent::CanaryEnded(CanaryEnded {
                canary: CANARY,
                version: 2,
                end: CanaryEnd::Promoted,
                tally: None,
                reason: None,
                act: by_mina(40),
            }),
            promoted,
        ]);
}

#[test]
fn an_admin_overrides_the_policy_with_a_reason_that_stays() {
    let reason = "Users wait for it.".to_owned();
    given(with_policy([]))
        .when(override_with(&reason, 2))
        .then([to_two(Clearance::Overridden { reason })]);
    given(with_policy([]))
        .when(override_with("  ", 2))
        .then_rejected(Rejection::ReasonMissing);
}

#[test]
fn other_labels_and_the_way_back_need_no_shadow_run() {
    given(with_policy([]))
        .when(deploy(staging(), 2))
        .then([moved(
            staging(),
            None,
            2,
            MoveCause::Deployed,
            Clearance::NotNeeded,
        )]);
    given(with_policy([shadowed(8, 2, 10, 0)]))
        .and(deploy(production(), 2))
        .and(set_policy(900, 0))
        .when_back(production())
        .then([moved(
            production(),
            Some(2),
            1,
            MoveCause::RolledBack,
            Clearance::NotNeeded,
        )]);
}

#[test]
fn a_policy_that_says_what_holds_already_is_no_event() {
    given(with_policy([]))
        .when(set_policy(10, 10))
        .then_nothing();
    let none = Command::SetDeploymentPolicy {
        policy: DeploymentPolicy::default(),
        act: by_mina(1),
    };
    given(a_draft()).when(none).then_nothing();
}

#[test]
fn a_policy_asks_for_what_a_run_can_have() {
    for (min_cases, percent, code) in [
        (0, 10, "min_cases_out_of_range"),
        (1_001, 10, "min_cases_out_of_range"),
        (10, 101, "bound_out_of_range"),
    ] {
        given(a_draft())
            .when(set_policy(min_cases, percent))
            .then_refused(code);
    }
    for (min_cases, percent) in [(1, 0), (1_000, 100)] {
        given(a_draft())
            .when(set_policy(min_cases, percent))
            .then([policy_set(min_cases, percent)]);
    }
}

#[test]
fn a_result_is_recorded_once_and_must_fit_its_version() {
    given(versions(2))
        .and(record_shadow(8, 2, 10, 1))
        .when(record_shadow(8, 2, 10, 1))
        .then_nothing();
    given(versions(2))
        .when(record_shadow(8, 2, 0, 0))
        .then_refused("result_misfit");
    let mut another = record_shadow(8, 2, 10, 1);
    if let Command::RecordShadow { hash, .. } = &mut another {
        *hash = words(1).hash();
    }
    given(versions(2)).when(another).then_refused("hash_misfit");
    let mut odd = record_shadow(8, 2, 10, 1);
    if let Command::RecordShadow { tally, .. } = &mut odd {
        tally.changed = 5;
    }
    given(versions(2)).when(odd).then_refused("result_misfit");
}

#[test]
fn refusals_say_what_to_do_next() {
    let refused = given(with_policy([shadowed(8, 2, 20, 20)]));
    let error = decide(&refused.state(), deploy(production(), 2)).expect_err("it is refused");
    assert_eq!(
        error.to_string(),
        "version 2 gave no usable answer to 20 of 20 past tickets: this prompt's deployment policy \
         allows 10 percent"
    );
    assert!(error.remedy().contains("worst cases"), "{}", error.remedy());
    let error = decide(&given(with_policy([])).state(), deploy(production(), 3));
    let error = error.expect_err("it is refused");
    assert!(
        error
            .remedy()
            .starts_with("Start a shadow run of version 3 with at least 10 cases"),
        "{}",
        error.remedy()
    );
}
