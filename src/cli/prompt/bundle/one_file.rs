//! The files of one prompt in one text, for an editor:
//!
//! ```text
//! # a few lines of help
//! ==> prompt.toml
//! model = "small"
//! ==> 01-system.md
//! You explain things.
//! ```
//!
//! The line break before a `==>` line belongs to the form, so a file that ends without one comes back
//! without one. A line of a file that looks like such a line is written with a `\` before it.

use super::{File, Mistake};

/// What begins the line above a file.
const MARK: &str = "==> ";

/// A file, and the line of the whole text on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli::prompt) struct Section {
    /// The file.
    pub(in crate::cli::prompt) file: File,
    /// The line of its first line, from 1.
    pub(in crate::cli::prompt) line: usize,
}

/// `files` in one text, after `help`, whose lines become comments.
pub(in crate::cli::prompt) fn join(help: &str, files: &[File]) -> String {
    let mut text = String::new();
    for line in help.lines() {
        text.push_str(format!("# {line}").trim_end());
        text.push('\n');
    }
    text.push('\n');
    for file in files {
        text.push_str(&format!("{MARK}{}\n", file.path));
        for line in file.text.split_inclusive('\n') {
            if is_mark(line) {
                text.push('\\');
            }
            text.push_str(line);
        }
        text.push('\n');
    }
    text
}

/// The files of a text.
///
/// # Errors
/// When something stands before the first file that is no comment, or a file is there twice.
pub(in crate::cli::prompt) fn split(name: &str, text: &str) -> Result<Vec<Section>, Mistake> {
    let mut sections: Vec<Section> = Vec::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        if let Some(path) = line.strip_prefix(MARK) {
            end(&mut sections);
            begin(&mut sections, path.trim(), name, number)?;
        } else if let Some(section) = sections.last_mut() {
            let escaped = line.strip_prefix('\\').filter(|rest| is_mark(rest));
            section.file.text.push_str(escaped.unwrap_or(line));
        } else if !(line.trim().is_empty() || line.starts_with('#')) {
            let message = format!("this line stands above the first `{MARK}` line");
            return Err(Mistake {
                line: Some(number),
                ..Mistake::of(name, message)
            });
        }
    }
    end(&mut sections);
    Ok(sections)
}

fn begin(
    sections: &mut Vec<Section>,
    path: &str,
    name: &str,
    number: usize,
) -> Result<(), Mistake> {
    if let Some(other) = sections.iter().find(|section| section.file.path == path) {
        let message = format!("{path} is there twice, first at line {}", other.line - 1);
        return Err(Mistake {
            line: Some(number),
            ..Mistake::of(name, message)
        });
    }
    let file = File {
        path: path.to_owned(),
        text: String::new(),
    };
    let line = number + 1;
    sections.push(Section { file, line });
    Ok(())
}

/// Takes the form's own line break from the last file.
fn end(sections: &mut [Section]) {
    if let Some(Section { file, .. }) = sections.last_mut()
        && file.text.ends_with('\n')
    {
        file.text.pop();
    }
}

/// Whether a line is a mark, or one with `\` before it.
fn is_mark(line: &str) -> bool {
    line.trim_start_matches('\\').starts_with(MARK)
}

/// Puts mistakes of single files where they are in the whole text.
pub(in crate::cli::prompt) fn place(
    name: &str,
    sections: &[Section],
    mistakes: Vec<Mistake>,
) -> Vec<Mistake> {
    let in_whole = |mistake: Mistake| {
        let section = sections.iter().find(|s| s.file.path == mistake.file);
        let Some(section) = section else {
            return Mistake {
                file: name.to_owned(),
                ..mistake
            };
        };
        Mistake {
            file: name.to_owned(),
            line: Some(section.line + mistake.line.unwrap_or(1) - 1),
            column: mistake.column,
            message: format!("{}: {}", mistake.file, mistake.message),
        }
    };
    mistakes.into_iter().map(in_whole).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn files(texts: &[String]) -> Vec<File> {
        let file = |(index, text): (usize, &String)| File {
            path: format!("{index:02}-user.md"),
            text: text.clone(),
        };
        texts.iter().enumerate().map(file).collect()
    }

    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("\n"),
            Just("\r\n"),
            Just("==> "),
            Just("\\"),
            Just("==> x\n"),
            Just("#"),
            Just(" "),
            Just("한"),
            Just("{{ a }}"),
            Just("\u{feff}"),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn what_is_joined_comes_back(texts in proptest::collection::vec(hostile(), 1..5)) {
            let files = files(&texts);
            let whole = join("help\n\n==> not a mark", &files);
            let back: Vec<File> = split("f", &whole).unwrap().into_iter().map(|s| s.file).collect();
            prop_assert_eq!(back, files);
        }
    }

    #[test]
    fn a_mistake_is_placed_in_the_whole_text() {
        let whole = join("one\ntwo", &files(&["a\nb".to_owned(), "c".to_owned()]));
        assert_eq!(
            whole,
            "# one\n# two\n\n==> 00-user.md\na\nb\n==> 01-user.md\nc\n"
        );
        let sections = split("f", &whole).unwrap();
        let mistake = Mistake::at("00-user.md", "a\nb", 2, "wrong");
        let placed = place("draft.md", &sections, vec![mistake]);
        assert_eq!(placed[0].to_string(), "draft.md:6:1: 00-user.md: wrong");
    }

    #[test]
    fn text_above_the_first_file_and_a_file_twice_are_told() {
        let stray = split("f", "# help\nhello\n").unwrap_err();
        assert_eq!(stray.line, Some(2));
        let twice = split("f", "==> a\n==> b\n==> a\n").unwrap_err();
        assert_eq!(twice.line, Some(3));
    }
}
