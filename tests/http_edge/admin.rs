//! Who may reach the admin API, and what it does with what it is sent.

use punchcard::http::routes::{Policy, Route, admin_table, table};
use serde_json::{Value, json};

use crate::UNKNOWN;
use crate::edge::{Edge, KEY, Reply, working_as};
use crate::keys::filled;

const VERBS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A problem without what differs from request to request.
fn stable(reply: &Reply) -> Value {
    let mut body = reply.json();
    let body = body.as_object_mut().expect("an object");
    body.remove("request_id");
    json!(body)
}

fn operators() -> impl Iterator<Item = &'static Route> {
    admin_table().filter(|route| route.policy() == Policy::Operator)
}

#[tokio::test]
async fn only_an_operators_key_opens_an_operators_route_and_all_others_are_told_the_same() {
    let edge = Edge::start();
    let roles = ["issuer", "viewer", "planner", "publisher", "admin"];
    let tenants = roles.map(|role| working_as(KEY, role));
    let wrong = edge.operator.expose().replace("pk_live_", "pk_live-");
    let (mut seen, mut asked) = (Vec::new(), 0);
    for route in operators() {
        let path = filled(route.path, UNKNOWN, "say");
        for key in tenants.iter().chain([&wrong, &"x".to_owned()]) {
            let method = route.method.as_str();
            let reply = edge.admin_as(key, method, &path, "", &json!({})).await;
            assert_eq!(reply.status, 401, "{method} {path} with {key}: {reply:?}");
            seen.push(stable(&reply));
            asked += 1;
        }
        let method = route.method.as_str();
        let own = edge.operate(method, &path, "", &json!({})).await;
        assert!(![401, 403].contains(&own.status), "{path}: {own:?}");
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(asked >= 15 * 7, "{asked}");
}

#[tokio::test]
async fn an_operators_key_opens_nothing_of_the_public_listener_and_its_routes_are_not_there() {
    let edge = Edge::start();
    let key = edge.operator.expose();
    for route in table() {
        let guarded = match route.policy() {
            Policy::Key | Policy::Ticket | Policy::Prompt => true,
            Policy::Open | Policy::Session | Policy::Operator => false,
        };
        let path = filled(route.path, UNKNOWN, "say");
        let reply = edge.send(route.method.as_str(), key, &path, "", "{}").await;
        assert!(!guarded || reply.status == 401, "{path}: {reply:?}");
    }
    for route in operators() {
        let path = filled(route.path, UNKNOWN, "say");
        for verb in VERBS {
            let reply = edge.send(verb, key, &path, "", "{}").await;
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (404, "not_found"),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_tenant_is_made_once_listed_in_pages_and_read_with_its_settings() {
    let edge = Edge::start();
    let body = json!({ "tenant": "acme", "name": "Acme Inc." });
    let made = edge.operate("POST", "/admin/v1/tenants", "", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("location"), Some("/admin/v1/tenants/acme"));
    let tenant = made.json();
    assert_eq!(tenant["created"]["by"]["name"], "ada");
    assert_eq!(tenant["limits"], json!({ "all": {} }));
    let again = edge.operate("POST", "/admin/v1/tenants", "", &body).await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (409, "tenant_exists")
    );
    let mut found = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let path = format!("/admin/v1/tenants{query}");
        let page = edge.operate("GET", &path, "", &json!({})).await.json();
        let names = page["tenants"].as_array().expect("a list");
        found.extend(names.iter().map(|tenant| tenant["tenant"].clone()));
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("?limit=2&after={next}");
    }
    assert_eq!(found, ["acme", "another", "onehour"]);
    let path = "/admin/v1/tenants/acme";
    let etag = edge.operate("GET", path, "", &json!({})).await;
    let tag = format!("\"{}\"", etag.json()["etag"].as_str().expect("a tag"));
    assert_eq!(etag.header("etag"), Some(tag.as_str()));
}

#[expect(clippy::too_many_lines, reason = "it is a list")]
#[tokio::test]
async fn what_is_wrong_with_a_request_is_named_with_its_code() {
    let edge = Edge::start();
    let onehour = "/admin/v1/tenants/onehour";
    let tag = edge.operate("GET", onehour, "", &json!({})).await.json()["etag"].clone();
    let seen = format!("If-Match: {tag}\r\n");
    let long = "x".repeat(1_025);
    for (method, path, body, status, code) in [
        (
            "POST",
            "",
            json!({ "tenant": "Acme", "name": "x" }),
            400,
            "invalid_request",
        ),
        (
            "POST",
            "",
            json!({ "tenant": "a", "name": "x", "keys": [] }),
            400,
            "invalid_request",
        ),
        (
            "POST",
            "",
            json!({ "tenant": "a", "name": " " }),
            422,
            "bad_text",
        ),
        (
            "POST",
            "",
            json!({ "tenant": "a", "name": "a\u{200b}b" }),
            400,
            "invalid_request",
        ),
        ("GET", "/unknown", json!({}), 404, "no_such_tenant"),
        ("GET", "/No-Tenant", json!({}), 404, "no_such_tenant"),
        ("GET", "?limit=0", json!({}), 400, "invalid_parameter"),
        ("GET", "/onehour?x=1", json!({}), 400, "invalid_parameter"),
        (
            "POST",
            "/onehour/suspend",
            json!({}),
            400,
            "invalid_request",
        ),
        (
            "POST",
            "/onehour/suspend",
            json!({ "reason": long }),
            422,
            "too_long",
        ),
        (
            "PUT",
            "/onehour/limits",
            json!({ "all": { "rpm": 1 } }),
            400,
            "invalid_request",
        ),
        (
            "PUT",
            "/onehour/limits",
            json!({ "weight": 0 }),
            422,
            "weight_out_of_range",
        ),
        (
            "PUT",
            "/onehour/limits",
            json!({ "all": { "tokens_per_minute": 0 } }),
            422,
            "zero_limit",
        ),
        (
            "PUT",
            "/onehour/origins",
            json!({ "origins": ["*"] }),
            422,
            "bad_origin",
        ),
        (
            "PUT",
            "/onehour/callback",
            json!({}),
            400,
            "invalid_request",
        ),
        (
            "PUT",
            "/onehour/callback",
            json!({ "base_url": "https://127.1/" }),
            422,
            "bad_callback",
        ),
        (
            "PUT",
            "/onehour/callback",
            json!({ "base_url": "http://a.example" }),
            422,
            "bad_callback",
        ),
        (
            "PUT",
            "/onehour/callback",
            json!({ "base_url": "x" }),
            422,
            "bad_callback",
        ),
        (
            "PUT",
            "/onehour/hooks/Say",
            json!({}),
            400,
            "invalid_parameter",
        ),
        (
            "PUT",
            "/onehour/hooks/say",
            json!({ "pre_process": "/p" }),
            409,
            "no_callback",
        ),
        (
            "GET",
            "/onehour/history?after=x",
            json!({}),
            400,
            "invalid_parameter",
        ),
        ("POST", "/onehour/keys", json!({}), 400, "invalid_request"),
        (
            "POST",
            "/onehour/keys",
            json!({ "roles": [] }),
            422,
            "no_roles",
        ),
        (
            "POST",
            "/onehour/keys",
            json!({ "roles": ["root"] }),
            400,
            "invalid_request",
        ),
        (
            "POST",
            "/onehour/keys/pk_x/rotate",
            json!({ "overlap": "1h" }),
            404,
            "no_such_key",
        ),
        (
            "POST",
            "/onehour/keys/pk_x/rotate",
            json!({ "overlap": "soon" }),
            400,
            "invalid_request",
        ),
        (
            "POST",
            "/onehour/keys/pk_x/revoke",
            json!({}),
            404,
            "no_such_key",
        ),
    ] {
        let path = format!("/admin/v1/tenants{path}");
        let reply = edge.operate(method, &path, &seen, &body).await;
        let found = (reply.status, reply.code());
        assert_eq!(
            found,
            (status, code.to_owned()),
            "{method} {path} {body}: {reply:?}"
        );
    }
    let large = json!({ "reason": "x".repeat(300_000) });
    let path = format!("{onehour}/suspend");
    let large = edge.operate("POST", &path, "", &large).await;
    assert_eq!(
        (large.status, large.code().as_str()),
        (413, "body_too_large")
    );
}

#[tokio::test]
async fn two_operators_do_not_overwrite_each_others_settings() {
    let edge = Edge::start();
    let path = "/admin/v1/tenants/onehour";
    let limits = format!("{path}/limits");
    let read = || async { edge.operate("GET", path, "", &json!({})).await.json() };
    let before = read().await;
    let unsaid = edge.operate("PUT", &limits, "", &json!({})).await;
    assert_eq!(
        (unsaid.status, unsaid.code().as_str()),
        (428, "precondition_required")
    );
    let seen = format!("If-Match: {}\r\n", before["etag"]);
    // A key that comes meanwhile overwrites nothing.
    let key = json!({ "roles": ["issuer"] });
    let issued = edge
        .operate("POST", &format!("{path}/keys"), "", &key)
        .await;
    assert_eq!(issued.status, 201);
    let mine = json!({ "all": { "requests_per_minute": 60 }, "weight": 2 });
    let first = edge.operate("PUT", &limits, &seen, &mine).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.json()["limits"], mine);
    let theirs = json!({ "weight": 3 });
    let second = edge.operate("PUT", &limits, &seen, &theirs).await;
    assert_eq!(
        (second.status, second.code().as_str()),
        (409, "tenant_conflict")
    );
    assert_eq!(second.json()["current"]["etag"], first.json()["etag"]);
    assert_eq!(read().await["limits"], mine);
    let newer = format!("If-Match: {}\r\n", first.json()["etag"]);
    let third = edge.operate("PUT", &limits, &newer, &theirs).await;
    assert_eq!(
        (third.status, &third.json()["limits"]["weight"]),
        (200, &json!(3))
    );
}

#[expect(
    clippy::too_many_lines,
    reason = "one story, from the start to the end"
)]
#[tokio::test]
async fn a_key_is_shown_once_and_everything_done_to_it_is_in_the_history() {
    let edge = Edge::start();
    let keys = "/admin/v1/tenants/onehour/keys";
    let body =
        json!({ "name": "backend", "roles": ["issuer"], "expires_at": "2100-01-01T00:00:00Z" });
    let issued = edge.operate("POST", keys, "", &body).await.json();
    let (key, prefix) = (text(&issued["key"]), text(&issued["prefix"]));
    assert!(key.starts_with(&prefix) && key.len() == 55, "{issued}");
    let rotate = format!("{keys}/{prefix}/rotate");
    let long = edge
        .operate("POST", &rotate, "", &json!({ "overlap": "90d" }))
        .await;
    assert_eq!(
        (long.status, long.code().as_str()),
        (422, "overlap_too_long")
    );
    let rotated = edge
        .operate("POST", &rotate, "", &json!({ "overlap": "24h" }))
        .await;
    let rotated = rotated.json();
    assert_eq!(rotated["name"], "backend");
    assert_eq!(rotated["roles"], json!(["issuer"]));
    assert_eq!(rotated["ends_at"], "2100-01-01T00:00:00.000Z");
    let again = edge
        .operate("POST", &rotate, "", &json!({ "overlap": "24h" }))
        .await;
    assert_eq!((again.status, again.code().as_str()), (409, "key_replaced"));
    let revoke = format!("{keys}/{prefix}/revoke");
    let revoked = edge
        .operate("POST", &revoke, "", &json!({ "reason": "It leaked" }))
        .await;
    assert_eq!(revoked.json()["state"], "revoked");
    let list = edge.operate("GET", keys, "", &json!({})).await;
    assert_eq!(list.json()["keys"].as_array().map(Vec::len), Some(2));
    assert!(
        !list.body.contains(&key) && !list.body.contains("sha256"),
        "{list:?}"
    );
    let path = "/admin/v1/tenants/onehour/history";
    let history = edge.operate("GET", path, "", &json!({})).await;
    assert!(!history.body.contains(&key) && !history.body.contains("sha256"));
    let entries = history.json()["entries"].clone();
    let kinds: Vec<_> = entries
        .as_array()
        .expect("a list")
        .iter()
        .map(|e| text(&e["kind"]))
        .collect();
    assert_eq!(
        kinds,
        ["TenantCreated", "KeyIssued", "KeyRotated", "KeyRevoked"]
    );
    let new = text(&rotated["prefix"]);
    for (place, start) in [
        (
            1,
            format!("ada issued the key {prefix} of backend (issuer); it ends at 2100-"),
        ),
        (
            2,
            format!(
                "ada put the key {new} of backend (issuer) in the place of {prefix}, which goes on until "
            ),
        ),
        (
            3,
            format!("ada revoked the key {prefix}, because: It leaked."),
        ),
    ] {
        let sentence = text(&entries[place]["sentence"]);
        assert!(sentence.starts_with(&start), "{sentence}");
        assert_eq!(entries[place]["by"]["name"], "ada");
    }
    let page = "/admin/v1/tenants/onehour/history?limit=1&after=1";
    let page = edge.operate("GET", page, "", &json!({})).await.json();
    assert_eq!(
        (&page["entries"][0]["kind"], &page["next_cursor"]),
        (&json!("KeyRotated"), &json!(2))
    );
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn a_tenants_admin_keeps_its_own_keys_and_sees_its_own_limits_and_nothing_else() {
    let edge = Edge::start();
    let admin = working_as(KEY, "admin");
    let body = json!({ "name": "mina", "roles": ["planner"] }).to_string();
    let issued = edge.send("POST", &admin, "/v1/keys", "", &body).await;
    assert_eq!(issued.status, 201, "{issued:?}");
    let prefix = text(&issued.json()["prefix"]);
    let other = "/admin/v1/tenants/another/keys";
    let others = edge
        .operate("POST", other, "", &json!({ "roles": ["issuer"] }))
        .await;
    let others = text(&others.json()["prefix"]);
    let listed = edge.get(&admin, "/v1/keys").await.json();
    assert_eq!(listed["keys"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed["keys"][0]["issued"]["by"]["prefix"], "pk_onehour");
    // Another tenant's key and one that never was look the same.
    let mut told = Vec::new();
    for prefix in [others.as_str(), "pk_live_nobodys0"] {
        for (act, body) in [("rotate", r#"{"overlap":"1h"}"#), ("revoke", "{}")] {
            let path = format!("/v1/keys/{prefix}/{act}");
            let reply = edge.send("POST", &admin, &path, "", body).await;
            assert_eq!((reply.status, reply.code().as_str()), (404, "no_such_key"));
            told.push(
                reply
                    .body
                    .replace(prefix, "PREFIX")
                    .replace(&text(&reply.json()["request_id"]), ""),
            );
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    let revoke = format!("/v1/keys/{prefix}/revoke");
    let revoked = edge.send("POST", &admin, &revoke, "", "").await;
    assert_eq!(revoked.json()["state"], "revoked");
    let own = edge
        .get(&working_as(KEY, "viewer"), "/v1/tenant")
        .await
        .json();
    assert_eq!(
        (&own["tenant"], &own["limits"]),
        (&json!("onehour"), &json!({ "all": {} }))
    );
    for path in [
        "/v1/tenant",
        "/v1/tenant/limits",
        "/v1/tenant/suspend",
        "/v1/tenant/name",
    ] {
        for verb in ["PUT", "POST", "PATCH", "DELETE"] {
            let reply = edge.send(verb, &admin, path, "", "{}").await;
            assert!(
                [404, 405].contains(&reply.status),
                "{verb} {path}: {reply:?}"
            );
        }
    }
}
