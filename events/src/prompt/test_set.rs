//! Test sets: the named cases a prompt must pass before it reaches users.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codec::finite;

/// A task's cases, numbered each time they are changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestSet {
    /// The set's number, from 1; it rises by one with each change.
    pub number: u32,
    /// The cases, in the order they were written; their names differ.
    pub cases: Vec<TestCase>,
}

impl TestSet {
    /// Whether every answer passes every case.
    pub fn expects_nothing(&self) -> bool {
        self.cases.iter().all(|case| case.expect.is_empty())
    }
}

/// One case: an input, and what its answer must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TestCase {
    /// The case's name: 1 to 64 lowercase letters, digits or `-`, with no `-` at the start or end,
    /// so that it can name a file.
    pub name: String,
    /// What the issuer would send (after the pre-process hook, where the task has one).
    pub input: Arc<Value>,
    /// What must hold of the answer, all of it.
    pub expect: Vec<Expectation>,
}

/// Something that must hold of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expectation {
    /// It fits the prompt's answer schema (and is JSON, where JSON is asked for).
    FitsSchema,
    /// It contains this text.
    Contains(String),
    /// It does not contain this text.
    NotContains(String),
    /// This regular expression matches somewhere in it.
    Matches(String),
    /// The value at this JSON path (RFC 9535) equals this one; the path selects exactly one.
    JsonEquals {
        /// The path, such as `$.score`.
        path: String,
        /// What stands there.
        value: Value,
    },
    /// The number at this JSON path is in the range.
    NumberBetween {
        /// The path, such as `$.score`.
        path: String,
        /// The least, inclusive; absent: no least.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            serialize_with = "finite"
        )]
        min: Option<f64>,
        /// The most, inclusive; absent: no most.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            serialize_with = "finite"
        )]
        max: Option<f64>,
    },
    /// Its length in characters (Unicode scalar values) is in the range.
    LengthBetween {
        /// The least, inclusive; absent: no least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<u64>,
        /// The most, inclusive; absent: no most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<u64>,
    },
    /// It is written in this language, by its ISO 639-1 code, such as `ko` or `en`.
    Language(String),
    /// The complete answer was there within so many milliseconds of the call.
    LatencyUnderMs(u64),
    /// Input and output tokens together are at most this many.
    TokensUnder(u64),
    /// A model, asked to judge, says that it meets this description.
    Rubric {
        /// What a good answer is, in plain words.
        text: String,
        /// The model that judges, by its name in the configuration; absent: the prompt's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
}
