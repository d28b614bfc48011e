//! Prompts in tests: a check without a template engine, and contents to write.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_events::prompt::{Act, Author, Content, MessageTemplate};
use punchcard_events::ticket::{AnswerFormat, Parameters, Role};
use punchcard_events::{PartialName, TaskName, TenantId, Timestamp};

use crate::ports::{Checked, Finding, PromptCheck, Severity};

/// What makes a content unsound to [`PlainCheck`].
pub const MISTAKE: &str = "{{ mistake";

/// Writes in every partial whose `{% include "name" %}` a message holds, and finds [`MISTAKE`].
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainCheck;

impl PromptCheck for PlainCheck {
    fn check(
        &self,
        _: &TenantId,
        _: &TaskName,
        content: &Content,
        partials: &BTreeMap<PartialName, String>,
    ) -> Checked {
        let mut resolved = content.clone();
        let included = partials.iter().filter(|(name, _)| {
            let include = format!("{{% include \"{name}\" %}}");
            let mut messages = content.messages.iter();
            messages.any(|message| message.content.contains(&include))
        });
        resolved.partials = included
            .map(|(name, text)| (name.clone(), text.clone()))
            .collect();
        let wrong = content.messages.iter().enumerate();
        let wrong = wrong.filter(|(_, message)| message.content.contains(MISTAKE));
        let findings = wrong.map(|(place, _)| Finding {
            severity: Severity::Error,
            place: format!("messages[{place}]"),
            line: Some(1),
            column: Some(1),
            message: "There is a mistake here.".to_owned(),
            remedy: "Take it out.".to_owned(),
        });
        Checked {
            findings: findings.collect(),
            content: Arc::new(resolved),
        }
    }
}

/// A content whose one message says `words`.
pub fn content(words: &str) -> Arc<Content> {
    Arc::new(Content {
        messages: vec![MessageTemplate {
            role: Role::User,
            content: words.to_owned(),
        }],
        model: "small".to_owned(),
        parameters: Parameters::default(),
        answer: AnswerFormat::Text,
        input_schema: None,
        answer_schema: None,
        partials: BTreeMap::new(),
    })
}

/// Something that the planner of this name does at `at`.
pub fn act(name: &str, at: Timestamp) -> Act {
    Act {
        at,
        by: Author::Key {
            prefix: format!("pk_test_{name}"),
            name: Some(name.to_owned()),
        },
    }
}
