//! The server as an operator asks it.

use punchcard_events::TenantId;
use reqwest::Method;
use serde_json::Value;

use super::views::TenantView;
use crate::cli::client::{self, ApiClient, Call};
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::prompt::ask;

/// Who asks, and how they want to be asked.
#[derive(Debug)]
pub(super) struct Operator {
    /// The admin API.
    pub(super) client: ApiClient,
    /// Whether every question is answered with yes.
    pub(super) yes: bool,
}

/// A tenant as it came, for `--json`, and as what it says.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// As it came.
    pub(super) raw: Value,
    /// What it says.
    pub(super) view: TenantView,
}

impl Shown {
    fn of(raw: Value) -> Result<Self, Failure> {
        let view = client::read(raw.clone())?;
        Ok(Self { raw, view })
    }
}

impl Operator {
    /// A tenant, whole.
    ///
    /// # Errors
    /// When the server refuses, is not there, or gives something else; as everywhere below.
    pub(super) async fn tenant(&self, tenant: &TenantId) -> Result<Shown, Failure> {
        let path = ["tenants", tenant.as_str()];
        Shown::of(self.client.ask(Call::new(Method::GET, &path)).await?.body)
    }

    /// Sends `body` to a place of the tenant, and gives the tenant as it is after that.
    pub(super) async fn send(
        &self,
        method: Method,
        tenant: &TenantId,
        place: &str,
        body: &Value,
    ) -> Result<Shown, Failure> {
        let path = ["tenants", tenant.as_str(), place];
        let call = Call::new(method, &path).body(body);
        Shown::of(self.client.ask(call).await?.body)
    }

    /// The same, to be done only while the tenant is as it was seen.
    pub(super) async fn put_over(
        &self,
        seen: &TenantView,
        place: &[&str],
        body: &Value,
    ) -> Result<Shown, Failure> {
        let mut path = vec!["tenants", &seen.tenant];
        path.extend(place);
        let call = Call::new(Method::PUT, &path).body(body);
        let call = call.only_if_tag(&seen.etag);
        Shown::of(self.client.ask(call).await?.body)
    }

    /// Asks `question`, and goes on only after a yes.
    pub(super) fn confirm(&self, out: &mut Output, question: &str) -> Result<(), Failure> {
        ask::confirm(out, self.yes, question)
    }
}
