//! Endpoints: registered, looked at, changed, disabled, removed, tested.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use punchcard_events::EndpointId;
use punchcard_events::endpoint::{Command, DisabledReason, Endpoint, EventType};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::call::{EndpointCall, act};
use super::problems;
use super::view::{EndpointList, EndpointView, RemovedView, TestSent};
use crate::adapters::outbound::check_url;
use crate::http::dispatch::Call;
use crate::http::errors::Problem;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBody {
    url: String,
    event_types: Vec<String>,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeBody {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    event_types: Option<Vec<String>>,
    #[serde(default)]
    description: Option<String>,
}

/// `POST /v1/webhooks`
pub(super) async fn create(mut call: Call) -> Result<HttpResponse, Problem> {
    let body: CreateBody = call.json().await?;
    let desk = &call.api.webhooks;
    let tenant = &call.caller.tenant;
    let register = Command::Register {
        tenant: tenant.clone(),
        url: checked_url(&call, &body.url)?,
        event_types: event_types(&body.event_types)?,
        description: body.description,
        act: act(&call),
    };
    let (id, endpoint) = desk.webhooks.register(tenant, register).await?;
    let secret = desk.secret(id, endpoint.generation);
    let mut view = view(&call, id, endpoint).await?;
    view.secret = Some(secret.expose().to_owned());
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/v1/webhooks/{id}")))
        .json(view))
}

/// `GET /v1/webhooks`
pub(super) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    let mut endpoints = Vec::new();
    for (id, endpoint) in call.api.webhooks.webhooks.endpoints(&call.caller.tenant) {
        endpoints.push(view(&call, id, endpoint).await?);
    }
    Ok(HttpResponse::Ok().json(EndpointList { endpoints }))
}

/// `GET /v1/webhooks/{endpoint}`
pub(super) async fn read(asked: EndpointCall) -> Result<HttpResponse, Problem> {
    let view = view(&asked.call, asked.id, asked.endpoint).await?;
    Ok(HttpResponse::Ok().json(view))
}

/// `PATCH /v1/webhooks/{endpoint}`
pub(super) async fn change(mut asked: EndpointCall) -> Result<HttpResponse, Problem> {
    let body: ChangeBody = asked.call.json().await?;
    let url = body.url.map(|url| checked_url(&asked.call, &url));
    let types = body.event_types.map(|types| event_types(&types));
    let command = Command::Change {
        url: url.transpose()?,
        event_types: types.transpose()?,
        description: body.description,
        act: asked.act(),
    };
    done(&asked, command).await
}

/// `DELETE /v1/webhooks/{endpoint}`
pub(super) async fn remove(asked: EndpointCall) -> Result<HttpResponse, Problem> {
    let act = asked.act();
    asked.execute(Command::Remove { act }).await?;
    Ok(HttpResponse::Ok().json(RemovedView {
        id: asked.id,
        removed: true,
    }))
}

/// `POST /v1/webhooks/{endpoint}/enable`
pub(super) async fn enable(asked: EndpointCall) -> Result<HttpResponse, Problem> {
    let act = asked.act();
    done(&asked, Command::Enable { act }).await
}

/// `POST /v1/webhooks/{endpoint}/disable`
pub(super) async fn disable(asked: EndpointCall) -> Result<HttpResponse, Problem> {
    let (reason, act) = (DisabledReason::ByAdmin, asked.act());
    done(&asked, Command::Disable { reason, act }).await
}

/// `POST /v1/webhooks/{endpoint}/test`
pub(super) async fn test(asked: EndpointCall) -> Result<HttpResponse, Problem> {
    let act = asked.act();
    asked.execute(Command::Test { act }).await?;
    let log = format!("/v1/webhooks/{}/deliveries", asked.id);
    Ok(HttpResponse::Accepted().json(TestSent {
        event_type: EventType::WebhookTest,
        log,
    }))
}

async fn done(asked: &EndpointCall, command: Command) -> Result<HttpResponse, Problem> {
    let endpoint = asked.execute(command).await?;
    let endpoint = endpoint.ok_or_else(problems::no_such_endpoint)?;
    Ok(HttpResponse::Ok().json(view(&asked.call, asked.id, endpoint).await?))
}

pub(super) async fn view(
    call: &Call,
    id: EndpointId,
    endpoint: Endpoint,
) -> Result<EndpointView, Problem> {
    let webhooks = &call.api.webhooks.webhooks;
    let standing = webhooks.standing(id).await?;
    Ok(EndpointView::of(id, endpoint, standing, webhooks.now()))
}

/// A URL that may be called, as it is going to be: what is checked is what is stored.
fn checked_url(call: &Call, text: &str) -> Result<String, Problem> {
    let url = Url::parse(text).map_err(|_| problems::not_a_url())?;
    check_url(&url, call.api.webhooks.allow_private_networks)
        .map_err(|error| problems::forbidden_url(&error))?;
    Ok(url.into())
}

fn event_types(names: &[String]) -> Result<BTreeSet<EventType>, Problem> {
    let askable = |name: &String| {
        let found = EventType::ASKABLE.into_iter();
        found.into_iter().find(|known| known.as_str() == name)
    };
    let types: Option<BTreeSet<_>> = names.iter().map(askable).collect();
    types
        .filter(|types| !types.is_empty())
        .ok_or_else(problems::event_types)
}
