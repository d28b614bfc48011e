//! Batches: what a command comes to, what is stored for ever, and which tickets the lines become.

#![expect(
    clippy::unwrap_used,
    reason = "what does not go as expected fails the test"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use punchcard_events::act::{Act, Author};
use punchcard_events::batch::*;
use punchcard_events::{BatchId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

fn act() -> Act {
    Act {
        at: Timestamp::from_millis(1_795_430_400_000),
        by: Author::Key {
            prefix: "pk_test_abc".to_owned(),
            name: None,
        },
    }
}

fn begun(mode: BatchMode) -> BatchBegun {
    BatchBegun {
        tenant: "onehour".parse().unwrap(),
        task: "writing-review".parse().ok(),
        mode,
        idempotency_key: Some("monday".to_owned()),
        act: act(),
    }
}

fn uploaded(accepted: u32, rejected: u32) -> Uploaded {
    Uploaded {
        accepted,
        rejected,
        bytes: 1_000,
        chunks: 1,
        sha256: "ab".repeat(32),
    }
}

fn seal(accepted: u32, rejected: u32) -> Command {
    Command::Seal {
        uploaded: uploaded(accepted, rejected),
        act: act(),
    }
}

fn discard() -> Command {
    Command::Discard {
        why: Discard::BrokenOff,
        act: act(),
    }
}

fn cancel() -> Command {
    Command::Cancel { act: act() }
}

fn finish() -> Command {
    Command::Finish {
        refused: 2,
        act: act(),
    }
}

fn begin() -> Command {
    Command::Begin(begun(BatchMode::Partial))
}

/// The batch after these commands, none of which is refused.
fn after(commands: &[Command]) -> Option<BatchState> {
    commands.iter().fold(None, |state, command| {
        let events = decide(state.as_ref(), command.clone()).unwrap();
        events
            .iter()
            .fold(state, |state, event| Some(apply(state, event).unwrap()))
    })
}

#[test]
fn every_phase_meets_every_command_as_the_table_says() {
    let phases: [&[Command]; 7] = [
        &[],
        &[begin()],
        &[begin(), seal(3, 1)],
        &[begin(), seal(3, 1), cancel()],
        &[begin(), seal(3, 1), finish()],
        &[begin(), seal(3, 1), cancel(), finish()],
        &[begin(), discard()],
    ];
    // What each command comes to in each phase: an event, nothing (-), or a refusal (x).
    let table = [
        (begin(), ["BatchBegun", "x", "x", "x", "x", "x", "x"]),
        (seal(1, 0), ["x", "BatchSealed", "x", "x", "x", "x", "x"]),
        (discard(), ["x", "BatchDiscarded", "x", "x", "x", "x", "-"]),
        (cancel(), ["x", "x", "BatchCancelled", "-", "x", "-", "x"]),
        (
            finish(),
            ["x", "x", "BatchFinished", "BatchFinished", "-", "-", "x"],
        ),
    ];
    for (command, row) in table {
        for (commands, wanted) in phases.iter().zip(row) {
            let state = after(commands);
            let came = match decide(state.as_ref(), command.clone()) {
                Err(_) => "x",
                Ok(events) => match events.as_slice() {
                    [] => "-",
                    [event] => {
                        apply(state.clone(), event).unwrap();
                        event.kind()
                    }
                    more => panic!("{more:?}"),
                },
            };
            assert_eq!(came, wanted, "{command:?} after {commands:?}");
        }
    }
}

#[test]
fn a_bad_line_stops_a_batch_that_is_all_or_nothing_and_no_other() {
    let sealed = |mode, accepted, rejected| {
        let state = after(&[Command::Begin(begun(mode)), seal(accepted, rejected)]).unwrap();
        match state.phase {
            Phase::Discarded(discarded) => Some(discarded.why),
            _ => None,
        }
    };
    use BatchMode::{AllOrNothing, Partial};
    assert_eq!(sealed(Partial, 3, 1), None);
    assert_eq!(
        sealed(Partial, 0, 1),
        None,
        "its results say what was wrong"
    );
    assert_eq!(sealed(AllOrNothing, 3, 0), None);
    assert_eq!(sealed(AllOrNothing, 3, 1), Some(Discard::BadLines));
    assert_eq!(sealed(Partial, 0, 0), Some(Discard::Empty));
}

fn samples() -> Vec<(&'static str, u16, String)> {
    let events = [
        BatchEvent::BatchBegun(begun(BatchMode::AllOrNothing)),
        BatchEvent::BatchSealed(BatchSealed {
            accepted: 3,
            rejected: 1,
            bytes: 1_000,
            chunks: 1,
            sha256: "ab".repeat(32),
            act: act(),
        }),
        BatchEvent::BatchDiscarded(BatchDiscarded {
            why: Discard::BrokenOff,
            act: act(),
        }),
        BatchEvent::BatchCancelled(BatchCancelled { act: act() }),
        BatchEvent::BatchFinished(BatchFinished {
            refused: 2,
            act: act(),
        }),
    ];
    let refused = RefusedLine {
        line: 2,
        custom_id: Some("b".to_owned()),
        code: "invalid_input".to_owned(),
        message: "This field is required.".to_owned(),
        field: Some("/input/essay".to_owned()),
    };
    let lines = [
        BatchLinesEvent::BatchLines(BatchLines {
            accepted: vec![RequestLine {
                line: 1,
                custom_id: Some("a".to_owned()),
                task: "writing-review".parse().unwrap(),
                label: "staging".parse().ok(),
                user: "student-17".parse().ok(),
                input: Arc::new(json!({ "essay": "My day." })),
                metadata: [("lesson".to_owned(), "L-204".to_owned())].into(),
                not_before: Some(act().at),
                deadline: Some(act().at),
            }],
            rejected: vec![refused.clone()],
        }),
        BatchLinesEvent::BatchLinesRefused(BatchLinesRefused {
            lines: vec![refused],
        }),
    ];
    let of_life = events
        .iter()
        .map(|e| (e.kind(), e.schema_version(), e.encode().unwrap()));
    let of_lines = lines
        .iter()
        .map(|e| (e.kind(), e.schema_version(), e.encode().unwrap()));
    of_life.chain(of_lines).collect()
}

/// Missing files are written with `PUNCHCARD_WRITE_GOLDEN=1`; files that exist are never touched.
#[test]
fn every_version_of_every_kind_is_still_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/batch");
    for (kind, version, sample) in samples() {
        let path = folder.join(format!("{kind}.v{version}.json"));
        let sample: Value = serde_json::from_str(&sample).unwrap();
        if !path.exists() && std::env::var_os("PUNCHCARD_WRITE_GOLDEN").is_some() {
            fs::write(&path, serde_json::to_string_pretty(&sample).unwrap() + "\n").unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap();
        let golden: Value = serde_json::from_str(&golden).unwrap();
        let stored = golden.to_string();
        let read = match BatchEvent::decode(kind, version, &stored) {
            Ok(event) => event.encode().unwrap(),
            Err(_) => {
                let event = BatchLinesEvent::decode(kind, version, &stored).unwrap();
                event.encode().unwrap()
            }
        };
        assert_eq!(
            serde_json::from_str::<Value>(&read).unwrap(),
            golden,
            "{kind}"
        );
        assert_eq!(sample, golden, "{kind}");
    }
}

prop_compose! {
    fn batches()(random in any::<u128>()) -> BatchId {
        // As RFC 9562 lays a version 7 out.
        let id = random & !(0xf << 76) & !(0b11 << 62) | 0x7 << 76 | 0b10 << 62;
        BatchId(Uuid::from_u128(id))
    }
}

proptest! {
    #[test]
    fn tickets_of_a_batch_are_in_the_order_of_their_lines_and_nobody_elses(
        batch in batches(),
        other in batches(),
        line in 1..MAX_LINES,
    ) {
        let ticket = batch.ticket(line);
        prop_assert_eq!(ticket, batch.ticket(line), "always the same");
        prop_assert_eq!(ticket.0.get_version_num(), 7);
        prop_assert_eq!(ticket.0.get_variant(), uuid::Variant::RFC4122);
        prop_assert!(ticket < batch.ticket(line + 1));
        let (first, last) = batch.tickets();
        prop_assert!(first <= batch.ticket(1) && batch.ticket(MAX_LINES) <= last);
        prop_assert_eq!(batch.line_of(ticket), Some(line));
        prop_assert_eq!(batch.line_of(other.ticket(line)), None);
    }

    #[test]
    fn any_history_that_is_decided_is_legal_and_ends_once(
        choices in proptest::collection::vec(0_usize..5, 0..12),
    ) {
        let mut state: Option<BatchState> = None;
        for choice in choices {
            let command = [begin(), seal(2, 0), discard(), cancel(), finish()][choice].clone();
            let was_open = state.as_ref().is_none_or(|state| state.phase.is_open());
            let events = decide(state.as_ref(), command).unwrap_or_default();
            prop_assert!(was_open || events.is_empty(), "nothing happens after the end");
            for event in &events {
                let read = BatchEvent::decode(event.kind(), 1, &event.encode().unwrap());
                prop_assert_eq!(read.as_ref(), Ok(event));
                state = Some(apply(state, event).unwrap());
            }
        }
    }
}
