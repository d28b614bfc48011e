//! From files to prompts. Every file is read before anything is said, so that all mistakes are told
//! at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_events::TaskName;
use punchcard_events::prompt::{Content, Expectation, MessageTemplate, TestCase};
use punchcard_events::ticket::{AnswerFormat, Parameters, Role};
use serde::Deserialize;
use serde_json::Value;

use super::path::{Kind, PROMPT, Place, TESTS};
use super::{Bundle, File, Folder, Mistake};

const FILES: &str = "A prompt's folder holds prompt.toml, messages such as 01-system.md and \
                     02-user.md, input.schema.json, answer.schema.json and tests/NAME.json";

/// `prompt.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    task: TaskName,
    model: String,
    #[serde(default = "text")]
    answer: AnswerFormat,
    #[serde(default)]
    parameters: Parameters,
    /// The order of the test cases, where it is not the order of their names.
    #[serde(default)]
    tests: Vec<String>,
}

const fn text() -> AnswerFormat {
    AnswerFormat::Text
}

/// `tests/<case>.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    input: Arc<Value>,
    expect: Vec<Expectation>,
}

/// A task's files, each with what it holds.
type Parts<'a> = Vec<(Kind, &'a File)>;

/// Reads a whole folder.
///
/// # Errors
/// With every mistake that was found.
pub(in crate::cli::prompt) fn read(files: &[File]) -> Result<Folder, Vec<Mistake>> {
    let mut folder = Folder::default();
    let mut tasks: BTreeMap<TaskName, Parts<'_>> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for file in files {
        match Place::of(&file.path) {
            Place::Task(task, kind) => tasks.entry(task).or_default().push((kind, file)),
            Place::Partial(name) => {
                folder.partials.insert(name, file.text.clone());
            }
            Place::Beside => {}
            Place::Unknown => mistakes.push(Mistake::of(
                &file.path,
                format!("this name says nothing here. {FILES}; partials/NAME.md is a partial"),
            )),
        }
    }
    for (task, parts) in &tasks {
        match bundle(task, parts) {
            Ok(bundle) => folder.prompts.push(bundle),
            Err(more) => mistakes.extend(more),
        }
    }
    if mistakes.is_empty() {
        return Ok(folder);
    }
    Err(mistakes)
}

/// Reads the content of one prompt from the files of its folder; their paths begin there.
///
/// # Errors
/// With every mistake that was found.
pub(in crate::cli::prompt) fn read_content(
    task: &TaskName,
    files: &[File],
) -> Result<Bundle, Vec<Mistake>> {
    let mut parts = Vec::with_capacity(files.len());
    let mut mistakes = Vec::new();
    for file in files {
        match Kind::of(&file.path) {
            Some(Kind::Partial(_)) => mistakes.push(Mistake::of(
                &file.path,
                "a draft takes the shared text; save this one with punchcard prompt partial, or take it away",
            )),
            Some(kind) => parts.push((kind, file)),
            None => mistakes.push(Mistake::of(
                &file.path,
                format!("this name says nothing here. {FILES}"),
            )),
        }
    }
    let bundle = bundle(task, &parts);
    match bundle {
        Ok(bundle) if mistakes.is_empty() => Ok(bundle),
        Ok(_) => Err(mistakes),
        Err(more) => {
            mistakes.extend(more);
            Err(mistakes)
        }
    }
}

/// Reads test cases, in the order of their files.
///
/// # Errors
/// With every mistake that was found.
pub(in crate::cli::prompt) fn read_cases(files: &[File]) -> Result<Vec<TestCase>, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut cases: Vec<TestCase> = Vec::new();
    for file in files {
        let Some(Kind::Test(name)) = Kind::of(&file.path) else {
            let message =
                "a test case is named tests/NAME.json, with lowercase letters, digits or -";
            mistakes.push(Mistake::of(&file.path, message));
            continue;
        };
        if cases.iter().any(|case| case.name == name) {
            mistakes.push(Mistake::of(&file.path, "this case is there twice"));
        }
        match case(name, file) {
            Ok(case) => cases.push(case),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() {
        return Ok(cases);
    }
    Err(mistakes)
}

/// Whether two texts of one file say the same, so that a file with its comments may stay as it is.
pub(super) fn says_the_same(path: &str, one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    if path.ends_with(".json") {
        let read = |text| serde_json::from_str::<Value>(text).ok();
        return read(one).is_some_and(|value| Some(value) == read(other));
    }
    let read = |text| toml::from_str::<Head>(text).ok();
    path.ends_with(PROMPT) && read(one).is_some_and(|head| Some(head) == read(other))
}

fn bundle(task: &TaskName, parts: &Parts<'_>) -> Result<Bundle, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let head = take(&mut mistakes, head(task, parts));
    let messages = take(&mut mistakes, messages(task, parts));
    let input_schema = take(&mut mistakes, schema(parts, &Kind::InputSchema));
    let answer_schema = take(&mut mistakes, schema(parts, &Kind::AnswerSchema));
    let mut cases = Vec::new();
    let mut partials = BTreeMap::new();
    for (kind, file) in parts {
        match kind {
            Kind::Test(name) => cases.extend(take(&mut mistakes, case(name.clone(), file))),
            Kind::Partial(name) => {
                partials.insert(name.clone(), file.text.clone());
            }
            Kind::Prompt | Kind::Message(..) | Kind::InputSchema | Kind::AnswerSchema => {}
        }
    }
    let (Some((head, file)), Some(messages)) = (head, messages) else {
        return Err(mistakes);
    };
    if let Err(mistake) = order(&mut cases, &head.tests, file) {
        mistakes.push(mistake);
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Ok(Bundle {
        task: head.task,
        content: Content {
            messages,
            model: head.model,
            parameters: head.parameters,
            answer: head.answer,
            input_schema: input_schema.flatten(),
            answer_schema: answer_schema.flatten(),
            partials,
        },
        test_set: (!cases.is_empty()).then_some(cases),
    })
}

fn take<T>(mistakes: &mut Vec<Mistake>, read: Result<T, Mistake>) -> Option<T> {
    read.map_err(|mistake| mistakes.push(mistake)).ok()
}

fn head<'a>(task: &TaskName, parts: &Parts<'a>) -> Result<(Head, &'a File), Mistake> {
    let Some((_, file)) = parts.iter().find(|(kind, _)| *kind == Kind::Prompt) else {
        let message = "there is no prompt.toml; it says the task, the model and the kind of answer";
        return Err(Mistake::of(task.as_str(), message));
    };
    let text = without_mark(&file.text);
    let head: Head =
        toml::from_str(text).map_err(|error| Mistake::toml(&file.path, text, &error))?;
    if head.task != *task {
        let place = text.find("task").unwrap_or(0);
        let message = format!(
            "this says the task `{}`, and belongs to `{task}`",
            head.task
        );
        return Err(Mistake::at(&file.path, text, place, message));
    }
    Ok((head, file))
}

fn messages(task: &TaskName, parts: &Parts<'_>) -> Result<Vec<MessageTemplate>, Mistake> {
    let mut messages: BTreeMap<u32, (Role, &File)> = BTreeMap::new();
    for (kind, file) in parts {
        if let Kind::Message(number, role) = kind
            && let Some((_, other)) = messages.insert(*number, (*role, file))
        {
            let message = format!("{} has the same number: which one is first?", other.path);
            return Err(Mistake::of(&file.path, message));
        }
    }
    if messages.is_empty() {
        let message = "there is no message; write one into 01-system.md or 01-user.md";
        return Err(Mistake::of(task.as_str(), message));
    }
    let template = |(role, file): (Role, &File)| MessageTemplate {
        role,
        content: file.text.clone(),
    };
    Ok(messages.into_values().map(template).collect())
}

fn schema(parts: &Parts<'_>, wanted: &Kind) -> Result<Option<Arc<Value>>, Mistake> {
    let Some((_, file)) = parts.iter().find(|(kind, _)| kind == wanted) else {
        return Ok(None);
    };
    let document = serde_json::from_str(without_mark(&file.text));
    let document: Value = document.map_err(|error| Mistake::json(&file.path, &error))?;
    Ok(Some(Arc::new(document)))
}

fn case(name: String, file: &File) -> Result<TestCase, Mistake> {
    let read = serde_json::from_str(without_mark(&file.text));
    let CaseFile { input, expect } = read.map_err(|error| Mistake::json(&file.path, &error))?;
    Ok(TestCase {
        name,
        input,
        expect,
    })
}

/// Puts the cases into the order that `prompt.toml` says; those it does not name come last, by name.
fn order(cases: &mut [TestCase], wanted: &[String], head: &File) -> Result<(), Mistake> {
    if let Some(gone) = wanted
        .iter()
        .find(|name| cases.iter().all(|case| case.name != **name))
    {
        let place = head.text.find("tests").unwrap_or(0);
        let message = format!("there is no {TESTS}/{gone}.json; take the name out of `tests`");
        return Err(Mistake::at(&head.path, &head.text, place, message));
    }
    let rank = |name: &str| wanted.iter().position(|other| other == name);
    cases.sort_by_cached_key(|case| (rank(&case.name).unwrap_or(usize::MAX), case.name.clone()));
    Ok(())
}

/// The text without the mark that some editors put before UTF-8. Messages keep theirs: they are
/// taken byte for byte.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}
