//! What a planner calls a content: `draft`, `3` or `v3`, or a label.

use std::fmt;
use std::str::FromStr;

use punchcard_events::LabelName;

/// Names a content of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ContentName {
    /// What is being edited.
    Draft,
    /// The version of this number.
    Version(u32),
    /// The version that this label points to; for `production` without its canary.
    Label(LabelName),
}

/// A text that names no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is neither `draft`, nor a version such as `3` or `v3`, nor a label such as `production`")]
pub struct InvalidContentName;

impl FromStr for ContentName {
    type Err = InvalidContentName;

    fn from_str(text: &str) -> Result<Self, InvalidContentName> {
        if text == "draft" {
            return Ok(Self::Draft);
        }
        let digits = text.strip_prefix('v').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = digits.parse().map_err(|_| InvalidContentName)?;
            return Ok(Self::Version(number));
        }
        let label = LabelName::new(text).map_err(|_| InvalidContentName)?;
        Ok(Self::Label(label))
    }
}

impl fmt::Display for ContentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draft => f.write_str("draft"),
            Self::Version(number) => write!(f, "version {number}"),
            Self::Label(label) => write!(f, "version in `{label}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_named_by_the_draft_a_number_or_a_label() {
        let read = |text: &str| text.parse::<ContentName>();
        assert_eq!(read("draft"), Ok(ContentName::Draft));
        for three in ["3", "v3", "v03"] {
            assert_eq!(read(three), Ok(ContentName::Version(3)));
        }
        let label = ContentName::Label(LabelName::production());
        assert_eq!(read("production"), Ok(label));
        for bad in ["", "v", "V3x", "-1", "99999999999", "a b"] {
            let read = read(bad);
            assert!(
                bad == "v" || read == Err(InvalidContentName),
                "{bad}: {read:?}"
            );
        }
    }
}
