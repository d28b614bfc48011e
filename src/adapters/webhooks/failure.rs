//! What went wrong with a call, in the ticket's words. No message quotes a body, a header or a
//! secret: they are stored in the ticket's history and shown to people.

use std::error::Error;

use punchcard_events::TaskName;
use punchcard_events::ticket::{Blame, CallbackError, CallbackErrorKind, CallbackKind};

use crate::adapters::outbound::{ForbiddenAddress, UrlError};
use crate::invisible::is_invisible;

/// The most characters a failure's sentence may have.
pub(super) const MAX_MESSAGE_CHARS: usize = 300;

/// An error without a time to wait.
pub(super) fn error(kind: CallbackErrorKind, message: impl Into<String>) -> CallbackError {
    CallbackError {
        kind,
        message: message.into(),
        retry_after_ms: None,
        blame: Blame::Class,
    }
}

/// The task had this hook when the ticket was accepted and has it no more. Transient, so that the
/// ticket waits for an operator to put it back.
pub(super) fn not_configured(task: &TaskName, kind: CallbackKind) -> CallbackError {
    no_call(format!(
        "task `{task}` has no {} hook configured any more, and this ticket was accepted with \
             one: put it back",
        kind.as_str()
    ))
}

/// No call was made. It counts as one without a connection, but not against the tenant's API.
fn no_call(message: impl Into<String>) -> CallbackError {
    CallbackError {
        blame: Blame::Nobody,
        ..error(CallbackErrorKind::Connection, message)
    }
}

/// The tenant's API is where no call may go. The address was checked when it was saved, under what was
/// allowed then.
#[expect(clippy::needless_pass_by_value, reason = "it is the end of a map_err")]
pub(super) fn not_allowed(refused: UrlError) -> CallbackError {
    error(CallbackErrorKind::Forbidden, refused.to_string())
}

/// The reply passed the cap.
pub(super) fn too_large(cap: usize) -> CallbackError {
    error(
        CallbackErrorKind::TooLarge,
        format!("the reply has more than {cap} bytes"),
    )
}

/// The request could not be written. No input that was accepted leads here.
pub(super) fn unwritable() -> CallbackError {
    no_call("the call could not be written as an HTTP request")
}

/// What the HTTP client says, sorted.
#[expect(clippy::needless_pass_by_value, reason = "it is the end of a map_err")]
pub(super) fn of_call(failed: reqwest::Error) -> CallbackError {
    if let Some(forbidden) = causes(&failed).find_map(<dyn Error>::downcast_ref::<ForbiddenAddress>)
    {
        return error(CallbackErrorKind::Forbidden, forbidden.to_string());
    }
    // The last cause is the concrete one, such as "Connection refused".
    let cause = causes(&failed).last().map(ToString::to_string);
    let cause = clean(&cause.unwrap_or_default()).unwrap_or_default();
    if failed.is_connect() {
        return error(
            CallbackErrorKind::Connection,
            format!("no connection to the tenant's API: {cause}"),
        );
    }
    if failed.is_timeout() {
        return error(
            CallbackErrorKind::Timeout,
            "the tenant's API did not answer in time",
        );
    }
    error(
        CallbackErrorKind::Connection,
        format!("the connection to the tenant's API broke: {cause}"),
    )
}

fn causes(failed: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(failed.source(), |&cause| cause.source())
}

/// A foreign text made fit to be shown on one line: control characters and those that change the
/// direction or the visibility of others become spaces, and it is cut at [`MAX_MESSAGE_CHARS`].
/// `None` where nothing is left.
pub(super) fn clean(text: &str) -> Option<String> {
    let mut cleaned = String::new();
    let mut count = 0;
    for word in text
        .split(|c: char| c.is_whitespace() || is_unprintable(c))
        .filter(|word| !word.is_empty())
    {
        if count > 0 {
            cleaned.push(' ');
            count += 1;
        }
        for c in word.chars() {
            if count >= MAX_MESSAGE_CHARS {
                cleaned.push('…');
                return Some(cleaned);
            }
            cleaned.push(c);
            count += 1;
        }
    }
    (!cleaned.is_empty()).then_some(cleaned)
}

fn is_unprintable(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_not_made_is_no_blame_for_the_api() {
        let task = TaskName::new("review").unwrap();
        let removed = not_configured(&task, CallbackKind::PreProcess);
        assert_eq!(
            (removed.blame, unwritable().blame),
            (Blame::Nobody, Blame::Nobody)
        );
        assert!(removed.kind.is_transient(), "it waits for an operator");
    }

    #[test]
    fn a_foreign_text_becomes_one_plain_line() {
        assert_eq!(clean("too  short\n"), Some("too short".to_owned()));
        assert_eq!(clean("\u{1b}[31mred\u{7}"), Some("[31mred".to_owned()));
        assert_eq!(clean("a\u{202e}b\u{200b}c"), Some("a b c".to_owned()));
        assert_eq!(
            clean("글이 너무 짧아요"),
            Some("글이 너무 짧아요".to_owned())
        );
        assert_eq!(clean(" \r\n\u{feff}"), None);
    }

    #[test]
    fn a_foreign_text_is_cut() {
        let long = "가".repeat(10_000);
        let cleaned = clean(&long).unwrap();
        assert_eq!(cleaned.chars().count(), MAX_MESSAGE_CHARS + 1);
        assert!(cleaned.ends_with('…'));
    }
}
