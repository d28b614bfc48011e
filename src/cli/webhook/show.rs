//! `punchcard webhook list` and `show`.

use reqwest::Method;
use serde_json::Value;

use super::{OneArgs, Server};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BAD, BOLD, DIM, GOOD};

/// All endpoints.
pub(super) async fn list(server: &Server, out: &mut Output) -> Result<Exit, Failure> {
    let answer = server.call(Method::GET, &["webhooks"], None).await?;
    if out.is_json() {
        out.document(&answer)?;
        return Ok(Exit::Success);
    }
    let endpoints = answer["endpoints"].as_array();
    for endpoint in endpoints.into_iter().flatten() {
        line(endpoint, out)?;
    }
    if endpoints.is_none_or(Vec::is_empty) {
        out.note("no endpoints yet: punchcard webhook create URL --on ticket.persisted");
    }
    Ok(Exit::Success)
}

/// One endpoint.
pub(super) async fn show(
    one: &OneArgs,
    server: &Server,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let answer = server.ask(Method::GET, one.endpoint, &[], None).await?;
    print(&answer, out)
}

/// An endpoint as an answer has it.
pub(super) fn print(endpoint: &Value, out: &mut Output) -> Result<Exit, Failure> {
    if out.is_json() {
        out.document(endpoint)?;
        return Ok(Exit::Success);
    }
    line(endpoint, out)?;
    for (label, field) in [
        ("for", "description"),
        ("waiting", "queued"),
        ("last taken", "last_success_at"),
        ("last failed", "last_failure_at"),
        ("old secret until", "previous_secret_until"),
        ("secret", "secret"),
    ] {
        if let Some(text) = text(&endpoint[field]) {
            out.line(format_args!("  {DIM}{label}{DIM:#} {text}"))?;
        }
    }
    Ok(Exit::Success)
}

fn line(endpoint: &Value, out: &mut Output) -> Result<(), Failure> {
    let id = text(&endpoint["id"]).unwrap_or_default();
    let url = text(&endpoint["url"]).unwrap_or_default();
    let state = match text(&endpoint["disabled"]["reason"]) {
        None => style::paint(GOOD, "enabled"),
        Some(reason) => style::paint(BAD, format_args!("disabled ({reason})")),
    };
    let types = endpoint["event_types"].as_array().into_iter().flatten();
    let types: Vec<_> = types.filter_map(text).collect();
    let types = types.join(", ");
    out.line(format_args!(
        "{BOLD}{id}{BOLD:#} {state} {url} {DIM}{types}{DIM:#}"
    ))
}

/// A value as a line shows it; nothing of it is trusted.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(style::one_line(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
