//! `punchcard webhook secret` and `rotate`.

use std::time::Duration;

use clap::Args;
use punchcard_events::EndpointId;
use reqwest::Method;
use serde_json::json;

use super::show::{print, text};
use super::{OneArgs, Server};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::DIM;

/// Arguments of `webhook rotate`.
#[derive(Debug, Args)]
#[command(after_help = "\
While both secrets hold, messages carry a signature by each: give the new one to the receiver within
that time. With an overlap of 0s the old one is worth nothing at once.

Examples:
  punchcard webhook rotate 0192c0de-… --overlap 2h")]
pub(crate) struct RotateArgs {
    /// The endpoint's id.
    endpoint: EndpointId,

    /// How long the old secret holds on.
    #[arg(long, default_value = "24h", value_parser = humantime::parse_duration)]
    overlap: Duration,
}

/// Shows the secrets that hold now.
pub(super) async fn reveal(
    one: &OneArgs,
    server: &Server,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let answer = server.ask(Method::GET, one.endpoint, &["secret"], None);
    let answer = answer.await?;
    if out.is_json() {
        out.document(&answer)?;
        return Ok(Exit::Success);
    }
    for secret in answer["secrets"].as_array().into_iter().flatten() {
        let shown = text(&secret["secret"]).unwrap_or_default();
        match text(&secret["until"]) {
            None => out.line(shown)?,
            Some(until) => out.line(format_args!("{shown} {DIM}until {until}{DIM:#}"))?,
        }
    }
    Ok(Exit::Success)
}

/// Makes a new secret.
pub(super) async fn rotate(
    args: &RotateArgs,
    server: &Server,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let body = json!({ "overlap_seconds": args.overlap.as_secs() });
    let answer = server.ask(Method::POST, args.endpoint, &["rotate-secret"], Some(&body));
    print(&answer.await?, out)
}
