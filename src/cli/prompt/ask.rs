//! A question that only a person can answer.

use std::io::{self, BufRead, IsTerminal as _};

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// The most bytes of an answer that are looked at.
const MAX_ANSWER: u64 = 1_000;

/// Asks `question`, and goes on only after a yes. `yes` is the answer that was given beforehand.
///
/// # Errors
/// When the answer is no, when there is nobody to ask, and with `--json`.
pub(in crate::cli) fn confirm(out: &mut Output, yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if out.is_json() {
        // What the question is about is not shown there.
        let sentence = format!("{question} With --json this is not asked.");
        return Err(Failure::usage(sentence)
            .advise("Look at it first, without --json; then pass --yes if you mean it."));
    }
    if !is_anybody_there() {
        let sentence = format!("{question} There is nobody here to answer that.");
        return Err(Failure::usage(sentence).advise("Pass --yes if you mean it."));
    }
    if wants(out, question, false)? {
        return Ok(());
    }
    Err(Failure::new(
        Exit::NotDeployed,
        "nothing was changed: the answer was no",
    ))
}

/// Asks `question`; an empty answer means `otherwise`. Without a person the answer is no.
///
/// # Errors
/// When the answer cannot be read.
pub(super) fn wants(out: &mut Output, question: &str, otherwise: bool) -> Result<bool, Failure> {
    if !is_anybody_there() {
        return Ok(false);
    }
    let choice = if otherwise { "[Y/n]" } else { "[y/N]" };
    out.note(format_args!("{question} {choice}"));
    let read = read_answer(io::stdin().lock());
    let answer =
        read.map_err(|error| Failure::negative(format!("failed to read the answer: {error}")))?;
    Ok(means(&answer, otherwise))
}

/// Whether a person can be asked.
pub(super) fn is_anybody_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn read_answer(from: impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = from.take(MAX_ANSWER).read_line(&mut line)?;
    Ok((read > 0).then_some(line))
}

/// What an answer means; the end of the input is a no.
fn means(answer: &Option<String>, otherwise: bool) -> bool {
    match answer.as_deref().map(str::trim) {
        None => false,
        Some("") => otherwise,
        Some(word) => word.eq_ignore_ascii_case("y") || word.eq_ignore_ascii_case("yes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        let means = |answer: &[u8], otherwise| means(&read_answer(answer).unwrap(), otherwise);
        assert!(means(b"y\n", false));
        assert!(means(b" Yes \n", false));
        assert!(means(b"\n", true));
        for no in [b"\n".as_slice(), b"", b"n\n", b"yep\n", b"production\n"] {
            assert!(!means(no, false), "{no:?}");
        }
        assert!(!means(b"", true), "the end of the input is no yes");
    }
}
