//! Names, limits, origins, callbacks and hooks; and what the configuration says of them.

use std::collections::BTreeSet;

use punchcard_events::TaskName;
use punchcard_events::tenant::limits::{MAX_HOOKED_TASKS, MAX_ORIGINS};
use punchcard_events::tenant::*;

use crate::harness::given;
use crate::samples::*;

fn bare() -> Vec<TenantEvent> {
    life([create()])
}

const API: Option<&str> = Some("https://api.example");

#[test]
fn a_name_and_a_reason_can_be_read_and_have_an_end() {
    for (name, code) in [
        ("", "bad_text"),
        (" x", "bad_text"),
        ("a\nb", "bad_text"),
        (&"x".repeat(201), "too_long"),
    ] {
        let act = by_operator(1);
        let create = Command::Create {
            name: name.to_owned(),
            act,
        };
        given([]).when(create).then_refused(code);
        given(bare())
            .when(rename(name, by_operator(2)))
            .then_refused(code);
    }
    for (reason, code) in [("", "bad_text"), (&"x".repeat(1_025), "too_long")] {
        given(bare()).when(suspend(reason)).then_refused(code);
    }
}

#[test]
fn a_suspension_can_be_given_another_reason() {
    let suspended = given(bare()).and(suspend("unpaid"));
    let state = suspended.when(suspend("abuse")).then_one("TenantSuspended");
    let reason = state.suspended.map(|suspended| suspended.reason);
    assert_eq!(reason.as_deref(), Some("abuse"));
}

#[test]
fn no_limit_is_zero() {
    let zero = |change: fn(&mut Limits)| {
        let mut limits = TenantLimits::default();
        change(&mut limits.all);
        limits
    };
    let none = Some(MicroUsd(0));
    assert_eq!(none, Some(MicroUsd::default()));
    for (limits, limit) in [
        (
            zero(|all| all.requests_per_minute = Some(0)),
            "requests_per_minute",
        ),
        (
            zero(|all| all.tokens_per_minute = Some(0)),
            "tokens_per_minute",
        ),
        (
            zero(|all| all.concurrent_tickets = Some(0)),
            "concurrent_tickets",
        ),
        (zero(|all| all.daily.tokens = Some(0)), "daily.tokens"),
        (
            zero(|all| all.daily.cost_micro_usd = Some(MicroUsd(0))),
            "daily.cost_micro_usd",
        ),
        (zero(|all| all.monthly.tokens = Some(0)), "monthly.tokens"),
        (
            zero(|all| all.monthly.cost_micro_usd = Some(MicroUsd(0))),
            "monthly.cost_micro_usd",
        ),
    ] {
        let of_a_task = TenantLimits {
            tasks: [(task(), limits.all.clone())].into(),
            ..TenantLimits::default()
        };
        for limits in [limits, of_a_task] {
            let asked = given(bare()).when(set_limits(limits, by_operator(2)));
            asked.then_rejected(Rejection::ZeroLimit { limit });
        }
    }
}

#[test]
fn a_weight_and_a_retention_keep_to_their_range() {
    let weight = |weight| TenantLimits {
        weight: Some(weight),
        ..TenantLimits::default()
    };
    let days = |days| TenantLimits {
        retention_days: Some(days),
        ..TenantLimits::default()
    };
    for good in [weight(1), weight(1_000), days(1), days(36_500)] {
        given(bare())
            .when(set_limits(good, by_operator(2)))
            .then_one("LimitsChanged");
    }
    for (bad, code) in [
        (weight(0), "weight_out_of_range"),
        (weight(1_001), "weight_out_of_range"),
        (days(0), "retention_out_of_range"),
        (days(36_501), "retention_out_of_range"),
    ] {
        given(bare())
            .when(set_limits(bad, by_operator(2)))
            .then_refused(code);
    }
}

#[test]
fn lists_have_an_end() {
    let raw_models = |models: BTreeSet<String>| TenantLimits {
        raw_models: models,
        ..TenantLimits::default()
    };
    for (models, code) in [
        ((0..101).map(|n| n.to_string()).collect(), "too_many"),
        ([String::new()].into(), "bad_text"),
        (["x".repeat(201)].into(), "too_long"),
    ] {
        let asked = set_limits(raw_models(models), by_operator(2));
        given(bare()).when(asked).then_refused(code);
    }
    let origins: Vec<_> = (0..=MAX_ORIGINS)
        .map(|n| format!("https://a{n}.example"))
        .collect();
    let origins: Vec<_> = origins.iter().map(String::as_str).collect();
    given(bare())
        .when(set_origins(&origins, by_operator(2)))
        .then_refused("too_many");
    given(bare())
        .when(set_origins(&origins[1..], by_operator(2)))
        .then_one("OriginsChanged");
}

#[test]
fn hooks_have_an_end() {
    let hook = |number: usize| Command::SetHooks {
        task: TaskName::new(&format!("task-{number}")).expect("a name"),
        pre_process: Some("/prepare".to_owned()),
        post_process: None,
        act: by_operator(3),
    };
    let callback = set_callback(API, by_operator(2));
    let commands = [create(), callback]
        .into_iter()
        .chain((0..MAX_HOOKED_TASKS).map(hook));
    let full = life(commands);
    given(&full)
        .when(hook(MAX_HOOKED_TASKS))
        .then_refused("too_many");
    let without = Command::SetHooks {
        task: TaskName::new("task-0").expect("a name"),
        pre_process: None,
        post_process: None,
        act: by_operator(4),
    };
    given(&full)
        .and(without)
        .when(hook(MAX_HOOKED_TASKS))
        .then_one("HooksChanged");
}

#[test]
fn hooks_stand_on_a_base_url() {
    let hooked = || {
        given(bare())
            .and(set_callback(API, by_operator(2)))
            .and(set_hook(Some("/save"), by_operator(3)))
    };
    hooked()
        .when(set_callback(None, by_operator(4)))
        .then_rejected(Rejection::HooksRemain { tasks: 1 });
    let bare_again = hooked().and(set_hook(None, by_operator(4)));
    let state = bare_again
        .when(set_callback(None, by_operator(5)))
        .then_one("CallbackChanged");
    assert!(state.hooks.is_empty() && state.callback.is_none());
    given(bare())
        .when(set_hook(Some("/save"), by_operator(3)))
        .then_rejected(Rejection::NoCallback);
}

#[test]
fn forms_that_lead_elsewhere_are_refused() {
    let refused = |command: Command, code: &str| given(bare()).when(command).then_refused(code);
    refused(
        set_origins(&["https://a.example/x"], by_operator(2)),
        "bad_origin",
    );
    refused(
        set_callback(Some("https://u:p@a.example"), by_operator(2)),
        "bad_callback",
    );
    refused(set_hook(Some("//evil.example"), by_operator(2)), "bad_hook");
}

#[test]
fn what_the_configuration_says_is_recorded_though_it_is_so_and_once() {
    let mut tenant = given(bare()).and(set_limits(open(7), by_operator(2)));
    tenant = tenant.and(set_origins(&["https://a.example"], by_operator(2)));
    tenant = tenant.and(set_callback(API, by_operator(2)));
    tenant = tenant.and(set_hook(Some("/save"), by_operator(2)));
    let state = tenant.state();
    assert_eq!(state.said, Said::default());
    let sayings = [
        rename("OneHour", by_configuration(3)),
        set_limits(open(7), by_configuration(3)),
        set_origins(&["https://a.example"], by_configuration(3)),
        set_callback(API, by_configuration(3)),
        set_hook(Some("/save"), by_configuration(3)),
    ];
    for saying in sayings {
        let events = decide(&state, saying.clone()).expect("it is taken");
        assert_eq!(events.len(), 1, "{saying:?}");
        let after = events.iter().fold(state.clone(), evolve);
        assert_ne!(after.said, Said::default());
        let (was, is) = (
            &state,
            TenantState {
                said: Said::default(),
                ..after.clone()
            },
        );
        assert_eq!(was, &is, "nothing else is changed by saying so");
        assert_eq!(decide(&after, saying), Ok(vec![]));
    }
}

#[test]
fn what_an_admin_says_leaves_what_the_configuration_said() {
    let configured = given(bare()).and(set_limits(open(7), by_configuration(2)));
    let state = configured.and(set_limits(open(9), by_operator(3))).state();
    assert_eq!(*state.limits, open(9));
    assert_eq!(state.said.limits.as_deref(), Some(&open(7)));
}
