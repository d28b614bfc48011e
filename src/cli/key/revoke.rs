//! `punchcard key revoke`.

use clap::Args;
use serde_json::json;

use super::views::KeyView;
use super::whose::{Holder, WhoseArgs};
use crate::cli::client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD};

/// Arguments of `key revoke`.
#[derive(Debug, Args)]
#[command(after_help = "\
The key opens nothing any more at once, and sessions that were opened with it are closed. A revoked key
never comes back: issue a new one.

Examples:
  punchcard key revoke pk_live_0aB1cD2e --reason 'It was in a log.'
  punchcard key revoke pk_live_0aB1cD2e --tenant acme --yes")]
pub(crate) struct RevokeArgs {
    /// The readable start of the key.
    prefix: String,

    /// Whose key.
    #[command(flatten)]
    pub(super) whose: WhoseArgs,

    /// Why, in a sentence for the others.
    #[arg(long)]
    reason: Option<String>,
}

/// Revokes a key.
pub(super) async fn run(
    args: &RevokeArgs,
    holder: &Holder,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let prefix = style::one_line(&args.prefix);
    let question = format!("Let the key `{prefix}` in no longer? It never comes back.");
    holder.confirm(out, &question)?;
    let reason = args.reason.as_ref();
    let body = reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
    let revoked = holder.post(&[&args.prefix, "revoke"], &body).await?;
    if out.is_json() {
        out.document(&revoked)?;
        return Ok(Exit::Success);
    }
    let view: KeyView = client::read(revoked)?;
    let prefix = style::one_line(&view.prefix);
    out.line(format_args!(
        "{BOLD}{prefix}{BOLD:#} opens nothing any more."
    ))?;
    Ok(Exit::Success)
}
