//! Redrives: what a command comes to, and what is stored for ever.

#![expect(
    clippy::unwrap_used,
    reason = "what does not go as expected fails the test"
)]

use std::fs;
use std::path::Path;

use punchcard_events::act::{Act, Author};
use punchcard_events::redrive::*;
use punchcard_events::ticket::{RedriveFrom, Stage};
use punchcard_events::{TicketId, Timestamp};
use serde_json::Value;
use uuid::Uuid;

fn act() -> Act {
    Act {
        at: Timestamp::from_millis(1_795_430_400_000),
        by: Author::Key {
            prefix: "pk_test_abc".to_owned(),
            name: Some("mina".to_owned()),
        },
    }
}

fn started() -> RedriveStarted {
    RedriveStarted {
        tenant: "onehour".parse().unwrap(),
        filter: RedriveFilter {
            task: "writing-review".parse().ok(),
            stage: Some(Stage::Model),
            code: Some("attempts_exhausted".to_owned()),
            user: "student-17".parse().ok(),
            requested_from: Some(Timestamp::from_millis(1_795_430_000_000)),
            requested_before: Some(Timestamp::from_millis(1_795_430_100_000)),
            failed_before: Some(Timestamp::from_millis(1_795_430_200_000)),
        },
        from: Some(RedriveFrom::Requested),
        limit: 60,
        per_second: 5,
        total: 55,
        act: act(),
    }
}

fn tickets(numbers: std::ops::Range<u128>) -> Vec<TicketId> {
    numbers
        .map(|n| {
            TicketId(Uuid::from_u128(
                0x0192_0000_0000_7000_8000_0000_0000_0000 | n,
            ))
        })
        .collect()
}

fn begin(numbers: std::ops::Range<u128>) -> Command {
    Command::BeginBatch {
        tickets: tickets(numbers),
    }
}

fn end(redriven: u64, skipped: u64, refused: u64) -> Command {
    Command::EndBatch {
        outcomes: Outcomes {
            redriven,
            skipped,
            refused,
        },
    }
}

fn start() -> Command {
    Command::Start(started())
}

fn stop() -> Command {
    Command::Stop { act: act() }
}

fn finish() -> Command {
    Command::Finish { act: act() }
}

/// The redrive after these commands, none of which is refused.
fn after(commands: &[Command]) -> RedriveState {
    commands
        .iter()
        .fold(RedriveState::default(), |state, command| {
            let events = decide(&state, command.clone()).unwrap();
            events
                .iter()
                .fold(state, |state, event| apply(state, event).unwrap())
        })
}

#[test]
fn batches_follow_on_each_other_and_their_outcomes_add_up() {
    let state = after(&[
        start(),
        begin(1..4),
        end(2, 1, 0),
        begin(7..9),
        end(0, 1, 1),
    ]);
    assert_eq!(state.after, tickets(8..9).pop());
    let sum = Outcomes {
        redriven: 2,
        skipped: 2,
        refused: 1,
    };
    assert_eq!((state.outcomes, state.left()), (sum, 55));
    assert!(state.is_at_work());
    let state = after(&[start(), begin(1..4), end(2, 1, 0), finish()]);
    assert!(!state.is_at_work());
}

#[test]
fn a_ticket_is_in_no_two_batches() {
    let state = after(&[start(), begin(3..6), end(3, 0, 0)]);
    for again in [begin(1..2), begin(5..8), begin(6..6)] {
        assert_eq!(decide(&state, again), Err(Rejection::WrongBatch));
    }
    let mut twice = tickets(7..9);
    twice.push(twice[1]);
    let twice = Command::BeginBatch { tickets: twice };
    assert_eq!(decide(&state, twice), Err(Rejection::WrongBatch));
    let open = after(&[start(), begin(3..6)]);
    assert_eq!(decide(&open, begin(6..7)), Err(Rejection::WrongBatch));
}

#[test]
fn a_batch_has_no_more_tickets_than_are_left_or_may_be() {
    let state = after(&[start(), begin(1..51), end(50, 0, 0)]);
    assert_eq!(state.left(), 10);
    assert_eq!(decide(&state, begin(60..71)), Err(Rejection::WrongBatch));
    assert!(decide(&state, begin(60..70)).is_ok());
    let fresh = after(&[start()]);
    assert_eq!(decide(&fresh, begin(1..52)), Err(Rejection::WrongBatch));
}

#[test]
fn a_batch_that_was_begun_is_settled_after_a_stop_too() {
    let state = after(&[start(), begin(1..4), stop()]);
    assert!(state.is_at_work());
    assert_eq!(decide(&state, end(1, 1, 0)), Err(Rejection::WrongBatch));
    let state = after(&[start(), begin(1..4), stop(), end(1, 2, 0)]);
    assert!(!state.is_at_work());
    assert_eq!(state.phase.as_str(), "stopped");
}

/// Rows: start, begin, end, stop, finish; `None`: refused; else how many events.
#[test]
fn every_phase_meets_every_command_as_the_table_says() {
    let lives: [(&[Command], [Option<usize>; 5]); 6] = [
        (&[], [Some(1), None, None, None, None]),
        (&[start()], [None, Some(1), None, Some(1), Some(1)]),
        (
            &[start(), begin(1..4)],
            [None, None, Some(1), Some(1), None],
        ),
        (&[start(), stop()], [None, None, None, Some(0), None]),
        (
            &[start(), begin(1..4), stop()],
            [None, None, Some(1), Some(0), None],
        ),
        (&[start(), finish()], [None, None, None, None, Some(0)]),
    ];
    for (life, expected) in lives {
        let state = after(life);
        let asked = [start(), begin(5..8), end(3, 0, 0), stop(), finish()];
        for (command, expected) in asked.into_iter().zip(expected) {
            let what = format!("{command:?} after {life:?}");
            let decided = decide(&state, command);
            assert_eq!(decided.as_ref().ok().map(Vec::len), expected, "{what}");
            for event in decided.unwrap_or_default() {
                assert!(apply(state.clone(), &event).is_ok(), "{what}");
            }
        }
    }
}

#[test]
fn limits_and_paces_out_of_their_range_are_refused() {
    for (limit, per_second) in [
        (0, 1),
        (MAX_TICKETS + 1, 1),
        (1, 0),
        (1, MAX_PER_SECOND + 1),
    ] {
        let started = RedriveStarted {
            limit,
            per_second,
            ..started()
        };
        let decided = decide(&RedriveState::default(), Command::Start(started));
        assert!(matches!(decided, Err(Rejection::OutOfRange(_))));
    }
}

#[test]
fn a_stream_names_its_redrive_and_no_other_stream_does() {
    let id = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_004e);
    assert_eq!(of_stream(&stream(id)), Some(id));
    assert_eq!(of_stream(&tickets(1..2)[0].stream()), None);
}

/// One event of each kind, with every field set.
fn samples() -> Vec<RedriveEvent> {
    let commands = [start(), begin(1..3), end(1, 1, 0), finish()];
    let mut state = RedriveState::default();
    let mut events = Vec::new();
    for command in commands {
        for event in decide(&state, command).unwrap() {
            state = apply(state, &event).unwrap();
            events.push(event);
        }
    }
    events.extend(decide(&after(&[start()]), stop()).unwrap());
    events
}

#[test]
fn every_stored_event_is_still_read_and_written_as_it_was() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/redrive");
    let samples = samples();
    assert_eq!(samples.len(), RedriveEvent::KINDS.len());
    for event in samples {
        let path = folder.join(format!("{}.v1.json", event.kind()));
        let body: Value = serde_json::from_str(&event.encode().unwrap()).unwrap();
        if std::env::var_os("PUNCHCARD_WRITE_GOLDEN").is_some() && !path.exists() {
            fs::create_dir_all(&folder).unwrap();
            let text = serde_json::to_string_pretty(&body).unwrap();
            fs::write(&path, format!("{text}\n")).unwrap();
        }
        let stored = fs::read_to_string(&path).unwrap();
        let stored: Value = serde_json::from_str(&stored).unwrap();
        assert_eq!(body, stored, "{}", path.display());
        let read = RedriveEvent::decode(event.kind(), 1, &stored.to_string());
        assert_eq!(read, Ok(event));
    }
}
