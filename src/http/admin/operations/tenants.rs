//! Tenants themselves.

use punchcard_events::{Revision, TenantId};
use serde_json::json;

use crate::http::admin::history::TenantHistory;
use crate::http::admin::tenants::{NoBody, SuspensionBody, TenantBody, TenantNameBody};
use crate::http::admin::view::{TenantPage, TenantView};
use crate::http::errors::Code;
use crate::http::openapi::common::{PageLimit, TextTag};
use crate::http::openapi::{Operation, get, post, put};

/// What the tag of a tenant is for.
pub(super) const TAG: &str = "Send it as `If-Match` with a change of a setting.";

const AFTER: &str = "The `next_cursor` of the page before.";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        list(),
        create(),
        read(),
        rename(),
        suspend(),
        resume(),
        history(),
    ]
}

impl Operation {
    /// An answer that shows the tenant.
    pub(super) fn gives_the_tenant(self, status: u16) -> Self {
        self.gives::<TenantView>(status, "The tenant.")
            .with_header::<TextTag>("ETag", TAG)
    }
}

fn list() -> Operation {
    get("/admin/v1/tenants", "listTenants", "List the tenants")
        .query::<PageLimit>("limit", "How many.")
        .query::<TenantId>("after", AFTER)
        .gives::<TenantPage>(200, "A page, by id.")
}

fn create() -> Operation {
    post("/admin/v1/tenants", "createTenant", "Make a tenant")
        .about("The id never changes; the name is for people.")
        .body::<TenantBody>()
        .example(json!({ "tenant": "acme", "name": "Acme Inc." }))
        .gives_the_tenant(201)
        .with_header::<String>("Location", "Where it is read.")
        .changes_the_tenant()
        .refuses(&[Code::TenantExists, Code::TooManyTenants])
}

fn read() -> Operation {
    get("/admin/v1/tenants/{tenant}", "readTenant", "Read a tenant")
        .gives_the_tenant(200)
        .of_a_tenant()
}

fn rename() -> Operation {
    put(
        "/admin/v1/tenants/{tenant}/name",
        "renameTenant",
        "Rename a tenant",
    )
    .body::<TenantNameBody>()
    .example(json!({ "name": "Acme International" }))
    .gives_the_tenant(200)
    .changes_the_tenant()
}

fn suspend() -> Operation {
    post(
        "/admin/v1/tenants/{tenant}/suspend",
        "suspendTenant",
        "Suspend a tenant",
    )
    .about(
        "Every key of the tenant is answered 403 `tenant_suspended` with the reason, and its \
         sessions are closed. Tickets under way go on.",
    )
    .body::<SuspensionBody>()
    .example(json!({ "reason": "The invoice of October is open." }))
    .gives_the_tenant(200)
    .changes_the_tenant()
}

fn resume() -> Operation {
    post(
        "/admin/v1/tenants/{tenant}/resume",
        "resumeTenant",
        "Let a suspended tenant's keys in again",
    )
    .optional_body::<NoBody>()
    .gives_the_tenant(200)
    .changes_the_tenant()
}

fn history() -> Operation {
    get(
        "/admin/v1/tenants/{tenant}/history",
        "readTenantHistory",
        "Read a tenant's history",
    )
    .about("Who did what and when, the oldest first. Nothing is ever taken out of it.")
    .query::<PageLimit>("limit", "How many.")
    .query::<Revision>("after", AFTER)
    .gives::<TenantHistory>(200, "A page.")
    .of_a_tenant()
}
