//! What a prompt says: everything that shapes what the model is asked and what counts as its answer.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::canonical;
use crate::ids::PartialName;
use crate::ticket::{AnswerFormat, Parameters, Role};

/// A prompt's content: of a draft while it is edited, of a version for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The messages, in order. Their number and roles are fixed here; no input changes them.
    pub messages: Vec<MessageTemplate>,
    /// The model to ask, by its name in the configuration.
    pub model: String,
    /// How to ask it.
    #[serde(default)]
    pub parameters: Parameters,
    /// Whether the answer is text or one JSON document.
    pub answer: AnswerFormat,
    /// What an input must be (JSON Schema 2020-12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Arc<Value>>,
    /// What an answer must be (JSON Schema 2020-12); only for JSON answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_schema: Option<Arc<Value>>,
    /// The partials that the templates include, word for word. In a draft it is empty: a draft
    /// uses the tenant's partials as they are now, and publishing writes them in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partials: BTreeMap<PartialName, String>,
}

/// One message of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MessageTemplate {
    /// Who speaks.
    pub role: Role,
    /// The words, with `{{ variable }}` where the input goes.
    pub content: String,
}

impl Content {
    /// The content's identity: SHA-256 over its canonical JSON. Two prompts with the same hash ask
    /// the same.
    pub fn hash(&self) -> ContentHash {
        // Whole, so that no later field is left out of the identity unnoticed.
        let Self {
            messages,
            model,
            parameters,
            answer,
            input_schema,
            answer_schema,
            partials,
        } = self;
        let mut content = json!({
            "messages": messages,
            "model": model,
            "parameters": parameters,
            "answer": answer,
            "input_schema": input_schema,
            "answer_schema": answer_schema,
        });
        // Hashes were stored before there were partials: without any, the hash stays what it was.
        if !partials.is_empty() {
            content["partials"] = json!(partials);
        }
        ContentHash(canonical::sha256(&content))
    }
}

/// The SHA-256 of a [`Content`], written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 32]);

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a content hash is 64 hexadecimal digits")]
pub struct InvalidHash;

impl FromStr for ContentHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(InvalidHash);
        }
        let mut bytes = [0; 32];
        for (byte, place) in bytes.iter_mut().zip((0..64).step_by(2)) {
            let pair = text.get(place..place + 2).ok_or(InvalidHash)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidHash)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
