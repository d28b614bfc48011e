//! Endpoints: what may be saved, and what not.

use reqwest::Method;
use serde_json::json;

use crate::api::send;
use crate::fake_backend::FakeBackend;
use crate::world::{SOON, World};

#[tokio::test]
async fn an_endpoint_lives_from_its_registration_to_its_removal() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    let hook = world.admin.hook(&receiver, "/h", &["ticket.failed"]).await;
    let listed = world.admin.get("/v1/webhooks").await.expect(200);
    assert_eq!(listed["endpoints"][0]["id"], json!(hook.id));
    assert!(listed["endpoints"][0]["secret"].is_null());
    let change = json!({ "event_types": ["ticket.cancelled"], "description": "ours" });
    let patch = world.admin.request(Method::PATCH, &hook.path).json(&change);
    let changed = send(patch).await.expect(200);
    assert_eq!(changed["event_types"], json!(["ticket.cancelled"]));
    assert_eq!(changed["description"], "ours");
    let disabled = world
        .admin
        .bare(Method::POST, &hook.at("/disable"))
        .await
        .expect(200);
    assert_eq!(disabled["disabled"]["reason"], "by_admin");
    let enabled = world
        .admin
        .bare(Method::POST, &hook.at("/enable"))
        .await
        .expect(200);
    assert_eq!(enabled["enabled"], true);
    world
        .admin
        .bare(Method::DELETE, &hook.path)
        .await
        .expect(200);
    world
        .admin
        .get(&hook.path)
        .await
        .expect_problem(404, "not_found");
    let listed = world.admin.get("/v1/webhooks").await.expect(200);
    assert_eq!(listed, json!({ "endpoints": [] }));
}

#[tokio::test]
async fn another_tenants_endpoint_is_as_one_that_does_not_exist() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    let hook = world.admin.hook(&receiver, "/h", &["ticket.failed"]).await;
    let routes = [
        (Method::GET, ""),
        (Method::PATCH, ""),
        (Method::DELETE, ""),
        (Method::GET, "/secret"),
        (Method::POST, "/rotate-secret"),
        (Method::POST, "/enable"),
        (Method::POST, "/disable"),
        (Method::POST, "/test"),
        (Method::POST, "/resend"),
        (Method::GET, "/deliveries"),
        (
            Method::GET,
            "/deliveries/msg_01920000000070008000000000000001",
        ),
        (
            Method::POST,
            "/deliveries/msg_01920000000070008000000000000001/resend",
        ),
    ];
    for (method, rest) in routes {
        let mut told = Vec::new();
        for id in [
            hook.id.as_str(),
            "01920000-0000-7000-8000-000000000001",
            "x",
        ] {
            let path = format!("/v1/webhooks/{id}{rest}");
            let asked = world.other.request(method.clone(), &path).json(&json!({}));
            let mut problem = send(asked).await.expect_problem(404, "not_found");
            problem["request_id"].take();
            told.push(problem);
        }
        told.dedup();
        assert_eq!(told.len(), 1, "{method} {rest}: {told:?}");
    }
    let kept = world.admin.get(&hook.path).await.expect(200);
    assert_eq!(kept["enabled"], true);
    let listed = world.other.get("/v1/webhooks").await.expect(200);
    assert_eq!(listed, json!({ "endpoints": [] }));
}

#[tokio::test]
async fn a_tenant_has_so_many_endpoints_and_no_more() {
    let world = World::open(SOON).await;
    let receiver = FakeBackend::start(vec![]).await;
    let mut hooks = Vec::new();
    for _ in 0..16 {
        hooks.push(world.admin.hook(&receiver, "/h", &["ticket.failed"]).await);
    }
    let body = json!({ "url": receiver.url().as_str(), "event_types": ["ticket.failed"] });
    let refused = world.admin.post_json("/v1/webhooks", &body).await;
    refused.expect_problem(409, "too_many_webhooks");
    // The other tenant has its own.
    world.other.hook(&receiver, "/h", &["ticket.failed"]).await;
    world
        .admin
        .bare(Method::DELETE, &hooks[0].path)
        .await
        .expect(200);
    world
        .admin
        .post_json("/v1/webhooks", &body)
        .await
        .expect(201);
}

#[tokio::test]
async fn a_body_that_is_not_what_the_route_takes_is_refused() {
    let world = World::open(SOON).await;
    let url = "https://a.example/h";
    let on = json!(["ticket.failed"]);
    let long = "x".repeat(2_001);
    for (body, status, code) in [
        (json!({ "url": url }), 400, "invalid_request"),
        (
            json!({ "url": url, "event_types": [] }),
            400,
            "invalid_request",
        ),
        (
            json!({ "url": url, "event_types": ["ticket.lost"] }),
            400,
            "invalid_request",
        ),
        (
            json!({ "url": url, "event_types": ["webhook.test"] }),
            400,
            "invalid_request",
        ),
        (
            json!({ "url": url, "event_types": on, "tenant": "another" }),
            400,
            "invalid_request",
        ),
        (
            json!({ "url": url, "event_types": on, "state": "x" }),
            400,
            "invalid_request",
        ),
        (
            json!({ "url": url, "event_types": on, "description": "x".repeat(501) }),
            400,
            "invalid_request",
        ),
        (
            json!({ "url": format!("{url}{long}"), "event_types": on }),
            400,
            "invalid_request",
        ),
        (
            json!({ "url": "not a url", "event_types": on }),
            422,
            "forbidden_url",
        ),
        (
            json!({ "url": "/relative", "event_types": on }),
            422,
            "forbidden_url",
        ),
    ] {
        let refused = world.admin.post_json("/v1/webhooks", &body).await;
        refused.expect_problem(status, code);
    }
}
