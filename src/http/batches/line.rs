//! One line of an upload: a request as `POST /v1/tickets` takes it, checked against its task.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_actors::tickets::{Issue, Tickets};
use punchcard_events::batch::{RefusedLine, RequestLine};
use punchcard_events::ticket::Priority;
use punchcard_events::{LabelName, TaskName, TenantId, Timestamp, UserId};
use serde::Deserialize;
use serde_json::Value;

use super::splitter::Line;
use crate::http::body;
use crate::http::errors::{Code, Problem};
use crate::http::tickets::check_metadata;

/// The most bytes of an issuer's own name for a line.
const MAX_CUSTOM_ID_BYTES: usize = 128;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineBody {
    #[serde(default)]
    custom_id: Option<String>,
    #[serde(default)]
    task: Option<TaskName>,
    input: Value,
    #[serde(default)]
    label: Option<LabelName>,
    #[serde(default)]
    user: Option<UserId>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    not_before: Option<Timestamp>,
    #[serde(default)]
    deadline: Option<Timestamp>,
}

/// What is read of a line that is otherwise wrong.
#[derive(Deserialize)]
struct OnlyCustomId {
    custom_id: String,
}

/// Checks lines.
pub(super) struct Checker<'a> {
    pub(super) tickets: &'a Tickets,
    pub(super) tenant: &'a TenantId,
    /// What lines run that name no task.
    pub(super) task: Option<&'a TaskName>,
    /// The most bytes of a line.
    pub(super) limit: usize,
}

impl Checker<'_> {
    /// The request of a line, or why it is refused; `None` where the line is empty.
    pub(super) fn check(&self, line: &Line) -> Option<Result<RequestLine, RefusedLine>> {
        let Some(text) = &line.text else {
            let rule = format!("A line has at most {} bytes.", self.limit);
            let problem = Problem::new(Code::BodyTooLarge, rule);
            return Some(Err(refused(line.number, None, &problem)));
        };
        if text.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        Some(self.read(line.number, text).map_err(|problem| {
            let named = serde_json::from_slice::<OnlyCustomId>(text).ok();
            let custom_id = named.map(|named| named.custom_id).filter(|id| fits(id));
            refused(line.number, custom_id, &problem)
        }))
    }

    fn read(&self, number: u32, text: &[u8]) -> Result<RequestLine, Problem> {
        let body: LineBody = body::parse(text)?;
        check_metadata(&body.metadata)?;
        if body.custom_id.as_deref().is_some_and(|id| !fits(id)) {
            let rule = format!("A custom_id has 1 to {MAX_CUSTOM_ID_BYTES} bytes.");
            return Err(Problem::new(Code::InvalidRequest, rule).field("/custom_id"));
        }
        let task = body.task.or_else(|| self.task.cloned()).ok_or_else(|| {
            let rule = "Name the task, here or for all lines with `?task=`.";
            Problem::new(Code::InvalidRequest, rule).field("/task")
        })?;
        let issue = Issue {
            tenant: self.tenant.clone(),
            task,
            label: body.label,
            user: body.user,
            input: Arc::new(body.input),
            metadata: body.metadata,
            priority: Priority::Low,
            not_before: body.not_before,
            deadline: body.deadline,
            batch: None,
            conversation: None,
            idempotency: None,
            traceparent: None,
        };
        self.tickets.check(&issue)?;
        Ok(RequestLine {
            line: number,
            custom_id: body.custom_id,
            task: issue.task,
            label: issue.label,
            user: issue.user,
            input: issue.input,
            metadata: issue.metadata,
            not_before: issue.not_before,
            deadline: issue.deadline,
        })
    }
}

fn fits(custom_id: &str) -> bool {
    (1..=MAX_CUSTOM_ID_BYTES).contains(&custom_id.len())
}

fn refused(line: u32, custom_id: Option<String>, problem: &Problem) -> RefusedLine {
    RefusedLine {
        line,
        custom_id,
        code: problem.code().as_str().to_owned(),
        message: problem.detail().to_owned(),
        field: problem.field_name().map(str::to_owned),
    }
}
