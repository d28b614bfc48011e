//! What is set for a tenant.

use punchcard_events::tenant::TenantLimits;
use serde_json::json;

use crate::http::admin::settings::{CallbackBody, HooksBody, OriginsBody};
use crate::http::errors::Code;
use crate::http::openapi::common::TextTag;
use crate::http::openapi::{Operation, put};

pub(super) fn operations() -> Vec<Operation> {
    vec![limits(), origins(), callback(), hooks()]
}

impl Operation {
    /// A setting is replaced as a whole, over what its author saw.
    fn replaces_a_setting(self) -> Self {
        self.header::<TextTag>("If-Match", "The `ETag` of the tenant as you saw it.")
            .required()
            .gives_the_tenant(200)
            .changes_the_tenant()
            .refuses(&[Code::PreconditionRequired, Code::TenantConflict])
    }
}

fn limits() -> Operation {
    put(
        "/admin/v1/tenants/{tenant}/limits",
        "setTenantLimits",
        "Set a tenant's limits",
    )
    .about("All of them at once: what is left out is not limited.")
    .body::<TenantLimits>()
    .example(json!({
        "all": { "requests_per_minute": 600, "monthly": { "cost_micro_usd": 500_000_000 } },
        "tasks": { "writing-review": { "concurrent_tickets": 50 } },
        "weight": 2,
    }))
    .replaces_a_setting()
    .refuses(&[
        Code::ZeroLimit,
        Code::WeightOutOfRange,
        Code::RetentionOutOfRange,
    ])
}

fn origins() -> Operation {
    put(
        "/admin/v1/tenants/{tenant}/origins",
        "setTenantOrigins",
        "Set from where sessions may come",
    )
    .body::<OriginsBody>()
    .example(json!({ "origins": ["https://app.acme.example", "none"] }))
    .replaces_a_setting()
    .refuses(&[Code::BadOrigin])
}

fn callback() -> Operation {
    put(
        "/admin/v1/tenants/{tenant}/callback",
        "setTenantCallback",
        "Set where a tenant's own API is",
    )
    .about("A public address over https; `null` takes it away. It is judged again at every call.")
    .body::<CallbackBody>()
    .example(json!({ "base_url": "https://api.acme.example/punchcard" }))
    .replaces_a_setting()
    .refuses(&[Code::BadCallback, Code::HooksRemain])
}

fn hooks() -> Operation {
    put(
        "/admin/v1/tenants/{tenant}/hooks/{task}",
        "setTenantHooks",
        "Set what is called for a task",
    )
    .about("A hook that is left out is taken away.")
    .body::<HooksBody>()
    .example(json!({ "pre_process": "/prepare", "post_process": "/persist" }))
    .replaces_a_setting()
    .refuses(&[Code::BadHook, Code::NoCallback])
}
