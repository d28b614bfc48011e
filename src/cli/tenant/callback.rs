//! `punchcard tenant callback`.

use clap::Args;
use punchcard_events::TenantId;
use serde_json::{Value, json};

use super::operator::Operator;
use super::show;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::BOLD;

/// Arguments of `tenant callback`.
#[derive(Debug, Args)]
#[command(after_help = "\
The paths of the tenant's hooks are added to this address. It must be a public one, over https.

Examples:
  punchcard tenant callback acme
  punchcard tenant callback acme https://api.acme.example/punchcard
  punchcard tenant callback acme --remove")]
pub(crate) struct CallbackArgs {
    /// The tenant.
    tenant: TenantId,

    /// Where its own API is.
    #[arg(value_name = "URL", conflicts_with = "remove")]
    base_url: Option<String>,

    /// It has none any more.
    #[arg(long)]
    remove: bool,
}

/// Shows or changes it.
pub(super) async fn run(
    args: &CallbackArgs,
    operator: &Operator,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let seen = operator.tenant(&args.tenant).await?.view;
    let wish = match (&args.base_url, args.remove) {
        (Some(url), _) => Some(json!(url)),
        (None, true) => Some(Value::Null),
        (None, false) => None,
    };
    let now = match wish {
        None => seen,
        Some(base_url) => {
            let body = json!({ "base_url": base_url });
            operator.put_over(&seen, &["callback"], &body).await?.view
        }
    };
    if out.is_json() {
        let base_url = now.callback.map(|callback| callback.base_url);
        out.document(&json!({ "base_url": base_url }))?;
        return Ok(Exit::Success);
    }
    out.line(format_args!(
        "The hooks of {BOLD}{}{BOLD:#} are called at: {}",
        args.tenant,
        show::callback(&now)
    ))?;
    Ok(Exit::Success)
}
