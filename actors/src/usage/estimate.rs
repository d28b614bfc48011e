//! How many tokens something is, before anybody has counted them: from lengths, and rather too many.
//! A call is estimated as the line at its model does it (`llm/estimate.rs`).

use punchcard_events::ticket::{Message, Parameters, Usage};

use crate::llm::{ANSWER_TOKENS, estimate};

/// English has about four bytes for each token and most other languages have fewer.
const BYTES_PER_TOKEN: u64 = 3;
/// What a prompt has around its input, before it is known.
const TOKENS_OF_TEMPLATE: u64 = 256;

/// The most tokens that one part of a call counts, whatever its model server says. Sums of so many stay
/// within the 63 bits of a usage table for two thousand million calls.
const MOST: u64 = 1 << 32;

/// Tokens of one call, counted or guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Of the messages.
    pub prompt_tokens: u64,
    /// Of the answer.
    pub completion_tokens: u64,
}

impl Estimate {
    /// Of a call that is known word for word.
    pub fn of_call(messages: &[Message], parameters: &Parameters) -> Self {
        let all = estimate(messages, parameters);
        let answer = parameters.max_tokens.map_or(ANSWER_TOKENS, u64::from);
        Self {
            prompt_tokens: all.saturating_sub(answer),
            completion_tokens: answer,
        }
    }

    /// Of a ticket whose prompt is not known yet: from the bytes of what was asked.
    pub fn of_request(bytes: u64, max_tokens: Option<u32>) -> Self {
        Self {
            prompt_tokens: tokens(bytes).saturating_add(TOKENS_OF_TEMPLATE),
            completion_tokens: max_tokens.map_or(ANSWER_TOKENS, u64::from),
        }
    }

    /// The same call with an answer of so many bytes.
    #[must_use]
    pub fn answered_with(self, bytes: u64) -> Self {
        Self {
            completion_tokens: tokens(bytes),
            ..self
        }
    }

    /// At least as much as `other` in both parts.
    #[must_use]
    pub fn or_more(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.max(other.prompt_tokens),
            completion_tokens: self.completion_tokens.max(other.completion_tokens),
        }
    }

    /// Both together.
    pub const fn total(self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

/// What a model server counted, within reason: the number is whatever it sent.
impl From<Usage> for Estimate {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens.min(MOST),
            completion_tokens: usage.completion_tokens.min(MOST),
        }
    }
}

const fn tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_a_server_that_lies_stay_within_reason() {
        let said = |tokens| {
            Estimate::from(Usage {
                prompt_tokens: tokens,
                completion_tokens: tokens,
            })
        };
        assert_eq!(said(u64::MAX).total(), 2 * MOST);
        assert_eq!(said(7).total(), 14);
    }
}
