//! What is wrong with a test set before anybody runs it.

use std::collections::BTreeSet;

use punchcard_actors::ports::{Finding, Severity};
use punchcard_events::prompt::{Expectation, TestCase, limits};
use punchcard_events::ticket::AnswerFormat;

use super::super::CompiledPrompt;
use super::judges::capital;
use super::{json, language, text};

/// The most bytes of a rubric, or of a text that is looked for.
const MAX_TEXT_BYTES: usize = 4_000;

/// Finds what is wrong with `cases`. `prompt` is what they are going to be tried with, where there
/// is something; `knows_model` says whether a model is configured.
pub(super) fn check_test_set(
    cases: &[TestCase],
    prompt: Option<&CompiledPrompt>,
    knows_model: impl Fn(&str) -> bool,
) -> Vec<Finding> {
    let mut found = Vec::new();
    if cases.is_empty() {
        found.push(warning(
            "cases".to_owned(),
            "There are no cases, so nothing can be tested.",
            "Write at least one case: an input, and what its answer must be.",
        ));
    }
    if cases.len() > limits::CASES {
        found.push(error(
            "cases".to_owned(),
            format!(
                "There are {} cases; the most are {}.",
                cases.len(),
                limits::CASES
            ),
            "Keep those that tell good prompts from bad ones.",
        ));
        return found;
    }
    let mut names = BTreeSet::new();
    for case in cases {
        check_name(case, &mut names, &mut found);
        check_input(case, prompt, &mut found);
        check_expectations(case, prompt, &knows_model, &mut found);
    }
    found
}

fn check_name<'a>(case: &'a TestCase, names: &mut BTreeSet<&'a str>, found: &mut Vec<Finding>) {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let name = case.name.as_str();
    if !(1..=limits::CASE_NAME_BYTES).contains(&name.len())
        || !name.bytes().all(allowed)
        || name.starts_with('-')
        || name.ends_with('-')
    {
        found.push(error(
            place(case),
            "The name is not one that a file can have.",
            "Use 1 to 64 lowercase letters, digits or -, with no - at the start or end.",
        ));
    }
    if !names.insert(name) {
        found.push(error(
            place(case),
            "Another case has the same name.",
            "Give each case a name of its own: results are compared by it.",
        ));
    }
}

/// That an input does not fit is not refused: the schema says what an issuer sends, and where the
/// task has a pre-process hook, the case says what the hook makes of it.
fn check_input(case: &TestCase, prompt: Option<&CompiledPrompt>, found: &mut Vec<Finding>) {
    let Some(prompt) = prompt else { return };
    let place = || format!("{}, input", place(case));
    if let Err(misfit) = prompt.check_input(&case.input, false) {
        let at = match misfit.pointer.as_str() {
            "" => String::new(),
            pointer => format!(" at {pointer}"),
        };
        found.push(warning(
            place(),
            format!("It does not fit{at}: {}.", misfit.message),
            "Write what an issuer would send. Where the task has a pre-process hook, write what the \
             hook gives back, and this may be right.",
        ));
    }
    if let Err(why) = prompt.render(&case.input) {
        found.push(warning(
            place(),
            format!("The prompt as it is now cannot be filled in with it: {why}."),
            "Add what is missing to the input, or change the prompt.",
        ));
    }
}

fn check_expectations(
    case: &TestCase,
    prompt: Option<&CompiledPrompt>,
    knows_model: &dyn Fn(&str) -> bool,
    found: &mut Vec<Finding>,
) {
    let place = |n: usize| format!("{}, expect[{n}]", place(case));
    if case.expect.is_empty() {
        found.push(error(
            self::place(case),
            "Nothing is expected of the answer, so any answer passes.",
            "Say what the answer must be.",
        ));
    }
    if case.expect.len() > limits::EXPECTATIONS {
        found.push(error(
            self::place(case),
            format!("There are more than {} expectations.", limits::EXPECTATIONS),
            "Spread them over several cases.",
        ));
        return;
    }
    for (n, expected) in case.expect.iter().enumerate() {
        if let Err((message, remedy)) = sound(expected, knows_model) {
            found.push(error(place(n), message, remedy));
        }
        if let Some((message, remedy)) = prompt.and_then(|prompt| idle(expected, prompt)) {
            found.push(warning(place(n), message, remedy));
        }
    }
}

/// What makes an expectation one that cannot be judged, or that nothing meets.
fn sound(
    expected: &Expectation,
    knows_model: &dyn Fn(&str) -> bool,
) -> Result<(), (String, String)> {
    let wrong = |message: &str, remedy: &str| Err((message.to_owned(), remedy.to_owned()));
    match expected {
        Expectation::FitsSchema => Ok(()),
        Expectation::Contains(text) | Expectation::NotContains(text) if text.is_empty() => {
            wrong("The text is empty.", "Write the text to look for.")
        }
        Expectation::Contains(text)
        | Expectation::NotContains(text)
        | Expectation::Rubric { text, .. }
            if text.len() > MAX_TEXT_BYTES =>
        {
            wrong(
                &format!("The text has more than {MAX_TEXT_BYTES} bytes."),
                "Make it shorter.",
            )
        }
        Expectation::Contains(_) | Expectation::NotContains(_) => Ok(()),
        Expectation::Matches(pattern) => text::compile(pattern).map(drop).map_err(|why| {
            (
                format!("The pattern cannot be used: {why}."),
                "Write a regular expression; \\ stands before . ? ( and the like where they are \
                 meant as themselves."
                    .to_owned(),
            )
        }),
        Expectation::JsonEquals { path, .. } => json_path(path),
        Expectation::NumberBetween { path, min, max } => {
            json_path(path)?;
            in_order(*min, *max)
        }
        Expectation::LengthBetween { min, max } => in_order(*min, *max),
        Expectation::Language(code) if language::by_code(code).is_none() => {
            wrong("This language is not known.", &capital(&language::remedy()))
        }
        Expectation::Language(_) => Ok(()),
        Expectation::LatencyUnderMs(0) | Expectation::TokensUnder(0) => wrong(
            "No answer can do with 0.",
            "Write the most that is acceptable.",
        ),
        Expectation::LatencyUnderMs(_) | Expectation::TokensUnder(_) => Ok(()),
        Expectation::Rubric { text, .. } if text.trim().is_empty() => wrong(
            "The description is empty.",
            "Say in plain words what a good answer is.",
        ),
        Expectation::Rubric {
            model: Some(model), ..
        } if !knows_model(model) => wrong(
            &format!(
                "There is no model {} in the configuration.",
                super::quote::quote(model)
            ),
            "Name one that is configured, or leave it out: then the prompt's own model judges.",
        ),
        Expectation::Rubric { .. } => Ok(()),
    }
}

fn json_path(path: &str) -> Result<(), (String, String)> {
    json::compile(path).map(drop).map_err(|why| {
        (
            format!("The path cannot be used: {why}."),
            "Write a JSON path such as $.score or $.corrections[0].right.".to_owned(),
        )
    })
}

fn in_order<T: PartialOrd>(min: Option<T>, max: Option<T>) -> Result<(), (String, String)> {
    match (min, max) {
        (Some(min), Some(max)) if min > max => Err((
            "The least is more than the most.".to_owned(),
            "Exchange the two numbers.".to_owned(),
        )),
        (None, None) => Err((
            "Neither a least nor a most is given.".to_owned(),
            "Give min, max or both.".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// What makes an expectation say nothing about this prompt, or fail for every answer of it.
fn idle(expected: &Expectation, prompt: &CompiledPrompt) -> Option<(&'static str, &'static str)> {
    let content = prompt.content();
    match (expected, content.answer) {
        (Expectation::FitsSchema, AnswerFormat::Text) => Some((
            "The prompt answers with text and has no answer schema, so every answer fits.",
            "Leave it out, or ask for a JSON answer with a schema.",
        )),
        (
            Expectation::JsonEquals { .. } | Expectation::NumberBetween { .. },
            AnswerFormat::Text,
        ) => Some((
            "The prompt answers with text, where a path leads nowhere.",
            "Ask for a JSON answer, or look for the text itself.",
        )),
        (
            Expectation::FitsSchema
            | Expectation::JsonEquals { .. }
            | Expectation::NumberBetween { .. }
            | Expectation::Contains(_)
            | Expectation::NotContains(_)
            | Expectation::Matches(_)
            | Expectation::LengthBetween { .. }
            | Expectation::Language(_)
            | Expectation::LatencyUnderMs(_)
            | Expectation::TokensUnder(_)
            | Expectation::Rubric { .. },
            AnswerFormat::Text | AnswerFormat::Json,
        ) => None,
    }
}

fn place(case: &TestCase) -> String {
    let name: String = case.name.chars().take(64).collect();
    format!("case {name}")
}

fn error(place: String, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
    finding(Severity::Error, place, message.into(), remedy.into())
}

fn warning(place: String, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
    finding(Severity::Warning, place, message.into(), remedy.into())
}

const fn finding(severity: Severity, place: String, message: String, remedy: String) -> Finding {
    Finding {
        severity,
        place,
        line: None,
        column: None,
        message,
        remedy,
    }
}
