//! How alike two answers are: a number that puts the worst first, and says nothing of their worth.
//!
//! The Sørensen–Dice coefficient over pairs of neighbouring words (L. R. Dice, *Measures of the Amount of
//! Ecologic Association Between Species*, 1945): twice what they share over what they have. It takes
//! linear time whatever the texts, sees the order of words, and needs no language's rules. Signs count as
//! words, and so does each character of scripts that put no space between words.

use std::collections::HashMap;

use serde_json::Value;

use super::text;

/// From 0 to 1; 1 only where the words are the same in the same order.
pub fn similarity(left: &Value, right: &Value) -> f64 {
    let (left, right) = (text::of_answer(left), text::of_answer(right));
    let (left, right) = (words(&left), words(&right));
    if left == right {
        return 1.0;
    }
    let mut pairs: HashMap<(&str, &str), usize> = HashMap::new();
    for pair in pairs_of(&left) {
        *pairs.entry(pair).or_default() += 1;
    }
    let mut shared = 0_usize;
    for pair in pairs_of(&right) {
        if let Some(left @ 1..) = pairs.get_mut(&pair) {
            *left -= 1;
            shared += 1;
        }
    }
    // Each text has one pair more than it has words.
    let all = left.len() + right.len() + 2;
    // Other words in the same pairs are other words all the same.
    ratio(2 * shared, all).min(0.999)
}

/// The pairs of neighbours, the beginning and the end being words as well.
fn pairs_of<'a>(words: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let before = std::iter::once("").chain(words.iter().copied());
    let after = words.iter().copied().chain(std::iter::once(""));
    before.zip(after)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no answer has 2^53 words, and it is rounded"
)]
fn ratio(part: usize, whole: usize) -> f64 {
    (part as f64 / whole as f64 * 1_000.0).round() / 1_000.0
}

fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut begun: Option<usize> = None;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() && !stands_alone(c) {
            begun.get_or_insert(at);
            continue;
        }
        words.extend(begun.take().and_then(|begun| text.get(begun..at)));
        if !c.is_whitespace() {
            words.extend(text.get(at..at + c.len_utf8()));
        }
    }
    words.extend(begun.and_then(|begun| text.get(begun..)));
    words
}

/// Chinese characters and Japanese syllables; Korean has spaces.
const fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}
