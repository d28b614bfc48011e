//! A request about an endpoint of the caller's own tenant.

use punchcard_events::act::Act;
use punchcard_events::delivery::of_webhook_id;
use punchcard_events::endpoint::{Command, Endpoint};
use punchcard_events::{DeliveryId, EndpointId};

use super::problems;
use crate::http::dispatch::Call;
use crate::http::errors::Problem;

/// A request about an endpoint that is there and is the caller's tenant's.
pub(super) struct EndpointCall {
    pub(super) call: Call,
    pub(super) id: EndpointId,
    pub(super) endpoint: Endpoint,
}

impl EndpointCall {
    /// The endpoint in the path. Malformed ids, unknown endpoints and other tenants' cannot be told
    /// apart.
    pub(super) fn of(call: Call) -> Result<Self, Problem> {
        let id = call
            .request
            .match_info()
            .get("endpoint")
            .unwrap_or_default();
        let id: EndpointId = id.parse().map_err(|_| problems::no_such_endpoint())?;
        let found = call.api.webhooks.webhooks.endpoint(&call.caller.tenant, id);
        let endpoint = found.ok_or_else(problems::no_such_endpoint)?;
        Ok(Self { call, id, endpoint })
    }

    /// The message in the path.
    pub(super) fn delivery(&self) -> Result<DeliveryId, Problem> {
        let id = self.call.request.match_info().get("delivery");
        of_webhook_id(id.unwrap_or_default()).ok_or_else(problems::no_such_delivery)
    }

    /// Does what `command` asks for, and has the endpoint as it is then; `None` where it is gone.
    pub(super) async fn execute(&self, command: Command) -> Result<Option<Endpoint>, Problem> {
        let (tenant, webhooks) = (&self.call.caller.tenant, &self.call.api.webhooks.webhooks);
        Ok(webhooks.execute(tenant, self.id, command).await?)
    }

    /// What the caller does now.
    pub(super) fn act(&self) -> Act {
        act(&self.call)
    }
}

/// What the caller does now, as endpoints record it.
pub(super) fn act(call: &Call) -> Act {
    Act {
        at: call.api.webhooks.webhooks.now(),
        by: call.caller.author(),
    }
}
