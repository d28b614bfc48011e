//! Expectations about the text as it stands.

use regex::{Regex, RegexBuilder};

use super::quote::{around, quote};

/// The most bytes of a pattern.
const MAX_PATTERN_BYTES: usize = 1_000;

/// The most bytes that a compiled pattern may take, and its cache while it matches.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// The nesting of a pattern's groups.
const MAX_NESTING: u32 = 50;

pub(super) fn contains(expected: &str, answer: &str) -> Result<(), String> {
    if answer.contains(expected) {
        return Ok(());
    }
    let (expected, found) = (quote(expected), quote(answer));
    Err(format!(
        "The answer should contain {expected}, but it is {found}."
    ))
}

pub(super) fn not_contains(expected: &str, answer: &str) -> Result<(), String> {
    let Some(place) = answer.find(expected) else {
        return Ok(());
    };
    let (expected, found) = (quote(expected), around(answer, place));
    Err(format!(
        "The answer should not contain {expected}, but it does: {found}."
    ))
}

pub(super) fn matches(pattern: &str, answer: &str) -> Result<(), String> {
    let compiled = compile(pattern).map_err(|why| {
        let pattern = quote(pattern);
        format!("The pattern {pattern} cannot be used: {why}.")
    })?;
    if compiled.is_match(answer) {
        return Ok(());
    }
    let (pattern, found) = (quote(pattern), quote(answer));
    Err(format!(
        "The answer should match the pattern {pattern}, but it is {found}."
    ))
}

/// A pattern, ready for use. It matches in time linear in the text.
///
/// # Errors
/// With what is wrong with it, as a part of a sentence.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("it has more than {MAX_PATTERN_BYTES} bytes"));
    }
    RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .nest_limit(MAX_NESTING)
        .build()
        .map_err(|error| explain(&error))
}

/// The last line of the engine's own explanation: the lines before draw the pattern with a mark.
fn explain(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it takes too much memory; make it simpler".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}
