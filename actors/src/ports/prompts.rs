//! Whether a prompt is sound: that needs the template engine and the configured models, which this
//! crate does not know.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use punchcard_events::prompt::Content;
use punchcard_events::{PartialName, TaskName, TenantId};
use serde::{Deserialize, Serialize};

/// Finds what is wrong with a prompt.
pub trait PromptCheck: Send + Sync + 'static {
    /// Writes the partials that `content` includes into it, and finds what is wrong with it.
    fn check(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        content: &Content,
        partials: &BTreeMap<PartialName, String>,
    ) -> Checked;
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The content, with the partials that it includes written in.
    pub content: Arc<Content>,
    /// What was found, in the order of the content.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Whether nothing found keeps the content from being tested or published.
    pub fn is_sound(&self) -> bool {
        let is_error = |finding: &Finding| match finding.severity {
            Severity::Error => true,
            Severity::Warning => false,
        };
        !self.findings.iter().any(is_error)
    }
}

/// Something found in a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where: `messages[1]`, `input_schema`, `answer_schema`, `model`, `parameters`, `partial tone`.
    pub place: String,
    /// The line of that text, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column of that line in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The prompt can neither be tested nor published.
    Error,
    /// It can, but is probably not what is meant.
    Warning,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {} {}", self.message, self.remedy)
    }
}
