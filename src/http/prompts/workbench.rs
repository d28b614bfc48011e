//! What planners ask about texts that needs the template engine and the configuration.

use std::sync::Arc;

use punchcard_actors::ports::Finding;
use punchcard_events::prompt::{Content, TestCase};
use punchcard_events::ticket::Message;
use punchcard_events::{TaskName, TenantId};
use serde_json::Value;

/// Tries texts out. Plain computation, with the limits of a task's settings.
pub trait Workbench: Send + Sync {
    /// The messages that `content` makes of `input`, as a ticket's would be.
    ///
    /// # Errors
    /// When the input does not fit, or the messages cannot be made of it.
    fn render(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        content: &Arc<Content>,
        input: &Value,
    ) -> Result<Vec<Message>, Unrenderable>;

    /// What is wrong with test cases that `content` is going to be tried with, if there is one.
    fn check_cases(&self, cases: &[TestCase], content: Option<&Arc<Content>>) -> Vec<Finding>;
}

/// Why there are no messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrenderable {
    /// The input does not fit the input schema.
    #[error("{reason}")]
    Misfit {
        /// Where in the input, as a JSON pointer (RFC 6901).
        pointer: String,
        /// What is expected there.
        reason: String,
    },
    /// The templates make nothing of it.
    #[error("{0}")]
    Failed(String),
}
