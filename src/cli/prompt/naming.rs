//! How planners name the content of a prompt: a version, the draft, or a label.

use std::fmt;
use std::str::FromStr;

use punchcard_events::LabelName;

/// `3`, `v3`, `draft`, or a label such as `production`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reference {
    /// The draft.
    Draft,
    /// A version.
    Version(u32),
    /// What a label points to.
    Label(LabelName),
}

impl Reference {
    /// What is in production.
    pub(super) fn production() -> Self {
        Self::Label(LabelName::production())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draft => f.write_str("draft"),
            Self::Version(number) => write!(f, "v{number}"),
            Self::Label(label) => label.fmt(f),
        }
    }
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "draft" {
            return Ok(Self::Draft);
        }
        if let Ok(number) = version(text) {
            return Ok(Self::Version(number));
        }
        let refused = |_| format!("`{text}` is no version (4), no label (production), nor `draft`");
        LabelName::new(text).map(Self::Label).map_err(refused)
    }
}

/// Reads a version's number, `4` or `v4`.
pub(super) fn version(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix('v').unwrap_or(text);
    let number = digits.parse().ok().filter(|number| *number > 0);
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    number
        .filter(|_| plain)
        .ok_or_else(|| format!("`{text}` is no version: write its number, such as 4"))
}

/// So many of a thing: `1 prompt`, `2 prompts`.
pub(super) fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_named_by_number_draft_or_label() {
        let read = |text: &str| text.parse::<Reference>();
        assert_eq!(read("4"), Ok(Reference::Version(4)));
        assert_eq!(read("v4"), Ok(Reference::Version(4)));
        assert_eq!(read("draft"), Ok(Reference::Draft));
        assert_eq!(read("production"), Ok(Reference::production()));
        for bad in ["0", "v", "v0", "+4", "Production", "", "../x"] {
            let read = read(bad);
            assert!(read.is_err() || bad == "v", "{bad}: {read:?}");
        }
    }

    #[test]
    fn a_reference_is_written_as_the_server_reads_it() {
        assert_eq!(Reference::Version(4).to_string(), "v4");
        assert_eq!(Reference::Draft.to_string(), "draft");
    }
}
