use punchcard_events::tenant::{
    CallbackChanged, KeyIssued, MicroUsd, OriginsChanged, TenantCreated, TenantLimits,
    TenantRenamed, TenantResumed, TenantSuspended,
};
use punchcard_events::{Act, TaskName, Timestamp};

use super::*;

const GOLDEN: &str = include_str!("golden.txt");

fn act() -> Act {
    Act {
        at: Timestamp::from_millis(1_795_430_670_123),
        by: Author::Key {
            prefix: "pk_live_0aB1cD2e".to_owned(),
            name: Some("ada".to_owned()),
        },
    }
}

fn by(by: Author) -> Act {
    Act { by, ..act() }
}

fn key(prefix: &str, name: Option<&str>) -> IssuedKey {
    IssuedKey {
        prefix: prefix.to_owned(),
        sha256: "ab".repeat(32),
        name: name.map(str::to_owned),
        roles: [Role::Admin, Role::Issuer].into(),
        expires_at: None,
    }
}

fn limits() -> TenantLimits {
    let mut limits = TenantLimits {
        weight: Some(2),
        retention_days: Some(90),
        ..TenantLimits::default()
    };
    limits.all.requests_per_minute = Some(600);
    limits.all.concurrent_tickets = Some(50);
    limits.all.daily.tokens = Some(5_000_000);
    limits.all.monthly.cost_micro_usd = Some(MicroUsd(12_500_000));
    let task: TaskName = "explanation".parse().expect("a name");
    limits.tasks.insert(task, Limits::default());
    limits.raw_models = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).into();
    limits
}

/// Every event, in every form that has words of its own.
#[expect(clippy::too_many_lines, reason = "it is a list")]
fn events() -> Vec<TenantEvent> {
    let text = |text: &str| text.to_owned();
    let task: TaskName = "explanation".parse().expect("a name");
    let hooks = |pre: Option<&str>, post: Option<&str>| {
        TenantEvent::HooksChanged(HooksChanged {
            task: task.clone(),
            pre_process: pre.map(str::to_owned),
            post_process: post.map(str::to_owned),
            act: act(),
        })
    };
    let rotated = |until: u64| {
        TenantEvent::KeyRotated(KeyRotated {
            prefix: text("pk_live_old"),
            until: Timestamp::from_millis(until),
            key: key("pk_live_new", Some("backend")),
            act: act(),
        })
    };
    let limited = |limits| TenantEvent::LimitsChanged(LimitsChanged { limits, act: act() });
    let origins = |origins: &[&str]| {
        let origins = origins.iter().map(|origin| text(origin)).collect();
        TenantEvent::OriginsChanged(OriginsChanged {
            origins,
            act: act(),
        })
    };
    let callback = |base_url| {
        TenantEvent::CallbackChanged(CallbackChanged {
            base_url,
            act: act(),
        })
    };
    let revoked = |reason| {
        let prefix = text("pk_live_old");
        TenantEvent::KeyRevoked(KeyRevoked {
            prefix,
            reason,
            act: act(),
        })
    };
    let expiring = IssuedKey {
        expires_at: Some(Timestamp::from_millis(1_800_000_000_000)),
        ..key("pk_live_new", None)
    };
    vec![
        TenantEvent::TenantCreated(TenantCreated {
            name: text("Acme"),
            act: by(Author::Configuration),
        }),
        TenantEvent::TenantRenamed(TenantRenamed {
            name: text("Acme Inc."),
            act: act(),
        }),
        TenantEvent::TenantSuspended(TenantSuspended {
            reason: text("Unpaid\n since October"),
            act: act(),
        }),
        TenantEvent::TenantResumed(TenantResumed {
            act: by(Author::Runtime),
        }),
        limited(limits()),
        limited(TenantLimits::default()),
        origins(&["https://app.acme.example", "none"]),
        origins(&[]),
        callback(Some(text("https://api.acme.example/"))),
        callback(None),
        hooks(None, None),
        hooks(Some("/p"), None),
        hooks(None, Some("/q")),
        hooks(Some("/p"), Some("/q")),
        TenantEvent::KeyIssued(KeyIssued {
            key: key("pk_live_new", Some("backend")),
            act: act(),
        }),
        TenantEvent::KeyIssued(KeyIssued {
            key: expiring,
            act: act(),
        }),
        rotated(0),
        rotated(1_795_517_070_123),
        revoked(None),
        revoked(Some(text("It was in a log."))),
    ]
}

#[test]
fn every_event_is_one_plain_sentence() {
    let told: Vec<String> = events().iter().map(sentence).collect();
    let golden: Vec<&str> = GOLDEN.lines().collect();
    assert_eq!(told, golden);
}
