//! What is allowed per minute.

use std::collections::BTreeMap;

use punchcard_events::tenant::TenantLimits;

use super::*;
use crate::testing::limits::SetLimits;

const SECOND: Duration = Duration::from_secs(1);

fn tenant() -> TenantId {
    TenantId::new("a").unwrap()
}

fn task(name: &str) -> TaskName {
    TaskName::new(name).unwrap()
}

fn limits(requests: Option<u32>, tokens: Option<u64>) -> Limits {
    Limits {
        requests_per_minute: requests,
        tokens_per_minute: tokens,
        ..Limits::default()
    }
}

/// Allowances of one tenant, and of its task `x`.
fn allowances(all: Limits, x: Option<Limits>) -> (Allowances, SetLimits, Instant) {
    let book = SetLimits::default();
    let tasks: BTreeMap<_, _> = x.map(|limits| (task("x"), limits)).into_iter().collect();
    book.set(
        &tenant(),
        TenantLimits {
            all,
            tasks,
            ..TenantLimits::default()
        },
    );
    let allowances = Allowances::new(Arc::new(book.clone()));
    let now = allowances.origin + 100 * SECOND;
    (allowances, book, now)
}

fn reserve(
    allowances: &Allowances,
    place: &str,
    tokens: u64,
    now: Instant,
) -> Result<Option<Reserved>, Blocked> {
    allowances.reserve(&place.into(), &tenant(), Some(&task("x")), tokens, now)
}

#[test]
fn without_limits_nothing_is_kept() {
    let (allowances, _, now) = allowances(Limits::default(), None);
    assert!(reserve(&allowances, "m", u64::MAX, now).unwrap().is_none());
    assert!(allowances.lock().used.is_empty());
}

#[test]
fn requests_count_at_all_places_together_and_who_is_over_asks_again_within_a_second() {
    let (allowances, _, now) = allowances(limits(Some(2), None), None);
    for place in ["m", "n"] {
        assert!(reserve(&allowances, place, 9, now).is_ok());
    }
    let blocked = reserve(&allowances, "o", 9, now).unwrap_err();
    assert_eq!(blocked.scope, Scope::Tenant);
    assert_eq!(blocked.until, now + LOOK_AGAIN);
    let almost = now + 60 * SECOND + Duration::from_millis(600);
    let blocked = reserve(&allowances, "o", 9, almost).unwrap_err();
    assert_eq!(blocked.until, now + 61 * SECOND, "when the second is over");
    assert!(reserve(&allowances, "o", 9, now + 61 * SECOND).is_ok());
}

#[test]
fn what_a_call_did_not_use_is_free_again_and_one_that_was_not_made_used_nothing() {
    let (allowances, _, now) = allowances(limits(Some(2), Some(1_000)), None);
    let first = reserve(&allowances, "m", 900, now).unwrap().unwrap();
    assert!(reserve(&allowances, "m", 200, now).is_err());
    allowances.settle(&first, Some(100), now + SECOND);
    let second = reserve(&allowances, "m", 900, now + SECOND)
        .unwrap()
        .unwrap();
    assert!(
        reserve(&allowances, "m", 0, now + SECOND).is_err(),
        "two requests"
    );
    allowances.settle(&second, None, now + SECOND);
    assert!(reserve(&allowances, "m", 900, now + SECOND).is_ok());
}

#[test]
fn a_tasks_limit_holds_up_the_task_alone_and_what_it_may_not_take_its_tenant_has_not_taken() {
    let (allowances, _, now) = allowances(limits(Some(3), None), Some(limits(Some(1), None)));
    assert!(reserve(&allowances, "m", 1, now).is_ok());
    for _ in 0..5 {
        assert_eq!(
            reserve(&allowances, "m", 1, now).unwrap_err().scope,
            Scope::Task
        );
    }
    let other = |now| allowances.reserve(&"m".into(), &tenant(), Some(&task("y")), 1, now);
    assert!(other(now).is_ok() && other(now).is_ok());
    assert_eq!(other(now).unwrap_err().scope, Scope::Tenant);
}

#[test]
fn a_call_larger_than_a_minute_goes_alone() {
    let (allowances, _, now) = allowances(limits(None, Some(100)), None);
    let large = reserve(&allowances, "m", 5_000, now).unwrap().unwrap();
    assert!(reserve(&allowances, "m", 1, now).is_err());
    allowances.settle(&large, Some(50), now);
    assert!(
        reserve(&allowances, "m", 5_000, now).is_err(),
        "not beside another"
    );
    assert!(reserve(&allowances, "m", 5_000, now + 61 * SECOND).is_ok());
}

#[test]
fn small_calls_of_other_places_do_not_pass_a_large_one_for_ever() {
    let (allowances, _, mut now) = allowances(limits(None, Some(100)), None);
    assert!(reserve(&allowances, "n", 60, now).is_ok());
    let mut waited = 0;
    while reserve(&allowances, "m", 90, now).is_err() {
        assert!(reserve(&allowances, "n", 10, now).is_err(), "m asked first");
        now += SECOND;
        waited += 1;
        assert!(waited <= 61);
    }
    assert!(reserve(&allowances, "n", 10, now).is_ok());
    // Who does not come for its claim loses it.
    assert!(reserve(&allowances, "m", 50, now).is_err());
    let (allowances, _, now) = self::allowances(limits(None, Some(100)), None);
    assert!(reserve(&allowances, "n", 60, now).is_ok());
    assert!(reserve(&allowances, "m", 90, now).is_err());
    assert!(reserve(&allowances, "n", 10, now + SECOND).is_err());
    assert!(reserve(&allowances, "n", 10, now + CLAIM).is_ok());
}

#[test]
fn a_change_of_limits_is_in_effect_at_once() {
    let (allowances, book, now) = allowances(limits(Some(1), None), None);
    assert!(reserve(&allowances, "m", 1, now).is_ok());
    assert!(reserve(&allowances, "m", 1, now).is_err());
    let all = limits(Some(2), None);
    book.set(
        &tenant(),
        TenantLimits {
            all,
            weight: Some(7),
            ..TenantLimits::default()
        },
    );
    assert!(reserve(&allowances, "m", 1, now).is_ok());
    assert_eq!(allowances.weight(&tenant()), 7);
}

#[test]
fn how_long_a_minute_is_used_up_is_known() {
    let (allowances, _, now) =
        allowances(limits(Some(60), Some(1_000)), Some(limits(Some(6), None)));
    let wait = |calls, tokens| {
        let amount = Amount { calls, tokens };
        allowances.wait(
            &tenant(),
            Some(&task("x")),
            (amount, Amount::default()),
            now,
        )
    };
    assert_eq!(wait(59, 1_000), Duration::ZERO);
    assert_eq!(wait(119, 0), 60 * SECOND);
    assert_eq!(wait(0, 3_000), 120 * SECOND);
    let own = Amount {
        calls: 11,
        tokens: 0,
    };
    let of_task = allowances.wait(&tenant(), Some(&task("x")), (own, own), now);
    assert_eq!(of_task, 60 * SECOND);
}

#[test]
fn what_nobody_has_used_for_a_minute_is_forgotten() {
    let book = SetLimits::default();
    let allowances = Allowances::new(Arc::new(book.clone()));
    for n in 0..1_000 {
        let tenant = TenantId::new(&format!("t{n}")).unwrap();
        let all = limits(Some(5), None);
        book.set(
            &tenant,
            TenantLimits {
                all,
                ..TenantLimits::default()
            },
        );
        let now = allowances.origin + SECOND * n;
        assert!(
            allowances
                .reserve(&"m".into(), &tenant, None, 1, now)
                .is_ok()
        );
    }
    let kept = allowances.lock().used.len();
    assert!(kept <= 125, "{kept}");
}
