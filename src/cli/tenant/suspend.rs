//! `punchcard tenant suspend` and `resume`.

use clap::Args;
use punchcard_events::TenantId;
use reqwest::Method;
use serde_json::json;

use super::operator::Operator;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::BOLD;

/// Arguments of `tenant suspend`.
#[derive(Debug, Args)]
#[command(after_help = "\
Every key of the tenant is answered 403, with the reason, and its users' sessions are closed. Tickets
under way go on. Nothing is deleted.

Examples:
  punchcard tenant suspend acme --reason 'The invoice of October is open.'")]
pub(crate) struct SuspendArgs {
    /// The tenant.
    tenant: TenantId,

    /// Why: the tenant is told.
    #[arg(long)]
    reason: String,
}

/// Arguments of `tenant resume`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard tenant resume acme")]
pub(crate) struct ResumeArgs {
    /// The tenant.
    tenant: TenantId,
}

/// Suspends a tenant.
pub(super) async fn run(
    args: &SuspendArgs,
    operator: &Operator,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let tenant = &args.tenant;
    let question = format!("Let none of the keys of `{tenant}` in, and close its sessions?");
    operator.confirm(out, &question)?;
    let body = json!({ "reason": args.reason });
    let done = operator
        .send(Method::POST, tenant, "suspend", &body)
        .await?;
    if out.is_json() {
        out.document(&done.raw)?;
        return Ok(Exit::Success);
    }
    out.line(format_args!("{BOLD}{tenant}{BOLD:#} is suspended."))?;
    out.note(format_args!(
        "Its tickets under way go on. To let it in again: punchcard tenant resume {tenant}"
    ));
    Ok(Exit::Success)
}

/// Lets its keys in again.
pub(super) async fn resume(
    args: &ResumeArgs,
    operator: &Operator,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let tenant = &args.tenant;
    let body = json!({});
    let done = operator.send(Method::POST, tenant, "resume", &body).await?;
    if out.is_json() {
        out.document(&done.raw)?;
        return Ok(Exit::Success);
    }
    out.line(format_args!(
        "The keys of {BOLD}{tenant}{BOLD:#} are let in again."
    ))?;
    Ok(Exit::Success)
}
