//! Who may ask for what: keys, and tenants apart from each other.

use punchcard::http::routes::{Policy, Route, admin_table, table};
use punchcard::keys::Role;
use serde_json::{Value, json};

use crate::UNKNOWN;
use crate::edge::{Edge, KEY, OTHER_KEY, Reply};

/// A problem without what differs from request to request.
fn stable(reply: &Reply) -> Value {
    let mut body = reply.json();
    body.as_object_mut()
        .expect("an object")
        .remove("request_id");
    body
}

#[tokio::test]
async fn whatever_is_wrong_with_a_key_the_answer_is_the_same() {
    let edge = Edge::start();
    let double = format!("Authorization: Bearer {KEY}\r\nAuthorization: Bearer {KEY}\r\n");
    let basic = format!("Authorization: Basic {KEY}\r\n");
    let bare = format!("Authorization: {KEY}\r\n");
    let both = format!("Authorization: Bearer {KEY}\r\nauthorization: Bearer wrong\r\n");
    let listed = format!("Authorization: Bearer {KEY}, Bearer {KEY}\r\n");
    let spaced = format!("Authorization: Bearer  {KEY}\r\n");
    let long = format!("Authorization: Bearer {}\r\n", "k".repeat(10_000));
    let cookie = format!("Cookie: authorization={KEY}\r\nX-Api-Key: {KEY}\r\n");
    let mut seen = Vec::new();
    for headers in [
        "",
        "Authorization:\r\n",
        "Authorization: Bearer wrong\r\n",
        &double,
        &basic,
        &bare,
        &both,
        &listed,
        &spaced,
        &long,
        &cookie,
        "Authorization: Bearer kéy-of-onehour\r\n",
        "Authorization: Bearer ｋｅｙ-of-onehour\r\n",
    ] {
        let reply = edge
            .raw(&format!("GET /v1/tickets HTTP/1.1\r\n{headers}"), b"")
            .await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (401, "unauthorized"),
            "{headers}"
        );
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        seen.push(stable(&reply));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
}

/// Every route with its policy and the roles of which its caller needs one. A new route has to be
/// written down here, and whoever does that decides who may use it.
pub(crate) const POLICIES: &[(&str, &str, Policy, &[&str])] = &[
    ("POST", "/v1/tickets", Policy::Key, ISSUERS),
    ("GET", "/v1/tickets", Policy::Key, READERS),
    ("GET", "/v1/tickets/{id}", Policy::Ticket, READERS),
    ("GET", "/v1/tickets/{id}/events", Policy::Ticket, READERS),
    ("GET", "/v1/tickets/{id}/state", Policy::Ticket, READERS),
    ("GET", "/v1/tickets/{id}/timeline", Policy::Ticket, READERS),
    (
        "GET",
        "/v1/tickets/{id}/pictures/waterfall.svg",
        Policy::Ticket,
        READERS,
    ),
    (
        "GET",
        "/v1/tickets/{id}/pictures/path.svg",
        Policy::Ticket,
        READERS,
    ),
    ("POST", "/v1/tickets/{id}/cancel", Policy::Ticket, ISSUERS),
    ("GET", "/v1/tickets/{id}/stream", Policy::Ticket, READERS),
    ("POST", "/v1/session-tokens", Policy::Key, ISSUERS),
    ("GET", "/v1/session", Policy::Session, &[]),
    ("GET", "/v1/usage", Policy::Key, VIEWERS),
    ("GET", "/v1/whoami", Policy::Key, EVERYBODY),
    ("GET", "/v1/now", Policy::Key, READERS),
    ("GET", "/livez", Policy::Open, &[]),
    ("GET", "/readyz", Policy::Open, &[]),
    ("GET", "/v1/prompts", Policy::Key, VIEWERS),
    ("POST", "/v1/prompts/import", Policy::Key, PLANNERS),
    ("GET", "/v1/prompts/export", Policy::Key, VIEWERS),
    ("GET", "/v1/prompts/{task}", Policy::Prompt, VIEWERS),
    ("GET", "/v1/prompts/{task}/draft", Policy::Prompt, VIEWERS),
    ("PUT", "/v1/prompts/{task}/draft", Policy::Prompt, PLANNERS),
    (
        "DELETE",
        "/v1/prompts/{task}/draft",
        Policy::Prompt,
        PLANNERS,
    ),
    (
        "POST",
        "/v1/prompts/{task}/versions",
        Policy::Prompt,
        PLANNERS,
    ),
    (
        "GET",
        "/v1/prompts/{task}/versions",
        Policy::Prompt,
        VIEWERS,
    ),
    (
        "GET",
        "/v1/prompts/{task}/versions/{ref}",
        Policy::Prompt,
        VIEWERS,
    ),
    ("GET", "/v1/prompts/{task}/diff", Policy::Prompt, VIEWERS),
    (
        "POST",
        "/v1/prompts/{task}/render",
        Policy::Prompt,
        PLANNERS,
    ),
    (
        "PUT",
        "/v1/prompts/{task}/labels/{label}",
        Policy::Prompt,
        PLANNERS,
    ),
    (
        "DELETE",
        "/v1/prompts/{task}/labels/{label}",
        Policy::Prompt,
        PLANNERS,
    ),
    (
        "POST",
        "/v1/prompts/{task}/labels/{label}/rollback",
        Policy::Prompt,
        PLANNERS,
    ),
    ("GET", "/v1/prompts/{task}/canary", Policy::Prompt, VIEWERS),
    (
        "PUT",
        "/v1/prompts/{task}/canary",
        Policy::Prompt,
        PUBLISHERS,
    ),
    (
        "DELETE",
        "/v1/prompts/{task}/canary",
        Policy::Prompt,
        PUBLISHERS,
    ),
    (
        "GET",
        "/v1/prompts/{task}/deployment-policy",
        Policy::Prompt,
        VIEWERS,
    ),
    (
        "PUT",
        "/v1/prompts/{task}/deployment-policy",
        Policy::Prompt,
        PUBLISHERS,
    ),
    ("POST", "/v1/shadow-runs", Policy::Key, PLANNERS),
    ("GET", "/v1/shadow-runs", Policy::Key, VIEWERS),
    ("GET", "/v1/shadow-runs/{shadow_run}", Policy::Key, VIEWERS),
    (
        "GET",
        "/v1/shadow-runs/{shadow_run}/report",
        Policy::Key,
        VIEWERS,
    ),
    (
        "POST",
        "/v1/shadow-runs/{shadow_run}/stop",
        Policy::Key,
        PLANNERS,
    ),
    (
        "POST",
        "/v1/shadow-runs/{shadow_run}/resume",
        Policy::Key,
        PLANNERS,
    ),
    (
        "GET",
        "/v1/prompts/{task}/test-set",
        Policy::Prompt,
        VIEWERS,
    ),
    (
        "PUT",
        "/v1/prompts/{task}/test-set",
        Policy::Prompt,
        PLANNERS,
    ),
    (
        "GET",
        "/v1/prompts/{task}/test-runs",
        Policy::Prompt,
        VIEWERS,
    ),
    (
        "POST",
        "/v1/prompts/{task}/test-runs",
        Policy::Prompt,
        PLANNERS,
    ),
    (
        "GET",
        "/v1/prompts/{task}/test-runs/{run}",
        Policy::Prompt,
        VIEWERS,
    ),
    (
        "DELETE",
        "/v1/prompts/{task}/test-runs/{run}",
        Policy::Prompt,
        PLANNERS,
    ),
    ("GET", "/v1/prompts/{task}/history", Policy::Prompt, VIEWERS),
    ("GET", "/v1/prompts/{task}/at", Policy::Prompt, VIEWERS),
    (
        "POST",
        "/v1/prompts/{task}/retire",
        Policy::Prompt,
        PUBLISHERS,
    ),
    (
        "POST",
        "/v1/prompts/{task}/restore",
        Policy::Prompt,
        PUBLISHERS,
    ),
    ("GET", "/v1/partials", Policy::Key, VIEWERS),
    ("PUT", "/v1/partials/{name}", Policy::Key, PLANNERS),
    ("DELETE", "/v1/partials/{name}", Policy::Key, PLANNERS),
    ("GET", "/v1/tenant", Policy::Key, VIEWERS),
    ("GET", "/v1/keys", Policy::Key, ADMINS),
    ("POST", "/v1/keys", Policy::Key, ADMINS),
    ("POST", "/v1/keys/{prefix}/rotate", Policy::Key, ADMINS),
    ("POST", "/v1/keys/{prefix}/revoke", Policy::Key, ADMINS),
    ("POST", "/v1/chat/completions", Policy::Key, ISSUERS),
    ("GET", "/v1/models", Policy::Key, READERS),
    ("GET", "/v1/models/{model}", Policy::Key, READERS),
    ("GET", "/v1/webhooks", Policy::Key, READERS),
    ("POST", "/v1/webhooks", Policy::Key, ADMINS),
    ("GET", "/v1/webhooks/{endpoint}", Policy::Key, READERS),
    ("PATCH", "/v1/webhooks/{endpoint}", Policy::Key, ADMINS),
    ("DELETE", "/v1/webhooks/{endpoint}", Policy::Key, ADMINS),
    ("GET", "/v1/webhooks/{endpoint}/secret", Policy::Key, ADMINS),
    (
        "POST",
        "/v1/webhooks/{endpoint}/rotate-secret",
        Policy::Key,
        ADMINS,
    ),
    (
        "POST",
        "/v1/webhooks/{endpoint}/enable",
        Policy::Key,
        ADMINS,
    ),
    (
        "POST",
        "/v1/webhooks/{endpoint}/disable",
        Policy::Key,
        ADMINS,
    ),
    ("POST", "/v1/webhooks/{endpoint}/test", Policy::Key, ADMINS),
    (
        "POST",
        "/v1/webhooks/{endpoint}/resend",
        Policy::Key,
        ADMINS,
    ),
    (
        "GET",
        "/v1/webhooks/{endpoint}/deliveries",
        Policy::Key,
        READERS,
    ),
    (
        "GET",
        "/v1/webhooks/{endpoint}/deliveries/{delivery}",
        Policy::Key,
        READERS,
    ),
    (
        "POST",
        "/v1/webhooks/{endpoint}/deliveries/{delivery}/resend",
        Policy::Key,
        ADMINS,
    ),
    ("POST", "/v1/batches", Policy::Key, ISSUERS),
    ("GET", "/v1/batches", Policy::Key, READERS),
    ("GET", "/v1/batches/{batch}", Policy::Key, READERS),
    ("GET", "/v1/batches/{batch}/results", Policy::Key, READERS),
    ("POST", "/v1/batches/{batch}/cancel", Policy::Key, ISSUERS),
    (
        "POST",
        "/v1/tickets/{id}/redrive",
        Policy::Ticket,
        REDRIVERS,
    ),
    ("GET", "/v1/dead-letters", Policy::Key, READERS),
    ("POST", "/v1/redrives", Policy::Key, REDRIVERS),
    ("GET", "/v1/redrives", Policy::Key, READERS),
    ("GET", "/v1/redrives/{redrive}", Policy::Key, READERS),
    (
        "POST",
        "/v1/redrives/{redrive}/stop",
        Policy::Key,
        REDRIVERS,
    ),
    ("POST", "/v1/tickets/{id}/forks", Policy::Ticket, FORKERS),
    ("GET", "/v1/tickets/{id}/forks", Policy::Ticket, READERS),
    ("GET", "/v1/tickets/{id}/compare", Policy::Ticket, READERS),
    ("GET", "/v1/openapi.json", Policy::Open, &[]),
    ("GET", "/docs", Policy::Open, &[]),
    ("GET", "/docs/style.css", Policy::Open, &[]),
    ("GET", "/docs/script.js", Policy::Open, &[]),
];

const ISSUERS: &[&str] = &["issuer"];
const READERS: &[&str] = &["issuer", "viewer"];
const REDRIVERS: &[&str] = &["issuer", "publisher"];
const EVERYBODY: &[&str] = &["issuer", "viewer", "planner", "publisher", "admin"];
const VIEWERS: &[&str] = &["viewer"];
const FORKERS: &[&str] = &["issuer", "planner"];
const PLANNERS: &[&str] = &["planner"];
const PUBLISHERS: &[&str] = &["publisher"];
const ADMINS: &[&str] = &["admin"];

/// A route's path with something of everything that it names.
pub(crate) fn filled(path: &str, ticket: &str, task: &str) -> String {
    let names = [
        ("{id}", ticket),
        ("{task}", task),
        ("{ref}", "1"),
        ("{label}", "staging"),
        ("{name}", "tone"),
        ("{run}", UNKNOWN),
        ("{shadow_run}", UNKNOWN),
        ("{batch}", UNKNOWN),
        ("{redrive}", UNKNOWN),
        ("{prefix}", "pk_live_nobodys0"),
        ("{tenant}", "onehour"),
        ("{model}", "lab%2Fraw-1"),
        ("{endpoint}", UNKNOWN),
        ("{delivery}", UNKNOWN),
    ];
    let fill = |path: String, (name, value): (&str, &str)| path.replace(name, value);
    let path = names.into_iter().fold(path.to_owned(), fill);
    assert!(!path.contains('{'), "{path}");
    path
}

#[test]
fn every_route_has_the_policy_that_was_decided_for_it() {
    let policy = |route: &'static Route| (route.method.as_str(), route.path, route.policy());
    let mut found: Vec<_> = table().map(policy).collect();
    let decided = POLICIES.iter();
    let mut decided: Vec<_> = decided
        .map(|(method, path, policy, _)| (*method, *path, *policy))
        .collect();
    found.sort_by_key(|(method, path, _)| (*path, *method));
    decided.sort_by_key(|(method, path, _)| (*path, *method));
    assert_eq!(found, decided);
    for (method, path, _, decided) in POLICIES {
        let mut routes = table();
        let found = routes.find(|route| (route.method.as_str(), route.path) == (method, path));
        let route = found.expect("the lists are the same");
        let roles: Vec<_> = route
            .roles()
            .map(|roles| roles.iter().collect())
            .unwrap_or_default();
        let roles: Vec<_> = roles.into_iter().map(Role::as_str).collect();
        assert_eq!(roles, *decided, "{} {path}", route.method);
    }
    // What is open shows no data, and what is for operators is on the admin listener only.
    let open = admin_table().filter(|route| route.policy() == Policy::Open);
    let open: Vec<_> = open.map(|route| route.path).collect();
    let health = ["/livez", "/readyz", "/metrics"];
    let console = [
        "/console",
        "/console/",
        "/console/{file}",
        "/console/{folder}/{file}",
        "/console/{folder}/{kind}/{file}",
        "/console/{folder}/{kind}/{part}/{file}",
    ];
    let document = [
        "/admin/v1/openapi.json",
        "/docs",
        "/docs/style.css",
        "/docs/script.js",
    ];
    assert_eq!(open, [&health[..], &console[..], &document[..]].concat());
    assert!(table().all(|route| route.path != "/metrics"));
    let operators = |route: &Route| route.policy() == Policy::Operator;
    assert!(!table().any(operators), "an operators' route is public");
    for route in admin_table().filter(|route| route.policy() != Policy::Open) {
        assert!(
            operators(route) && route.path.starts_with("/admin/v1/"),
            "{}",
            route.path
        );
    }
}

#[tokio::test]
async fn a_key_in_the_url_opens_nothing() {
    let edge = Edge::start();
    for query in ["key", "api_key", "access_token", "authorization", "token"] {
        let head = format!("GET /v1/tickets?{query}={KEY} HTTP/1.1\r\n");
        let reply = edge.raw(&head, b"").await;
        assert_eq!(reply.status, 401, "{query}");
    }
}

#[tokio::test]
async fn every_route_behind_a_key_refuses_without_one() {
    let edge = Edge::start();
    let mut guarded = 0;
    for route in table() {
        match route.policy() {
            Policy::Key | Policy::Ticket | Policy::Prompt => guarded += 1,
            Policy::Open | Policy::Session | Policy::Operator => continue,
        }
        let path = filled(route.path, UNKNOWN, "say");
        let reply = edge
            .raw(&format!("{} {path} HTTP/1.1\r\n", route.method), b"")
            .await;
        assert_eq!(reply.status, 401, "{} {}", route.method, route.path);
    }
    assert!(guarded >= 34, "the table lost its routes");
}

#[tokio::test]
async fn another_tenants_ticket_looks_exactly_like_an_unknown_one_on_every_route() {
    let edge = Edge::start();
    let ticket = edge.issue(Some("min")).await;
    for route in table().filter(|route| route.path.contains("{id}")) {
        assert_eq!(
            route.policy(),
            Policy::Ticket,
            "{} is not guarded",
            route.path
        );
        let mut seen = Vec::new();
        for id in [ticket.as_str(), UNKNOWN, "not-an-id"] {
            let path = route.path.replace("{id}", id);
            let body = r#"{"mode":"void"}"#;
            let reply = edge
                .send(route.method.as_str(), OTHER_KEY, &path, "", body)
                .await;
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (404, "not_found"),
                "{path}"
            );
            seen.push(stable(&reply));
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{}", route.path);
    }
    let list = edge.get(OTHER_KEY, "/v1/tickets").await;
    assert_eq!(list.json()["tickets"], json!([]));
    let own = edge.get(KEY, &format!("/v1/tickets/{ticket}")).await;
    assert_eq!(
        own.json()["id"],
        json!(ticket),
        "its owner still has it: nothing was cancelled"
    );
    assert_ne!(own.json()["state"], "cancelled");
}
