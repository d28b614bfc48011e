//! Where a planner's text was read from, and where in it something is.

use std::fs;
use std::path::{Path, PathBuf};

use punchcard_events::TaskName;
use punchcard_events::prompt::TestCase;

use super::bundle::one_file::{self, Section};
use super::bundle::{self, Bundle, File, Kind, Mistake, disk};
use super::views::FindingView;
use crate::cli::exit::Failure;

/// The most bytes of one text.
const MAX_BYTES: u64 = 16 << 20;
/// What the line of the help begins with that says what the text was made from.
const BASE: &str = "# Based on ";
/// The same where that has a number.
const BASED_ON: &str = "# Based on edit ";

/// A prompt as a planner wrote it.
#[derive(Debug)]
pub(super) struct Written {
    /// What was written.
    pub(super) bundle: Bundle,
    /// Where.
    pub(super) source: Source,
    /// The edit that it was made from, where the text says so.
    pub(super) edit: Option<u32>,
}

/// The files of a text: one after the other in one file, or in a folder.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    sections: Option<Vec<Section>>,
    /// The messages' files, in order.
    messages: Vec<String>,
}

impl Written {
    /// The same, with findings placed in a file of this name.
    #[must_use]
    pub(super) fn shown_as(mut self, name: &str) -> Self {
        self.source.path = name.into();
        self
    }
}

/// Reads one text for an editor.
///
/// # Errors
/// With what is wrong in it.
pub(super) fn read_file(
    task: &TaskName,
    path: &Path,
) -> Result<Result<Written, Vec<Mistake>>, Failure> {
    let text = read_text(path)?;
    let name = path.display().to_string();
    let sections = match one_file::split(&name, &text) {
        Ok(sections) => sections,
        Err(mistake) => return Ok(Err(vec![mistake])),
    };
    let files = files_of(&sections);
    let read = bundle::read_content(task, &files);
    Ok(match read {
        Ok(bundle) => Ok(Written {
            bundle,
            edit: based_on(&text),
            source: Source {
                path: path.to_owned(),
                messages: messages(&files),
                sections: Some(sections),
            },
        }),
        Err(mistakes) => Err(one_file::place(&name, &sections, mistakes)),
    })
}

/// Reads the folder of one prompt.
///
/// # Errors
/// When it cannot be read, and with what is wrong in it.
pub(super) fn read_folder(
    task: &TaskName,
    path: &Path,
) -> Result<Result<Written, Vec<Mistake>>, Failure> {
    let files = match disk::load_one(path) {
        Ok(files) => files,
        Err(disk::DiskError::Mistakes(mistakes)) => return Ok(Err(mistakes)),
        Err(error) => return Err(Failure::usage(error.to_string())),
    };
    Ok(bundle::read_content(task, &files).map(|bundle| Written {
        bundle,
        edit: None,
        source: Source {
            path: path.to_owned(),
            messages: messages(&files),
            sections: None,
        },
    }))
}

/// Reads test cases from one text for an editor.
///
/// # Errors
/// When it cannot be read, and with what is wrong in it.
pub(super) fn read_cases(path: &Path) -> Result<Result<Vec<TestCase>, Vec<Mistake>>, Failure> {
    let text = read_text(path)?;
    let name = path.display().to_string();
    let sections = match one_file::split(&name, &text) {
        Ok(sections) => sections,
        Err(mistake) => return Ok(Err(vec![mistake])),
    };
    let read = bundle::read_cases(&files_of(&sections));
    Ok(read.map_err(|mistakes| one_file::place(&name, &sections, mistakes)))
}

/// Reads a text.
///
/// # Errors
/// When it cannot be read, or is no text.
pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!("failed to read {}: {error}", path.display()))
    };
    if fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
        let sentence = format!("{} is larger than {MAX_BYTES} bytes", path.display());
        return Err(Failure::usage(sentence));
    }
    fs::read_to_string(path).map_err(failed)
}

/// The line that says which edit a text is made from.
pub(super) fn based_on_line(edit: Option<u32>) -> String {
    // There is a line in any case, so that the places of findings below it stay.
    let base = edit.map_or_else(|| "nothing".to_owned(), |edit| format!("edit {edit}"));
    format!(
        "{}{base}. (Leave this line as it is.)",
        BASE.trim_start_matches("# ")
    )
}

/// Says in a text that it is saved as this edit now: whoever goes on with it goes on from there.
///
/// # Errors
/// When the file cannot be read or written.
pub(super) fn rebase(path: &Path, edit: u32) -> Result<(), Failure> {
    let text = read_text(path)?;
    let line = format!("# {}", based_on_line(Some(edit)));
    fs::write(path, with_base(&text, &line))
        .map_err(|error| Failure::negative(format!("failed to write {}: {error}", path.display())))
}

/// The text with `line` in place of what it says of its base; above everything where it says nothing.
fn with_base(text: &str, line: &str) -> String {
    let mut at = 0;
    for old in text.split_inclusive('\n') {
        if old.starts_with(BASE) {
            let (above, below) = (text.get(..at), text.get(at + old.trim_end().len()..));
            return format!(
                "{}{line}{}",
                above.unwrap_or_default(),
                below.unwrap_or_default()
            );
        }
        if !old.trim_end().is_empty() && !old.starts_with('#') {
            break;
        }
        at += old.len();
    }
    format!("{line}\n{text}")
}

/// The edit that a text says it was made from.
pub(super) fn based_on(text: &str) -> Option<u32> {
    let above = text
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with('#'));
    let rest = above
        .filter_map(|line| line.strip_prefix(BASED_ON))
        .next()?;
    rest.split('.').next()?.parse().ok()
}

fn files_of(sections: &[Section]) -> Vec<File> {
    sections
        .iter()
        .map(|section| section.file.clone())
        .collect()
}

fn messages(files: &[File]) -> Vec<String> {
    let numbered = files.iter().filter_map(|file| match Kind::of(&file.path)? {
        Kind::Message(number, _) => Some((number, file.path.clone())),
        Kind::Prompt
        | Kind::InputSchema
        | Kind::AnswerSchema
        | Kind::Test(_)
        | Kind::Partial(_) => None,
    });
    let mut numbered: Vec<_> = numbered.collect();
    numbered.sort();
    numbered.into_iter().map(|(_, path)| path).collect()
}

impl Source {
    /// Where a finding is, as `FILE:LINE:COLUMN`; `None`: in nothing that was written here.
    pub(super) fn locate(&self, finding: &FindingView) -> Option<String> {
        let file = self.file_of(&finding.place)?;
        let (line, column) = (finding.line, finding.column);
        let (place, line) = match &self.sections {
            Some(sections) => {
                let section = sections.iter().find(|section| section.file.path == file)?;
                let line = section.line + line.unwrap_or(1).max(1) - 1;
                (self.path.display().to_string(), Some(line))
            }
            None => (self.path.join(file).display().to_string(), line),
        };
        let mut told = place;
        for number in [line, column].into_iter().flatten() {
            told.push_str(&format!(":{number}"));
        }
        Some(told)
    }

    fn file_of(&self, place: &str) -> Option<&str> {
        if let Some(index) = message_index(place) {
            return self.messages.get(index).map(String::as_str);
        }
        let word = place.split(['.', '/', '[', ' ']).next().unwrap_or(place);
        match word {
            "input_schema" => Some("input.schema.json"),
            "answer_schema" => Some("answer.schema.json"),
            "model" | "parameters" | "answer" => Some("prompt.toml"),
            _ => None,
        }
    }
}

/// The index of the message that a place such as `messages[1]` names.
pub(super) fn message_index(place: &str) -> Option<usize> {
    let (index, _) = place.strip_prefix("messages[")?.split_once(']')?;
    index.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# help\n# Based on edit 4. (Leave this line as it is.)\n\n\
        ==> prompt.toml\ntask = \"explanation\"\nmodel = \"small\"\n\
        ==> 05-user.md\nline one\n{{ levl }}\n==> 01-system.md\nYou explain.\n";

    fn written() -> Result<Written, Vec<Mistake>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("draft.md");
        fs::write(&path, TEXT).unwrap();
        let task = "explanation".parse().unwrap();
        let mut read = read_file(&task, &path).unwrap();
        if let Ok(written) = &mut read {
            written.source.path = "draft.md".into();
        }
        read
    }

    fn finding(place: &str) -> FindingView {
        FindingView {
            prompt: None,
            severity: "error".to_owned(),
            place: place.to_owned(),
            line: Some(2),
            column: Some(4),
            message: String::new(),
            remedy: String::new(),
        }
    }

    #[test]
    fn a_finding_is_placed_where_the_planner_wrote() {
        let written = written().unwrap();
        let located = |place| written.source.locate(&finding(place));
        assert_eq!(located("messages[1]"), Some("draft.md:9:4".to_owned()));
        assert_eq!(located("model"), Some("draft.md:6:4".to_owned()));
        assert_eq!(located("partial tone"), None);
        assert_eq!(located("messages[7]"), None);
    }

    #[test]
    fn a_text_says_which_edit_it_was_made_from() {
        assert_eq!(written().unwrap().edit, Some(4));
        let line = format!("# {}", based_on_line(Some(12)));
        assert_eq!(based_on(&line), Some(12));
        assert_eq!(based_on("# help\n\n==> a\n# Based on edit 4.\n"), None);
        assert_eq!(based_on(&format!("# {}", based_on_line(None))), None);
    }

    #[test]
    fn a_text_that_is_saved_is_made_from_what_was_saved() {
        let rebased = with_base(TEXT, "# Based on edit 5.");
        assert_eq!(based_on(&rebased), Some(5));
        assert_eq!(
            rebased,
            TEXT.replace("edit 4. (Leave this line as it is.)", "edit 5.")
        );
        let new = format!("# help\n# {}\n==> a\n", based_on_line(None));
        let rebased = with_base(&new, "# Based on edit 1.");
        assert_eq!(rebased, "# help\n# Based on edit 1.\n==> a\n");
        let without = "==> a\n# Based on nothing\n";
        let rebased = with_base(without, "# Based on edit 1.");
        assert_eq!(rebased, format!("# Based on edit 1.\n{without}"));
    }
}
