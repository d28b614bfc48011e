//! What a shadow run says in sum, and which case is worse than which.

use std::cmp::Ordering;

use serde::Serialize;

use super::cases::{CaseVerdict, Cases, Measured, ShadowCaseEnded};

/// A measure of the past tickets beside the same of the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct BeforeAfter<T> {
    /// Of the past tickets.
    pub before: T,
    /// Of the candidate.
    pub after: T,
}

/// The middle and the slow end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Percentiles {
    /// Half of them took no longer, in milliseconds.
    pub p50: BeforeAfter<Option<u64>>,
    /// 95 of a hundred took no longer, in milliseconds.
    pub p95: BeforeAfter<Option<u64>>,
}

/// The sums of a run's cases that ended.
///
/// Lengths, tokens, cost and latency are those of the cases that have an answer on both sides, so
/// that like is compared with like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportSummary {
    /// Cases that ended.
    pub cases: u32,
    /// Of these, those whose answer is as it was.
    pub same: u32,
    /// Of these, those whose answer is another.
    pub changed: u32,
    /// Of these, those that have no answer, for another reason than the answer schema.
    pub failed: u32,
    /// Of these, those whose answer broke the answer schema.
    pub schema_failures: u32,
    /// How like the answers are on average, from 0 to 1; absent where none can be compared.
    pub mean_similarity: Option<f64>,
    /// Bytes of an answer, on average.
    pub answer_bytes: BeforeAfter<Option<u64>>,
    /// Tokens of the messages, in sum; absent where a case's were not counted.
    pub prompt_tokens: BeforeAfter<Option<u64>>,
    /// Tokens of the answers, in sum; absent where a case's were not counted.
    pub completion_tokens: BeforeAfter<Option<u64>>,
    /// US dollars, in sum; absent where that is not known of a case.
    pub cost_usd: BeforeAfter<Option<f64>>,
    /// How long the calls took that answered.
    pub latency_ms: Percentiles,
}

impl ReportSummary {
    /// Of all cases that ended.
    pub fn of(cases: &Cases) -> Self {
        let tally = cases.tally();
        let compared: Vec<_> = cases
            .ended
            .values()
            .filter_map(|case| Some((case, case.after?)))
            .filter(|(case, _)| case.verdict.has_answer())
            .collect();
        let before: Vec<_> = compared.iter().map(|(case, _)| case.before).collect();
        let after: Vec<_> = compared.iter().map(|(_, after)| *after).collect();
        let similarities = compared.iter().map(|(case, _)| case.similarity);
        let both = |of: fn(&[Measured]) -> Option<u64>| BeforeAfter {
            before: of(&before),
            after: of(&after),
        };
        Self {
            cases: tally.cases,
            same: tally.same,
            changed: tally.changed,
            failed: tally.failed,
            schema_failures: tally.schema_failed,
            mean_similarity: mean(similarities),
            answer_bytes: both(mean_bytes),
            prompt_tokens: both(|all| sum(all, |one| Some(one.usage?.prompt_tokens))),
            completion_tokens: both(|all| sum(all, |one| Some(one.usage?.completion_tokens))),
            cost_usd: BeforeAfter {
                before: cost(&before),
                after: cost(&after),
            },
            latency_ms: Percentiles {
                p50: both(|all| percentile(all, 50)),
                p95: both(|all| percentile(all, 95)),
            },
        }
    }
}

impl CaseVerdict {
    /// Whether the candidate answered.
    pub const fn has_answer(self) -> bool {
        match self {
            Self::Same | Self::Changed => true,
            Self::SchemaFailed | Self::Failed => false,
        }
    }

    /// The worse, the lower.
    const fn rank(self) -> u8 {
        match self {
            Self::Failed => 0,
            Self::SchemaFailed => 1,
            Self::Changed => 2,
            Self::Same => 3,
        }
    }
}

/// Where a case stands in a report: without an answer first, then the less like the earlier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    verdict: CaseVerdict,
    similarity: f64,
    case: u32,
}

impl Place {
    /// Of a case.
    pub const fn of(case: &ShadowCaseEnded) -> Self {
        Self {
            verdict: case.verdict,
            similarity: case.similarity,
            case: case.case,
        }
    }

    /// Which is worse: that one comes first. A total order, as no two cases have one number.
    pub fn worst_first(&self, other: &Self) -> Ordering {
        let rank = |place: &Self| place.verdict.rank();
        rank(self)
            .cmp(&rank(other))
            .then_with(|| self.similarity.total_cmp(&other.similarity))
            .then_with(|| self.case.cmp(&other.case))
    }
}

impl Cases {
    /// Up to `limit` of the cases that ended, the worst first, after case `after`. A case that ends
    /// meanwhile moves no other.
    pub fn worst_first(&self, after: Option<u32>, limit: usize) -> Vec<&ShadowCaseEnded> {
        let from = after.and_then(|case| self.ended.get(&case)).map(Place::of);
        let comes_later = |case: &&ShadowCaseEnded| {
            from.is_none_or(|from| Place::of(case).worst_first(&from) == Ordering::Greater)
        };
        let mut cases: Vec<_> = self.ended.values().filter(comes_later).collect();
        cases.sort_by(|one, other| Place::of(one).worst_first(&Place::of(other)));
        cases.truncate(limit);
        cases
    }
}

fn mean(numbers: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = u32::try_from(numbers.len())
        .ok()
        .filter(|count| *count > 0)?;
    Some(numbers.sum::<f64>() / f64::from(count))
}

fn mean_bytes(all: &[Measured]) -> Option<u64> {
    let bytes = all
        .iter()
        .map(|one| u128::from(one.answer_bytes))
        .sum::<u128>();
    u64::try_from(bytes.checked_div(all.len() as u128)?).ok()
}

fn sum(all: &[Measured], of: fn(&Measured) -> Option<u64>) -> Option<u64> {
    let first = (!all.is_empty()).then_some(0_u64)?;
    all.iter()
        .try_fold(first, |sum, one| Some(sum.saturating_add(of(one)?)))
}

fn cost(all: &[Measured]) -> Option<f64> {
    let first = (!all.is_empty()).then_some(0.0)?;
    all.iter()
        .try_fold(first, |sum, one| Some(sum + one.cost_usd?))
}

/// By the nearest rank.
fn percentile(all: &[Measured], percent: usize) -> Option<u64> {
    let mut times: Vec<_> = all.iter().filter_map(|one| one.total_ms).collect();
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).checked_sub(1)?;
    times.get(rank).copied()
}
