//! Values that tests are made of. The seconds are counted from the epoch.

use std::collections::BTreeSet;

use punchcard_events::tenant::*;
use punchcard_events::{Act, Author, TaskName, Timestamp};

pub(crate) const DAY: u64 = 24 * 3600;

pub(crate) fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

pub(crate) fn by_operator(second: u64) -> Act {
    let by = Author::Key {
        prefix: "pk_live_operator".to_owned(),
        name: Some("mina".to_owned()),
    };
    Act { at: at(second), by }
}

pub(crate) fn by_configuration(second: u64) -> Act {
    let by = Author::Configuration;
    Act { at: at(second), by }
}

pub(crate) fn prefix(number: u64) -> String {
    format!("pk_live_{number:08}")
}

pub(crate) fn key(number: u64) -> IssuedKey {
    IssuedKey {
        prefix: prefix(number),
        sha256: format!("{number:064x}"),
        name: None,
        roles: [Role::Issuer].into(),
        expires_at: None,
    }
}

pub(crate) fn task() -> TaskName {
    TaskName::new("review").expect("a name")
}

pub(crate) fn create() -> Command {
    let name = "OneHour".to_owned();
    let act = by_operator(1);
    Command::Create { name, act }
}

pub(crate) fn rename(name: &str, act: Act) -> Command {
    let name = name.to_owned();
    Command::Rename { name, act }
}

pub(crate) fn suspend(reason: &str) -> Command {
    let (reason, act) = (reason.to_owned(), by_operator(3));
    Command::Suspend { reason, act }
}

pub(crate) fn resume() -> Command {
    let act = by_operator(4);
    Command::Resume { act }
}

pub(crate) fn set_limits(limits: TenantLimits, act: Act) -> Command {
    Command::SetLimits { limits, act }
}

/// At most this many open tickets.
pub(crate) fn open(tickets: u32) -> TenantLimits {
    TenantLimits {
        all: Limits {
            concurrent_tickets: Some(tickets),
            ..Limits::default()
        },
        ..TenantLimits::default()
    }
}

pub(crate) fn set_origins(origins: &[&str], act: Act) -> Command {
    let origins = origins.iter().map(ToString::to_string);
    let origins: BTreeSet<_> = origins.collect();
    Command::SetOrigins { origins, act }
}

pub(crate) fn set_callback(url: Option<&str>, act: Act) -> Command {
    let base_url = url.map(str::to_owned);
    Command::SetCallback { base_url, act }
}

pub(crate) fn set_hook(path: Option<&str>, act: Act) -> Command {
    Command::SetHooks {
        task: task(),
        pre_process: None,
        post_process: path.map(str::to_owned),
        act,
    }
}

pub(crate) fn issue(number: u64) -> Command {
    let (key, act) = (key(number), by_operator(2));
    Command::IssueKey { key, act }
}

/// At second 10.
pub(crate) fn rotate(old: u64, new: u64, until: Timestamp) -> Command {
    Command::RotateKey {
        prefix: prefix(old),
        key: key(new),
        until,
        act: by_operator(10),
    }
}

pub(crate) fn revoke(number: u64) -> Command {
    Command::RevokeKey {
        prefix: prefix(number),
        reason: Some("it leaked".to_owned()),
        act: by_operator(20),
    }
}

/// What these commands lead to, one after the other.
#[track_caller]
pub(crate) fn life(commands: impl IntoIterator<Item = Command>) -> Vec<TenantEvent> {
    let (mut state, mut events) = (TenantState::default(), vec![]);
    for command in commands {
        for event in decide(&state, command).expect("the command is taken") {
            state = apply(state, &event).expect("what is decided can happen");
            events.push(event);
        }
    }
    events
}
