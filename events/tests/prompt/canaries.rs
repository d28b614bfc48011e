//! A version for a share of the users, and how that ends.

use punchcard_events::prompt::*;
use uuid::Uuid;

use crate::harness::given;
use crate::samples::*;

use CanaryEnd::{Promoted, Returned, Stopped};

#[test]
fn a_tested_version_can_stand_beside_the_one_in_production() {
    given(in_production(2))
        .when(start_canary(2))
        .then([canary_started(2, passed(2))]);
}

#[test]
fn a_canary_needs_what_production_needs() {
    given(in_production(2))
        .and(record(9, 2, 1))
        .when(start_canary(2))
        .then_refused("test_failed");
    given(in_production(2))
        .and(save_set(Some(1), vec![case("night")]))
        .when(start_canary(2))
        .then_refused("not_tested");
    given(in_production(2))
        .when(start_canary(3))
        .then_refused("no_such_version");
    given(passed_versions(2))
        .when(start_canary(2))
        .then_rejected(Rejection::NoProduction);
    given(in_production(2))
        .when(start_canary(1))
        .then_rejected(Rejection::AlreadyInProduction { version: 1 });
    given(retired())
        .when(start_canary(2))
        .then_rejected(Rejection::Retired);
}

fn canary_with(percent: u8, bounds: CanaryBounds, override_reason: Option<&str>) -> Command {
    Command::StartCanary {
        canary: CANARY,
        version: 2,
        percent,
        bounds,
        reason: None,
        override_reason: override_reason.map(str::to_owned),
        act: by_mina(50),
    }
}

#[test]
fn a_canary_can_be_started_over_its_tests_with_a_reason() {
    let state = given(in_production(2))
        .and(record(9, 2, 1))
        .when(canary_with(10, BOUNDS, Some("the case is wrong")))
        .folded();
    let clearance = state.canary.map(|canary| canary.clearance);
    let reason = "the case is wrong".to_owned();
    assert_eq!(clearance, Some(Clearance::Overridden { reason }));
}

#[test]
fn a_canary_gets_some_of_the_users_and_its_bounds_are_shares() {
    for percent in [0, 100, 255] {
        given(in_production(2))
            .when(canary_with(percent, BOUNDS, None))
            .then_rejected(Rejection::PercentOutOfRange(percent));
    }
    for percent in [1, 99] {
        let state = given(in_production(2))
            .when(canary_with(percent, BOUNDS, None))
            .folded();
        assert_eq!(state.canary.map(|canary| canary.percent), Some(percent));
    }
    let failed = CanaryBounds {
        max_failed_percent: 101,
        ..BOUNDS
    };
    let violations = CanaryBounds {
        max_schema_violation_percent: 101,
        ..BOUNDS
    };
    for bounds in [failed, violations] {
        given(in_production(2))
            .when(canary_with(10, bounds, None))
            .then_rejected(Rejection::BoundOutOfRange(101));
    }
    let none = CanaryBounds {
        min_tickets: 0,
        ..BOUNDS
    };
    given(in_production(2))
        .when(canary_with(10, none, None))
        .then_rejected(Rejection::NoMinimum);
}

#[test]
fn one_canary_runs_at_a_time() {
    let second = Command::StartCanary {
        canary: Uuid::from_u128(77),
        version: 3,
        percent: 5,
        bounds: BOUNDS,
        reason: None,
        override_reason: None,
        act: by_mina(55),
    };
    given(with_canary())
        .when(second)
        .then_rejected(Rejection::CanaryRunning {
            version: 2,
            percent: 10,
        });
    given(with_canary()).when(start_canary(2)).then_nothing();
}

fn promotion(tally: Option<CanaryTally>) -> [PromptEvent; 2] {
    let cause = MoveCause::Promoted;
    [
        canary_ended(Promoted, tally),
        moved(production(), Some(1), 2, cause, passed(2)),
    ]
}

#[test]
fn a_promoted_canary_is_for_everybody() {
    let state = given(with_canary())
        .when(end_canary(Promoted))
        .then(promotion(Some(TALLY)));
    assert_eq!(state.production(), Some(2));
    assert_eq!(state.canary, None);
}

#[test]
fn deploying_the_version_of_the_canary_promotes_it() {
    given(with_canary())
        .when(deploy(production(), 2))
        .then(promotion(None));
}

#[test]
fn what_allowed_the_canary_allows_its_promotion() {
    given(with_canary())
        .and(save_set(Some(1), vec![case("night")]))
        .when(end_canary(Promoted))
        .then(promotion(Some(TALLY)));
}

#[test]
fn a_third_version_is_not_deployed_while_a_canary_runs() {
    given(with_canary())
        .when(deploy(production(), 3))
        .then_rejected(Rejection::CanaryRunning {
            version: 2,
            percent: 10,
        });
    given(in_production(3))
        .and(start_canary(3))
        .when(deploy(production(), 2))
        .then_rejected(Rejection::CanaryRunning {
            version: 3,
            percent: 10,
        });
    let clearance = Clearance::NotNeeded;
    given(with_canary()).when(deploy(staging(), 3)).then([moved(
        staging(),
        None,
        3,
        MoveCause::Deployed,
        clearance,
    )]);
}

#[test]
fn a_canary_is_stopped_or_returned_and_production_stays() {
    for end in [Stopped, Returned] {
        let state = given(with_canary())
            .when(end_canary(end))
            .then([canary_ended(end, Some(TALLY))]);
        assert_eq!(state.production(), Some(1));
        assert_eq!(state.canary, None);
    }
}

#[test]
fn rolling_production_back_stops_the_canary_and_nothing_else() {
    let state = given(with_canary())
        .when_back(production())
        .then([canary_ended(Stopped, None)]);
    assert_eq!(state.production(), Some(1));
    given(with_canary())
        .and(deploy(staging(), 1))
        .and(deploy(staging(), 2))
        .when_back(staging())
        .then([moved(
            staging(),
            Some(2),
            1,
            MoveCause::RolledBack,
            Clearance::NotNeeded,
        )]);
}

#[test]
fn a_promoted_canary_can_be_rolled_back() {
    given(with_canary())
        .and(end_canary(Promoted))
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
fn retiring_a_prompt_stops_its_canary() {
    let stopped = PromptEvent::CanaryEnded(CanaryEnded {
        canary: CANARY,
        version: 2,
        end: Stopped,
        tally: None,
        reason: Some("The prompt was retired.".to_owned()),
        act: by_mina(70),
    });
    let retired = PromptEvent::PromptRetired(PromptRetired {
        reason: None,
        act: by_mina(70),
    });
    given(with_canary()).when(retire()).then([stopped, retired]);
}

#[test]
fn a_canary_that_two_end_at_once_ends_once() {
    given(with_canary())
        .and(end_canary(Returned))
        .when(end_canary(Stopped))
        .then_nothing();
    given(with_canary())
        .and(end_canary(Promoted))
        .when(end_canary(Promoted))
        .then_nothing();
}

#[test]
fn a_canary_taken_back_is_not_promoted_and_a_promoted_one_not_taken_back() {
    for (first, second) in [(Stopped, Promoted), (Promoted, Returned)] {
        given(with_canary())
            .and(end_canary(first))
            .when(end_canary(second))
            .then_rejected(Rejection::NotRunning(CANARY));
    }
    given(in_production(2))
        .when(end_canary(Stopped))
        .then_rejected(Rejection::NotRunning(CANARY));
}

/// Ten thousand users, of whom some share gets the canary.
fn chosen(canary: Uuid, percent: u8) -> Vec<bool> {
    let user = |n: u32| in_canary(canary, percent, &format!("student-{n}"));
    (0..10_000).map(user).collect()
}

#[test]
fn a_canary_gets_its_share_of_the_users_within_two_percent() {
    for (canary, percent) in [(1, 1), (2, 5), (3, 10), (4, 50), (5, 99)] {
        let users = chosen(Uuid::from_u128(canary), percent);
        let count = users.iter().filter(|chosen| **chosen).count();
        let expected = usize::from(percent) * 100;
        assert!(
            count.abs_diff(expected) <= 200,
            "{count} of 10,000 for {percent} %"
        );
    }
}

#[test]
fn a_user_stays_in_a_canary_and_comes_along_when_it_grows() {
    let canary = Uuid::from_u128(7);
    assert_eq!(chosen(canary, 10), chosen(canary, 10));
    let grown = chosen(canary, 30);
    let kept = chosen(canary, 10)
        .iter()
        .zip(&grown)
        .all(|(before, after)| !before || *after);
    assert!(kept, "who had it still has it");
}

#[test]
fn another_canary_has_other_users() {
    let (one, other) = (
        chosen(Uuid::from_u128(8), 10),
        chosen(Uuid::from_u128(9), 10),
    );
    let both = one.iter().zip(&other).filter(|(a, b)| **a && **b).count();
    // A tenth of a tenth, give or take.
    assert!((50..=150).contains(&both), "{both} users are in both");
}

#[test]
fn the_choice_of_users_is_the_same_in_every_release() {
    let users: Vec<_> = chosen(CANARY, 10)[..100]
        .iter()
        .enumerate()
        .filter_map(|(n, chosen)| chosen.then_some(n))
        .collect();
    assert_eq!(users, FIRST_USERS);
}

/// Of the users `student-0` to `student-99`, by an independent computation:
/// `int.from_bytes(sha256(canary.bytes + b"\0" + user).digest()[:8], "big") % 100 < 10`.
const FIRST_USERS: [usize; 5] = [29, 43, 54, 59, 94];

/// A planner means to stop a canary, and the watch takes it back while the planner types.
#[test]
fn a_rollback_that_meant_a_canary_leaves_production_alone_once_the_canary_is_over() {
    let saw_it = || roll_back(production(), 1, Some(CANARY));
    for end in [Stopped, Returned] {
        given(with_canary())
            .and(end_canary(end))
            .when(saw_it())
            .then_rejected(Rejection::CanaryConflict {
                saw_one: true,
                production: Some(1),
                now: None,
            });
    }
    given(with_canary())
        .when(roll_back(production(), 1, None))
        .then_rejected(Rejection::CanaryConflict {
            saw_one: false,
            production: Some(1),
            now: Some(2),
        });
    given(with_canary())
        .when(roll_back(production(), 1, Some(RUN)))
        .then_refused("canary_conflict");
    given(in_production(3))
        .when(saw_it())
        .then_refused("canary_conflict");
}

/// `production` still points where the planner saw it: only the canary tells that it was taken back.
#[test]
fn a_canary_that_was_taken_back_is_not_promoted_by_somebody_who_saw_it_run() {
    let promote = |canary| Command::MoveLabel {
        label: production(),
        version: 2,
        expected: Some(Seen::Version(1)),
        expected_canary: Some(canary),
        reason: None,
        override_reason: None,
        act: by_mina(40),
    };
    given(with_canary())
        .and(end_canary(Returned))
        .when(promote(SeenCanary::Running(CANARY)))
        .then_refused("canary_conflict");
    given(with_canary())
        .when(promote(SeenCanary::Nothing))
        .then_refused("canary_conflict");
    let state = given(with_canary())
        .when(promote(SeenCanary::Running(CANARY)))
        .folded();
    assert_eq!(state.production(), Some(2));
}
