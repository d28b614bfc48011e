//! Webhook endpoints and their delivery log.
//!
//! Who may look at tickets may look at endpoints and their log; only admins change them and see their
//! secrets. Another tenant's endpoint is answered as one that does not exist.

mod call;
mod deliveries;
mod endpoints;
pub(super) mod operations;
mod problems;
mod resend;
pub(super) mod routes;
mod secrets;
mod view;

use punchcard_actors::webhooks::Webhooks;
use punchcard_events::EndpointId;

use crate::master_secret::{MasterSecret, WEBHOOK_PURPOSE};
use crate::secret::Secret;

/// What the routes of webhooks stand on.
#[derive(Debug, Clone)]
pub struct WebhookDesk {
    /// The endpoints and their messages.
    pub webhooks: Webhooks,
    /// What their secrets are made of.
    pub master: MasterSecret,
    /// Whether plain http, this host and private networks may be called.
    pub allow_private_networks: bool,
}

impl WebhookDesk {
    /// The secret of an endpoint, to be shown.
    fn secret(&self, endpoint: EndpointId, generation: u32) -> Secret {
        let id = endpoint.to_string();
        self.master.reveal(WEBHOOK_PURPOSE, &id, generation)
    }
}
