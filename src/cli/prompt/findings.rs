//! What is wrong with a text, as a planner reads it: the place, what is wrong, and what to do.

use serde_json::Value;

use super::bundle::Mistake;
use super::source::{Source, message_index};
use super::views::FindingView;
use crate::cli::client::{self, CallError, Problem};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BAD, BOLD, CAUTION};

/// Prints findings, those that must be mended first.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn print(
    out: &mut Output,
    findings: &[FindingView],
    source: Option<&Source>,
) -> Result<(), Failure> {
    let errors = findings.iter().filter(|finding| finding.is_error());
    let others = findings.iter().filter(|finding| !finding.is_error());
    for finding in errors.chain(others) {
        let place = source.and_then(|source| source.locate(finding));
        let place = place.unwrap_or_else(|| words(finding));
        let kind = if finding.is_error() {
            style::paint(BAD, "mistake")
        } else {
            style::paint(CAUTION, "hint")
        };
        let place = style::paint(BOLD, style::one_line(&place));
        out.line(format_args!(
            "{kind}  {place}  {}",
            style::safe(&finding.message)
        ))?;
        if !finding.remedy.is_empty() {
            out.line(format_args!("         {}", style::safe(&finding.remedy)))?;
        }
    }
    Ok(())
}

/// Prints what cannot be read at all.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn print_mistakes(out: &mut Output, mistakes: &[Mistake]) -> Result<(), Failure> {
    for mistake in mistakes {
        let mistake = style::safe(&mistake.to_string());
        if out.is_json() {
            // Results are the server's alone there.
            out.note(format_args!("mistake  {mistake}"));
            continue;
        }
        out.line(format_args!("{BAD}mistake{BAD:#}  {mistake}"))?;
    }
    Ok(())
}

/// The same as one failure, for commands that then do nothing.
pub(super) fn refused(mistakes: &[Mistake], sentence: &str) -> Failure {
    let list: Vec<String> = mistakes
        .iter()
        .map(|mistake| format!("\n  {mistake}"))
        .collect();
    Failure::usage(format!("{sentence}{}", list.concat()))
}

/// What a refusal or a failed call comes to, after the findings that came with it are told: on stdout, and
/// with `--json` as the server's whole refusal.
pub(super) fn of_refusal(out: &mut Output, error: CallError, source: Option<&Source>) -> Failure {
    let refusal = match error {
        CallError::Refused(refusal) => refusal,
        CallError::Failed(failure) => return failure,
    };
    let found = refusal.body.get("findings").cloned().unwrap_or_default();
    let found: Vec<FindingView> = client::read(found).unwrap_or_default();
    if found.is_empty() {
        return refusal.problem.into();
    }
    let told = if out.is_json() {
        out.document(&refusal.body)
    } else {
        print(out, &found, source)
    };
    match told {
        Ok(()) => Failure::from(refusal.problem).ending(Exit::Negative),
        Err(failure) => failure,
    }
}

/// A refusal as one failure, with the findings that came with it below its sentence: for commands that
/// refuse in a way of their own.
pub(super) fn below(mut problem: Problem, body: &Value) -> Failure {
    let found = body.get("findings").cloned().unwrap_or_default();
    let found: Vec<FindingView> = client::read(found).unwrap_or_default();
    let line = |finding: &FindingView| format!("\n  {}  {}", words(finding), finding.message);
    let list: String = found.iter().map(line).collect();
    if !list.is_empty() {
        problem.detail = Some(format!("{}{list}", problem.sentence()));
    }
    problem.into()
}

/// How many of the findings must be mended, in words.
pub(super) fn count(findings: &[FindingView]) -> (usize, String) {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let words = match errors {
        0 => "no mistakes".to_owned(),
        1 => "1 mistake".to_owned(),
        more => format!("{more} mistakes"),
    };
    (errors, words)
}

/// A finding's place in words, where there is no file to point into.
fn words(finding: &FindingView) -> String {
    let mut place = match message_index(&finding.place) {
        Some(index) => format!("message {}", index + 1),
        None => finding.place.replace('_', " ").replacen('.', ": ", 1),
    };
    if let Some(prompt) = &finding.prompt {
        place = format!("{prompt}: {place}");
    }
    if let Some(line) = finding.line {
        place.push_str(&format!(", line {line}"));
    }
    if let Some(column) = finding.column {
        place.push_str(&format!(", column {column}"));
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_without_a_file_is_placed_in_words_and_mistakes_come_first() {
        let finding = |severity: &str, place: &str, line| FindingView {
            prompt: None,
            severity: severity.to_owned(),
            place: place.to_owned(),
            line,
            column: line,
            message: "something".to_owned(),
            remedy: "Do this.".to_owned(),
        };
        let findings = [
            finding("warning", "input_schema", None),
            finding("error", "messages[1]", Some(3)),
        ];
        let (mut out, results, _) = Output::captured(false);
        print(&mut out, &findings, None).unwrap();
        assert_eq!(
            results.text(),
            "mistake  message 2, line 3, column 3  something\n         Do this.\n\
             hint  input schema  something\n         Do this.\n"
        );
        assert_eq!(count(&findings), (1, "1 mistake".to_owned()));
    }
}
