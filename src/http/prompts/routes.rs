//! The routes of prompts, and who may use them.

use actix_web::http::Method;

use super::{
    at, bundle, canary, diff, drafts, history, import, labels, params, partials, policy, render,
    retirement, test_runs, test_sets, versions,
};
use crate::http::routes::{Access, Route, route};
use crate::keys::{Role, Roles};

/// Who may look at prompts.
const VIEWERS: Roles = Roles::of(&[Role::Viewer]);
/// Who may write, test and publish them, and move every label but `production`.
const PLANNERS: Roles = Roles::of(&[Role::Planner]);
/// Who may decide what reaches users.
pub(super) const PUBLISHERS: Roles = Roles::of(&[Role::Publisher]);
/// Who may do without a passing test run.
pub(super) const ADMINS: Roles = Roles::of(&[Role::Admin]);

/// A route about one prompt.
macro_rules! prompt {
    ($method:ident, $path:literal, $roles:expr, $handler:path) => {
        route(
            Method::$method,
            concat!("/v1/prompts/{task}", $path),
            Access::Prompt($roles, |call| Box::pin($handler(call))),
        )
    };
}

/// Such a route that takes no parameters.
macro_rules! plain {
    ($method:ident, $path:literal, $roles:expr, $handler:path) => {
        route(
            Method::$method,
            concat!("/v1/prompts/{task}", $path),
            Access::Prompt($roles, |asked| {
                Box::pin(async move {
                    params::none(&asked.call)?;
                    $handler(asked).await
                })
            }),
        )
    };
}

/// A route about the tenant's prompts together.
macro_rules! tenant {
    ($method:ident, $path:literal, $roles:expr, $handler:path) => {
        route(
            Method::$method,
            $path,
            Access::Key($roles, |call| Box::pin($handler(call))),
        )
    };
}

/// Such a route that takes no parameters.
macro_rules! plain_tenant {
    ($method:ident, $path:literal, $roles:expr, $handler:path) => {
        route(
            Method::$method,
            $path,
            Access::Key($roles, |call| {
                Box::pin(async move {
                    params::none(&call)?;
                    $handler(call).await
                })
            }),
        )
    };
}

/// The table. `import` and `export` stand before `{task}`, which would take them for tasks.
pub(in crate::http) static TABLE: &[Route] = &[
    tenant!(GET, "/v1/prompts", VIEWERS, super::list),
    plain_tenant!(POST, "/v1/prompts/import", PLANNERS, import::import),
    tenant!(GET, "/v1/prompts/export", VIEWERS, bundle::export),
    plain!(GET, "", VIEWERS, super::read),
    plain!(GET, "/draft", VIEWERS, drafts::read),
    plain!(PUT, "/draft", PLANNERS, drafts::save),
    plain!(DELETE, "/draft", PLANNERS, drafts::discard),
    plain!(POST, "/versions", PLANNERS, versions::publish),
    prompt!(GET, "/versions", VIEWERS, versions::list),
    plain!(GET, "/versions/{ref}", VIEWERS, versions::read),
    prompt!(GET, "/diff", VIEWERS, diff::read),
    plain!(POST, "/render", PLANNERS, render::render),
    plain!(PUT, "/labels/{label}", PLANNERS, labels::point),
    plain!(DELETE, "/labels/{label}", PLANNERS, labels::remove),
    plain!(
        POST,
        "/labels/{label}/rollback",
        PLANNERS,
        labels::roll_back
    ),
    plain!(GET, "/canary", VIEWERS, canary::read),
    plain!(PUT, "/canary", PUBLISHERS, canary::start),
    plain!(DELETE, "/canary", PUBLISHERS, canary::stop),
    plain!(GET, "/deployment-policy", VIEWERS, policy::read),
    plain!(PUT, "/deployment-policy", PUBLISHERS, policy::set),
    plain!(GET, "/test-set", VIEWERS, test_sets::read),
    plain!(PUT, "/test-set", PLANNERS, test_sets::save),
    prompt!(GET, "/test-runs", VIEWERS, test_runs::list),
    plain!(POST, "/test-runs", PLANNERS, test_runs::start),
    prompt!(GET, "/test-runs/{run}", VIEWERS, test_runs::read),
    plain!(DELETE, "/test-runs/{run}", PLANNERS, test_runs::stop),
    prompt!(GET, "/history", VIEWERS, history::read),
    prompt!(GET, "/at", VIEWERS, at::read),
    plain!(POST, "/retire", PUBLISHERS, retirement::retire),
    plain!(POST, "/restore", PUBLISHERS, retirement::restore),
    tenant!(GET, "/v1/partials", VIEWERS, partials::list),
    plain_tenant!(PUT, "/v1/partials/{name}", PLANNERS, partials::save),
    plain_tenant!(DELETE, "/v1/partials/{name}", PLANNERS, partials::remove),
];
