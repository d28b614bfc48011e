//! Problems as clients of OpenAI's API read them.
//!
//! On these routes a problem document (RFC 9457) has one more member, `error`, which is the whole of
//! what OpenAI answers with. The official clients look for that member and nothing else, so both kinds
//! of client find what they know.

use serde_json::{Value, json};

use crate::http::errors::{Code, Problem};

/// Whether a route is one of this face.
pub(in crate::http) fn is_here(path: &str) -> bool {
    super::routes::TABLE.iter().any(|route| route.path == path)
}

/// The problem with the member `error`.
pub(in crate::http) fn dress(problem: Problem) -> Problem {
    let error = error(&problem);
    problem.with("error", error)
}

/// What OpenAI answers with.
pub(super) fn error(problem: &Problem) -> Value {
    let mut error = json!({
        "message": problem.detail(),
        "type": kind(problem.code()),
        "param": problem.field_pointer().map(param),
        "code": problem.code().as_str(),
    });
    if let Some(ticket) = problem.member("ticket") {
        error["ticket"] = ticket.clone();
    }
    error
}

/// OpenAI's classes of errors, by status.
fn kind(code: Code) -> &'static str {
    match code.status().as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

/// A JSON pointer as OpenAI writes it: `/messages/0/content` is `messages[0].content`.
fn param(pointer: &str) -> String {
    let mut param = String::new();
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        if part.bytes().all(|b| b.is_ascii_digit()) {
            param.push_str(&format!("[{part}]"));
            continue;
        }
        if !param.is_empty() {
            param.push('.');
        }
        param.push_str(&part.replace("~1", "/").replace("~0", "~"));
    }
    param
}

/// There is nothing of this name.
pub(super) fn no_such_model() -> Problem {
    let detail = "There is no such model: it is neither one of your tasks in production nor a model \
                  that you may use by its own name. `GET /v1/models` lists both.";
    Problem::new(Code::ModelNotFound, detail).field("/model")
}

/// A refusal of the issue, in the words of this face.
pub(super) fn of_issue(problem: Problem) -> Problem {
    match problem.code() {
        Code::UnknownTask | Code::TaskNotDeployed => no_such_model(),
        Code::TaskRetired => {
            let detail = "The task is retired and takes no new requests.";
            Problem::new(Code::ModelNotFound, detail).field("/model")
        }
        Code::InputTooLarge => problem.field("/messages"),
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_spelled_as_the_other_api_does() {
        assert_eq!(param("/messages/0/content/12"), "messages[0].content[12]");
        assert_eq!(
            param("/stream_options/include_usage"),
            "stream_options.include_usage"
        );
        assert_eq!(param("/a~1b~0c"), "a/b~c");
        assert_eq!(param("Idempotency-Key"), "Idempotency-Key");
        assert_eq!(param(""), "");
    }
}
