//! What a model's tokens cost.

use punchcard_events::ticket::Usage;

/// A model's price. Both numbers are finite and not negative: the configuration sees to that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// US dollars for a million tokens of messages.
    pub input_per_million_usd: f64,
    /// US dollars for a million tokens of answers.
    pub output_per_million_usd: f64,
}

const MILLION: f64 = 1_000_000.0;

impl Price {
    /// What a call cost in US dollars, to the millionth; `None` should that be no finite number.
    #[expect(
        clippy::cast_precision_loss,
        reason = "no call has 2^53 tokens, and the cost is rounded"
    )]
    pub fn cost(&self, usage: Usage) -> Option<f64> {
        let input = usage.prompt_tokens as f64 * self.input_per_million_usd;
        let output = usage.completion_tokens as f64 * self.output_per_million_usd;
        let cost = rounded((input + output) / MILLION);
        cost.is_finite().then_some(cost)
    }
}

/// Dollars to the millionth.
pub(super) fn rounded(dollars: f64) -> f64 {
    (dollars * MILLION).round() / MILLION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_costs_what_its_tokens_cost_to_the_millionth_of_a_dollar() {
        let price = Price {
            input_per_million_usd: 0.15,
            output_per_million_usd: 0.60,
        };
        let cost = |prompt_tokens, completion_tokens| {
            price.cost(Usage {
                prompt_tokens,
                completion_tokens,
            })
        };
        assert_eq!(cost(1_000, 500), Some(0.000_45));
        assert_eq!(cost(0, 0), Some(0.0));
        assert_eq!(cost(1, 0), Some(0.0));
        assert_eq!(cost(1_000_000, 1_000_000), Some(0.75));
        let absurd = Price {
            input_per_million_usd: f64::MAX,
            output_per_million_usd: 0.0,
        };
        assert_eq!(
            absurd.cost(Usage {
                prompt_tokens: u64::MAX,
                completion_tokens: 0
            }),
            None
        );
    }
}
