//! What tokens cost, in whole numbers: the same tokens cost the same everywhere and at any time.

use std::collections::HashMap;

use punchcard_events::tenant::MicroUsd;

use super::{Amount, Estimate};

const MILLION: u128 = 1_000_000;

/// A model's price, in millionths of a US dollar for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Price {
    /// For a million tokens of messages.
    pub prompt: MicroUsd,
    /// For a million tokens of answers.
    pub completion: MicroUsd,
}

/// The prices of models, by their names in the configuration. A model without one costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Prices(HashMap<String, Price>);

impl Price {
    /// A price as people write it, in US dollars for a million tokens. What is no amount is nothing.
    pub fn per_million(prompt_usd: f64, completion_usd: f64) -> Self {
        let micro = |usd: f64| {
            let micro = (usd * 1e6).round();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a float becomes the nearest whole number that there is"
            )]
            MicroUsd(micro as u64)
        };
        Self {
            prompt: micro(prompt_usd),
            completion: micro(completion_usd),
        }
    }

    /// What so many tokens cost, rounded up.
    pub fn cost(self, tokens: Estimate) -> MicroUsd {
        let prompt = u128::from(tokens.prompt_tokens) * u128::from(self.prompt.0);
        let completion = u128::from(tokens.completion_tokens) * u128::from(self.completion.0);
        let cost = prompt.saturating_add(completion).div_ceil(MILLION);
        MicroUsd(u64::try_from(cost).unwrap_or(u64::MAX))
    }
}

impl Prices {
    /// What so many tokens of `model` cost; `None` where it has no price.
    pub fn cost(&self, model: &str, tokens: Estimate) -> Option<MicroUsd> {
        self.0.get(model).map(|price| price.cost(tokens))
    }

    /// What so many tokens of `model` come to.
    pub fn amount(&self, model: &str, tokens: Estimate) -> Amount {
        let price = self.0.get(model).copied().unwrap_or_default();
        Amount {
            tokens: tokens.total(),
            cost: price.cost(tokens),
        }
    }
}

impl FromIterator<(String, Price)> for Prices {
    fn from_iter<I: IntoIterator<Item = (String, Price)>>(prices: I) -> Self {
        Self(prices.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_rounded_up_and_never_wraps() {
        let price = Price::per_million(0.15, 0.60);
        let cost = |prompt_tokens, completion_tokens| {
            price.cost(Estimate {
                prompt_tokens,
                completion_tokens,
            })
        };
        assert_eq!(cost(1_000, 500), MicroUsd(450));
        assert_eq!(cost(0, 0), MicroUsd(0));
        assert_eq!(cost(1, 0), MicroUsd(1));
        assert_eq!(cost(1_000_000, 1_000_000), MicroUsd(750_000));
        let most = Price::per_million(f64::MAX, f64::INFINITY);
        let all = Estimate {
            prompt_tokens: u64::MAX,
            completion_tokens: u64::MAX,
        };
        assert_eq!(most.cost(all), MicroUsd(u64::MAX));
        assert_eq!(Price::per_million(-1.0, f64::NAN), Price::default());
    }

    #[test]
    fn a_model_without_a_price_costs_nothing() {
        let prices: Prices = [("a".to_owned(), Price::per_million(1.0, 1.0))]
            .into_iter()
            .collect();
        let tokens = Estimate {
            prompt_tokens: 3,
            completion_tokens: 4,
        };
        assert_eq!(prices.amount("a", tokens).cost, MicroUsd(7));
        assert_eq!(
            prices.amount("b", tokens),
            Amount {
                tokens: 7,
                cost: MicroUsd(0)
            }
        );
    }
}
