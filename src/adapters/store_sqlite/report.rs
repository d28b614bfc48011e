//! What a check of a store found.

use punchcard_events::{Recorded, StreamName};
use serde::Serialize;

/// Findings kept in a report; the rest is only counted.
const KEPT: usize = 100;

/// The result of [`verify`](super::verify).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Events checked.
    pub events: u64,
    /// Streams checked.
    pub streams: u64,
    /// Ticket streams among them.
    pub tickets: u64,
    /// Losses that were accepted, and are no finding.
    pub losses: u64,
    /// What the witness says.
    pub witness: WitnessSays,
    /// How many things are wrong.
    pub findings_total: u64,
    /// The first hundred of them.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its class.
    pub kind: FindingKind,
    /// The stream, where it is about one.
    pub stream: Option<String>,
    /// The revision in it, where it is about an event.
    pub revision: Option<u64>,
    /// A sentence for people; never an event's content.
    pub message: String,
}

/// What the witness says to the head of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WitnessSays {
    /// There is none, and none is expected: a backup, or a store that was just made.
    #[default]
    NotExpected,
    /// It stands where the log ends.
    Agrees,
    /// It stands at an earlier place of this very log: a writer was ahead, or was killed there.
    Behind,
    /// As one of the two above, but one of its slots is damaged, as by a power cut. The next start
    /// writes it anew.
    OneSlotDamaged,
    /// It does not fit; there is a finding about it.
    Contradicts,
}

/// The classes of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// SQLite's own check of the file failed, or a part of it cannot be read.
    File,
    /// An event cannot be read as one.
    UnreadableEvent,
    /// An event is not what was written.
    BrokenChain,
    /// Events are missing.
    LostEvents,
    /// The head of the log is not what the events lead to.
    LogHead,
    /// The witness is missing, damaged or of another log.
    Witness,
    /// Positions do not rise with revisions.
    PositionOrder,
    /// An event's body cannot be decoded by this build.
    UndecodableEvent,
    /// A history that no ticket can have.
    IllegalHistory,
    /// The ticket list is not what the events say; a rebuild repairs that.
    StaleIndex,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings_total == 0
    }

    pub(super) fn add(&mut self, kind: FindingKind, message: String) {
        self.push(kind, None, None, message);
    }

    pub(super) fn add_stream(&mut self, kind: FindingKind, stream: &StreamName, message: String) {
        self.push(kind, Some(stream.to_string()), None, message);
    }

    pub(super) fn add_event(&mut self, kind: FindingKind, event: &Recorded, message: String) {
        let stream = Some(event.stream.to_string());
        self.push(kind, stream, Some(event.revision.0), message);
    }

    pub(super) fn push(
        &mut self,
        kind: FindingKind,
        stream: Option<String>,
        revision: Option<u64>,
        message: String,
    ) {
        self.findings_total += 1;
        if self.findings.len() < KEPT {
            self.findings.push(Finding {
                kind,
                stream,
                revision,
                message,
            });
        }
    }
}
