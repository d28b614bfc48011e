//! `punchcard webhook deliveries`.

use clap::Args;
use clap::builder::PossibleValuesParser;
use punchcard_actors::ports::DeliveryState;
use punchcard_events::EndpointId;
use reqwest::Method;
use serde_json::Value;

use super::Server;
use super::show::text;
use crate::cli::client::Call;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{BOLD, DIM};

/// Arguments of `webhook deliveries`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard webhook deliveries 0192c0de-… --state given_up
  punchcard webhook deliveries 0192c0de-… msg_0192c0de…      one message with its attempts")]
pub(crate) struct DeliveriesArgs {
    /// The endpoint's id.
    endpoint: EndpointId,

    /// One message, by its `webhook-id`.
    message: Option<String>,

    /// Only messages in this state.
    #[arg(long, value_parser = PossibleValuesParser::new(DeliveryState::ALL.map(DeliveryState::as_str)))]
    state: Option<String>,

    /// The most messages.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: Option<u32>,

    /// Go on where an earlier page ended.
    #[arg(long)]
    cursor: Option<String>,
}

/// Shows the log.
pub(super) async fn run(
    args: &DeliveriesArgs,
    server: &Server,
    out: &mut Output,
) -> Result<Exit, Failure> {
    if let Some(message) = &args.message {
        return one(args, message, server, out).await;
    }
    let id = args.endpoint.to_string();
    let path = ["webhooks", &id, "deliveries"];
    let given = [
        ("state", args.state.clone()),
        ("limit", args.limit.map(|limit| limit.to_string())),
        ("cursor", args.cursor.clone()),
    ];
    let query: Vec<_> = given
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let call = Call::new(Method::GET, &path).query(&query);
    let page = server.client.ask(call).await?.body;
    if out.is_json() {
        out.document(&page)?;
        return Ok(Exit::Success);
    }
    for delivery in page["deliveries"].as_array().into_iter().flatten() {
        line(delivery, out)?;
    }
    if let Some(next) = text(&page["next_cursor"]) {
        out.note(format_args!("more: --cursor {next}"));
    }
    Ok(Exit::Success)
}

async fn one(
    args: &DeliveriesArgs,
    message: &str,
    server: &Server,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let rest = ["deliveries", message];
    let answer = server.ask(Method::GET, args.endpoint, &rest, None).await?;
    if out.is_json() {
        out.document(&answer)?;
        return Ok(Exit::Success);
    }
    line(&answer, out)?;
    for attempt in answer["log"].as_array().into_iter().flatten() {
        let of = |name: &str| text(&attempt[name]).unwrap_or_default();
        let (number, at, took) = (of("attempt"), of("at"), of("duration_ms"));
        let what = [of("status"), of("failure")].join(" ");
        out.line(format_args!("  {number}. {at} {took} ms {what}"))?;
    }
    Ok(Exit::Success)
}

fn line(delivery: &Value, out: &mut Output) -> Result<(), Failure> {
    let of = |name: &str| text(&delivery[name]).unwrap_or_default();
    let (id, state, kind) = (of("id"), of("state"), of("type"));
    let (at, attempts) = (of("event_at"), of("attempts"));
    let next = text(&delivery["next_attempt_at"]);
    let next = next.map_or_else(String::new, |next| format!(", next {next}"));
    out.line(format_args!(
        "{BOLD}{id}{BOLD:#} {state} {kind} {DIM}{at}, attempts {attempts}{next}{DIM:#}"
    ))
}
