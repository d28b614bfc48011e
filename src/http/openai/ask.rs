//! The body of `POST /v1/chat/completions`, and what is asked with it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use punchcard_events::ticket::{Message, Parameters};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::messages::{self, MessageBody};
use super::unsupported::{check_fields, unsupported};
use crate::http::errors::{Code, Problem};
use crate::http::{idempotency, tickets};

/// The longest name of a model, in bytes.
const MAX_MODEL_BYTES: usize = 256;

/// The body as it comes.
#[derive(Debug, Deserialize)]
pub(super) struct Body {
    model: String,
    messages: Vec<MessageBody>,
    /// Not of OpenAI's: the values of the prompt's variables.
    input: Option<Map<String, Value>>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    seed: Option<i64>,
    response_format: Option<ResponseFormat>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    metadata: Option<BTreeMap<String, String>>,
    user: Option<String>,
    safety_identifier: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum ResponseFormat {
    Text {},
    JsonObject {},
    JsonSchema {
        #[serde(rename = "json_schema")]
        _schema: Value,
    },
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamOptions {
    include_usage: Option<bool>,
    /// Padding against guesses by length. What is streamed here comes in pieces of many tokens.
    include_obfuscation: Option<bool>,
}

/// What is asked.
#[derive(Debug, PartialEq)]
pub(super) struct Ask {
    /// A task, or a model by its own name.
    pub(super) model: String,
    /// What is said.
    pub(super) messages: Vec<Message>,
    /// How the model is to be asked, where that is said.
    pub(super) parameters: Parameters,
    /// The values of the prompt's variables; null where none are given.
    pub(super) input: Value,
    /// The issuer's own labels.
    pub(super) metadata: BTreeMap<String, String>,
    /// How the answer is to come.
    pub(super) form: Form,
}

/// How an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In one piece.
    Whole,
    /// In chunks.
    Chunks {
        /// Whether the last one says what was used.
        usage: bool,
    },
}

impl Body {
    /// What is asked.
    ///
    /// # Errors
    /// With the first parameter that is out of its range, or asks for what there is not.
    pub(super) fn read(self) -> Result<Ask, Problem> {
        check_fields(&self.rest)?;
        if !(1..=MAX_MODEL_BYTES).contains(&self.model.len()) {
            let rule = format!("A model's name has 1 to {MAX_MODEL_BYTES} bytes.");
            return Err(Problem::new(Code::InvalidRequest, rule).field("/model"));
        }
        let form = self.form()?;
        let parameters = self.parameters()?;
        let metadata = labels(self.metadata, self.user, self.safety_identifier)?;
        if self.messages.is_empty() && self.input.is_none() {
            let detail = "Send at least one message.";
            return Err(Problem::new(Code::InvalidRequest, detail).field("/messages"));
        }
        Ok(Ask {
            model: self.model,
            messages: messages::read(self.messages)?,
            parameters,
            input: self.input.map_or(Value::Null, Value::Object),
            metadata,
            form,
        })
    }

    fn form(&self) -> Result<Form, Problem> {
        let options = self.stream_options.unwrap_or_default();
        if options.include_obfuscation == Some(true) {
            let detail = "This parameter is not supported here. Leave it out.";
            let pointer = "/stream_options/include_obfuscation";
            return Err(unsupported(pointer, detail));
        }
        match self.stream {
            Some(true) => Ok(Form::Chunks {
                usage: options.include_usage.unwrap_or(false),
            }),
            Some(false) | None if self.stream_options.is_some() => {
                let detail = "`stream_options` is for requests with `stream: true`.";
                Err(Problem::new(Code::InvalidRequest, detail).field("/stream_options"))
            }
            Some(false) | None => Ok(Form::Whole),
        }
    }

    fn parameters(&self) -> Result<Parameters, Problem> {
        let json = match &self.response_format {
            None | Some(ResponseFormat::Text {}) => false,
            Some(ResponseFormat::JsonObject {}) => true,
            Some(ResponseFormat::JsonSchema { .. }) => {
                let detail = "A schema belongs to a task's prompt: give the prompt an answer \
                              schema and name the task as the model.";
                return Err(unsupported("/response_format/type", detail));
            }
        };
        Ok(Parameters {
            temperature: within(self.temperature, 0.0..=2.0, "/temperature")?,
            top_p: within(self.top_p, 0.0..=1.0, "/top_p")?,
            max_tokens: self.most_tokens()?,
            seed: self.seed,
            json,
        })
    }

    /// The most tokens of the answer, by either of its names.
    fn most_tokens(&self) -> Result<Option<u32>, Problem> {
        let refused =
            |name: &str, detail| Err(Problem::new(Code::InvalidRequest, detail).field(name));
        match (self.max_tokens, self.max_completion_tokens) {
            (Some(0), _) => refused("/max_tokens", "Ask for at least one token."),
            (_, Some(0)) => refused("/max_completion_tokens", "Ask for at least one token."),
            (Some(old), Some(new)) if old != new => refused(
                "/max_tokens",
                "`max_tokens` is the older name of `max_completion_tokens`: send one of them.",
            ),
            (old, new) => Ok(new.or(old)),
        }
    }
}

impl Ask {
    /// What was said, whatever its order and spelling. How the answer comes is left out: whoever
    /// repeats a request may want it in another form.
    pub(super) fn fingerprint(&self) -> String {
        let (model, messages) = (json!(self.model), json!(self.messages));
        let (parameters, metadata) = (json!(self.parameters), json!(self.metadata));
        idempotency::fingerprint(&[
            // No request on another route has these fields.
            ("model", &model),
            ("messages", &messages),
            ("parameters", &parameters),
            ("input", &self.input),
            ("metadata", &metadata),
        ])
    }
}

/// The ticket's labels: the request's, and whom it is for. A ticket's own user would have to open a
/// session and take the answer there; the user of a chat completion has it from the issuer.
fn labels(
    metadata: Option<BTreeMap<String, String>>,
    user: Option<String>,
    safety_identifier: Option<String>,
) -> Result<BTreeMap<String, String>, Problem> {
    let mut labels = metadata.unwrap_or_default();
    for (name, value) in [("user", user), ("safety_identifier", safety_identifier)] {
        let Some(value) = value else { continue };
        let before = labels.insert(name.to_owned(), value);
        if before.is_some_and(|before| labels.get(name) != Some(&before)) {
            let detail = format!("`{name}` is kept as the label of that name: send one of them.");
            let field = format!("/metadata/{name}");
            return Err(Problem::new(Code::InvalidRequest, detail).field(field));
        }
    }
    tickets::check_metadata(&labels)?;
    Ok(labels)
}

fn within(
    value: Option<f64>,
    range: RangeInclusive<f64>,
    pointer: &str,
) -> Result<Option<f64>, Problem> {
    if value.is_none_or(|value| range.contains(&value)) {
        return Ok(value);
    }
    let detail = format!("Send a number from {} to {}.", range.start(), range.end());
    Err(Problem::new(Code::InvalidRequest, detail).field(pointer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::parse;
    use proptest::prelude::*;

    fn ask(body: &Value) -> Ask {
        let body = parse::<Body>(body.to_string().as_bytes()).unwrap();
        body.read().unwrap()
    }

    #[test]
    fn a_repeat_in_another_form_or_spelling_is_the_same_request() {
        let said = json!([{ "role": "user", "content": "hi" }]);
        let parts = json!([{ "role": "user", "content": [{ "type": "text", "text": "hi" }] }]);
        let first = ask(&json!({ "model": "m", "messages": said, "max_tokens": 5 }));
        let streamed = json!({ "model": "m", "messages": parts, "max_completion_tokens": 5,
                               "stream": true, "n": 1 });
        assert_eq!(first.fingerprint(), ask(&streamed).fingerprint());
        for (name, value) in [
            ("model", json!("n")),
            ("messages", json!([{ "role": "system", "content": "hi" }])),
            ("max_tokens", json!(6)),
            ("input", json!({})),
            ("user", json!("min")),
        ] {
            let mut other = json!({ "model": "m", "messages": said, "max_tokens": 5 });
            other[name] = value;
            assert_ne!(first.fingerprint(), ask(&other).fingerprint(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_number_makes_a_request_that_cannot_be_stored(
            temperature in any::<f64>(), top_p in any::<f64>(), tokens in any::<u32>(),
        ) {
            let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "" }],
                               "temperature": temperature, "top_p": top_p, "max_tokens": tokens });
            let body = parse::<Body>(body.to_string().as_bytes()).unwrap();
            if let Ok(ask) = body.read() {
                let finite = |number: Option<f64>| number.is_none_or(f64::is_finite);
                let Parameters { temperature, top_p, max_tokens, .. } = ask.parameters;
                prop_assert!(finite(temperature) && finite(top_p) && max_tokens != Some(0));
            }
        }
    }

    #[test]
    fn mutants_of_requests_are_read_or_refused() {
        crate::fuzz::run("chat-completion", |body| {
            if let Ok(body) = parse::<Body>(body) {
                let _ = body.read().map(|ask| ask.fingerprint());
            }
        });
    }
}
