//! The routes of prompts, and who may use them.

use actix_web::http::Method;

use super::{
    at, bundle, canary, diff, drafts, history, import, labels, partials, retirement, test_runs,
    test_sets, versions,
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

/// The table. `import` and `export` stand before `{task}`, which would take them for tasks.
pub(in crate::http) static TABLE: &[Route] = &[
    tenant!(GET, "/v1/prompts", VIEWERS, super::list),
    tenant!(POST, "/v1/prompts/import", PLANNERS, import::import),
    tenant!(GET, "/v1/prompts/export", VIEWERS, bundle::export),
    prompt!(GET, "", VIEWERS, super::read),
    prompt!(GET, "/draft", VIEWERS, drafts::read),
    prompt!(PUT, "/draft", PLANNERS, drafts::save),
    prompt!(DELETE, "/draft", PLANNERS, drafts::discard),
    prompt!(POST, "/versions", PLANNERS, versions::publish),
    prompt!(GET, "/versions", VIEWERS, versions::list),
    prompt!(GET, "/versions/{ref}", VIEWERS, versions::read),
    prompt!(GET, "/diff", VIEWERS, diff::read),
    prompt!(POST, "/render", PLANNERS, versions::render),
    prompt!(PUT, "/labels/{label}", PLANNERS, labels::point),
    prompt!(DELETE, "/labels/{label}", PLANNERS, labels::remove),
    prompt!(
        POST,
        "/labels/{label}/rollback",
        PLANNERS,
        labels::roll_back
    ),
    prompt!(GET, "/canary", VIEWERS, canary::read),
    prompt!(PUT, "/canary", PUBLISHERS, canary::start),
    prompt!(DELETE, "/canary", PUBLISHERS, canary::stop),
    prompt!(GET, "/test-set", VIEWERS, test_sets::read),
    prompt!(PUT, "/test-set", PLANNERS, test_sets::save),
    prompt!(GET, "/test-runs", VIEWERS, test_runs::list),
    prompt!(POST, "/test-runs", PLANNERS, test_runs::start),
    prompt!(GET, "/test-runs/{run}", VIEWERS, test_runs::read),
    prompt!(DELETE, "/test-runs/{run}", PLANNERS, test_runs::stop),
    prompt!(GET, "/history", VIEWERS, history::read),
    prompt!(GET, "/at", VIEWERS, at::read),
    prompt!(POST, "/retire", PUBLISHERS, retirement::retire),
    prompt!(POST, "/restore", PUBLISHERS, retirement::restore),
    tenant!(GET, "/v1/partials", VIEWERS, partials::list),
    tenant!(PUT, "/v1/partials/{name}", PLANNERS, partials::save),
    tenant!(DELETE, "/v1/partials/{name}", PLANNERS, partials::remove),
];
