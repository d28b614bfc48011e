//! The paths of the form: which file holds what. Every name is checked before it becomes a path.

use punchcard_events::ticket::Role;
use punchcard_events::{PartialName, TaskName};

/// The folder of the partials, and that of a prompt's own texts of them.
pub(super) const PARTIALS: &str = "partials";
/// The file of everything that is no text of its own.
pub(super) const PROMPT: &str = "prompt.toml";
/// The file of the input schema.
pub(super) const INPUT_SCHEMA: &str = "input.schema.json";
/// The file of the answer schema.
pub(super) const ANSWER_SCHEMA: &str = "answer.schema.json";
/// The folder of the test cases, in a task's folder.
pub(super) const TESTS: &str = "tests";

/// What a file of a task's folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli::prompt) enum Kind {
    /// `prompt.toml`.
    Prompt,
    /// `01-system.md`: a message by its number and role.
    Message(u32, Role),
    /// `input.schema.json`.
    InputSchema,
    /// `answer.schema.json`.
    AnswerSchema,
    /// `tests/<case>.json`, by the case's name.
    Test(String),
    /// `partials/<name>.md`: the prompt's own text of a partial, where it is another than all have.
    Partial(PartialName),
}

impl Kind {
    /// What the file at `path` within a task's folder holds; `None`: nothing of ours.
    pub(in crate::cli::prompt) fn of(path: &str) -> Option<Self> {
        match path {
            PROMPT => return Some(Self::Prompt),
            INPUT_SCHEMA => return Some(Self::InputSchema),
            ANSWER_SCHEMA => return Some(Self::AnswerSchema),
            _ => {}
        }
        if let Some(file) = path.strip_prefix("tests/") {
            let case = file.strip_suffix(".json")?;
            return is_case_name(case).then(|| Self::Test(case.to_owned()));
        }
        let text = path.strip_suffix(".md")?;
        if let Some((PARTIALS, name)) = text.split_once('/') {
            return PartialName::new(name).ok().map(Self::Partial);
        }
        let (number, role) = text.split_once('-')?;
        let digits = (1..=4).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        let role = match role {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => return None,
        };
        digits
            .then(|| number.parse().ok())?
            .map(|number| Self::Message(number, role))
    }
}

/// The name of the file of the message at `index`, from 0, of `count` messages.
pub(in crate::cli::prompt) fn message_path(index: usize, count: usize, role: Role) -> String {
    let width = count.to_string().len().max(2);
    format!("{:0width$}-{}.md", index + 1, role_word(role))
}

/// A role as the files name it.
pub(super) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// Whether `name` can name a test case, and so a file.
pub(super) fn is_case_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Where in a folder a file belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In a task's folder.
    Task(TaskName, Kind),
    /// A partial.
    Partial(PartialName),
    /// Beside the prompts: a readme, a licence, an editor's own files.
    Beside,
    /// In a task's folder, under a name that says nothing.
    Unknown,
}

impl Place {
    /// Where the file at `path` belongs. A task called `partials` may share the folder with the
    /// partials: no name of a partial begins with a digit or is one of the other files.
    pub(super) fn of(path: &str) -> Self {
        let last = path.rsplit('/').next().unwrap_or(path);
        let hidden = path.split('/').any(|part| part.starts_with('.'));
        let Some((folder, rest)) = path.split_once('/') else {
            return Self::Beside;
        };
        if hidden || last.ends_with('~') || last == "README.md" {
            return Self::Beside;
        }
        if let (Ok(task), Some(kind)) = (TaskName::new(folder), Kind::of(rest)) {
            return Self::Task(task, kind);
        }
        let partial = rest.strip_suffix(".md").map(PartialName::new);
        match partial {
            Some(Ok(name)) if folder == PARTIALS => Self::Partial(name),
            Some(_) | None => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_its_file_holds() {
        assert_eq!(Kind::of("prompt.toml"), Some(Kind::Prompt));
        assert_eq!(Kind::of("02-user.md"), Some(Kind::Message(2, Role::User)));
        assert_eq!(
            Kind::of("tests/a-1.json"),
            Some(Kind::Test("a-1".to_owned()))
        );
        for other in [
            "user.md",
            "-user.md",
            "02-robot.md",
            "02-user.txt",
            "tests/A.json",
            "tests/../a.json",
            "tests/.json",
            "99999-user.md",
            "+1-user.md",
            "partials/Tone.md",
            "partials/a/b.md",
            "parts/tone.md",
        ] {
            assert_eq!(Kind::of(other), None, "{other}");
        }
    }

    #[test]
    fn every_message_path_is_read_back() {
        for (index, count) in [(0, 1), (8, 9), (98, 99), (4, 120), (119, 120)] {
            let path = message_path(index, count, Role::Assistant);
            let number = u32::try_from(index).unwrap() + 1;
            assert_eq!(
                Kind::of(&path),
                Some(Kind::Message(number, Role::Assistant))
            );
        }
        assert_eq!(message_path(0, 2, Role::System), "01-system.md");
    }

    #[test]
    fn a_task_may_be_called_partials() {
        let task = TaskName::new("partials").unwrap();
        assert_eq!(
            Place::of("partials/prompt.toml"),
            Place::Task(task, Kind::Prompt)
        );
        let tone = PartialName::new("tone").unwrap();
        assert_eq!(Place::of("partials/tone.md"), Place::Partial(tone.clone()));
        let own = Kind::Partial(tone);
        for folder in ["partials", "a"] {
            let task = TaskName::new(folder).unwrap();
            let place = Place::of(&format!("{folder}/partials/tone.md"));
            assert_eq!(place, Place::Task(task, own.clone()));
        }
    }

    #[test]
    fn files_beside_the_prompts_are_left_alone_and_typing_mistakes_are_not() {
        for beside in [
            "README.md",
            ".git/config",
            "a/.swp",
            "a/README.md",
            "a/prompt.toml~",
        ] {
            assert_eq!(Place::of(beside), Place::Beside, "{beside}");
        }
        for unknown in [
            "a/input.shema.json",
            "a/tests/x.toml",
            "partials/Tone.md",
            "A b/x.md",
        ] {
            assert_eq!(Place::of(unknown), Place::Unknown, "{unknown}");
        }
    }
}
