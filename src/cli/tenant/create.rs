//! `punchcard tenant create`.

use clap::Args;
use punchcard_events::TenantId;
use reqwest::Method;
use serde_json::json;

use super::operator::Operator;
use crate::cli::client::Call;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::BOLD;

/// Arguments of `tenant create`.
#[derive(Debug, Args)]
#[command(after_help = "\
The id stands in addresses and file names and never changes; the name is for people.

Examples:
  punchcard tenant create acme --name 'Acme Inc.'")]
pub(crate) struct CreateArgs {
    /// The tenant's id.
    tenant: TenantId,

    /// Its name for people.
    #[arg(long)]
    name: String,
}

/// Makes a tenant.
pub(super) async fn run(
    args: &CreateArgs,
    operator: &Operator,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let body = json!({ "tenant": args.tenant, "name": args.name });
    let call = Call::new(Method::POST, &["tenants"]).body(&body);
    let made = operator.client.ask(call).await?;
    if out.is_json() {
        out.document(&made.body)?;
        return Ok(Exit::Success);
    }
    let tenant = &args.tenant;
    out.line(format_args!("The tenant {BOLD}{tenant}{BOLD:#} is there."))?;
    out.note(format_args!(
        "Give it a key: punchcard key issue --tenant {tenant} --role admin --name NAME"
    ));
    Ok(Exit::Success)
}
