//! The messages of a request, as text with a role.

use punchcard_events::ticket::{Message, Role};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::unsupported::{check_message, unsupported};
use crate::http::errors::{Code, Problem};

/// The most messages of a request.
pub(super) const MAX_MESSAGES: usize = 1_000;

/// A message as it comes.
#[derive(Debug, Deserialize)]
pub(super) struct MessageBody {
    role: RoleBody,
    #[serde(default)]
    content: Value,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoleBody {
    System,
    Developer,
    User,
    Assistant,
    Tool,
    Function,
}

/// Reads the messages.
///
/// # Errors
/// With the place of the first that is more than text, or of a role that has no place here.
pub(super) fn read(bodies: Vec<MessageBody>) -> Result<Vec<Message>, Problem> {
    if bodies.len() > MAX_MESSAGES {
        let detail = format!("Send at most {MAX_MESSAGES} messages.");
        return Err(Problem::new(Code::InvalidRequest, detail).field("/messages"));
    }
    let bodies = bodies.into_iter().enumerate();
    bodies
        .map(|(place, body)| body.read(&format!("/messages/{place}")))
        .collect()
}

impl MessageBody {
    fn read(self, at: &str) -> Result<Message, Problem> {
        let role = match self.role {
            // The developer's role is what newer models call the system's.
            RoleBody::System | RoleBody::Developer => Role::System,
            RoleBody::User => Role::User,
            RoleBody::Assistant => Role::Assistant,
            RoleBody::Tool | RoleBody::Function => {
                let detail = "Tools are not supported here. Send messages of the roles system, \
                              developer, user and assistant.";
                return Err(unsupported(format!("{at}/role"), detail));
            }
        };
        check_message(&self.rest, at)?;
        Ok(Message {
            role,
            content: text(self.content, &format!("{at}/content"))?,
        })
    }
}

/// A content's text: of parts, each on lines of its own.
fn text(content: Value, at: &str) -> Result<String, Problem> {
    match content {
        Value::String(text) => Ok(text),
        Value::Array(parts) => {
            let parts = parts.into_iter().enumerate();
            let texts: Result<Vec<_>, _> = parts
                .map(|(place, part)| part_text(part, &format!("{at}/{place}")))
                .collect();
            Ok(texts?.join("\n"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            let detail = "Send the content as text, or as a list of parts of the type `text`.";
            Err(Problem::new(Code::InvalidRequest, detail).field(at))
        }
    }
}

fn part_text(part: Value, at: &str) -> Result<String, Problem> {
    let Value::Object(mut part) = part else {
        let detail = "Send each part as `{\"type\": \"text\", \"text\": …}`.";
        return Err(Problem::new(Code::InvalidRequest, detail).field(at));
    };
    let kind = part.remove("type");
    if kind.as_ref().and_then(Value::as_str) != Some("text") {
        let detail = "Only parts of the type `text` are supported: no images, sounds or files.";
        return Err(unsupported(format!("{at}/type"), detail));
    }
    match (part.remove("text"), part.keys().next()) {
        (Some(Value::String(text)), None) => Ok(text),
        (Some(Value::String(_)), Some(_)) => {
            let detail = "A part of the type `text` has a `text` and nothing else.";
            Err(Problem::new(Code::InvalidRequest, detail).field(at))
        }
        (_, _) => {
            let detail = "Send the part's text as a string.";
            Err(Problem::new(Code::InvalidRequest, detail).field(format!("{at}/text")))
        }
    }
}
