//! Whose keys are meant, and who asks.

use clap::Args;
use punchcard_events::TenantId;
use reqwest::Method;
use serde_json::Value;

use super::KeyArgs;
use crate::cli::client::{ApiClient, Call};
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::prompt::ask;

/// Whose keys.
#[derive(Debug, Args)]
pub(crate) struct WhoseArgs {
    /// The tenant, as an operator; without it, your own.
    #[arg(long)]
    pub(crate) tenant: Option<TenantId>,
}

/// The keys of one tenant, as whoever asks reaches them.
#[derive(Debug)]
pub(super) struct Holder {
    client: ApiClient,
    tenant: Option<TenantId>,
    yes: bool,
}

impl Holder {
    /// Of the tenant `tenant` by the admin API, or of the caller's own by the open one.
    pub(super) fn of(args: &KeyArgs, tenant: Option<&TenantId>) -> Result<Self, Failure> {
        let client = match tenant {
            Some(_) => ApiClient::of_admin(&args.admin)?,
            None => ApiClient::new(&args.connection)?,
        };
        Ok(Self {
            client,
            tenant: tenant.cloned(),
            yes: args.yes,
        })
    }

    /// Every key that was ever issued, as it came.
    pub(super) async fn all(&self) -> Result<Vec<Value>, Failure> {
        let path = self.path(&[]);
        self.client.pages(&path, "keys", None, usize::MAX).await
    }

    /// Posts `body` to a place of the keys.
    pub(super) async fn post(&self, place: &[&str], body: &Value) -> Result<Value, Failure> {
        let path = self.path(place);
        let call = Call::new(Method::POST, &path).body(body);
        Ok(self.client.ask(call).await?.body)
    }

    /// Asks `question`, and goes on only after a yes.
    pub(super) fn confirm(&self, out: &mut Output, question: &str) -> Result<(), Failure> {
        ask::confirm(out, self.yes, question)
    }

    /// What is added to a command to mean the same tenant.
    pub(super) fn flag(&self) -> String {
        let tenant = self.tenant.as_ref();
        tenant.map_or_else(String::new, |tenant| format!(" --tenant {tenant}"))
    }

    fn path<'a>(&'a self, place: &[&'a str]) -> Vec<&'a str> {
        let mut path = match &self.tenant {
            Some(tenant) => vec!["tenants", tenant.as_str(), "keys"],
            None => vec!["keys"],
        };
        path.extend(place);
        path
    }
}
