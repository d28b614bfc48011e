//! What is wrong with a file, and where.

use std::fmt;

/// Something in a file that cannot be read as what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli::prompt) struct Mistake {
    /// The file.
    pub(in crate::cli::prompt) file: String,
    /// The line, from 1.
    pub(in crate::cli::prompt) line: Option<usize>,
    /// The column in characters, from 1.
    pub(in crate::cli::prompt) column: Option<usize>,
    /// What is wrong, and what would be right.
    pub(in crate::cli::prompt) message: String,
}

impl Mistake {
    /// A mistake of a whole file.
    pub(super) fn of(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            column: None,
            message: message.into(),
        }
    }

    /// A mistake at a byte of the file's text.
    pub(super) fn at(file: &str, text: &str, byte: usize, message: impl Into<String>) -> Self {
        let before = text.get(..byte.min(text.len())).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |place| place + 1);
        Self {
            line: Some(1 + before.matches('\n').count()),
            column: Some(1 + before[line_start..].chars().count()),
            ..Self::of(file, message)
        }
    }

    /// A mistake that the JSON reader found.
    pub(super) fn json(file: &str, error: &serde_json::Error) -> Self {
        let told = error.to_string();
        // The reader's own place is at the end of its sentence; ours stands before it.
        let sentence = told.split(" at line ").next().unwrap_or(&told);
        Self {
            line: Some(error.line().max(1)),
            column: Some(error.column().max(1)),
            ..Self::of(file, format!("this is not as it should be: {sentence}"))
        }
    }

    /// A mistake that the TOML reader found.
    pub(super) fn toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let message = error.message().trim().replace('\n', ", ");
        match error.span() {
            Some(span) => Self::at(file, text, span.start, message),
            None => Self::of(file, message),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for place in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{place}")?;
        }
        write!(f, ": {}", self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_names_line_and_column_in_characters() {
        let mistake = Mistake::at("a.toml", "한 = 1\n하늘 x", "한 = 1\n하늘 ".len(), "wrong");
        assert_eq!(mistake.to_string(), "a.toml:2:4: wrong");
        assert_eq!(Mistake::of("a", "gone").to_string(), "a: gone");
    }

    #[test]
    fn a_place_past_the_end_is_the_end() {
        assert_eq!(Mistake::at("a", "x\ny", 99, "wrong").line, Some(2));
    }
}
