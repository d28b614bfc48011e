//! Every state with every command. A new command does not compile until it has its cells.
//!
//! A tenant's state is made of parts that change by themselves; the columns are the situations that
//! operators know.

use punchcard_events::tenant::*;

use crate::harness::given;
use crate::samples::*;

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Situation {
    Empty,
    Bare,
    WithKey,
    Rotated,
    Revoked,
    Suspended,
}

const SITUATIONS: [Situation; 6] = [
    Situation::Empty,
    Situation::Bare,
    Situation::WithKey,
    Situation::Rotated,
    Situation::Revoked,
    Situation::Suspended,
];

fn history(situation: Situation) -> Vec<TenantEvent> {
    let equipped = || {
        let callback = set_callback(Some("https://api.example"), by_operator(2));
        vec![create(), issue(1), callback]
    };
    let and = |command| [equipped(), vec![command]].concat();
    life(match situation {
        Situation::Empty => vec![],
        Situation::Bare => vec![create()],
        Situation::WithKey => equipped(),
        Situation::Rotated => and(rotate(1, 2, at(10 + DAY))),
        Situation::Revoked => and(revoke(1)),
        Situation::Suspended => and(suspend("unpaid")),
    })
}

macro_rules! asks {
    ($($name:ident),+ $(,)?) => {
        /// A row of the table: a command's type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Ask { $($name),+ }

        const ASKS: &[Ask] = &[$(Ask::$name),+];

        /// Exhaustive: a new command must be given a row.
        fn ask(command: &Command) -> Ask {
            match command { $(Command::$name { .. } => Ask::$name),+ }
        }
    };
}

asks! {
    Create, Rename, Suspend, Resume, SetLimits, SetOrigins, SetCallback, SetHooks, IssueKey, RotateKey,
    RevokeKey,
}

fn commands() -> Vec<Command> {
    vec![
        create(),
        rename("Two Hours", by_operator(9)),
        suspend("unpaid"),
        resume(),
        set_limits(open(7), by_operator(9)),
        set_origins(&["https://app.example"], by_operator(9)),
        set_callback(Some("https://api.example"), by_operator(9)),
        set_hook(Some("/save"), by_operator(9)),
        issue(9),
        rotate(1, 9, at(DAY)),
        revoke(1),
    ]
}

/// What is expected of a command, column by column: the types of the events, `-` where it is
/// already true, or the code of the refusal.
#[rustfmt::skip]
const fn row(ask: Ask) -> [&'static str; 6] {
    const NONE: &str = "no_such_tenant";
    const TAKEN: &str = "tenant_exists";
    const RENAMED: &str = "TenantRenamed";
    const LIMITS: &str = "LimitsChanged";
    const ORIGINS: &str = "OriginsChanged";
    const HOOKS: &str = "HooksChanged";
    const SUSPENDED: &str = "TenantSuspended";
    match ask {
        Ask::Create      => ["TenantCreated", TAKEN, TAKEN, TAKEN, TAKEN, TAKEN],
        Ask::Rename      => [NONE, RENAMED, RENAMED, RENAMED, RENAMED, RENAMED],
        Ask::Suspend     => [NONE, SUSPENDED, SUSPENDED, SUSPENDED, SUSPENDED, "-"],
        Ask::Resume      => [NONE, "-", "-", "-", "-", "TenantResumed"],
        Ask::SetLimits   => [NONE, LIMITS, LIMITS, LIMITS, LIMITS, LIMITS],
        Ask::SetOrigins  => [NONE, ORIGINS, ORIGINS, ORIGINS, ORIGINS, ORIGINS],
        Ask::SetCallback => [NONE, "CallbackChanged", "-", "-", "-", "-"],
        Ask::SetHooks    => [NONE, "no_callback", HOOKS, HOOKS, HOOKS, HOOKS],
        Ask::IssueKey    => [NONE, "KeyIssued", "KeyIssued", "KeyIssued", "KeyIssued", "KeyIssued"],
        Ask::RotateKey   => [NONE, "no_such_key", "KeyRotated", "key_replaced", "key_revoked", "KeyRotated"],
        Ask::RevokeKey   => [NONE, "no_such_key", "KeyRevoked", "KeyRevoked", "-", "KeyRevoked"],
    }
}

fn outcome(decided: &Result<Vec<TenantEvent>, Rejection>) -> String {
    match decided {
        Ok(events) if events.is_empty() => "-".to_owned(),
        Ok(events) => {
            let kinds: Vec<_> = events.iter().map(TenantEvent::kind).collect();
            kinds.join(" ")
        }
        Err(rejection) => rejection.code().to_owned(),
    }
}

#[test]
fn every_state_meets_every_command_as_the_table_says() {
    for command in commands() {
        let row = row(ask(&command));
        for (situation, expected) in SITUATIONS.into_iter().zip(row) {
            let state = given(history(situation)).state();
            let decided = decide(&state, command.clone());
            let ask = ask(&command);
            assert_eq!(outcome(&decided), expected, "{ask:?} when {situation:?}");
            let mut state = state;
            for event in decided.iter().flatten() {
                state = apply(state, event).expect("what is decided can happen");
            }
        }
    }
}

#[test]
fn what_was_done_is_done_once() {
    for command in commands() {
        for situation in SITUATIONS {
            let state = given(history(situation)).state();
            let Ok(events) = decide(&state, command.clone()) else {
                continue;
            };
            let state = events.iter().fold(state, evolve);
            let again = decide(&state, command.clone());
            // A key, a tenant and a key's successor come once; a repeat is told so.
            let once = [Ask::Create, Ask::IssueKey, Ask::RotateKey].contains(&ask(&command));
            assert_eq!(again.is_err(), once, "{:?}: {again:?}", ask(&command));
            assert!(again.is_err() || again == Ok(vec![]), "{again:?}");
        }
    }
}

#[test]
fn every_row_of_the_table_is_asked() {
    let asked: Vec<_> = commands().iter().map(ask).collect();
    assert_eq!(asked, ASKS);
}

#[test]
fn every_column_of_the_table_is_the_state_it_says() {
    for situation in SITUATIONS {
        let state = given(history(situation)).state();
        let found = if !state.exists() {
            Situation::Empty
        } else if state.suspended.is_some() {
            Situation::Suspended
        } else if state.keys.values().any(|key| key.revoked.is_some()) {
            Situation::Revoked
        } else if state.keys.values().any(|key| key.replaced.is_some()) {
            Situation::Rotated
        } else if state.keys.is_empty() {
            Situation::Bare
        } else {
            Situation::WithKey
        };
        assert_eq!(found, situation);
    }
}
