//! Prompts as files: the form in which planners edit them, and keep them in git.
//!
//! ```text
//! explanation/prompt.toml          task, model, kind of answer, parameters
//! explanation/01-system.md         the messages, in order: the exact text
//! explanation/02-user.md
//! explanation/input.schema.json    what an input must be
//! explanation/answer.schema.json   what an answer must be
//! explanation/tests/short.json     one test case
//! explanation/partials/tone.md     this prompt's text of a partial, where it is another than the shared one
//! partials/tone.md                 a piece of text that prompts share
//! .gitattributes                   keeps git from changing the ends of lines
//! ```
//!
//! [`layout`] and [`read`] are pure and each other's inverse: what is read back has the same content
//! hash. [`disk`] and [`store`] move files between a folder and memory; [`one_file`] puts the files of one prompt into
//! one text for an editor.
//!
//! Not here: what makes a prompt sound. The server checks that and answers with findings.

pub(super) mod disk;
mod layout;
mod mistake;
pub(super) mod one_file;
mod path;
mod read;
pub(super) mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use punchcard_events::prompt::{Content, TestCase};
use punchcard_events::{PartialName, TaskName};
use serde::{Deserialize, Serialize};

pub(super) use layout::{Conflict, case_files, content_files, layout};
pub(super) use mistake::Mistake;
pub(super) use path::{Kind, message_path};
pub(super) use read::{read, read_cases, read_content};

/// One prompt: its content and, where it has one, its test set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Bundle {
    /// The task.
    pub(super) task: TaskName,
    /// What it says.
    pub(super) content: Content,
    /// Its test cases. `None`: nothing is said of them, and an import leaves them as they are.
    #[serde(default)]
    pub(super) test_set: Option<Vec<TestCase>>,
}

/// Prompts and the partials that they share.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Folder {
    /// The prompts, by task.
    pub(super) prompts: Vec<Bundle>,
    /// The partials.
    pub(super) partials: BTreeMap<PartialName, String>,
}

/// A file of the form: its path with `/`, and its whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    /// The path within the folder.
    pub(super) path: String,
    /// What it holds, byte for byte.
    pub(super) text: String,
}
