//! `punchcard ticket fork`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use punchcard_events::{LabelName, TicketId};
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

use super::show;
use crate::cli::client::{self, ApiClient, TicketView};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD, DIM};

/// Arguments of `ticket fork`.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "\
A fork calls none of your hooks and is delivered to nobody. What its model costs is counted.

Examples:
  punchcard ticket fork ID --version 4                 with another version of the prompt
  punchcard ticket fork ID --from pre-processed --model large
  punchcard ticket fork ID --version 4 --dry-run       only show what would be sent
  punchcard ticket compare ID FORK                     once it has an answer")]
pub(crate) struct ForkArgs {
    /// The ticket to run again.
    ticket: TicketId,

    /// The step to begin with.
    #[arg(long, value_enum, default_value_t = From::Requested)]
    from: From,

    /// The version of the prompt to run; else the one that the ticket ran.
    #[arg(long)]
    version: Option<u32>,

    /// The label whose version is to run.
    #[arg(long, conflicts_with = "version")]
    label: Option<LabelName>,

    /// The model to ask.
    #[arg(long)]
    model: Option<String>,

    /// The sampling temperature, 0 to 2.
    #[arg(long)]
    temperature: Option<f64>,

    /// The nucleus sampling mass, 0 to 1.
    #[arg(long)]
    top_p: Option<f64>,

    /// The most tokens of the answer.
    #[arg(long)]
    max_tokens: Option<u32>,

    /// The sampling seed.
    #[arg(long, allow_negative_numbers = true)]
    seed: Option<i64>,

    /// Only show what would be sent, and what it is estimated at.
    #[arg(long)]
    dry_run: bool,
}

/// The step to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// The input: a prompt is rendered with it again.
    Requested,
    /// The messages, word for word.
    PreProcessed,
}

/// Forks the ticket.
pub(crate) async fn run(
    args: &ForkArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let id = args.ticket.to_string();
    let path = ["tickets", &id, "forks"];
    let answer = client
        .post(&path, HeaderMap::new(), &body(args), Duration::ZERO)
        .await?;
    if args.dry_run {
        print_preview(&answer, out)?;
        return Ok(Exit::Success);
    }
    let fork: TicketView = client::read(answer.clone())?;
    show::print(&answer, &fork, out)?;
    if !out.is_json() {
        let fork = fork.id;
        out.note(format_args!(
            "once it has an answer: punchcard ticket compare {id} {fork}"
        ));
    }
    Ok(Exit::Success)
}

fn body(args: &ForkArgs) -> Value {
    let from = match args.from {
        From::Requested => "requested",
        From::PreProcessed => "pre_processed",
    };
    let given = |parts: Vec<(&str, Value)>| -> Map<String, Value> {
        let given = parts.into_iter().filter(|(_, value)| !value.is_null());
        given
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    };
    let parameters = given(vec![
        ("temperature", json!(args.temperature)),
        ("top_p", json!(args.top_p)),
        ("max_tokens", json!(args.max_tokens)),
        ("seed", json!(args.seed)),
    ]);
    let body = given(vec![
        ("from", json!(from)),
        ("version", json!(args.version)),
        ("label", json!(args.label)),
        ("model", json!(args.model)),
        (
            "parameters",
            (!parameters.is_empty())
                .then_some(parameters)
                .map_or(Value::Null, Value::Object),
        ),
        (
            "dry_run",
            args.dry_run
                .then_some(true)
                .map_or(Value::Null, Value::from),
        ),
    ]);
    Value::Object(body)
}

fn print_preview(preview: &Value, out: &mut Output) -> Result<(), Failure> {
    if out.is_json() {
        return out.document(preview);
    }
    let said = |value: &Value| match value {
        Value::String(text) => style::one_line(text),
        Value::Null => "-".to_owned(),
        other => style::one_line(&other.to_string()),
    };
    let estimate = &preview["estimate"];
    for (name, value) in [
        ("parent", &preview["parent"]),
        ("version", &preview["prompt"]["version"]),
        ("model", &preview["model"]),
        ("parameters", &preview["parameters"]),
        ("tokens in", &estimate["prompt_tokens"]),
        ("tokens out", &estimate["completion_tokens"]),
        ("cost, USD", &estimate["cost_usd"]),
    ] {
        out.line(format_args!("  {DIM}{name:<12}{DIM:#} {}", said(value)))?;
    }
    for message in preview["messages"].as_array().into_iter().flatten() {
        out.line("")?;
        out.line(format_args!("{BOLD}{}{BOLD:#}", said(&message["role"])))?;
        out.line(style::safe(message["content"].as_str().unwrap_or_default()))?;
    }
    Ok(())
}
