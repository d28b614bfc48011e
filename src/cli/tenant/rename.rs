//! `punchcard tenant rename`.

use clap::Args;
use punchcard_events::TenantId;
use reqwest::Method;
use serde_json::json;

use super::operator::Operator;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD};

/// Arguments of `tenant rename`.
#[derive(Debug, Args)]
#[command(after_help = "\
Only the name for people changes; the id stays.

Examples:
  punchcard tenant rename acme 'Acme International'")]
pub(crate) struct RenameArgs {
    /// The tenant.
    tenant: TenantId,

    /// Its new name for people.
    name: String,
}

/// Renames a tenant.
pub(super) async fn run(
    args: &RenameArgs,
    operator: &Operator,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let body = json!({ "name": args.name });
    let renamed = operator.send(Method::PUT, &args.tenant, "name", &body);
    let renamed = renamed.await?;
    if out.is_json() {
        out.document(&renamed.raw)?;
        return Ok(Exit::Success);
    }
    let (tenant, name) = (&args.tenant, style::one_line(&renamed.view.name));
    out.line(format_args!("{BOLD}{tenant}{BOLD:#} is called {name}."))?;
    Ok(Exit::Success)
}
