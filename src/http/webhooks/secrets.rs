//! An endpoint's signing secrets: derived when they are asked for, stored nowhere.

use std::time::Duration;

use actix_web::HttpResponse;
use punchcard_events::endpoint::Command;
use schemars::JsonSchema;
use serde::Deserialize;

use super::call::EndpointCall;
use super::endpoints::view;
use super::problems;
use super::view::{SecretView, SecretsView};
use crate::http::errors::Problem;

/// How long the old secret holds on where nothing else is said: a day.
const OVERLAP_SECONDS: u64 = 24 * 60 * 60;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateBody {
    #[serde(default)]
    overlap_seconds: Option<u64>,
}

/// `GET /v1/webhooks/{endpoint}/secret`
pub(super) async fn reveal(asked: EndpointCall) -> Result<HttpResponse, Problem> {
    let desk = &asked.call.api.webhooks;
    let endpoint = &asked.endpoint;
    let generations = endpoint.generations(desk.webhooks.now());
    let secrets = generations.into_iter().map(|generation| {
        let secret = desk.secret(asked.id, generation);
        let until = (generation != endpoint.generation).then_some(endpoint.previous_until);
        SecretView {
            generation,
            secret: secret.expose().to_owned(),
            until: until.flatten(),
        }
    });
    let secrets = secrets.collect();
    Ok(HttpResponse::Ok().json(SecretsView { secrets }))
}

/// `POST /v1/webhooks/{endpoint}/rotate-secret`
pub(super) async fn rotate(mut asked: EndpointCall) -> Result<HttpResponse, Problem> {
    let body: RotateBody = asked.call.json_or_default().await?;
    let overlap = body.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
    let act = asked.act();
    let until = act.at.plus(Duration::from_secs(overlap));
    let rotated = asked.execute(Command::RotateSecret { until, act }).await?;
    let endpoint = rotated.ok_or_else(problems::no_such_endpoint)?;
    let secret = asked
        .call
        .api
        .webhooks
        .secret(asked.id, endpoint.generation);
    let mut view = view(&asked.call, asked.id, endpoint).await?;
    view.secret = Some(secret.expose().to_owned());
    Ok(HttpResponse::Ok().json(view))
}
