//! `punchcard openapi`: the document of the HTTP API, for tools that make clients of it.

use clap::Args;

use super::exit::{Exit, Failure};
use super::output::Output;
use crate::http::{admin_document, document};

/// Arguments of `openapi`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard openapi > openapi.json          what the server gives at /v1/openapi.json
  punchcard openapi --admin                 what its admin listener gives")]
pub(crate) struct OpenapiArgs {
    /// The document of the admin listener's routes.
    #[arg(long)]
    admin: bool,
}

/// Prints the document.
pub(crate) fn run(args: &OpenapiArgs, out: &mut Output) -> Result<Exit, Failure> {
    let document = match args.admin {
        true => admin_document(),
        false => document(),
    };
    out.piece(format!("{document:#}\n"))?;
    Ok(Exit::Success)
}
