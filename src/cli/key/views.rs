//! Keys as the API shows them. Fields that a newer server adds are passed over here and kept by
//! `--json`.

use punchcard_events::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::client;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::prompt::views::By;
use crate::cli::style::{self, BOLD};

/// A key: everything but the key itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct KeyView {
    pub(super) prefix: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) roles: Vec<String>,
    pub(super) state: String,
    pub(super) issued: DoneView,
    #[serde(default)]
    pub(super) ends_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) replaced_by: Option<String>,
    #[serde(default)]
    pub(super) revoked: Option<RevokedView>,
}

/// When something was done, and by whom.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct DoneView {
    pub(super) at: Timestamp,
    pub(super) by: By,
}

/// That a key was taken back.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RevokedView {
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// A key that was just made, with the only sight of it that there is.
#[derive(Debug, Deserialize)]
pub(super) struct MadeView {
    pub(super) key: String,
    #[serde(flatten)]
    pub(super) view: KeyView,
}

/// Shows a key that was just made: the key alone on stdout.
pub(super) fn print_made(made: Value, out: &mut Output) -> Result<KeyView, Failure> {
    let read: MadeView = client::read(made.clone())?;
    if out.is_json() {
        out.document(&made)?;
        return Ok(read.view);
    }
    let key = style::one_line(&read.key);
    out.line(format_args!("{BOLD}{key}{BOLD:#}"))?;
    out.note("This is the only time that the key is shown.");
    Ok(read.view)
}
