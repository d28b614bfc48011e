//! What a shadow run has spent, and whether one more case may begin.

use serde::Serialize;

use super::cases::Cases;
use super::event::Estimate;

/// What the cases of a run that ended have used.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Spent {
    /// Tokens of the messages, as far as they were counted.
    pub prompt_tokens: u64,
    /// Tokens of the answers, as far as they were counted.
    pub completion_tokens: u64,
    /// US dollars; absent where that is not known of any case.
    pub cost_usd: Option<f64>,
}

impl Spent {
    /// Of all cases that ended.
    pub fn of(cases: &Cases) -> Self {
        let mut spent = Self {
            cost_usd: Some(0.0),
            ..Self::default()
        };
        for after in cases.ended.values().filter_map(|case| case.after) {
            if let Some(usage) = after.usage {
                spent.prompt_tokens = spent.prompt_tokens.saturating_add(usage.prompt_tokens);
                spent.completion_tokens = spent
                    .completion_tokens
                    .saturating_add(usage.completion_tokens);
            }
            let both = spent.cost_usd.zip(after.cost_usd);
            spent.cost_usd = both.map(|(sum, cost)| sum + cost);
        }
        spent
    }
}

/// What decides whether one more case may begin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spending {
    /// What the run may cost, in US dollars; absent: nothing limits it.
    pub max_cost_usd: Option<f64>,
    /// What one case is thought to cost.
    per_case: f64,
    /// What the cases that ended cost; those of which it is not known count as estimated.
    ended: f64,
}

impl Spending {
    /// Of a run with so many cases in all.
    pub fn of(estimate: &Estimate, total: u32, max_cost_usd: Option<f64>, cases: &Cases) -> Self {
        let per_case = estimate.cost_usd.unwrap_or(0.0) / f64::from(total.max(1));
        let after = cases.ended.values().filter_map(|case| case.after);
        let ended = after.map(|after| after.cost_usd.unwrap_or(per_case)).sum();
        Self {
            max_cost_usd,
            per_case,
            ended,
        }
    }

    /// Whether one more case may begin while `open` are under way. What these will cost counts as
    /// estimated, so that a run does not pass its bound by what it has begun already.
    pub fn has_room(&self, open: usize) -> bool {
        let open = f64::from(u32::try_from(open).unwrap_or(u32::MAX).saturating_add(1));
        let Some(max) = self.max_cost_usd else {
            return true;
        };
        // A billionth of a dollar is no money: sums of fractions are off by less than that.
        self.ended + open * self.per_case <= max + 1e-9
    }
}
