//! Times as milliseconds since the request, which never go back.

use std::time::Duration;

use crate::ticket::unfold::Happened;
use crate::time::Timestamp;

/// How long after its request each event of a ticket came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elapsed {
    since: Timestamp,
    each: Vec<u64>,
}

impl Elapsed {
    /// Counted from `since`. An event that is said to be earlier than the one before it counts as
    /// having come together with that one.
    pub fn of(past: &[Happened], since: Timestamp) -> Self {
        let mut latest = 0;
        let each = past.iter().map(|happened| {
            latest = latest.max(milliseconds(happened.at.since(since)));
            latest
        });
        let each = each.collect();
        Self { since, each }
    }

    /// Of each event, in order.
    pub fn each(&self) -> impl Iterator<Item = u64> + '_ {
        self.each.iter().copied()
    }

    /// Of the last event.
    pub fn last(&self) -> u64 {
        self.each.last().copied().unwrap_or(0)
    }

    /// Of the time `now`, which is not before the last event.
    pub fn until(&self, now: Timestamp) -> u64 {
        self.at(now).max(self.last())
    }

    /// Of any time; 0 before the request.
    pub(super) fn at(&self, time: Timestamp) -> u64 {
        milliseconds(time.since(self.since))
    }
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
