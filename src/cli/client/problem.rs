//! Refusals of the API (RFC 9457 `application/problem+json`) in a person's words.

use reqwest::StatusCode;
use serde::Deserialize;

use crate::cli::exit::{Exit, Failure};
use crate::cli::style;

/// A problem as the API tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Problem {
    /// The HTTP status.
    #[serde(skip)]
    pub(crate) status: u16,
    /// The kind of problem, in a few words.
    #[serde(default)]
    pub(crate) title: String,
    /// What is wrong with this request.
    #[serde(default)]
    pub(crate) detail: Option<String>,
    /// The stable word for programs.
    #[serde(default)]
    pub(crate) code: String,
    /// The field that is wrong.
    #[serde(default)]
    pub(crate) field: Option<String>,
    /// What to do about it, in the server's words.
    #[serde(default)]
    pub(crate) remedy: Option<String>,
}

impl Problem {
    /// Reads a refusal; whatever does not look like one of ours keeps its status at least.
    pub(crate) fn read(status: StatusCode, body: &[u8]) -> Self {
        let problem: Self = serde_json::from_slice(body).unwrap_or_default();
        Self {
            status: status.as_u16(),
            ..problem
        }
    }

    /// What is wrong, as a sentence.
    pub(crate) fn sentence(&self) -> String {
        if let Some(sentence) = plain(&self.code) {
            return sentence.to_owned();
        }
        let told = self.detail.as_deref().filter(|detail| !detail.is_empty());
        let title = || Some(self.title.as_str()).filter(|title| !title.is_empty());
        let sentence = match told.or_else(title) {
            Some(told) => style::safe(told),
            None => format!("the server answered with status {}", self.status),
        };
        match &self.field {
            Some(field) if !sentence.contains(field.as_str()) => {
                format!("{}: {sentence}", style::one_line(field))
            }
            Some(_) | None => sentence,
        }
    }

    fn exit(&self) -> Exit {
        match (self.code.as_str(), self.status) {
            ("not_found", _) | ("", 404) => Exit::NotFound,
            (code, 404) if code.starts_with("no_") => Exit::NotFound,
            (_, 408 | 429 | 502 | 503 | 504) => Exit::Unreachable,
            (_, 400 | 401 | 403 | 404 | 405 | 413 | 415 | 422) => Exit::Usage,
            _ => Exit::Negative,
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let failure = Self::new(problem.exit(), problem.sentence());
        let remedy = problem.remedy.as_deref();
        let own = plain(&problem.code).and_then(|_| advice(&problem.code));
        let failure = match own.or(remedy).or_else(|| advice(&problem.code)) {
            Some(advice) => failure.advise(advice),
            None => failure,
        };
        if problem.code.is_empty() {
            return failure;
        }
        failure.with_code(problem.code)
    }
}

/// What is wrong where the server says it in the words of its API, which mean nothing at a terminal.
fn plain(code: &str) -> Option<&'static str> {
    Some(match code {
        "precondition_required" => "the server needs to know what your change is made from",
        "reserved_name" => "this name has a meaning of its own, so no prompt can have it",
        "outcome_unknown" => "it is not known whether this was done",
        _ => return None,
    })
}

/// What to do about a problem, at a command line.
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "unauthorized" => "Check PUNCHCARD_KEY or --key-file: the server does not know this key.",
        "unknown_task" => {
            "Check the task's name; `punchcard config show` on the server lists them."
        }
        "invalid_input" => "Change --input to what the task's input schema asks for.",
        "input_too_large" | "body_too_large" => "Send less, or have the task's limit raised.",
        "invalid_idempotency_key" => "Use 1 to 255 visible ASCII characters for --idempotency-key.",
        "idempotency_key_reused" => "The key belongs to another request: use a fresh one.",
        "idempotency_key_in_flight" => "The first request with this key still runs: try again.",
        "not_found" => "Check the id; a key sees only its own tenant's tickets.",
        "invalid_cursor" => "Start again without --cursor; cursors fit only the same filters.",
        "ticket_already_ended" => "Nothing is left to do: see `punchcard ticket show ID`.",
        "wrong_state" => "See what the ticket waits for: `punchcard ticket show ID`.",
        "overloaded" => "Try again in a moment.",
        "store_unavailable" => "The server cannot write now; it takes tickets again by itself.",
        "stopping" => "The server is stopping; try again when it is back.",
        "request_timeout" => "Try again.",
        "no_such_tenant" => "List them: punchcard tenant list",
        "tenant_conflict" => "Another operator was faster: look at it as it is now, and try again.",
        "internal" => "The server's log has the reason.",
        "precondition_required" => "Use a `punchcard` of the same version as the server.",
        "reserved_name" => "Choose another name.",
        "outcome_unknown" => "Look whether it was done before you do it again.",
        "prompt_busy" => "Others change it at this moment: try again.",
        "too_many_test_runs" => "Wait until one of the test runs has ended, then try again.",
        "too_many_prompts" => "Ask whoever runs the server for room for more prompts.",
        "broken_prompt" => "Mend it: punchcard prompt edit TASK",
        "invalid_parameter" => "See what the command takes: add --help to it.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, body: &str) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        Problem::read(status, body.as_bytes()).into()
    }

    #[test]
    fn a_problem_becomes_a_sentence_with_its_field_code_and_advice() {
        let failure = failure(
            422,
            r#"{"type":"about:blank","title":"Invalid input","status":422,
                "detail":"must be a string","code":"invalid_input","field":"/question"}"#,
        );
        let Failure::Told(told) = &failure else {
            unreachable!()
        };
        assert_eq!(told.sentence, "/question: must be a string");
        assert_eq!(told.code.as_deref(), Some("invalid_input"));
        assert!(told.advice.as_deref().unwrap().contains("--input"));
        assert_eq!(told.exit, Exit::Usage);
    }

    #[test]
    fn the_words_of_the_api_do_not_reach_a_planner() {
        let body = r#"{"code":"precondition_required","detail":"Nothing says …",
            "remedy":"Send `If-Match` with the ETag of what you looked at."}"#;
        let failure = failure(428, body);
        let Failure::Told(told) = &failure else {
            unreachable!()
        };
        let said = format!("{} {:?}", told.sentence, told.advice);
        assert!(
            !said.contains("ETag") && said.contains("same version"),
            "{said}"
        );
        for code in ["too_many_test_runs", "prompt_busy", "too_many_prompts"] {
            assert!(advice(code).is_some(), "{code}");
        }
    }

    #[test]
    fn exit_codes_follow_the_code_and_the_status() {
        let exit = |status, code: &str| failure(status, &format!(r#"{{"code":"{code}"}}"#)).exit();
        assert_eq!(exit(404, "not_found"), Exit::NotFound);
        assert_eq!(exit(404, "unknown_task"), Exit::Usage);
        assert_eq!(exit(404, "no_such_prompt"), Exit::NotFound);
        assert_eq!(exit(401, "unauthorized"), Exit::Usage);
        assert_eq!(exit(503, "overloaded"), Exit::Unreachable);
        assert_eq!(exit(409, "ticket_already_ended"), Exit::Negative);
        assert_eq!(exit(500, "internal"), Exit::Negative);
    }

    #[test]
    fn a_page_of_some_proxy_still_gives_a_sentence() {
        let failure = failure(502, "<html>Bad gateway</html>");
        assert_eq!(failure.to_string(), "the server answered with status 502");
        assert_eq!(failure.exit(), Exit::Unreachable);
    }

    #[test]
    fn a_problem_cannot_steer_the_terminal() {
        let failure = failure(400, r#"{"detail":"\u001b[2Jx","code":"invalid_request"}"#);
        assert_eq!(failure.to_string(), "\u{fffd}[2Jx");
    }
}
