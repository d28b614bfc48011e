//! `punchcard ticket picture`: a ticket's past as SVG.

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use punchcard_events::TicketId;
use serde_json::json;

use crate::cli::client::ApiClient;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style;

/// Arguments of `ticket picture`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard ticket picture ID --kind waterfall --output waterfall.svg
  punchcard ticket picture ID --kind path > path.svg")]
pub(crate) struct PictureArgs {
    /// The ticket.
    ticket: TicketId,

    /// What it shows.
    #[arg(long, value_enum)]
    kind: Kind,

    /// Write it to this file, over what is there; without it, to stdout.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Where the time went.
    Waterfall,
    /// The way through the states.
    Path,
}

impl Kind {
    const fn file(self) -> &'static str {
        match self {
            Self::Waterfall => "waterfall.svg",
            Self::Path => "path.svg",
        }
    }
}

/// Fetches the picture.
pub(crate) async fn run(
    args: &PictureArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let id = args.ticket.to_string();
    let path = ["tickets", &id, "pictures", args.kind.file()];
    let picture = client.text(&path, &[]).await?;
    let Some(file) = &args.output else {
        if out.is_json() {
            out.document(&json!({ "picture": picture }))?;
        } else {
            // A picture has no control characters; of whatever else a server sends none gets through.
            out.piece(style::safe(&picture))?;
        }
        return Ok(Exit::Success);
    };
    fs::write(file, &picture).map_err(|error| {
        let sentence = format!("failed to write {}: {error}", file.display());
        Failure::negative(sentence).advise("Choose a file in a folder that you may write to.")
    })?;
    if out.is_json() {
        out.document(&json!({ "file": file.display().to_string() }))?;
    } else {
        out.note(format_args!("written to {}", file.display()));
    }
    Ok(Exit::Success)
}
