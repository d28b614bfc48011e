//! `punchcard tenant origins`.

use std::collections::BTreeSet;

use clap::Args;
use punchcard_events::TenantId;
use serde_json::json;

use super::operator::Operator;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD};

/// Arguments of `tenant origins`.
#[derive(Debug, Args)]
#[command(after_help = "\
An origin is scheme, host and port of a web page; `none` stands for clients that are no browsers.

Examples:
  punchcard tenant origins acme
  punchcard tenant origins acme --add https://app.acme.example --add none
  punchcard tenant origins acme --remove https://old.acme.example")]
pub(crate) struct OriginsArgs {
    /// The tenant.
    tenant: TenantId,

    /// Let sessions from this origin in; repeat it for several.
    #[arg(long, value_name = "ORIGIN")]
    add: Vec<String>,

    /// Let sessions from this origin in no longer; repeat it for several.
    #[arg(long, value_name = "ORIGIN")]
    remove: Vec<String>,
}

/// Shows or changes them.
pub(super) async fn run(
    args: &OriginsArgs,
    operator: &Operator,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let seen = operator.tenant(&args.tenant).await?.view;
    let mut origins: BTreeSet<&String> = seen.origins.iter().collect();
    for gone in &args.remove {
        if !origins.remove(gone) {
            let sentence = format!("`{gone}` is none of the origins of `{}`", args.tenant);
            return Err(Failure::usage(sentence).advise(format!(
                "List them: punchcard tenant origins {}",
                args.tenant
            )));
        }
    }
    origins.extend(&args.add);
    let now = if args.add.is_empty() && args.remove.is_empty() {
        seen.origins
    } else {
        let body = json!({ "origins": origins });
        operator
            .put_over(&seen, &["origins"], &body)
            .await?
            .view
            .origins
    };
    if out.is_json() {
        out.document(&json!({ "origins": now }))?;
        return Ok(Exit::Success);
    }
    let tenant = &args.tenant;
    if now.is_empty() {
        out.note(format_args!("No browser may open a session of `{tenant}`."));
        return Ok(Exit::Success);
    }
    out.line(format_args!(
        "Sessions of {BOLD}{tenant}{BOLD:#} may come from:"
    ))?;
    now.iter()
        .try_for_each(|origin| out.line(format_args!("  {}", style::one_line(origin))))?;
    Ok(Exit::Success)
}
