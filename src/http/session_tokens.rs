//! Session tokens: what a backend hands to its user's browser.

use actix_web::HttpResponse;
use actix_web::http::header;
use punchcard_actors::sessions::Grant;
use punchcard_events::{Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dispatch::Call;
use super::errors::Problem;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenBody {
    user: UserId,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct TokenView<'a> {
    token: &'a str,
    expires_at: Timestamp,
    url: String,
}

/// `POST /v1/session-tokens`
pub(super) async fn mint(mut call: Call) -> Result<HttpResponse, Problem> {
    let url = session_url(&call);
    let body: TokenBody = call.json().await?;
    let grant = Grant {
        tenant: call.caller.tenant,
        user: body.user,
        key_prefix: call.caller.key_prefix,
    };
    let expires_at = call.api.tickets.now().plus(call.api.sessions.token_ttl());
    let token = call.api.sessions.mint(grant).await?;
    Ok(HttpResponse::Created().json(TokenView {
        token: token.expose(),
        expires_at,
        url,
    }))
}

/// Where the session is opened. A `Host` that is not one goes into nothing.
fn session_url(call: &Call) -> String {
    if let Some(url) = &call.api.options.session_url {
        return url.clone();
    }
    let host = call.request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let url = url::Url::parse(&format!("ws://{host}/v1/session"));
    let url = url
        .ok()
        .filter(|url| url.path() == "/v1/session" && url.username().is_empty());
    url.map_or_else(|| "/v1/session".to_owned(), String::from)
}
