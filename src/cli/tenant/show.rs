//! `punchcard tenant show`.

use clap::Args;
use punchcard_events::TenantId;

use super::limits;
use super::operator::Operator;
use super::views::{HooksView, TenantView};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::prompt::when;
use crate::cli::style::{self, BOLD, CAUTION, DIM};

/// Arguments of `tenant show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard tenant show acme
  punchcard tenant show acme --json | jq .limits")]
pub(crate) struct ShowArgs {
    /// The tenant.
    tenant: TenantId,
}

/// Shows a tenant.
pub(super) async fn run(
    args: &ShowArgs,
    operator: &Operator,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let shown = operator.tenant(&args.tenant).await?;
    if out.is_json() {
        out.document(&shown.raw)?;
        return Ok(Exit::Success);
    }
    print(&shown.view, out)?;
    Ok(Exit::Success)
}

fn print(tenant: &TenantView, out: &mut Output) -> Result<(), Failure> {
    let (id, name) = (
        style::one_line(&tenant.tenant),
        style::one_line(&tenant.name),
    );
    out.line(format_args!("{BOLD}{id}{BOLD:#}  {name}"))?;
    if let Some(suspended) = &tenant.suspended {
        let (reason, done) = (style::one_line(&suspended.reason), &suspended.done);
        out.line(format_args!(
            "{CAUTION}suspended{CAUTION:#} since {} by {}: {reason}",
            when::said(done.at),
            done.by
        ))?;
    }
    if let Some(created) = &tenant.created {
        row(
            out,
            "created",
            &format!("{} by {}", when::said(created.at), created.by),
        )?;
    }
    let keys = tenant.active_keys;
    let see = format!("punchcard key list --tenant {id}");
    row(out, "keys", &format!("{keys} active; see {see}"))?;
    row(out, "callback", &callback(tenant))?;
    for (task, hooks) in &tenant.hooks {
        row(
            out,
            "hooks",
            &format!("{}: {}", style::one_line(task), hooked(hooks)),
        )?;
    }
    let origins = match tenant.origins.as_slice() {
        [] => "none: no browser may open a session".to_owned(),
        origins => style::one_line(&origins.join(", ")),
    };
    row(out, "origins", &origins)?;
    out.line("")?;
    limits::print(&tenant.limits, out)
}

fn row(out: &mut Output, name: &str, text: &str) -> Result<(), Failure> {
    out.line(format_args!("{DIM}{name:<9}{DIM:#} {text}"))
}

/// Where the tenant's own API is, in a few words.
pub(super) fn callback(tenant: &TenantView) -> String {
    match &tenant.callback {
        Some(callback) => style::one_line(&callback.base_url),
        None => "none".to_owned(),
    }
}

/// What is called for a task, in a few words.
pub(super) fn hooked(hooks: &HooksView) -> String {
    let path = |path: &Option<String>| {
        path.as_deref()
            .map_or_else(|| "none".to_owned(), style::one_line)
    };
    format!(
        "prepares at {}, persists at {}",
        path(&hooks.pre_process),
        path(&hooks.post_process)
    )
}
