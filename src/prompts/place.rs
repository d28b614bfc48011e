//! Where in a prompt something is: the part, and the line and column in that part's text.

use std::fmt;

use punchcard_events::PartialName;

/// A part of a prompt's content. The order is the one that mistakes are listed in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The model's name.
    Model,
    /// One of the parameters, by its key.
    Parameter(&'static str),
    /// The messages as a whole.
    Messages,
    /// The template of one message, counted from 0.
    Message(usize),
    /// A partial's text.
    Partial(PartialName),
    /// The input schema, or what it says of one property.
    InputSchema(Option<String>),
    /// The answer schema.
    AnswerSchema,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model => f.write_str("model"),
            Self::Parameter(key) => write!(f, "parameters.{key}"),
            Self::Messages => f.write_str("messages"),
            Self::Message(index) => write!(f, "messages[{index}]"),
            Self::Partial(name) => write!(f, "partial {name}"),
            Self::InputSchema(None) => f.write_str("input_schema"),
            Self::InputSchema(Some(property)) => write!(f, "input_schema.properties.{property}"),
            Self::AnswerSchema => f.write_str("answer_schema"),
        }
    }
}

impl Place {
    /// The kind of part alone: it repeats no name that a planner chose.
    pub const fn part(&self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Parameter(key) => key,
            Self::Messages | Self::Message(_) => "messages",
            Self::Partial(_) => "partials",
            Self::InputSchema(_) => "input_schema",
            Self::AnswerSchema => "answer_schema",
        }
    }
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters (Unicode scalar values), from 1; one past the line's last
    /// character where the line's end is meant.
    pub column: u32,
}

impl At {
    /// Where the byte at `offset` is. An offset outside the text, or inside a character, is moved
    /// back to the nearest place that there is.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..text.floor_char_boundary(offset)).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or(before);
        Self {
            line: counted(before.matches('\n').count()),
            column: counted(line.chars().count()),
        }
    }
}

/// From 1, of what is counted from 0.
fn counted(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_counted_in_characters_from_one() {
        let text = "한글 {{ x }}\n\n  {{ y }}";
        for (part, line, column) in [("한", 1, 1), ("x", 1, 7), ("\n", 1, 11), ("y", 3, 6)] {
            let offset = text.find(part).unwrap();
            assert_eq!(At::of(text, offset), At { line, column }, "{part}");
        }
        assert_eq!(At::of(text, 1), At { line: 1, column: 1 });
        assert_eq!(
            At::of(text, 999),
            At {
                line: 3,
                column: 10
            }
        );
        assert_eq!(At::of("", 7), At { line: 1, column: 1 });
    }
}
