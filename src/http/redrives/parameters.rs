//! The parameters of queries.

use std::borrow::Cow;
use std::collections::BTreeMap;

use punchcard_events::TaskName;
use url::form_urlencoded;
use uuid::Uuid;

use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// Refuses every parameter, on routes that take none.
pub(super) fn no_parameters(call: &Call) -> Result<(), Problem> {
    given(call, &[]).map(drop)
}

/// The task whose failed tickets are asked for.
pub(super) fn dead_letters_of(call: &Call) -> Result<Option<TaskName>, Problem> {
    let given = given(call, &["task"])?;
    let task = given.get("task").map(|text| text.parse());
    let wrong = |_| invalid("task", "Use a task's name.");
    task.transpose().map_err(wrong)
}

/// After which redrive, and how many.
pub(super) fn page(call: &Call) -> Result<(Option<Uuid>, usize), Problem> {
    let given = given(call, &["limit", "cursor"])?;
    let limit = match given.get("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => {
            let limit = text.parse().ok();
            let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
            limit.ok_or_else(|| invalid("limit", "Use a number from 1 to 200."))?
        }
    };
    let cursor = given.get("cursor").map(|text| Uuid::parse_str(text));
    let wrong = |_| invalid("cursor", "Use the next_cursor of the page before.");
    Ok((cursor.transpose().map_err(wrong)?, limit))
}

/// The parameters of a request, of which it may have those `known`, each once.
fn given<'a>(call: &'a Call, known: &[&str]) -> Result<BTreeMap<String, Cow<'a, str>>, Problem> {
    let mut given = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(call.request.query_string().as_bytes()) {
        if !known.contains(&name.as_ref()) {
            let rule = "There is no such parameter. Remove it or correct its name.";
            return Err(invalid(&name, rule));
        }
        if given.contains_key(name.as_ref()) {
            return Err(invalid(&name, "Give this parameter once."));
        }
        given.insert(name.into_owned(), value);
    }
    Ok(given)
}

fn invalid(name: &str, rule: &str) -> Problem {
    let name: String = name.chars().take(64).collect();
    Problem::new(Code::InvalidParameter, rule).field(name)
}
