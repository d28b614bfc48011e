//! `punchcard tenant list`.

use clap::Args;
use comfy_table::Cell;
use serde_json::json;

use super::operator::Operator;
use super::views::TenantView;
use crate::cli::client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::prompt::when;
use crate::cli::style;

/// Arguments of `tenant list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard tenant list
  punchcard tenant list --json | jq -r '.tenants[] | select(.suspended) | .tenant'")]
pub(crate) struct ListArgs {
    /// The most tenants to show.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    /// Begin after this tenant.
    #[arg(long, value_name = "TENANT")]
    after: Option<String>,
}

/// Lists the tenants.
pub(super) async fn run(
    args: &ListArgs,
    operator: &Operator,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let wanted = args.limit.map_or(usize::MAX, |limit| limit as usize);
    let tenants = operator
        .client
        .pages(&["tenants"], "tenants", args.after.clone(), wanted)
        .await?;
    if out.is_json() {
        out.document(&json!({ "tenants": tenants }))?;
        return Ok(Exit::Success);
    }
    if tenants.is_empty() {
        out.note(
            "There is no tenant yet. Make one: punchcard tenant create acme --name 'Acme Inc.'",
        );
        return Ok(Exit::Success);
    }
    let header = ["tenant", "name", "state", "keys", "since (UTC)"];
    let mut table = style::table(out.terminal(), &header);
    for tenant in tenants {
        table.add_row(row(&client::read(tenant)?));
    }
    out.line(table.trim_fmt())?;
    Ok(Exit::Success)
}

fn row(tenant: &TenantView) -> Vec<Cell> {
    let state = match &tenant.suspended {
        Some(suspended) => {
            let reason = style::one_line(&suspended.reason);
            Cell::new(format!("suspended: {reason}")).fg(comfy_table::Color::Yellow)
        }
        None => Cell::new("active"),
    };
    let since = tenant.created.as_ref();
    vec![
        Cell::new(style::one_line(&tenant.tenant)),
        Cell::new(style::one_line(&tenant.name)),
        state,
        style::number(tenant.active_keys),
        Cell::new(since.map_or_else(|| "-".to_owned(), |done| when::cell(done.at))),
    ]
}
