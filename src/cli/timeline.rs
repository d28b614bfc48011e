//! A ticket's history as a timeline: each event, when it came, and what it changed.
//!
//! The history is folded here with the same functions as in the runtime, so what is shown is what a
//! recovery would find. Nothing here reads or writes anything.

mod changes;
mod render;

pub(crate) use changes::{because, parameters_in_words, prompt_in_words};
pub(crate) use render::render;

use punchcard_events::ticket::{TicketEvent, TicketState, apply};
use punchcard_events::{TicketId, Timestamp};
use serde::Serialize;

use super::client::RecordedView;

/// A history, folded.
#[derive(Debug, Serialize)]
pub(crate) struct Timeline {
    /// The ticket.
    pub(crate) ticket: TicketId,
    /// The events that could be folded, in order.
    pub(crate) steps: Vec<Step>,
    /// The state after the last of them.
    pub(crate) state: TicketState,
    /// SHA-256 of that state: equal histories give equal fingerprints.
    pub(crate) fingerprint: String,
    /// Where and how the history breaks, if it does.
    pub(crate) broken: Option<Break>,
}

/// One event of a history.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    /// Its revision.
    pub(crate) revision: u64,
    /// When it was recorded.
    pub(crate) recorded_at: Timestamp,
    /// Milliseconds since the event before it.
    pub(crate) delta_ms: u64,
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// What it changed.
    pub(crate) changes: Vec<Change>,
}

/// One thing that an event changed or says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// What.
    pub(crate) what: &'static str,
    /// What it was before, where it was something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// What it is now.
    pub(crate) to: String,
}

/// Where a history cannot be what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Break {
    /// The revision that cannot be folded.
    pub(crate) revision: u64,
    /// Why.
    pub(crate) reason: String,
}

impl Timeline {
    /// Folds `history` up to and with the revision `until`, or up to where it breaks.
    pub(crate) fn fold(ticket: TicketId, history: &[RecordedView], until: Option<u64>) -> Self {
        let mut state = TicketState::Unrequested;
        let mut steps: Vec<Step> = Vec::with_capacity(history.len());
        let mut broken = None;
        let wanted = history
            .iter()
            .take_while(|recorded| until.is_none_or(|until| recorded.revision <= until));
        for (expected, recorded) in (0..).zip(wanted) {
            let event = match read(expected, recorded, &state) {
                Ok(event) => event,
                Err(found) => {
                    broken = Some(found);
                    break;
                }
            };
            let before = state.clone();
            state = match apply(state, &event) {
                Ok(after) => after,
                Err(illegal) => {
                    broken = Some(Break {
                        revision: expected,
                        reason: illegal.to_string(),
                    });
                    state = before;
                    break;
                }
            };
            let previous = steps.last().map_or(recorded.recorded_at, |s| s.recorded_at);
            let delta = recorded.recorded_at.since(previous);
            steps.push(Step {
                revision: recorded.revision,
                recorded_at: recorded.recorded_at,
                delta_ms: u64::try_from(delta.as_millis()).unwrap_or(u64::MAX),
                kind: event.kind(),
                changes: changes::of(&before, &event, &state, recorded.recorded_at),
            });
        }
        Self {
            ticket,
            steps,
            fingerprint: state.fingerprint(),
            state,
            broken,
        }
    }
}

fn read(expected: u64, recorded: &RecordedView, state: &TicketState) -> Result<TicketEvent, Break> {
    let broken = |reason| Break {
        revision: expected,
        reason,
    };
    if recorded.revision != expected {
        let found = recorded.revision;
        let state = state.name().as_str();
        return Err(broken(format!(
            "revision {expected} is missing: {found} follows a ticket that is {state}"
        )));
    }
    let data = recorded.data.get();
    TicketEvent::decode(&recorded.kind, recorded.schema_version, data)
        .map_err(|error| broken(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::Output;

    const HISTORY: &str = include_str!("timeline/golden/history.json");
    const GOLDEN: &str = include_str!("timeline/golden/history.txt");

    fn history() -> Vec<RecordedView> {
        serde_json::from_str(HISTORY).unwrap()
    }

    fn ticket() -> TicketId {
        "0192c0de-0000-7000-8000-000000000001".parse().unwrap()
    }

    fn rendered(timeline: &Timeline) -> String {
        let (mut out, results, _) = Output::captured(false);
        render(timeline, &mut out).unwrap();
        results.text()
    }

    #[test]
    fn a_whole_life_reads_as_its_golden_timeline() {
        let timeline = Timeline::fold(ticket(), &history(), None);
        let text = rendered(&timeline);
        if std::env::var_os("PUNCHCARD_BLESS").is_some() {
            let file = concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/src/cli/timeline/golden/history.txt"
            );
            std::fs::write(file, &text).unwrap();
            return;
        }
        assert_eq!(text, GOLDEN, "PUNCHCARD_BLESS=1 writes the new text");
        assert_eq!(timeline.broken, None);
    }

    #[test]
    fn replaying_twice_gives_the_same_fingerprint_and_a_prefix_another() {
        let whole = Timeline::fold(ticket(), &history(), None);
        assert_eq!(
            whole.fingerprint,
            Timeline::fold(ticket(), &history(), None).fingerprint
        );
        let earlier = Timeline::fold(ticket(), &history(), Some(3));
        assert_eq!(earlier.steps.len(), 4);
        assert_ne!(whole.fingerprint, earlier.fingerprint);
    }

    #[test]
    fn a_missing_event_is_named_and_not_skipped() {
        let mut history = history();
        history.remove(2);
        let timeline = Timeline::fold(ticket(), &history, None);
        let broken = timeline.broken.clone().unwrap();
        assert_eq!(broken.revision, 2);
        assert!(
            broken.reason.contains("revision 2 is missing"),
            "{broken:?}"
        );
        assert!(rendered(&timeline).contains("breaks at revision 2"));
    }

    #[test]
    fn an_event_that_cannot_happen_says_where_it_stands() {
        let mut history = history();
        history[1].kind = "TicketDelivered".to_owned();
        history[1].data = serde_json::value::RawValue::from_string(
            r#"{"channel":"session","acknowledged_by":"s"}"#.to_owned(),
        )
        .unwrap();
        let broken = Timeline::fold(ticket(), &history, None).broken.unwrap();
        assert_eq!(broken.revision, 1);
        assert!(broken.reason.contains("cannot happen"), "{broken:?}");
    }

    #[test]
    fn a_corrupted_body_says_which_event_cannot_be_read() {
        let mut history = history();
        history[2].data = serde_json::value::RawValue::from_string("{}".to_owned()).unwrap();
        let broken = Timeline::fold(ticket(), &history, None).broken.unwrap();
        assert_eq!(broken.revision, 2);
        assert!(broken.reason.contains("cannot be read"), "{broken:?}");
    }
}
