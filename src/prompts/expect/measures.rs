//! Expectations about numbers: length, time, tokens.

use std::fmt::Display;

use punchcard_events::ticket::Usage;

/// Whether the answer's length in characters (Unicode scalar values) is in the range.
pub(super) fn length(min: Option<u64>, max: Option<u64>, answer: &str) -> Result<(), String> {
    let length = u64::try_from(answer.chars().count()).unwrap_or(u64::MAX);
    if min.is_none_or(|min| length >= min) && max.is_none_or(|max| length <= max) {
        return Ok(());
    }
    let range = range(min, max);
    Err(format!(
        "The answer should have {range} characters, but it has {length}."
    ))
}

pub(super) fn latency(limit: u64, took: u64) -> Result<(), String> {
    if took <= limit {
        return Ok(());
    }
    Err(format!(
        "The answer should be complete within {limit} ms, but it took {took} ms."
    ))
}

pub(super) fn tokens(limit: u64, usage: Option<Usage>) -> Result<(), String> {
    let expected = format!("The call should use at most {limit} tokens");
    let Some(usage) = usage else {
        return Err(format!(
            "{expected}, but the model did not say how many it used."
        ));
    };
    let used = usage.prompt_tokens.saturating_add(usage.completion_tokens);
    if used <= limit {
        return Ok(());
    }
    let Usage {
        prompt_tokens: asked,
        completion_tokens: answered,
    } = usage;
    Err(format!(
        "{expected}, but it used {used} ({asked} for the messages, {answered} for the answer)."
    ))
}

/// A range in words.
pub(super) fn range<T: Display + PartialEq>(min: Option<T>, max: Option<T>) -> String {
    match (min, max) {
        (Some(min), Some(max)) if min == max => format!("exactly {min}"),
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "any number of".to_owned(),
    }
}
