//! What OpenAI's API has and this one does not: refused by name, never left out of account silently.
//!
//! A value that asks for nothing passes, as many clients send one: `n: 1`, `tools: []`, `null`.

use serde_json::{Map, Value};

use crate::http::errors::{Code, Problem};

/// Refuses every field of `rest` that asks for something.
pub(super) fn check_fields(rest: &Map<String, Value>) -> Result<(), Problem> {
    check(rest, "", asks_nothing)
}

/// The same for the fields of the message at `at`.
pub(super) fn check_message(rest: &Map<String, Value>, at: &str) -> Result<(), Problem> {
    check(rest, at, message_asks_nothing)
}

/// The refusal of what is at `pointer`.
pub(super) fn unsupported(pointer: impl Into<String>, detail: &str) -> Problem {
    Problem::new(Code::UnsupportedParameter, detail).field(pointer)
}

fn check(
    rest: &Map<String, Value>,
    at: &str,
    asks_nothing: fn(&str, &Value) -> Option<bool>,
) -> Result<(), Problem> {
    for (name, value) in rest {
        let pointer = || format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        match asks_nothing(name, value) {
            Some(true) => {}
            Some(false) => {
                let detail = "This parameter is not supported here. Leave it out.";
                return Err(unsupported(pointer(), detail));
            }
            None => {
                let detail = "There is no such field. Remove it or correct its name.";
                return Err(Problem::new(Code::InvalidRequest, detail).field(pointer()));
            }
        }
    }
    Ok(())
}

/// Whether the value of one of OpenAI's parameters asks for nothing; `None` for what is none of them
/// (API reference, *Create chat completion*).
fn asks_nothing(name: &str, value: &Value) -> Option<bool> {
    let neutral = match name {
        "n" => value.as_u64() == Some(1),
        "frequency_penalty" | "presence_penalty" => value.as_f64() == Some(0.0),
        "top_logprobs" => value.as_u64() == Some(0),
        "logprobs" | "store" => *value == Value::Bool(false),
        "stop" | "tools" | "functions" => is_empty_list(value),
        "logit_bias" => value.as_object().is_some_and(Map::is_empty),
        // Without tools there is nothing to choose, or to call at a time.
        "tool_choice" | "function_call" => is_one_of(value, &["none", "auto"]),
        "parallel_tool_calls" => value.is_boolean(),
        "service_tier" => is_one_of(value, &["auto", "default"]),
        "modalities" => value
            .as_array()
            .is_some_and(|all| all.iter().all(|one| is_one_of(one, &["text"]))),
        "audio"
        | "moderation"
        | "prediction"
        | "prompt_cache_key"
        | "prompt_cache_options"
        | "prompt_cache_retention"
        | "reasoning_effort"
        | "verbosity"
        | "web_search_options" => false,
        _ => return None,
    };
    Some(neutral || value.is_null())
}

fn message_asks_nothing(name: &str, value: &Value) -> Option<bool> {
    let neutral = match name {
        "annotations" | "tool_calls" => is_empty_list(value),
        "audio" | "function_call" | "name" | "refusal" | "tool_call_id" => false,
        _ => return None,
    };
    Some(neutral || value.is_null())
}

fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

fn is_one_of(value: &Value, words: &[&str]) -> bool {
    value.as_str().is_some_and(|word| words.contains(&word))
}
