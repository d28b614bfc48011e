//! Contents for the tests of this room.

use std::collections::BTreeMap;

use punchcard_events::PartialName;
use punchcard_events::prompt::{Content, MessageTemplate};
use punchcard_events::ticket::{AnswerFormat, Parameters, Role};

/// A content with a system message and a user message of these words.
pub(super) fn content(user: &str) -> Content {
    let message = |role, content: &str| MessageTemplate {
        role,
        content: content.to_owned(),
    };
    Content {
        messages: vec![message(Role::System, "Be kind."), message(Role::User, user)],
        model: "demo".to_owned(),
        parameters: Parameters::default(),
        answer: AnswerFormat::Text,
        input_schema: None,
        answer_schema: None,
        partials: BTreeMap::new(),
    }
}

/// Partials by name.
pub(super) fn partials<const N: usize>(all: [(&str, &str); N]) -> BTreeMap<PartialName, String> {
    let named = all.map(|(name, text)| (PartialName::new(name).unwrap(), text.to_owned()));
    named.into()
}
