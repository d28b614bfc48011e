//! `punchcard webhook`: where a running server tells of its tickets, and what became of that.
//!
//! Nothing here decides anything: the server checks, refuses and says what to do.

mod deliveries;
mod manage;
mod resend;
mod secret;
mod show;

use clap::{Args, Subcommand};
use punchcard_events::EndpointId;
use reqwest::Method;
use serde_json::Value;

use super::client::{ApiClient, Call, Connection};
use super::exit::{Exit, Failure};
use super::output::Output;

/// Arguments of `webhook`.
#[derive(Debug, Args)]
#[command(after_help = "\
An endpoint is a URL of yours that is told what became of your tickets. Messages are signed; check
the signature with a Standard Webhooks library and the endpoint's secret.

Examples:
  export PUNCHCARD_URL=http://127.0.0.1:8080 PUNCHCARD_KEY=pk_…
  punchcard webhook create https://example.com/punchcard --on ticket.persisted --on ticket.failed
  punchcard webhook test 0192c0de-…
  punchcard webhook deliveries 0192c0de-… --state given_up
  punchcard webhook resend 0192c0de-… --from 2026-11-23T00:00:00Z --until 2026-11-24T00:00:00Z")]
pub(crate) struct WebhookArgs {
    /// Which server, and who asks.
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: WebhookCommand,
}

/// What to do with endpoints.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// List all endpoints and how they do.
    List,
    /// Show an endpoint.
    Show(OneArgs),
    /// Register an endpoint; shows its secret.
    Create(manage::CreateArgs),
    /// Change what is given of an endpoint.
    Change(manage::ChangeArgs),
    /// Remove an endpoint; what waits for it is not sent.
    Remove(OneArgs),
    /// Make a new secret; the old one holds on for a while.
    Rotate(secret::RotateArgs),
    /// Show the secrets that messages are signed with now.
    Secret(OneArgs),
    /// Send to a disabled endpoint again.
    Enable(OneArgs),
    /// Send nothing to an endpoint for now.
    Disable(OneArgs),
    /// Send a test message.
    Test(OneArgs),
    /// Show the messages of an endpoint, or one with its attempts.
    Deliveries(deliveries::DeliveriesArgs),
    /// Send a message again, or those of a time range.
    Resend(resend::ResendArgs),
}

/// Which endpoint.
#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The endpoint's id.
    pub(crate) endpoint: EndpointId,
}

/// Does it.
pub(crate) async fn run(args: &WebhookArgs, out: &mut Output) -> Result<Exit, Failure> {
    let server = &Server {
        client: ApiClient::new(&args.connection)?,
    };
    match &args.command {
        WebhookCommand::List => show::list(server, out).await,
        WebhookCommand::Show(one) => show::show(one, server, out).await,
        WebhookCommand::Create(args) => manage::create(args, server, out).await,
        WebhookCommand::Change(args) => manage::change(args, server, out).await,
        WebhookCommand::Remove(one) => manage::remove(one, server, out).await,
        WebhookCommand::Rotate(args) => secret::rotate(args, server, out).await,
        WebhookCommand::Secret(one) => secret::reveal(one, server, out).await,
        WebhookCommand::Enable(one) => manage::switch(one, "enable", server, out).await,
        WebhookCommand::Disable(one) => manage::switch(one, "disable", server, out).await,
        WebhookCommand::Test(one) => manage::test(one, server, out).await,
        WebhookCommand::Deliveries(args) => deliveries::run(args, server, out).await,
        WebhookCommand::Resend(args) => resend::run(args, server, out).await,
    }
}

/// The server, asked about endpoints.
struct Server {
    client: ApiClient,
}

impl Server {
    /// Asks for `rest` below the endpoint's path.
    async fn ask(
        &self,
        method: Method,
        endpoint: EndpointId,
        rest: &[&str],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let id = endpoint.to_string();
        let path: Vec<&str> = ["webhooks", &id]
            .into_iter()
            .chain(rest.iter().copied())
            .collect();
        self.call(method, &path, body).await
    }

    async fn call(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let call = Call::new(method, path);
        let call = match body {
            Some(body) => call.body(body),
            None => call,
        };
        Ok(self.client.ask(call).await?.body)
    }
}
