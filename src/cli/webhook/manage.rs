//! `punchcard webhook create`, `change`, `remove`, `enable`, `disable` and `test`.

use clap::Args;
use clap::builder::PossibleValuesParser;
use punchcard_events::EndpointId;
use punchcard_events::endpoint::EventType;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::show::print;
use super::{OneArgs, Server};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::BOLD;

/// Arguments of `webhook create`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard webhook create https://example.com/punchcard --on ticket.persisted --on ticket.failed")]
pub(crate) struct CreateArgs {
    /// Where messages are posted: a public https address.
    // `--url` is the server's.
    #[arg(id = "endpoint_url", value_name = "URL")]
    url: String,

    /// What it is told of; give it once for each.
    #[arg(long = "on", value_name = "TYPE", required = true,
          value_parser = PossibleValuesParser::new(EventType::ASKABLE.map(EventType::as_str)))]
    event_types: Vec<String>,

    /// What it is for.
    #[arg(long)]
    description: Option<String>,
}

/// Arguments of `webhook change`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard webhook change 0192c0de-… --to https://example.com/hooks")]
pub(crate) struct ChangeArgs {
    /// The endpoint's id.
    endpoint: EndpointId,

    /// Where messages are posted.
    #[arg(id = "endpoint_url", long = "to", value_name = "URL")]
    url: Option<String>,

    /// What it is told of, in place of what it was; give it once for each.
    #[arg(long = "on", value_name = "TYPE",
          value_parser = PossibleValuesParser::new(EventType::ASKABLE.map(EventType::as_str)))]
    event_types: Vec<String>,

    /// What it is for; an empty text takes it away.
    #[arg(long)]
    description: Option<String>,
}

/// Registers an endpoint.
pub(super) async fn create(
    args: &CreateArgs,
    server: &Server,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut body = json!({ "url": args.url, "event_types": args.event_types });
    if let Some(description) = &args.description {
        body["description"] = json!(description);
    }
    let answer = server
        .call(Method::POST, &["webhooks"], Some(&body))
        .await?;
    let exit = print(&answer, out)?;
    out.note("Check signatures with this secret; `punchcard webhook secret ID` shows it again.");
    Ok(exit)
}

/// Changes an endpoint.
pub(super) async fn change(
    args: &ChangeArgs,
    server: &Server,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut body = Map::new();
    let mut give = |name: &str, value: Option<Value>| {
        body.extend(value.map(|value| (name.to_owned(), value)));
    };
    let types = (!args.event_types.is_empty()).then(|| json!(args.event_types));
    give("url", args.url.as_ref().map(|url| json!(url)));
    give("event_types", types);
    give(
        "description",
        args.description.as_ref().map(|text| json!(text)),
    );
    if body.is_empty() {
        return Err(Failure::usage("there is nothing to change")
            .advise("Give --url, --on or --description."));
    }
    let body = Value::Object(body);
    let answer = server.ask(Method::PATCH, args.endpoint, &[], Some(&body));
    print(&answer.await?, out)
}

/// Removes an endpoint.
pub(super) async fn remove(
    one: &OneArgs,
    server: &Server,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let answer = server.ask(Method::DELETE, one.endpoint, &[], None).await?;
    if out.is_json() {
        out.document(&answer)?;
    } else {
        out.line(format_args!("{BOLD}{}{BOLD:#} is removed.", one.endpoint))?;
    }
    Ok(Exit::Success)
}

/// Enables or disables an endpoint.
pub(super) async fn switch(
    one: &OneArgs,
    word: &str,
    server: &Server,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let answer = server
        .ask(Method::POST, one.endpoint, &[word], None)
        .await?;
    print(&answer, out)
}

/// Asks for a test message.
pub(super) async fn test(
    one: &OneArgs,
    server: &Server,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let answer = server
        .ask(Method::POST, one.endpoint, &["test"], None)
        .await?;
    if out.is_json() {
        out.document(&answer)?;
        return Ok(Exit::Success);
    }
    out.line("A test message is on its way.")?;
    let id = one.endpoint;
    out.note(format_args!(
        "What became of it: punchcard webhook deliveries {id}"
    ));
    Ok(Exit::Success)
}
