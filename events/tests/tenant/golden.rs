//! Stored events are for ever: files written by the versions that were shipped, read by this one.
//!
//! `golden/tenant/<Kind>.v<N>.json` holds a body of schema version N with every field set (`full`) and
//! one with only what is required (`minimal`). `golden/tenant/lives/*.json` hold whole histories.
//!
//! For a new kind or version add its sample below and run
//!
//! ```text
//! PUNCHCARD_WRITE_GOLDEN=1 cargo test -p punchcard-events --test tenant golden
//! ```
//!
//! once: files that are missing are written, files that exist are never touched. Commit the new
//! file with the change that made it. A golden that fails is not repaired by hand: the code has
//! stopped reading what is stored, so it needs a new schema version and an upcaster.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use punchcard_events::recorded::DecodeError;
use punchcard_events::tenant::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::samples::*;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bodies {
    full: Value,
    minimal: Value,
}

fn body(event: &TenantEvent) -> Value {
    let text = event.encode().expect("finite numbers");
    serde_json::from_str(&text).expect("JSON")
}

fn bodies(kind: &str) -> Bodies {
    let find = |events: Vec<TenantEvent>| {
        let event = events.iter().find(|event| event.kind() == kind);
        body(event.unwrap_or_else(|| panic!("{kind} has no sample: add one")))
    };
    Bodies {
        full: find(samples(true)),
        minimal: find(samples(false)),
    }
}

#[test]
fn every_version_of_every_kind_is_still_read() {
    let mut known = vec!["lives".to_owned()];
    for (kind, newest) in TenantEvent::KINDS {
        for version in 1..=*newest {
            let name = format!("{kind}.v{version}.json");
            let bodies: Bodies = golden(&folder().join(&name), || bodies(kind));
            for stored in [bodies.full, bodies.minimal] {
                let event = TenantEvent::decode(kind, version, &stored.to_string());
                let event = event.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(event.kind(), *kind);
                // A body that was lifted comes out in the newest shape, so only that is compared.
                if version == *newest {
                    assert_eq!(body(&event), stored, "{name}");
                }
            }
            known.push(name);
        }
    }
    let entries = fs::read_dir(folder()).expect("the folder is there");
    for entry in entries {
        let name = entry.expect("an entry").file_name();
        let name = name.into_string().expect("a UTF-8 name");
        assert!(known.contains(&name), "{name} is not read");
    }
}

#[test]
fn a_full_golden_has_more_than_the_minimal_one_where_fields_are_optional() {
    for kind in [
        "LimitsChanged",
        "CallbackChanged",
        "HooksChanged",
        "KeyIssued",
        "KeyRotated",
        "KeyRevoked",
    ] {
        let bodies = bodies(kind);
        let size = |body: &Value| body.to_string().len();
        assert!(size(&bodies.full) > size(&bodies.minimal), "{kind}");
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLife {
    name: String,
    concurrent_tickets: Option<u32>,
    live_at_second_50: Vec<String>,
    events: Vec<StoredEvent>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredEvent {
    kind: String,
    schema_version: u16,
    data: Value,
}

#[test]
fn a_stored_life_still_folds_to_the_same_state() {
    let life: StoredLife = golden(&folder().join("lives/rotated.json"), stored);
    let decode = |stored: &StoredEvent| {
        TenantEvent::decode(
            &stored.kind,
            stored.schema_version,
            &stored.data.to_string(),
        )
    };
    let events: Result<Vec<_>, _> = life.events.iter().map(decode).collect();
    let state = replay(&events.expect("a stored life is read")).expect("a stored life is legal");
    assert_eq!(state.name, life.name);
    assert_eq!(state.limits.all.concurrent_tickets, life.concurrent_tickets);
    let live: Vec<_> = state
        .live_keys(at(50))
        .map(|key| key.key.prefix.clone())
        .collect();
    assert_eq!(live, life.live_at_second_50);
}

/// Keys come and go; a name is changed twice, by the configuration and by an operator.
fn stored() -> StoredLife {
    let events = life([
        create(),
        rename("One Hour", by_configuration(2)),
        rename("OneHour Inc.", by_operator(3)),
        set_limits(open(7), by_configuration(3)),
        issue(1),
        issue(2),
        rotate(1, 3, at(100)),
        revoke(2),
        suspend("unpaid"),
        resume(),
    ]);
    let stored = |event: &TenantEvent| StoredEvent {
        kind: event.kind().to_owned(),
        schema_version: event.schema_version(),
        data: body(event),
    };
    StoredLife {
        name: "OneHour Inc.".to_owned(),
        concurrent_tickets: Some(7),
        live_at_second_50: vec![prefix(1), prefix(3)],
        events: events.iter().map(stored).collect(),
    }
}

#[test]
fn a_decode_error_never_quotes_the_body() {
    let body = r#"{"name":{"secret":"words"},"act":{}}"#;
    let error = TenantEvent::decode("TenantCreated", 1, body).expect_err("a broken body");
    assert!(!error.to_string().contains("words"), "{error}");
    let newer = TenantEvent::decode("TenantCreated", 2, "\u{0}");
    assert!(matches!(newer, Err(DecodeError::NewerSchema { .. })));
    let unknown = TenantEvent::decode("TicketSent", 1, "{}");
    assert!(matches!(unknown, Err(DecodeError::UnknownKind(_))));
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tenant")
}

/// The golden file, which is first written from `sample` where it is missing and this was asked for.
fn golden<T: Serialize + for<'de> Deserialize<'de>>(path: &Path, sample: impl FnOnce() -> T) -> T {
    if !path.exists() {
        assert!(
            std::env::var_os("PUNCHCARD_WRITE_GOLDEN").is_some(),
            "{} is missing: see the module's documentation for how to write it",
            path.display()
        );
        let text = serde_json::to_string_pretty(&sample()).expect("JSON");
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        let mut file = fs::File::create_new(path).expect("a new file");
        writeln!(file, "{text}").expect("it is written");
    }
    let text = fs::read_to_string(path).expect("the file is read");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One event of every kind, with every field set or with only those that are required.
fn samples(full: bool) -> Vec<TenantEvent> {
    let act = || {
        if full {
            by_operator(7)
        } else {
            by_configuration(7)
        }
    };
    let name = || "한시간".to_owned();
    let text = |text: &str| full.then(|| text.to_owned());
    let key = IssuedKey {
        name: text("mina"),
        roles: if full {
            ALL_ROLES.into()
        } else {
            [Role::Viewer].into()
        },
        expires_at: full.then(|| at(99)),
        ..key(1)
    };
    let prefix = prefix(1);
    let origins: BTreeSet<_> = text("https://app.example").into_iter().collect();
    vec![
        TenantEvent::TenantCreated(TenantCreated {
            name: name(),
            act: act(),
        }),
        TenantEvent::TenantRenamed(TenantRenamed {
            name: name(),
            act: act(),
        }),
        TenantEvent::TenantSuspended(TenantSuspended {
            reason: name(),
            act: act(),
        }),
        TenantEvent::TenantResumed(TenantResumed { act: act() }),
        TenantEvent::LimitsChanged(LimitsChanged {
            limits: limits(full),
            act: act(),
        }),
        TenantEvent::OriginsChanged(OriginsChanged {
            origins,
            act: act(),
        }),
        TenantEvent::CallbackChanged(CallbackChanged {
            base_url: text("https://api.example/v2"),
            act: act(),
        }),
        TenantEvent::HooksChanged(HooksChanged {
            task: task(),
            pre_process: text("/prepare"),
            post_process: text("/save"),
            act: act(),
        }),
        TenantEvent::KeyIssued(KeyIssued {
            key: key.clone(),
            act: act(),
        }),
        TenantEvent::KeyRotated(KeyRotated {
            prefix: prefix.clone(),
            until: at(50),
            key,
            act: act(),
        }),
        TenantEvent::KeyRevoked(KeyRevoked {
            prefix,
            reason: text("it leaked"),
            act: act(),
        }),
    ]
}

const ALL_ROLES: [Role; 5] = [
    Role::Issuer,
    Role::Viewer,
    Role::Planner,
    Role::Publisher,
    Role::Admin,
];

fn limits(full: bool) -> TenantLimits {
    if !full {
        return TenantLimits::default();
    }
    let budget = Budget {
        tokens: Some(1_000_000),
        cost_micro_usd: Some(MicroUsd(2_500_000)),
    };
    let all = Limits {
        requests_per_minute: Some(60),
        tokens_per_minute: Some(100_000),
        concurrent_tickets: Some(500),
        daily: budget,
        monthly: budget,
    };
    TenantLimits {
        tasks: [(task(), all.clone())].into(),
        all,
        weight: Some(2),
        raw_models: ["gpt-x".to_owned()].into(),
        retention_days: Some(30),
    }
}
