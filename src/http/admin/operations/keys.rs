//! Keys: of any tenant for operators, and a tenant's own.

use serde_json::json;

use crate::http::admin::keys::{KeyBody, RevocationBody, RotationBody};
use crate::http::admin::view::{KeyPage, KeyView, NewKeyView, OwnTenantView};
use crate::http::errors::Code;
use crate::http::openapi::common::{KeyPrefix, PageLimit};
use crate::http::openapi::{Operation, get, post};

const ONCE: &str = "The key, shown this once.";

pub(super) fn of_operators() -> Vec<Operation> {
    let at = "/admin/v1/tenants/{tenant}/keys";
    let rotate_at = "/admin/v1/tenants/{tenant}/keys/{prefix}/rotate";
    let revoke_at = "/admin/v1/tenants/{tenant}/keys/{prefix}/revoke";
    vec![
        list(get(at, "listTenantKeys", "List a tenant's keys")),
        issue(post(at, "issueTenantKey", "Issue a key for a tenant")),
        rotate(post(rotate_at, "rotateTenantKey", "Rotate a tenant's key")),
        revoke(post(revoke_at, "revokeTenantKey", "Revoke a tenant's key")),
    ]
}

pub(super) fn of_tenants() -> Vec<Operation> {
    let rotate_at = "/v1/keys/{prefix}/rotate";
    let revoke_at = "/v1/keys/{prefix}/revoke";
    vec![
        get("/v1/tenant", "readOwnTenant", "Read your own tenant")
            .gives::<OwnTenantView>(200, "Your settings and limits.")
            .of_a_tenant(),
        list(get("/v1/keys", "listKeys", "List your tenant's keys")),
        issue(post("/v1/keys", "issueKey", "Issue a key")),
        rotate(post(rotate_at, "rotateKey", "Rotate a key")),
        revoke(post(revoke_at, "revokeKey", "Revoke a key")),
    ]
}

fn list(operation: Operation) -> Operation {
    operation
        .about("Every key that was ever issued, those that open nothing any more too.")
        .query::<PageLimit>("limit", "How many.")
        .query::<KeyPrefix>("after", "The `next_cursor` of the page before.")
        .gives::<KeyPage>(200, "A page, by prefix.")
        .of_a_tenant()
}

fn issue(operation: Operation) -> Operation {
    operation
        .body::<KeyBody>()
        .example(json!({ "name": "backend", "roles": ["issuer"] }))
        .gives::<NewKeyView>(201, ONCE)
        .changes_the_tenant()
        .refuses(&[Code::NoRoles, Code::BornExpired, Code::PrefixTaken])
}

fn rotate(operation: Operation) -> Operation {
    operation
        .about("The new key has the old one's name and roles. Both open the same for the overlap.")
        .body::<RotationBody>()
        .example(json!({ "overlap": "24h" }))
        .gives::<NewKeyView>(201, ONCE)
        .changes_the_tenant()
        .refuses(&[
            Code::NoSuchKey,
            Code::KeyRevoked,
            Code::KeyExpired,
            Code::KeyReplaced,
            Code::OverlapTooLong,
            Code::BornExpired,
            Code::PrefixTaken,
        ])
}

fn revoke(operation: Operation) -> Operation {
    operation
        .about("At once, and for ever. Sessions that were opened with it are closed.")
        .optional_body::<RevocationBody>()
        .gives::<KeyView>(200, "The key as it is now.")
        .changes_the_tenant()
        .refuses(&[Code::NoSuchKey])
}
