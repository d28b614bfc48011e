//! The command line as clap reads it. Each command's own arguments stand beside what it does.

use clap::{Parser, Subcommand};

use super::batch::BatchArgs;
use super::bench::{BenchArgs, FloorArgs};
use super::completions::CompletionsArgs;
use super::config::ConfigCommand;
use super::demo::DemoArgs;
use super::exit::EXIT_CODES;
use super::key::KeyArgs;
use super::openapi::OpenapiArgs;
use super::prompt::PromptArgs;
use super::redrive::RedriveArgs;
use super::serve::ServeArgs;
use super::store::StoreCommand;
use super::tenant::TenantArgs;
use super::ticket::TicketArgs;
use super::usage::UsageArgs;
use super::webhook::WebhookArgs;

const EXAMPLES: &str = "\
Examples:
  punchcard demo                            everything in one process, no network, no key
  punchcard serve --config punchcard.toml   the runtime
  punchcard ticket issue explanation --input '{\"question\":\"Why is the sky blue?\",\"level\":\"middle\"}' --wait
  punchcard ticket replay 0192c0de-…        a ticket's history, event by event
  punchcard prompt edit explanation         change a prompt's draft
  punchcard store verify --data-dir data    whether the stored history is intact";

/// An actor-based, event-sourced runtime for LLM tickets.
///
/// A backend issues a ticket over HTTP and gets an id at once; the runtime prepares the request,
/// calls the language model, has the answer persisted by the backend's own API, and streams it to
/// the user over a WebSocket. Every step is an event, durable before it takes effect.
#[derive(Debug, Parser)]
#[command(name = "punchcard", version, propagate_version = true)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"), max_term_width = 100)]
pub(crate) struct Cli {
    /// Print results (and errors) as JSON.
    #[arg(long, global = true, display_order = 900)]
    pub(crate) json: bool,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the runtime: the HTTP API, sessions and the tickets.
    Serve(ServeArgs),
    /// Show the whole path in one process: a sample backend, an offline model, a live session.
    Demo(DemoArgs),
    /// Issue, read, follow, replay and cancel tickets of a running server.
    Ticket(Box<TicketArgs>),
    /// Tickets by the thousand: upload them as a file, follow them, read what came of them.
    Batch(Box<BatchArgs>),
    /// Open failed tickets again, many at a pace.
    Redrive(Box<RedriveArgs>),
    /// Write, try, publish, deploy and take back prompts on a running server.
    Prompt(Box<PromptArgs>),
    /// Show what was used, what it cost, and how the budgets stand.
    Usage(Box<UsageArgs>),
    /// Make, limit and suspend tenants on a running server.
    Tenant(Box<TenantArgs>),
    /// Register endpoints that are told of tickets, and see what became of each message.
    Webhook(Box<WebhookArgs>),
    /// Make API keys; issue, rotate and revoke those of tenants on a running server.
    Key(Box<KeyArgs>),
    /// Check, measure and copy the embedded event store.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Measure what a durable ticket costs here, beside a program that keeps nothing.
    Bench(BenchArgs),
    /// The program that `bench` compares with; `bench` starts it.
    #[command(hide = true)]
    BenchFloor(FloorArgs),
    /// Check or show a configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the OpenAPI document of the HTTP API.
    Openapi(OpenapiArgs),
    /// Print a shell's completion script.
    Completions(CompletionsArgs),
}
