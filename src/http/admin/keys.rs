//! A tenant's keys: listed, issued, rotated, revoked; for operators, and for the tenant's own admins.
//!
//! A key is made here, shown in one answer, and known to nobody but its holder after that: the store
//! has its prefix and hash.

use std::collections::BTreeSet;
use std::ops::Bound;

use actix_web::{HttpRequest, HttpResponse};
use punchcard_events::tenant::{Command, IssuedKey, Role, TenantState, is_key_prefix};
use punchcard_events::{Act, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::view::{KeyPage, KeyView, NewKeyView};
use super::words::{Span, Words};
use crate::http::Api;
use crate::http::dispatch::OperatorCall;
use crate::http::errors::{Code, Problem};
use crate::http::prompts::params::Params;
use crate::keys::{ApiKey, KeyName};

/// How often a key is made whose prefix somebody else's key has. There are 62^8 prefixes.
const TRIES: usize = 8;

/// What a new key is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyBody {
    #[serde(default)]
    name: Option<KeyName>,
    #[schemars(with = "Vec<Role>")]
    roles: BTreeSet<Role>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// How a key is replaced.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotationBody {
    overlap: Span,
    /// Absent: when the old one would have expired.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// Why a key is taken back.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevocationBody {
    #[serde(default)]
    reason: Option<Words>,
}

/// The keys of one tenant, and somebody who may keep them.
pub(super) struct Keeper<'a> {
    pub(super) api: &'a Api,
    pub(super) tenant: &'a TenantId,
    pub(super) act: Act,
}

/// `GET /admin/v1/tenants/{tenant}/keys`
pub(super) async fn list(call: OperatorCall) -> Result<HttpResponse, Problem> {
    let tenant = call.tenant()?;
    call.keeper(&tenant).list(&call.request)
}

/// `POST /admin/v1/tenants/{tenant}/keys`
pub(super) async fn issue(mut call: OperatorCall) -> Result<HttpResponse, Problem> {
    let tenant = call.tenant()?;
    let body = call.json().await?;
    call.keeper(&tenant).issue(body).await
}

/// `POST /admin/v1/tenants/{tenant}/keys/{prefix}/rotate`
pub(super) async fn rotate(mut call: OperatorCall) -> Result<HttpResponse, Problem> {
    let tenant = call.tenant()?;
    let body = call.json().await?;
    let prefix = prefix(&call.request);
    call.keeper(&tenant).rotate(prefix, body).await
}

/// `POST /admin/v1/tenants/{tenant}/keys/{prefix}/revoke`
pub(super) async fn revoke(mut call: OperatorCall) -> Result<HttpResponse, Problem> {
    let tenant = call.tenant()?;
    let body = call.json_or_default().await?;
    let prefix = prefix(&call.request);
    call.keeper(&tenant).revoke(prefix, body).await
}

/// The prefix in the path. One that no key can have is one that the tenant never had.
pub(super) fn prefix(request: &HttpRequest) -> String {
    let prefix = request.match_info().get("prefix").unwrap_or_default();
    prefix.chars().take(80).collect()
}

impl Keeper<'_> {
    /// Every key that was ever issued, in pages.
    pub(super) fn list(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        let params = Params::of(request.query_string(), &["limit", "after"])?;
        let limit = params.limit()?;
        let after: Option<String> =
            params.get("after", "Use the next_cursor of the page before.")?;
        if after.as_deref().is_some_and(|after| !is_key_prefix(after)) {
            let rule = "Use the next_cursor of the page before.";
            return Err(Problem::new(Code::InvalidParameter, rule).field("after"));
        }
        let state = self.api.tenants.directory().tenant(self.tenant);
        let state = state.ok_or_else(Problem::no_such_tenant)?;
        let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let rest = state.keys.range::<String, _>((from, Bound::Unbounded));
        // One more than asked for tells whether there is a next page.
        let mut found: Vec<_> = rest.take(limit.saturating_add(1)).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next_cursor = found.last().filter(|_| more);
        let next_cursor = next_cursor.map(|(prefix, _)| (*prefix).clone());
        let now = self.act.at;
        let keys = found.into_iter().map(|(_, key)| KeyView::of(key, now));
        Ok(HttpResponse::Ok().json(KeyPage {
            keys: keys.collect(),
            next_cursor,
        }))
    }

    /// A new key.
    pub(super) async fn issue(&self, body: KeyBody) -> Result<HttpResponse, Problem> {
        let key = self.fresh()?;
        let issue = Command::IssueKey {
            key: kept(&key, body.name, body.roles, body.expires_at),
            act: self.act.clone(),
        };
        let state = self.api.tenants.execute(self.tenant, issue).await?;
        self.made(&key, &state)
    }

    /// A key in the place of another. It has the other's name and roles.
    pub(super) async fn rotate(
        &self,
        prefix: String,
        body: RotationBody,
    ) -> Result<HttpResponse, Problem> {
        let state = self.api.tenants.directory().tenant(self.tenant);
        let state = state.ok_or_else(Problem::no_such_tenant)?;
        let old = state.keys.get(&prefix);
        let expires_at = body.expires_at.or_else(|| old?.key.expires_at);
        let key = self.fresh()?;
        let rotate = Command::RotateKey {
            prefix,
            key: kept(&key, None, BTreeSet::new(), expires_at),
            until: self.act.at.plus(body.overlap.0),
            act: self.act.clone(),
        };
        let state = self.api.tenants.execute(self.tenant, rotate).await?;
        self.made(&key, &state)
    }

    /// A key that opens nothing any more.
    pub(super) async fn revoke(
        &self,
        prefix: String,
        body: RevocationBody,
    ) -> Result<HttpResponse, Problem> {
        let revoke = Command::RevokeKey {
            prefix: prefix.clone(),
            reason: body.reason.map(|reason| reason.0),
            act: self.act.clone(),
        };
        let state = self.api.tenants.execute(self.tenant, revoke).await?;
        Ok(HttpResponse::Ok().json(self.view(&prefix, &state)?))
    }

    /// A key whose prefix no tenant's key has or ever had.
    fn fresh(&self) -> Result<ApiKey, Problem> {
        for _ in 0..TRIES {
            let key = ApiKey::generate();
            let key = key.map_err(|error| Problem::internal(error.to_string()))?;
            let directory = self.api.tenants.directory();
            if directory.by_prefix(key.prefix()).is_none() {
                return Ok(key);
            }
        }
        Err(Problem::internal("no free prefix was found".to_owned()))
    }

    fn made(&self, key: &ApiKey, state: &TenantState) -> Result<HttpResponse, Problem> {
        Ok(HttpResponse::Created().json(NewKeyView {
            key: key.expose().to_owned(),
            view: self.view(key.prefix(), state)?,
        }))
    }

    fn view(&self, prefix: &str, state: &TenantState) -> Result<KeyView, Problem> {
        let key = state.keys.get(prefix).ok_or_else(|| {
            Problem::internal("a key is not in the state that it was put into".to_owned())
        })?;
        Ok(KeyView::of(key, self.act.at))
    }
}

/// What is kept of a key.
fn kept(
    key: &ApiKey,
    name: Option<KeyName>,
    roles: BTreeSet<Role>,
    expires_at: Option<Timestamp>,
) -> IssuedKey {
    IssuedKey {
        prefix: key.prefix().to_owned(),
        sha256: key.hash().to_string(),
        name: name.map(|name| name.as_str().to_owned()),
        roles,
        expires_at,
    }
}
