//! From prompts to files.

use std::collections::BTreeMap;

use punchcard_events::prompt::{Content, TestCase};
use punchcard_events::ticket::{AnswerFormat, Parameters};
use punchcard_events::{PartialName, TaskName};
use serde::Serialize;
use serde_json::Value;
use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::path::{ANSWER_SCHEMA, INPUT_SCHEMA, PARTIALS, PROMPT, TESTS};
use super::path::{is_case_name, message_path};
use super::{Bundle, File, Folder};

const HEAD: &str = "\
# The texts are in the files beside this one: 01-system.md, 02-user.md and so on, one for each message.
# Comments such as this one stay in the file; the server does not keep them.

";
const ANSWER_COMMENT: &str = "# \"text\", or \"json\": the answer is one JSON document.\n";

/// Why prompts cannot be written as files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli::prompt) enum Conflict {
    /// The name of a test case cannot name a file.
    #[error("the test case `{0}` has a name that cannot name a file")]
    CaseName(String),
}

/// The files of `folder`, by path. Partials that are written into a prompt's content become files
/// of the partials' folder; where prompts carry different texts of one partial, those that do not
/// carry the text of that folder have theirs in a folder of their own.
///
/// # Errors
/// When a name cannot name a file.
pub(in crate::cli::prompt) fn layout(folder: &Folder) -> Result<Vec<File>, Conflict> {
    let shared = partials(folder);
    let mut files = Vec::new();
    for bundle in &folder.prompts {
        let own = bundle.content.partials.iter();
        let own = own.filter(|(name, text)| shared.get(name) != Some(&text.as_str()));
        let own = own.map(|(name, text)| partial_file(name, text));
        for file in bundle_files(bundle)?.into_iter().chain(own) {
            let path = format!("{}/{}", bundle.task, file.path);
            files.push(File { path, ..file });
        }
    }
    files.extend(
        shared
            .into_iter()
            .map(|(name, text)| partial_file(name, text)),
    );
    Ok(files)
}

fn partial_file(name: &PartialName, text: &str) -> File {
    File {
        path: format!("{PARTIALS}/{name}.md"),
        text: text.to_owned(),
    }
}

fn bundle_files(bundle: &Bundle) -> Result<Vec<File>, Conflict> {
    let cases = bundle.test_set.as_deref().unwrap_or_default();
    let mut files = content_files(&bundle.task, &bundle.content);
    if let Some(head) = files.first_mut() {
        head.text = head_text(&bundle.task, &bundle.content, cases);
    }
    files.extend(case_files(cases)?);
    Ok(files)
}

/// The text of each partial that all prompts share: the folder's, or else the one that most prompts
/// carry, and of those that as many carry the first.
fn partials(folder: &Folder) -> BTreeMap<&PartialName, &str> {
    let mut carried: BTreeMap<&PartialName, Vec<(&str, usize)>> = BTreeMap::new();
    let carrying = folder.prompts.iter();
    for (name, text) in carrying.flat_map(|bundle| &bundle.content.partials) {
        let texts = carried.entry(name).or_default();
        match texts.iter_mut().find(|(other, _)| other == text) {
            Some((_, count)) => *count += 1,
            None => texts.push((text, 1)),
        }
    }
    let mut shared = BTreeMap::new();
    for (name, texts) in carried {
        // Of several that are the most, `max_by_key` takes the last.
        let most = texts.into_iter().rev().max_by_key(|(_, count)| *count);
        shared.extend(most.map(|(text, _)| (name, text)));
    }
    shared.extend(
        folder
            .partials
            .iter()
            .map(|(name, text)| (name, text.as_str())),
    );
    shared
}

/// The files of one prompt's content, `prompt.toml` first, then the messages in order.
pub(in crate::cli::prompt) fn content_files(task: &TaskName, content: &Content) -> Vec<File> {
    let file = |path: &str, text| File {
        path: path.to_owned(),
        text,
    };
    let mut files = vec![file(PROMPT, head_text(task, content, &[]))];
    let count = content.messages.len();
    for (index, message) in content.messages.iter().enumerate() {
        let path = message_path(index, count, message.role);
        files.push(file(&path, message.content.clone()));
    }
    let schemas = [
        (INPUT_SCHEMA, &content.input_schema),
        (ANSWER_SCHEMA, &content.answer_schema),
    ];
    for (path, schema) in schemas {
        // A schema that is `null` says what no schema says, and hashes alike.
        if let Some(schema) = schema.as_deref().filter(|schema| !schema.is_null()) {
            files.push(file(path, json_text(schema)));
        }
    }
    files
}

/// The files of test cases, in their order.
///
/// # Errors
/// When a name cannot name a file.
pub(in crate::cli::prompt) fn case_files(cases: &[TestCase]) -> Result<Vec<File>, Conflict> {
    let one = |case: &TestCase| {
        if !is_case_name(&case.name) {
            return Err(Conflict::CaseName(case.name.clone()));
        }
        let mut body = serde_json::Map::new();
        body.insert("input".to_owned(), Value::clone(&case.input));
        let expect = serde_json::to_value(&case.expect).unwrap_or_default();
        body.insert("expect".to_owned(), expect);
        Ok(File {
            path: format!("{TESTS}/{}.json", case.name),
            text: json_text(&Ordered(&body)),
        })
    };
    cases.iter().map(one).collect()
}

/// A case as people write it: what goes in before what is expected.
struct Ordered<'a>(&'a serde_json::Map<String, Value>);

impl Serialize for Ordered<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(["input", "expect"].map(|key| (key, self.0.get(key))))
    }
}

fn json_text(document: &impl Serialize) -> String {
    // Values of JSON and checked numbers can always be written.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

fn head_text(task: &TaskName, content: &Content, cases: &[TestCase]) -> String {
    let mut document = DocumentMut::new();
    document["task"] = value(task.as_str());
    document["model"] = value(content.model.as_str());
    document["answer"] = value(match content.answer {
        AnswerFormat::Text => "text",
        AnswerFormat::Json => "json",
    });
    if let Some(mut key) = document.key_mut("answer") {
        key.leaf_decor_mut().set_prefix(ANSWER_COMMENT);
    }
    // Files come back by name; another order of the cases has to be said.
    if !cases.is_sorted_by(|a, b| a.name < b.name) {
        let names: Array = cases.iter().map(|case| case.name.as_str()).collect();
        document["tests"] = value(names);
    }
    let parameters = parameter_table(&content.parameters);
    if !parameters.is_empty() {
        document["parameters"] = Item::Table(parameters);
    }
    format!("{HEAD}{document}")
}

fn parameter_table(parameters: &Parameters) -> Table {
    let mut table = Table::new();
    let mut set = |name: &str, item: Option<Item>| {
        if let Some(item) = item {
            table.insert(name, item);
        }
    };
    set("temperature", parameters.temperature.map(value));
    set("top_p", parameters.top_p.map(value));
    set(
        "max_tokens",
        parameters.max_tokens.map(|n| value(i64::from(n))),
    );
    set("seed", parameters.seed.map(value));
    set("json", parameters.json.then(|| value(true)));
    table
}
