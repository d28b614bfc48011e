//! The law of histories: whole, legal, and in time.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Evidence, Invariant, Objections};

/// Checks every history, and that the store lists each ticket in the state its history leads to.
pub(super) fn check(evidence: &Evidence, found: &mut Objections) {
    let mut positions = BTreeSet::new();
    let newest = evidence.histories.values().flatten();
    let newest = newest
        .filter_map(|event| event["recorded_at"].as_str())
        .max();
    for (ticket, history) in &evidence.histories {
        whole(ticket, history, found);
        for event in history {
            let is_new = positions.insert(event["position"].as_u64());
            let what = format!("two events at one position: {event}");
            found.unless(is_new, Invariant::StreamsAreWhole, ticket, what);
        }
        let Some(state) = lawful(ticket, history, found) else {
            continue;
        };
        let listed = evidence.listed.get(ticket).map(String::as_str);
        let what = format!("listed as {listed:?}, and its history says {state:?}");
        found.unless(
            listed == Some(state.shown()),
            Invariant::NothingIsForgotten,
            ticket,
            what,
        );
        if let (Some(due), Some(newest)) = (state.deadline(history), newest) {
            // Both are RFC 3339 in UTC with the same digits, so they compare as texts.
            let what = format!("open past its deadline {due}");
            found.unless(newest <= due, Invariant::NothingIsForgotten, ticket, what);
        }
    }
}

/// How many attempts a crash or a stop has cut off.
pub(super) fn interruptions(history: &[Value]) -> usize {
    failures(history)
        .filter(|kind| *kind == "interrupted")
        .count()
}

/// Why attempts failed.
pub(super) fn failures(history: &[Value]) -> impl Iterator<Item = &str> {
    let failed = history
        .iter()
        .filter(|event| event["type"] == "AttemptFailed");
    failed.map(|event| event["data"]["error"]["kind"].as_str().unwrap_or_default())
}

/// How many events of a type there are.
pub(super) fn count(history: &[Value], kind: &str) -> usize {
    history.iter().filter(|event| event["type"] == kind).count()
}

fn whole(ticket: &str, history: &[Value], found: &mut Objections) {
    let mut ids = BTreeSet::new();
    let mut last_position = None;
    for (revision, event) in history.iter().enumerate() {
        let mut check = |holds, what: &str| {
            let what = format!("{what}: {event}");
            found.unless(holds, Invariant::StreamsAreWhole, ticket, what);
        };
        check(event["revision"] == revision, "a gap or a repeat");
        check(event["correlation_id"] == ticket, "of another ticket");
        let position = event["position"].as_u64();
        check(position > last_position, "a position that does not rise");
        last_position = position;
        let cause = event["causation_id"].as_str();
        let is_caused = match cause {
            None => revision == 0,
            Some(cause) => ids.contains(cause),
        };
        check(is_caused, "a cause from nowhere");
        let is_new = ids.insert(event["id"].as_str().unwrap_or_default());
        check(is_new, "an event that is there twice");
    }
}

/// Where a ticket stands, as this checker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Nothing,
    Requested,
    PreProcessed,
    /// An attempt runs.
    Sent,
    /// The next attempt is waited for.
    Waiting,
    Answered,
    Persisted,
    Delivered,
    Failed,
    Cancelled,
}

impl State {
    /// The state after `event`, if that may happen in this one. `before` is the one that the ticket
    /// failed in.
    fn after(self, event: &Value, before: Self) -> Option<Self> {
        let callback = event["data"]["callback"].as_str();
        Some(match (self, event["type"].as_str()?) {
            (Self::Nothing, "TicketRequested") => Self::Requested,
            (Self::Requested, "CallbackFailed") if callback == Some("pre_process") => self,
            (Self::Requested, "TicketPreProcessed") => Self::PreProcessed,
            (Self::PreProcessed | Self::Waiting, "TicketSent") => Self::Sent,
            (Self::Sent, "AttemptFailed") => Self::Waiting,
            (Self::Sent, "TicketAnswered") => Self::Answered,
            (Self::Answered, "CallbackFailed") if callback == Some("post_process") => self,
            (Self::Answered, "TicketPersisted") => Self::Persisted,
            (Self::Persisted, "TicketDelivered") => Self::Delivered,
            (_, "TicketFailed") if self.is_open() => Self::Failed,
            (_, "TicketCancelled") if self.is_open() => Self::Cancelled,
            (Self::Failed, "TicketRedriven") if event["data"]["from"] == "requested" => {
                Self::Requested
            }
            (Self::Failed, "TicketRedriven") if before == Self::Sent => Self::Waiting,
            (Self::Failed, "TicketRedriven") => before,
            _ => return None,
        })
    }

    fn is_open(self) -> bool {
        let ended = [
            Self::Nothing,
            Self::Delivered,
            Self::Failed,
            Self::Cancelled,
        ];
        !ended.contains(&self)
    }

    /// The name that the API shows.
    fn shown(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Requested => "requested",
            Self::PreProcessed => "pre_processed",
            Self::Sent | Self::Waiting => "sent",
            Self::Answered => "answered",
            Self::Persisted => "persisted",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// When this state gives up.
    fn deadline(self, history: &[Value]) -> Option<&str> {
        let name = match self {
            Self::Requested | Self::PreProcessed | Self::Sent | Self::Waiting => "answer_by",
            Self::Answered => "persist_by",
            Self::Persisted => "deliver_by",
            Self::Nothing | Self::Delivered | Self::Failed | Self::Cancelled => return None,
        };
        let redriven = history
            .iter()
            .rfind(|event| event["type"] == "TicketRedriven");
        let deadlines = match redriven {
            Some(event) => &event["data"]["deadlines"],
            None => &history.first()?["data"]["terms"]["deadlines"],
        };
        deadlines[name].as_str()
    }
}

/// Checks every step, and gives the state at the end.
fn lawful(ticket: &str, history: &[Value], found: &mut Objections) -> Option<State> {
    let (mut state, mut before) = (State::Nothing, State::Nothing);
    let mut attempt = 0;
    for event in history {
        let Some(next) = state.after(event, before) else {
            let what = format!("illegal in {state:?}: {event}");
            found.unless(false, Invariant::TransitionsAreLegal, ticket, what);
            return None;
        };
        if next == State::Failed {
            before = state;
        }
        attempt += u64::from(next == State::Sent);
        if let (State::Sent | State::Waiting | State::Answered, Some(number)) =
            (next, event["data"]["attempt"].as_u64())
        {
            let what = format!("attempt {attempt} is meant: {event}");
            found.unless(
                number == attempt,
                Invariant::TransitionsAreLegal,
                ticket,
                what,
            );
        }
        state = next;
    }
    Some(state)
}
