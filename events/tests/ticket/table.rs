//! Every state with every command. A new state or command does not compile until it has its cells.

use punchcard_events::ticket::*;

use crate::harness::given;
use crate::samples::*;

macro_rules! situations {
    ($($name:ident = $($pattern:pat_param)|+),+ $(,)?) => {
        /// A column of the table: a state, with both statuses of an attempt told apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Situation { $($name),+ }

        const SITUATIONS: &[Situation] = &[$(Situation::$name),+];

        /// Exhaustive: a new state must be given a column.
        fn situation(state: &TicketState) -> Situation {
            match state { $($($pattern)|+ => Situation::$name),+ }
        }
    };
}

situations! {
    Unrequested = TicketState::Unrequested,
    Requested = TicketState::Requested(_),
    PreProcessed = TicketState::PreProcessed(_),
    InFlight = TicketState::Sent(Sent { status: AttemptStatus::InFlight, .. }),
    Waiting = TicketState::Sent(Sent { status: AttemptStatus::Waiting { .. }, .. }),
    Answered = TicketState::Answered(_),
    Persisted = TicketState::Persisted(_),
    Delivered = TicketState::Delivered(_),
    Failed = TicketState::Failed(_),
    Cancelled = TicketState::Cancelled(_),
}

macro_rules! asks {
    ($($name:ident),+ $(,)?) => {
        /// A row of the table: a command's type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Ask { $($name),+ }

        const ASKS: &[(Ask, &str)] = &[$((Ask::$name, stringify!($name))),+];

        /// Exhaustive: a new command must be given a row.
        fn ask(command: &Command) -> Ask {
            match command { $(Command::$name { .. } => Ask::$name),+ }
        }
    };
}

asks! {
    Request, RecordPreProcessed, Send, RecordAnswer, RecordAttemptFailure, RecordCallbackFailure,
    RecordPersisted, Acknowledge, Cancel, Expire, Resume, Fail, Redrive,
}

/// What is expected of one command in one state.
#[derive(Debug, Clone, Copy)]
enum Cell {
    /// It causes one event of this type.
    Event(&'static str),
    /// It is already true, or nothing is due.
    Nothing,
    /// Refused: no such ticket yet.
    NotRequested,
    /// Refused: it belongs to another state.
    WrongState,
    /// Refused: the ticket has ended.
    Ended,
    /// Refused: only failed tickets are redriven.
    NotFailed,
}

fn history(situation: Situation) -> Vec<TicketEvent> {
    use AttemptErrorKind::Server;
    let (mut life, last) = match situation {
        Situation::Unrequested => return vec![],
        Situation::Requested => return vec![requested()],
        Situation::PreProcessed => (history(Situation::Requested), pre_processed()),
        Situation::InFlight => (history(Situation::PreProcessed), sent(1)),
        Situation::Waiting => (
            history(Situation::InFlight),
            attempt_failed(1, Server, Some(at(2))),
        ),
        Situation::Answered => (history(Situation::InFlight), answered(1)),
        Situation::Persisted => (history(Situation::Answered), persisted()),
        Situation::Delivered => (history(Situation::Persisted), delivered()),
        Situation::Failed => (history(Situation::InFlight), failed(Stage::Model)),
        Situation::Cancelled => (
            history(Situation::InFlight),
            cancelled(CancelMode::Void, None),
        ),
    };
    life.push(last);
    life
}

/// The command of that type which fits the ticket best, or repeats what was already recorded.
fn command(ask: Ask, situation: Situation) -> Command {
    match ask {
        Ask::Request => Command::Request(request()),
        Ask::RecordPreProcessed => Command::RecordPreProcessed(prepared()),
        Ask::Send => send_to("gpt-x", given(history(situation)).state().attempt() + 1),
        Ask::RecordAnswer => Command::RecordAnswer(answer(1)),
        Ask::RecordAttemptFailure => {
            fail_attempt(1, attempt_error(AttemptErrorKind::Server), at(1))
        }
        Ask::RecordCallbackFailure => {
            let callback = match situation {
                Situation::Answered => CallbackKind::PostProcess,
                _ => CallbackKind::PreProcess,
            };
            fail_callback(
                callback,
                1,
                callback_error(CallbackErrorKind::Status),
                at(1),
            )
        }
        Ask::RecordPersisted => Command::RecordPersisted {
            answer: None,
            call: None,
        },
        Ask::Acknowledge => acknowledge(),
        Ask::Cancel => cancel(CancelMode::Void, None),
        Ask::Expire => Command::Expire { now: at(9_999) },
        Ask::Resume => Command::Resume { now: at(1) },
        Ask::Fail => Command::Fail(failure(Stage::Model)),
        Ask::Redrive => redrive(deadlines_from(5_000), at(5_000)),
    }
}

/// Columns: unrequested, requested, pre-processed, in flight, waiting, answered, persisted,
/// delivered, failed, cancelled.
#[rustfmt::skip]
fn row(ask: Ask) -> [Cell; SITUATIONS.len()] {
    use Cell::{Ended as End, Event, NotFailed as Not, NotRequested as No, Nothing as Nil, WrongState as Bad};
    match ask {
        Ask::Request => [Event("TicketRequested"), Nil, Nil, Nil, Nil, Nil, Nil, Nil, Nil, Nil],
        Ask::RecordPreProcessed => [No, Event("TicketPreProcessed"), Nil, Bad, Bad, Bad, Bad, End, End, End],
        Ask::Send => [No, Bad, Event("TicketSent"), Bad, Event("TicketSent"), Bad, Bad, End, End, End],
        Ask::RecordAnswer => [No, Bad, Bad, Event("TicketAnswered"), Bad, Nil, Bad, End, End, End],
        Ask::RecordAttemptFailure => [No, Bad, Bad, Event("AttemptFailed"), Nil, Bad, Bad, End, End, End],
        Ask::RecordCallbackFailure => [No, Event("CallbackFailed"), Bad, Bad, Bad, Event("CallbackFailed"), Bad, End, End, End],
        Ask::RecordPersisted => [No, Bad, Bad, Bad, Bad, Event("TicketPersisted"), Nil, End, End, End],
        Ask::Acknowledge => [No, Bad, Bad, Bad, Bad, Bad, Event("TicketDelivered"), Nil, End, End],
        Ask::Cancel => {
            let yes = Event("TicketCancelled");
            [No, yes, yes, yes, yes, yes, yes, End, End, Nil]
        }
        Ask::Expire => {
            let yes = Event("TicketFailed");
            [Nil, yes, yes, yes, yes, yes, yes, Nil, Nil, Nil]
        }
        Ask::Resume => [Nil, Nil, Nil, Event("AttemptFailed"), Nil, Nil, Nil, Nil, Nil, Nil],
        Ask::Fail => {
            let yes = Event("TicketFailed");
            [No, yes, yes, yes, yes, yes, yes, End, End, End]
        }
        Ask::Redrive => [No, Not, Not, Not, Not, Not, Not, Not, Event("TicketRedriven"), Not],
    }
}

#[test]
fn every_state_meets_every_command_as_the_table_says() {
    let mut cells = 0;
    for (ask_type, name) in ASKS {
        for (column, expected) in SITUATIONS.iter().zip(row(*ask_type)) {
            let ticket = given(history(*column)).state();
            let asked = command(*ask_type, *column);
            assert_eq!(ask(&asked), *ask_type);
            let decided = decide(&ticket, asked);
            let expected = match expected {
                Cell::Event(kind) => Ok(vec![kind]),
                Cell::Nothing => Ok(vec![]),
                Cell::NotRequested => Err(Rejection::NotRequested),
                Cell::WrongState => Err(Rejection::WrongState {
                    command: name,
                    state: ticket.name(),
                }),
                Cell::Ended => Err(Rejection::AlreadyEnded(ticket.name())),
                Cell::NotFailed => Err(Rejection::NotFailed(ticket.name())),
            };
            if let Ok(events) = &decided {
                for event in events {
                    assert!(apply(ticket.clone(), event).is_ok(), "{name} at {column:?}");
                }
            }
            let decided =
                decided.map(|events| events.iter().map(TicketEvent::kind).collect::<Vec<_>>());
            assert_eq!(decided, expected, "{name} at {column:?}");
            cells += 1;
        }
    }
    assert_eq!(cells, 130);
}

#[test]
fn every_column_of_the_table_is_the_state_it_says() {
    for column in SITUATIONS {
        assert_eq!(situation(&given(history(*column)).state()), *column);
    }
}
