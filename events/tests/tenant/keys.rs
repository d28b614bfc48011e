//! Keys: issued, rotated, expired, revoked.

use punchcard_events::tenant::limits::{MAX_LIVE_KEYS, MAX_OVERLAP_DAYS};
use punchcard_events::tenant::*;

use crate::harness::given;
use crate::samples::*;

fn with_key() -> Vec<TenantEvent> {
    life([create(), issue(1)])
}

#[test]
fn a_rotated_key_goes_on_until_its_time_and_the_new_one_has_its_roles() {
    let state = given(with_key()).and(rotate(1, 2, at(100))).state();
    let (old, new) = (&state.keys[&prefix(1)], &state.keys[&prefix(2)]);
    assert!(old.is_live(at(99)) && !old.is_live(at(100)));
    assert!(new.is_live(at(10_000)));
    assert_eq!(new.key.roles, old.key.roles);
}

#[test]
fn a_rotation_that_should_have_been_is_one_at_once() {
    let state = given(with_key()).and(rotate(1, 2, at(0))).state();
    assert_eq!(state.keys[&prefix(1)].ends_at(), Some(at(10)));
}

#[test]
fn two_keys_for_one_thing_overlap_for_a_month_at_most() {
    let month = u64::from(MAX_OVERLAP_DAYS) * DAY;
    let state = given(with_key()).and(rotate(1, 2, at(10 + month))).state();
    assert!(state.keys[&prefix(1)].is_live(at(9 + month)));
    let longer = rotate(1, 2, at(11 + month));
    given(with_key())
        .when(longer)
        .then_rejected(Rejection::OverlapTooLong);
}

#[test]
fn a_key_has_one_successor() {
    let rotated = given(with_key()).and(rotate(1, 2, at(100)));
    let (prefix, by) = (prefix(1), prefix(2));
    rotated
        .when(rotate(1, 3, at(100)))
        .then_rejected(Rejection::KeyReplaced { prefix, by });
}

#[test]
fn a_prefix_never_names_a_second_key() {
    let other = |number: u64| IssuedKey {
        sha256: "f".repeat(64),
        ..key(number)
    };
    for history in [with_key(), life([create(), issue(1), revoke(1)])] {
        for act in [by_operator(30), by_configuration(30)] {
            let again = Command::IssueKey { key: other(1), act };
            given(&history).when(again).then_refused("prefix_taken");
        }
    }
    let taken = given(with_key()).and(issue(2)).when(rotate(1, 2, at(100)));
    taken.then_refused("prefix_taken");
}

#[test]
fn a_revoked_key_comes_back_by_nobodys_word() {
    let state = given(with_key()).and(revoke(1)).state();
    assert!(!state.keys[&prefix(1)].is_live(at(0)));
    given(life([create(), issue(1), revoke(1)]))
        .when(issue(1))
        .then_refused("prefix_taken");
    let act = by_configuration(2);
    let key = key(1);
    let configured = Command::IssueKey { key, act };
    given(life([create(), configured.clone(), revoke(1)]))
        .when(configured)
        .then_rejected(Rejection::KeyRevoked(prefix(1)));
}

#[test]
fn the_configuration_may_say_again_what_its_key_may_do() {
    let said = |roles: &[Role], second| Command::IssueKey {
        key: IssuedKey {
            roles: roles.iter().copied().collect(),
            ..key(1)
        },
        act: by_configuration(second),
    };
    let first = given(life([create()])).and(said(&[Role::Viewer], 2));
    let state = first.and(said(&[Role::Admin], 3)).state();
    let known = &state.keys[&prefix(1)];
    assert_eq!(known.key.roles, [Role::Admin].into());
    assert_eq!(known.issued, by_configuration(2));
    given(life([create(), said(&[Role::Viewer], 2)]))
        .when(said(&[Role::Viewer], 3))
        .then_nothing();
    // An operator's key is not the configuration's to change.
    given(with_key())
        .when(said(&[Role::Admin], 3))
        .then_refused("prefix_taken");
}

#[test]
fn a_suspended_tenant_may_still_have_keys_revoked() {
    let state = given(with_key()).and(suspend("unpaid")).when(revoke(1));
    let state = state.then_one("KeyRevoked");
    assert!(state.suspended.is_some());
}

#[test]
fn a_key_that_expires_opens_nothing_from_then_on() {
    let expiring = |second| Command::IssueKey {
        key: IssuedKey {
            expires_at: Some(at(second)),
            ..key(1)
        },
        act: by_operator(5),
    };
    let state = given(life([create()])).and(expiring(8)).state();
    let known = &state.keys[&prefix(1)];
    assert!(known.is_live(at(7)) && !known.is_live(at(8)));
    given(life([create(), expiring(8)]))
        .when(rotate(1, 2, at(100)))
        .then_rejected(Rejection::KeyExpired(prefix(1)));
    given(life([create()]))
        .when(expiring(5))
        .then_rejected(Rejection::BornExpired);
}

#[test]
fn keys_are_counted_while_they_open_something() {
    let most = u64::try_from(MAX_LIVE_KEYS).expect("a small number");
    let full = || given(life([create()].into_iter().chain((1..=most).map(issue))));
    full().when(issue(most + 1)).then_refused("too_many");
    // A key at the limit can still be rotated: its successor has its place.
    let rotated = full().and(rotate(1, most + 1, at(100)));
    rotated.when(issue(most + 2)).then_refused("too_many");
    full()
        .and(revoke(1))
        .when(issue(most + 1))
        .then_one("KeyIssued");
}

#[test]
fn what_is_no_key_is_not_issued() {
    let cases = [
        (
            IssuedKey {
                prefix: "live".into(),
                ..key(1)
            },
            "bad_key",
        ),
        (
            IssuedKey {
                prefix: "pk_ 1".into(),
                ..key(1)
            },
            "bad_key",
        ),
        (
            IssuedKey {
                sha256: "F".repeat(64),
                ..key(1)
            },
            "bad_key",
        ),
        (
            IssuedKey {
                roles: [].into(),
                ..key(1)
            },
            "no_roles",
        ),
        (
            IssuedKey {
                name: Some(String::new()),
                ..key(1)
            },
            "bad_text",
        ),
        (
            IssuedKey {
                name: Some("x".repeat(201)),
                ..key(1)
            },
            "too_long",
        ),
    ];
    for (key, code) in cases {
        let act = by_operator(2);
        let issue = Command::IssueKey { key, act };
        given(life([create()])).when(issue).then_refused(code);
    }
}
