//! The cases of a shadow run: which tickets they are, and what came of each. Stored for ever.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::Tally;
use crate::codec::{finite, stored};
use crate::ids::TicketId;
use crate::recorded::Upcaster;
use crate::ticket::Usage;

/// Every upcaster of these events ever needed. Empty while all types are at version 1.
const UPCASTERS: &[Upcaster] = &[];

stored!(
    ShadowCasesEvent,
    UPCASTERS,
    [ShadowCasesChosen @ 1, ShadowCaseEnded @ 1]
);

/// One event of the stream of a run's cases: first the choice, then the cases as they end.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "all events of the stream but one are of the large kind"
)]
pub enum ShadowCasesEvent {
    /// The tickets were chosen.
    ShadowCasesChosen(ShadowCasesChosen),
    /// A case ended.
    ShadowCaseEnded(ShadowCaseEnded),
}

/// Body of `ShadowCasesChosen`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowCasesChosen {
    /// The past tickets, case 1 first.
    pub tickets: Arc<[TicketId]>,
}

/// Body of `ShadowCaseEnded`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowCaseEnded {
    /// Its number, from 1.
    pub case: u32,
    /// The past ticket.
    pub parent: TicketId,
    /// The ticket that ran it again; absent where the candidate could not be made ready for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<TicketId>,
    /// What came of it.
    pub verdict: CaseVerdict,
    /// How like the answers are, from 0 to 1; 0 where there is only one.
    pub similarity: f64,
    /// The past ticket.
    pub before: Measured,
    /// The candidate; absent where it could not be made ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Measured>,
    /// Why there is no answer of the candidate, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<CaseFailure>,
}

/// What came of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CaseVerdict {
    /// The answer is as it was.
    Same,
    /// The answer is another.
    Changed,
    /// The answer broke the answer schema.
    SchemaFailed,
    /// There is no answer, for another reason.
    Failed,
}

/// What is measured of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Measured {
    /// Bytes of the answer; 0: there is none.
    pub answer_bytes: u64,
    /// Tokens of all its model calls; absent where any of them was not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What they cost in US dollars; absent where that is not known.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "finite"
    )]
    pub cost_usd: Option<f64>,
    /// From the call that answered to its first text, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<u64>,
    /// From the call that answered to its end, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<u64>,
}

/// Why a case has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaseFailure {
    /// A stable word for programs.
    pub code: String,
    /// A sentence for people, without input or answer.
    pub message: String,
}

/// The cases of a run: the fold of their stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cases {
    /// The past tickets, case 1 first.
    pub tickets: Arc<[TicketId]>,
    /// What came of those that ended, by number.
    pub ended: BTreeMap<u32, ShadowCaseEnded>,
}

impl Cases {
    /// The cases after one more event. Total: what cannot happen changes nothing.
    pub fn fold(&mut self, event: ShadowCasesEvent) {
        match event {
            ShadowCasesEvent::ShadowCasesChosen(chosen) => {
                if self.tickets.is_empty() {
                    self.tickets = chosen.tickets;
                }
            }
            ShadowCasesEvent::ShadowCaseEnded(ended) => {
                if self.ticket(ended.case) == Some(ended.parent) {
                    self.ended.entry(ended.case).or_insert(ended);
                }
            }
        }
    }

    /// The past ticket of a case.
    pub fn ticket(&self, case: u32) -> Option<TicketId> {
        let index = usize::try_from(case.checked_sub(1)?).ok()?;
        self.tickets.get(index).copied()
    }

    /// How many there are.
    pub fn total(&self) -> u32 {
        u32::try_from(self.tickets.len()).unwrap_or(u32::MAX)
    }

    /// Those that have not ended, in their order.
    pub fn left(&self) -> impl Iterator<Item = (u32, TicketId)> {
        let numbered = (1..).zip(self.tickets.iter().copied());
        numbered.filter(|(case, _)| !self.ended.contains_key(case))
    }

    /// What came of those that ended.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for case in self.ended.values() {
            tally.cases = tally.cases.saturating_add(1);
            let part = match case.verdict {
                CaseVerdict::Same => &mut tally.same,
                CaseVerdict::Changed => &mut tally.changed,
                CaseVerdict::SchemaFailed => &mut tally.schema_failed,
                CaseVerdict::Failed => &mut tally.failed,
            };
            *part = part.saturating_add(1);
        }
        tally
    }
}
