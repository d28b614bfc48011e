//! Stored events are for ever: files written by the versions that were shipped, read by this one.
//!
//! `golden/endpoint/<Kind>.v<N>.json` and `golden/delivery/<Kind>.v<N>.json` hold a body with every
//! field set. `PUNCHCARD_WRITE_GOLDEN=1` writes files that are missing, and touches no other.

use std::fs;
use std::path::{Path, PathBuf};

use punchcard_events::delivery::DeliveryEvent;
use punchcard_events::endpoint::EndpointEvent;
use serde_json::Value;

use crate::samples::{delivery_events, endpoint_events};

fn file(folder: &str, kind: &str, version: u16) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    golden.join(folder).join(format!("{kind}.v{version}.json"))
}

fn golden(folder: &str, kind: &str, version: u16, encoded: &str) -> String {
    let path = file(folder, kind, version);
    let pretty = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        format!("{}\n", serde_json::to_string_pretty(&value).unwrap())
    };
    if !path.exists() && std::env::var_os("PUNCHCARD_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, pretty(encoded)).unwrap();
    }
    let stored =
        fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
    assert_eq!(
        stored,
        pretty(encoded),
        "{kind} is written as it always was"
    );
    stored
}

#[test]
fn endpoints_are_read_and_written_as_they_always_were() {
    let events = endpoint_events();
    assert_eq!(events.len(), EndpointEvent::KINDS.len());
    for event in events {
        let (kind, version) = (event.kind(), event.schema_version());
        let stored = golden("endpoint", kind, version, &event.encode().unwrap());
        assert_eq!(EndpointEvent::decode(kind, version, &stored), Ok(event));
    }
}

#[test]
fn messages_are_read_and_written_as_they_always_were() {
    let events = delivery_events();
    assert_eq!(events.len(), DeliveryEvent::KINDS.len());
    for event in events {
        let (kind, version) = (event.kind(), event.schema_version());
        let stored = golden("delivery", kind, version, &event.encode().unwrap());
        assert_eq!(DeliveryEvent::decode(kind, version, &stored), Ok(event));
    }
}
