//! The route table: every route with its method, path and policy.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;

use super::dispatch::{self, Call, OperatorCall, PromptCall, TicketCall, Visit};
use super::errors::Problem;
use super::{
    Api, admin, batches, console, forks, health, histories, now, openai, openapi, prompts,
    redrives, session, session_tokens, shadow_runs, stream, tickets, usage, webhooks,
};
use crate::keys::{Role, Roles};

type Handled = LocalBoxFuture<'static, Result<HttpResponse, Problem>>;

/// One route. A handler can only be reached through its policy: what it needs to know about the
/// caller comes from there.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path; `{id}` stands for a ticket, `{task}` for a task.
    pub path: &'static str,
    pub(super) access: Access,
}

/// A policy and the handler behind it.
pub(super) enum Access {
    /// Anybody may look: no data behind it.
    Open(fn(Visit) -> Handled),
    /// Guarded by the allowed origins, then by a token in the first frame.
    Session(fn(Visit) -> Handled),
    /// Needs an API key with one of these roles.
    Key(Roles, fn(Call) -> Handled),
    /// Needs an API key with one of these roles, and the ticket in the path must be the same
    /// tenant's.
    Ticket(Roles, fn(TicketCall) -> Handled),
    /// Needs an API key with one of these roles. The task in the path is the same tenant's, there or
    /// not: nobody names another tenant's.
    Prompt(Roles, fn(PromptCall) -> Handled),
    /// Needs an operator's key, which no tenant's is. Only on the admin listener.
    Operator(fn(OperatorCall) -> Handled),
}

/// Who works with tickets: the tenant's backend.
pub(super) const ISSUERS: Roles = Roles::of(&[Role::Issuer]);
/// Who sees what was sent to the tenant's own API, and what it answered.
pub(super) const BODIES: Roles = Roles::of(&[Role::Issuer, Role::Planner]);
/// Who may look at tickets.
pub(super) const READERS: Roles = Roles::of(&[Role::Issuer, Role::Viewer]);
/// Everybody with a key: what is only about the caller.
pub(super) const EVERYBODY: Roles = Roles::of(&Role::ALL);

/// Who may run past tickets again: it costs, and reaches nobody.
pub(super) const FORKERS: Roles = Roles::of(&[Role::Issuer, Role::Planner]);

/// Who may open failed tickets again.
pub(super) const REDRIVERS: Roles = Roles::of(&[Role::Issuer, Role::Publisher]);

/// Which of the two listeners a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The open API's, for backends and users' sessions.
    Public,
    /// The one for those who work with it, with the console: a browser stands in front of it.
    Admin,
}

/// Who is let through to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Anybody.
    Open,
    /// Browsers of allowed origins, with a session token.
    Session,
    /// Holders of an API key with a role that the route asks for.
    Key,
    /// Such holders, of the ticket's tenant.
    Ticket,
    /// Such holders, for a prompt of their own tenant.
    Prompt,
    /// Those who operate this Punchcard.
    Operator,
}

impl Route {
    /// Who is let through.
    pub const fn policy(&self) -> Policy {
        match self.access {
            Access::Open(_) => Policy::Open,
            Access::Session(_) => Policy::Session,
            Access::Key(..) => Policy::Key,
            Access::Ticket(..) => Policy::Ticket,
            Access::Prompt(..) => Policy::Prompt,
            Access::Operator(_) => Policy::Operator,
        }
    }

    /// The roles of which a tenant's key needs one; `None` where no such key is asked for.
    pub const fn roles(&self) -> Option<Roles> {
        match self.access {
            Access::Open(_) | Access::Session(_) | Access::Operator(_) => None,
            Access::Key(roles, _) | Access::Ticket(roles, _) | Access::Prompt(roles, _) => {
                Some(roles)
            }
        }
    }
}

pub(super) const fn route(method: Method, path: &'static str, access: Access) -> Route {
    Route {
        method,
        path,
        access,
    }
}

/// Every public route.
pub fn table() -> impl Iterator<Item = &'static Route> + Clone {
    TABLE
        .iter()
        .chain(prompts::routes::TABLE)
        .chain(admin::routes::OWN)
        .chain(usage::routes::TABLE)
        .chain(webhooks::routes::TABLE)
        .chain(openai::routes::TABLE)
        .chain(batches::routes::TABLE)
        .chain(histories::routes::TABLE)
        .chain(redrives::routes::TABLE)
        .chain(forks::routes::TABLE)
        .chain(shadow_runs::routes::TABLE)
        .chain(now::routes::TABLE)
        .chain(openapi::routes::TABLE)
}

/// The public routes but those of prompts.
static TABLE: &[Route] = &[
    route(
        Method::POST,
        "/v1/tickets",
        Access::Key(ISSUERS, |c| Box::pin(tickets::issue(c))),
    ),
    route(
        Method::GET,
        "/v1/tickets",
        Access::Key(READERS, |c| Box::pin(tickets::list(c))),
    ),
    route(
        Method::GET,
        "/v1/tickets/{id}",
        Access::Ticket(READERS, |c| Box::pin(tickets::read(c))),
    ),
    route(
        Method::POST,
        "/v1/tickets/{id}/cancel",
        Access::Ticket(ISSUERS, |c| Box::pin(tickets::cancel(c))),
    ),
    route(
        Method::GET,
        "/v1/tickets/{id}/stream",
        Access::Ticket(READERS, |c| Box::pin(stream::open(c))),
    ),
    route(
        Method::POST,
        "/v1/session-tokens",
        Access::Key(ISSUERS, |c| Box::pin(session_tokens::mint(c))),
    ),
    route(
        Method::GET,
        "/v1/session",
        Access::Session(|v| Box::pin(session::open(v))),
    ),
    route(
        Method::GET,
        "/livez",
        Access::Open(|v| Box::pin(health::live(v))),
    ),
    route(
        Method::GET,
        "/readyz",
        Access::Open(|v| Box::pin(health::ready(v))),
    ),
];

/// Every route that the admin listener serves: its own, and those of the open API with a key, so
/// that the console finds both in one place.
pub fn admin_listener() -> impl Iterator<Item = &'static Route> + Clone {
    let open_api = table().filter(|route| route.roles().is_some());
    admin_table().chain(open_api)
}

/// Every route that only the admin listener has, which is bound to loopback.
pub fn admin_table() -> impl Iterator<Item = &'static Route> + Clone {
    ADMIN_TABLE
        .iter()
        .chain(admin::routes::TABLE)
        .chain(now::routes::ADMIN_TABLE)
        .chain(console::routes::TABLE)
        .chain(openapi::routes::ADMIN_TABLE)
}

static ADMIN_TABLE: &[Route] = &[
    route(
        Method::GET,
        "/livez",
        Access::Open(|v| Box::pin(health::live(v))),
    ),
    route(
        Method::GET,
        "/readyz",
        Access::Open(|v| Box::pin(health::ready(v))),
    ),
    route(
        Method::GET,
        "/metrics",
        Access::Open(|v| Box::pin(health::metrics(v))),
    ),
];

/// Sets an app up from a table. Other paths get 404, other methods 405, both as problems.
pub(super) fn configure(
    door: Door,
    table: impl Iterator<Item = &'static Route> + Clone,
    api: &Api,
    app: &mut web::ServiceConfig,
) {
    let mut paths: Vec<&str> = table.clone().map(|route| route.path).collect();
    paths.dedup();
    for path in paths {
        let mut resource = web::resource(path);
        let mut allowed = Vec::new();
        for route in table.clone().filter(|route| route.path == path) {
            allowed.push(route.method.as_str());
            let api = api.clone();
            let handle = move |request: HttpRequest, payload: web::Payload| {
                dispatch::run(door, route, api.clone(), request, payload)
            };
            resource = resource.route(web::route().method(route.method.clone()).to(handle));
        }
        let allowed = allowed.join(", ");
        let refuse = move |request: HttpRequest| {
            dispatch::refuse(request, path, Problem::method_not_allowed(allowed.clone()))
        };
        app.service(resource.default_service(web::to(refuse)));
    }
    app.default_service(web::to(|request| {
        dispatch::refuse(request, "unmatched", dispatch::no_such_route())
    }));
}
