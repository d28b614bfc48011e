//! Tokens and what they cost, added up.

use std::ops::{AddAssign, SubAssign};

use punchcard_events::tenant::MicroUsd;

/// So many tokens, at such a cost. Sums stay at their largest value rather than wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Tokens, prompt and answer together.
    pub tokens: u64,
    /// What they cost.
    pub cost: MicroUsd,
}

impl AddAssign for Amount {
    fn add_assign(&mut self, more: Self) {
        self.tokens = self.tokens.saturating_add(more.tokens);
        self.cost = MicroUsd(self.cost.0.saturating_add(more.cost.0));
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, less: Self) {
        self.tokens = self.tokens.saturating_sub(less.tokens);
        self.cost = MicroUsd(self.cost.0.saturating_sub(less.cost.0));
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |mut sum, amount| {
            sum += amount;
            sum
        })
    }
}
