//! How many tokens a call will take, before it is made: what it is charged in line and reserves of
//! its tenant's allowances until it is known what it took.
//!
//! No tokenizer is asked: every model has another, some have none that is public, and the estimate is
//! set right when the call has ended. What counts is that it is fast, the same for everybody, and in
//! the ordinary case not below the truth. Byte pair encodings (R. Sennrich et al., *Neural Machine
//! Translation of Rare Words with Subword Units*, 2016) take about four bytes of English per token,
//! and never less than one; so letters count a third of a token each, digits and signs half, and what
//! is not ASCII half per byte, which is one per accented letter and one and a half per Chinese
//! character.
//!
//! Deliberately not here: what a call costs, and what it took in truth.

use punchcard_events::ticket::{Message, Parameters};

/// What an answer is taken for where nothing limits it.
pub const ANSWER_TOKENS: u64 = 2_048;
/// What a message takes besides its words: its role, its beginning and end.
const PER_MESSAGE: u64 = 8;

/// Tokens of the messages and of the longest answer together: at least 1, in the ordinary case not
/// fewer than it will be. The time is linear in the messages' bytes.
pub fn estimate(messages: &[Message], parameters: &Parameters) -> u64 {
    let prompt = messages.iter().map(|message| of_text(&message.content));
    let prompt = prompt.fold(0_u64, |sum, tokens| {
        sum.saturating_add(tokens).saturating_add(PER_MESSAGE)
    });
    let answer = parameters.max_tokens.map_or(ANSWER_TOKENS, u64::from);
    prompt.saturating_add(answer).max(1)
}

/// Tokens of a text, by its bytes.
fn of_text(text: &str) -> u64 {
    let sixths: u64 = text.bytes().map(sixths).sum();
    sixths.div_ceil(6)
}

/// Sixths of a token that a byte counts.
const fn sixths(byte: u8) -> u64 {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b' ' => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use punchcard_events::ticket::Role;

    use super::*;

    fn message(content: &str) -> Message {
        Message {
            role: Role::User,
            content: content.to_owned(),
        }
    }

    fn at_most(max_tokens: u32) -> Parameters {
        Parameters {
            max_tokens: Some(max_tokens),
            ..Parameters::default()
        }
    }

    /// Texts with the tokens that `cl100k_base` makes of them, counted with `tiktoken` or, where
    /// marked, by hand from above: one per word and sign.
    #[test]
    fn ordinary_texts_take_no_more_tokens_than_estimated_and_no_less_than_a_third() {
        for (text, tokens) in [
            ("The quick brown fox jumps over the lazy dog.", 10),
            ("tiktoken is great!", 6),
            ("antidisestablishmentarianism", 6),
            ("お誕生日おめでとう", 9),
            // By hand.
            ("Please answer in one short sentence, and say why.", 11),
        ] {
            let estimated = of_text(text);
            assert!(
                (tokens..=3 * tokens).contains(&estimated),
                "{text}: {estimated}"
            );
        }
    }

    #[test]
    fn the_longest_answer_counts_and_where_nothing_says_a_usual_one() {
        let messages = [message("abcdef")];
        assert_eq!(estimate(&messages, &at_most(500)), 2 + 8 + 500);
        assert_eq!(estimate(&messages, &Parameters::default()), 2 + 8 + 2_048);
    }

    #[test]
    fn nothing_at_all_counts_one() {
        assert_eq!(estimate(&[], &at_most(0)), 1);
    }

    proptest! {
        #[test]
        fn a_text_counts_between_a_third_of_a_token_and_half_a_token_per_byte(text in ".{0,300}") {
            let bytes = text.len() as u64;
            let tokens = of_text(&text);
            prop_assert!(tokens >= bytes.div_ceil(3));
            prop_assert!(tokens <= bytes.div_ceil(2));
        }

        #[test]
        fn more_to_read_or_more_to_say_is_never_fewer_tokens(
            texts in proptest::collection::vec(".{0,60}", 0..8),
            more in ".{0,60}",
            max in 0..u32::MAX,
        ) {
            let mut messages: Vec<_> = texts.iter().map(|text| message(text)).collect();
            let before = estimate(&messages, &at_most(max));
            prop_assert!(before >= u64::from(max) + 8 * messages.len() as u64);
            prop_assert!(estimate(&messages, &at_most(max + 1)) > before || before == 1);
            messages.push(message(&more));
            prop_assert!(estimate(&messages, &at_most(max)) >= before + 8);
        }

        #[test]
        fn a_text_said_in_two_messages_counts_no_less_than_in_one(one in ".{0,99}", two in ".{0,99}") {
            let whole = of_text(&format!("{one}{two}"));
            let parts = of_text(&one) + of_text(&two);
            prop_assert!(whole <= parts && parts <= whole + 1);
        }
    }
}
