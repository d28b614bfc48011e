//! What is set for a tenant. Each setting is replaced as a whole, so each change says which revision of
//! the tenant its author saw: two operators do not overwrite each other.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use punchcard_actors::tenants::TenantError;
use punchcard_events::tenant::{Command, TenantLimits, TenantState};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::tag;
use super::tenants::shown;
use crate::adapters::outbound::check_url;
use crate::http::dispatch::{self, OperatorCall};
use crate::http::errors::{Code, Problem};
use crate::http::prompts::precondition;

/// `PUT /admin/v1/tenants/{tenant}/limits`
pub(super) async fn limits(mut call: OperatorCall) -> Result<HttpResponse, Problem> {
    let limits: TenantLimits = call.json().await?;
    let act = call.act();
    put(&call, Command::SetLimits { limits, act }).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OriginsBody {
    #[schemars(with = "Vec<String>")]
    origins: BTreeSet<String>,
}

/// `PUT /admin/v1/tenants/{tenant}/origins`
pub(super) async fn origins(mut call: OperatorCall) -> Result<HttpResponse, Problem> {
    let body: OriginsBody = call.json().await?;
    let (origins, act) = (body.origins, call.act());
    put(&call, Command::SetOrigins { origins, act }).await
}

/// `base_url` must be there: one that is forgotten is not taken for `null`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CallbackBody {
    #[serde(deserialize_with = "Option::deserialize")]
    base_url: Option<String>,
}

/// `PUT /admin/v1/tenants/{tenant}/callback`
pub(super) async fn callback(mut call: OperatorCall) -> Result<HttpResponse, Problem> {
    let body: CallbackBody = call.json().await?;
    let private = call.api.options.calls_private_networks;
    let checked = body.base_url.map(|text| callable(&text, private));
    let (base_url, act) = (checked.transpose()?, call.act());
    put(&call, Command::SetCallback { base_url, act }).await
}

/// An address that may be called, as the URL standard writes it: what is stored is what was judged. At
/// the time of a call it is judged again, with what its name resolves to.
fn callable(text: &str, private: bool) -> Result<String, Problem> {
    let refuse = |why: String| {
        Problem::new(Code::BadCallback, why)
            .field("/base_url")
            .remedy("Give a public address over https, such as `https://api.example.com/v2`.")
    };
    let url = Url::parse(text).map_err(|error| refuse(format!("This is no URL: {error}.")))?;
    check_url(&url, private).map_err(|error| refuse(format!("It cannot be called: {error}.")))?;
    Ok(url.into())
}

/// What is called for a task; without either, nothing is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HooksBody {
    #[serde(default)]
    pre_process: Option<String>,
    #[serde(default)]
    post_process: Option<String>,
}

/// `PUT /admin/v1/tenants/{tenant}/hooks/{task}`
pub(super) async fn hooks(mut call: OperatorCall) -> Result<HttpResponse, Problem> {
    let task = dispatch::task(&call.request)?;
    let body: HooksBody = call.json().await?;
    let hooks = Command::SetHooks {
        task,
        pre_process: body.pre_process,
        post_process: body.post_process,
        act: call.act(),
    };
    put(&call, hooks).await
}

/// Makes a change from what its author saw.
async fn put(call: &OperatorCall, command: Command) -> Result<HttpResponse, Problem> {
    let tenant = call.tenant()?;
    call.state(&tenant)?;
    let seen = precondition::seen_text(call.request.headers())?;
    let unchanged = |state: &TenantState| tag::of(state) == seen;
    let tenants = &call.api.tenants;
    match tenants.execute_if(&tenant, command, unchanged).await {
        Ok(_) => shown(call, &tenant),
        Err(TenantError::Changed) => Err(changed(tag::of(&*call.state(&tenant)?))),
        Err(error) => Err(error.into()),
    }
}

/// Somebody else was faster than a change that was made from what is not so any more.
fn changed(now: String) -> Problem {
    let detail = "The tenant's settings were changed since you looked, so nothing was done.";
    Problem::new(Code::TenantConflict, detail)
        .remedy("Look at the tenant as it is now, and make your change from that.")
        .with("current", serde_json::json!({ "etag": now }))
}
