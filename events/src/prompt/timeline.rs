//! Where labels pointed to: the moves that are remembered for questions about the past.

use std::collections::{BTreeMap, VecDeque};

use super::limits;
use crate::ids::LabelName;
use crate::time::Timestamp;

/// Where labels pointed to, label by label: one that is moved all day takes no other's past away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    labels: BTreeMap<LabelName, Moves>,
    /// Whether all moves of some label were forgotten.
    dropped: bool,
}

/// The moves of one label in their order; the newest [`limits::MOVES`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Moves {
    moves: VecDeque<LabelMove>,
    forgotten: bool,
}

/// A label was pointed somewhere, or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelMove {
    /// The version it pointed to from then on; absent: none.
    pub to: Option<u32>,
    /// When.
    pub at: Timestamp,
}

impl Timeline {
    /// Remembers a move. Where too many labels are known, the one that rested for longest is
    /// forgotten; `production` never is.
    pub(super) fn remember(&mut self, label: &LabelName, moved: LabelMove) {
        let known = self.labels.contains_key(label);
        if !known && self.labels.len() >= limits::LABELS_REMEMBERED {
            let others = self.labels.iter().filter(|(name, _)| !name.is_production());
            let oldest = others.min_by_key(|(_, moves)| moves.moves.back().map(|last| last.at));
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.labels.remove(&oldest);
                self.dropped = true;
            }
        }
        // What is not known any more may be what is moved now.
        let fresh = Moves {
            moves: VecDeque::new(),
            forgotten: self.dropped && !label.is_production(),
        };
        let label = self.labels.entry(label.clone()).or_insert(fresh);
        if label.moves.len() >= limits::MOVES {
            label.moves.pop_front();
            label.forgotten = true;
        }
        label.moves.push_back(moved);
    }

    /// The remembered moves of a label, the oldest first.
    pub fn of(
        &self,
        label: &LabelName,
    ) -> impl DoubleEndedIterator<Item = &LabelMove> + ExactSizeIterator {
        static NONE: VecDeque<LabelMove> = VecDeque::new();
        let label = self.labels.get(label);
        label.map_or(&NONE, |label| &label.moves).iter()
    }

    /// Whether it is not known any more where `label` pointed at `time`: that is longer ago than the
    /// moves that are remembered.
    pub fn is_forgotten(&self, label: &LabelName, time: Timestamp) -> bool {
        match self.labels.get(label) {
            Some(label) => label.forgotten && label.moves.iter().all(|moved| moved.at > time),
            None => self.dropped,
        }
    }
}
