//! Commands: load, decide, append, and into the book before their author is answered.

use punchcard_events::endpoint::{self, Command, Endpoint, MAX_ENDPOINTS, Rejection, decide};
use punchcard_events::{EndpointId, Position, TenantId};

use super::stream::{append, load, new_event};
use super::{Shared, WebhookError, Webhooks};

/// How often a command is decided: again once for each time somebody else was faster.
const DECISIONS: u32 = 3;

/// How long is waited for the log to have taken in what was just done.
const LOG_PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

impl Webhooks {
    /// Does what `command` asks for of a tenant's endpoint, and gives the endpoint after that; `None`
    /// where it is gone. When this returns, it is durable.
    ///
    /// # Errors
    /// See [`WebhookError`]. Another tenant's endpoint is none.
    pub async fn execute(
        &self,
        tenant: &TenantId,
        id: EndpointId,
        command: Command,
    ) -> Result<Option<Endpoint>, WebhookError> {
        self.shared.execute(tenant, id, command).await
    }

    /// Registers an endpoint under a new id.
    ///
    /// # Errors
    /// See [`WebhookError`]; [`WebhookError::TooMany`] where the tenant has enough.
    pub async fn register(
        &self,
        tenant: &TenantId,
        command: Command,
    ) -> Result<(EndpointId, Endpoint), WebhookError> {
        let shared = &self.shared;
        let one_at_a_time = shared.registering.lock().await;
        if shared.book.of_tenant(tenant).len() >= MAX_ENDPOINTS {
            return Err(WebhookError::TooMany);
        }
        let id = EndpointId(shared.clock.id());
        let (endpoint, position) = shared.append(tenant, id, command).await?;
        // It is in the book, and counts: nobody need wait for the log with it.
        drop(one_at_a_time);
        shared.in_the_log(position).await;
        let endpoint = endpoint.ok_or(WebhookError::Rejected(Rejection::NoSuchEndpoint))?;
        Ok((id, endpoint))
    }
}

impl Shared {
    pub(super) async fn execute(
        &self,
        tenant: &TenantId,
        id: EndpointId,
        command: Command,
    ) -> Result<Option<Endpoint>, WebhookError> {
        let (endpoint, position) = self.append(tenant, id, command).await?;
        self.in_the_log(position).await;
        Ok(endpoint)
    }

    /// Decides and appends; with the endpoint after that comes where its newest event stands, if there
    /// is a new one.
    async fn append(
        &self,
        tenant: &TenantId,
        id: EndpointId,
        command: Command,
    ) -> Result<(Option<Endpoint>, Option<Position>), WebhookError> {
        for _ in 0..DECISIONS {
            match self.try_append(tenant, id, command.clone()).await {
                Err(WebhookError::Conflict) => {}
                done => return done,
            }
        }
        Err(WebhookError::Conflict)
    }

    async fn try_append(
        &self,
        tenant: &TenantId,
        id: EndpointId,
        command: Command,
    ) -> Result<(Option<Endpoint>, Option<Position>), WebhookError> {
        let mut loaded = load(self.store.as_ref(), id).await?;
        let foreign = |endpoint: &Endpoint| endpoint.tenant != *tenant;
        if loaded.state.live().is_some_and(foreign) {
            return Err(Rejection::NoSuchEndpoint.into());
        }
        let events = decide(&loaded.state, command)?;
        if events.is_empty() {
            return Ok((loaded.state.live().cloned(), None));
        }
        let mut new = Vec::with_capacity(events.len());
        let causation = loaded.last.map(|(_, event)| event);
        for event in &events {
            let data = event.encode();
            let data = data.map_err(|error| WebhookError::Damaged(error.to_string()))?;
            let body = (event.kind(), event.schema_version(), data);
            new.push(new_event(
                self.clock.as_ref(),
                tenant,
                id.0,
                causation,
                body,
            ));
        }
        let expected = loaded.expected();
        let appended = append(self.store.as_ref(), &endpoint::stream(id), expected, &new).await?;
        for event in &events {
            loaded.state.apply(event);
        }
        let position = appended.position;
        self.book
            .appended(id, expected.first_new(), &events, position);
        Ok((loaded.state.live().cloned(), Some(position)))
    }

    /// Waits for the log, so that who asks for a test finds it there. One that lags keeps nobody
    /// waiting.
    async fn in_the_log(&self, position: Option<Position>) {
        let mut applied = self.applied.subscribe();
        let seen = applied.wait_for(|at| at.is_none() || *at >= position);
        drop(tokio::time::timeout(LOG_PATIENCE, seen).await);
    }
}
