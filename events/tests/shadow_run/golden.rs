//! Stored events are for ever: files written by the versions that were shipped, read by this one.

use std::fs;
use std::path::Path;

use punchcard_events::shadow_run::*;
use serde_json::{Value, json};

use crate::samples::*;

/// Every kind with every field set, and with only what is required.
fn samples() -> Vec<(&'static str, u16, Value)> {
    let mut full = started(40);
    full.max_cost_usd = Some(1.5);
    full.estimate.cost_usd = Some(0.75);
    full.choice = serde_json::from_value(json!({
        "filter": {
            "requested_from": "2026-11-01T00:00:00.000Z",
            "requested_before": "2026-11-08T00:00:00.000Z",
            "user": "student-17",
        },
        "sample": 0.25,
        "seed": 7,
        "limit": 100,
    }))
    .expect("a choice");
    let mut failed = ended(2, CaseVerdict::SchemaFailed, 0.0);
    failed.failure = Some(CaseFailure {
        code: "schema_violation".to_owned(),
        message: "The answer does not fit the answer schema.".to_owned(),
    });
    let mut least = ended(1, CaseVerdict::Failed, 0.0);
    (least.fork, least.after, least.before) = (None, None, Measured::default());
    let tally = Tally {
        cases: 40,
        same: 20,
        changed: 15,
        schema_failed: 3,
        failed: 2,
    };
    let stop = |reason| ShadowRunEvent::ShadowRunStopped(ShadowRunStopped { reason, act: act() });
    let resume = |max_cost_usd| {
        let act = act();
        ShadowRunEvent::ShadowRunResumed(ShadowRunResumed { max_cost_usd, act })
    };
    let chosen = ShadowCasesChosen {
        tickets: [past(1), past(2)].into(),
    };
    let candidate = "Version 2 cannot be rendered.".to_owned();
    let mut all = vec![];
    for event in [
        ShadowRunEvent::ShadowRunStarted(full),
        ShadowRunEvent::ShadowRunStarted(started(1)),
        stop(StopReason::Candidate(candidate)),
        stop(StopReason::Asked),
        stop(StopReason::MaxCost),
        stop(StopReason::Budget),
        resume(Some(2.0)),
        resume(None),
        ShadowRunEvent::ShadowRunFinished(ShadowRunFinished { tally, act: act() }),
    ] {
        all.push((event.kind(), event.schema_version(), event.encode()));
    }
    for event in [
        ShadowCasesEvent::ShadowCasesChosen(chosen),
        ShadowCasesEvent::ShadowCaseEnded(failed),
        ShadowCasesEvent::ShadowCaseEnded(least),
    ] {
        all.push((event.kind(), event.schema_version(), event.encode()));
    }
    all.into_iter()
        .map(|(kind, version, text)| {
            let text = text.expect("finite numbers");
            (kind, version, serde_json::from_str(&text).expect("JSON"))
        })
        .collect()
}

/// Missing files are written with `PUNCHCARD_WRITE_GOLDEN=1`; files that exist are never touched.
#[test]
fn every_version_of_every_kind_is_still_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/shadow_run");
    let samples = samples();
    let kinds = ShadowRunEvent::KINDS.iter().chain(ShadowCasesEvent::KINDS);
    for (kind, newest) in kinds {
        let of_kind = samples.iter().filter(|(name, _, _)| name == kind);
        let bodies: Vec<_> = of_kind.map(|(_, _, body)| body.clone()).collect();
        let path = folder.join(format!("{kind}.v{newest}.json"));
        if !path.exists() && std::env::var_os("PUNCHCARD_WRITE_GOLDEN").is_some() {
            let text = serde_json::to_string_pretty(&bodies).expect("JSON");
            fs::write(&path, text + "\n").expect("it is written");
        }
        let golden = fs::read_to_string(&path).expect("the golden file is there");
        let golden: Vec<Value> = serde_json::from_str(&golden).expect("JSON");
        assert_eq!(golden, bodies, "{kind}");
        for body in golden {
            let read = match ShadowRunEvent::decode(kind, *newest, &body.to_string()) {
                Ok(event) => event.encode(),
                Err(_) => ShadowCasesEvent::decode(kind, *newest, &body.to_string())
                    .unwrap_or_else(|error| panic!("{kind}: {error}"))
                    .encode(),
            };
            let read: Value = serde_json::from_str(&read.expect("finite numbers")).expect("JSON");
            assert_eq!(read, body, "{kind}");
        }
    }
}
