//! One tenant from its first key to its last.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Api, send};
use crate::world::World;

/// How long a key may go on after its overlap, at most.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is tried.
const LOOK_EVERY: Duration = Duration::from_millis(50);

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value}"))
        .to_owned()
}

/// Gives the tenant a task that answers.
async fn deploy_a_task(admin: &Api) {
    let draft = json!({ "content": {
        "messages": [{ "role": "user", "content": "Say {{ word }}" }],
        "model": "m", "answer": "text",
        "input_schema": { "type": "object", "required": ["word"],
                          "properties": { "word": { "type": "string" } } },
    }});
    let path = "/v1/prompts/say/draft";
    let save = admin.request(Method::PUT, path).json(&draft);
    send(save.header("if-none-match", "*")).await.expect(201);
    let publish = json!({ "edit": 1, "notes": "The first" });
    let path = "/v1/prompts/say/versions";
    admin.post(path, &publish).await.expect(201);
    let deploy = json!({ "version": 1, "override_reason": "It is the first." });
    let path = "/v1/prompts/say/labels/production";
    send(admin.request(Method::PUT, path).json(&deploy))
        .await
        .expect(200);
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, from the start to the end"
)]
async fn a_tenant_is_made_gets_keys_and_loses_them_and_no_file_ever_holds_one() {
    let mut world = World::start().await;
    let create = ["tenant", "create", "acme", "--name", "Acme Inc."];
    let made = world.json(&create, "none").await;
    assert_eq!(
        (&made["tenant"], &made["name"]),
        (&json!("acme"), &json!("Acme Inc."))
    );

    // The operator issues the admin's key, the admin the backend's.
    let issue = [
        "key", "issue", "--tenant", "acme", "--role", "admin", "--name", "ben",
    ];
    let admin = text(&world.json(&issue, "none").await["key"]);
    let issued = world
        .text(&["key", "issue", "--name", "backend"], &admin)
        .await;
    let backend = issued.trim().to_owned();
    deploy_a_task(&world.api(&admin)).await;
    let api = world.api(&backend);
    let ticket = api.issue("say", None, json!({ "word": "hello" })).await;
    api.until_event(&ticket, "TicketPersisted").await;

    // Rotated: both open the same, until the overlap is over.
    let prefix: String = backend.chars().take(16).collect();
    let path = format!("/v1/keys/{prefix}/rotate");
    let rotate = json!({ "overlap": "5s" });
    let rotated = world.api(&admin).post(&path, &rotate).await.expect(201);
    let newer = text(&rotated["key"]);
    api.get("/v1/tickets").await.expect(200);
    world.api(&newer).get("/v1/tickets").await.expect(200);
    let over = async {
        while api.get("/v1/tickets").await.status == 200 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, over)
        .await
        .expect("the overlap ends");
    api.get("/v1/tickets")
        .await
        .expect_problem(401, "unauthorized");
    world.api(&newer).get("/v1/tickets").await.expect(200);

    // Revoked.
    let prefix: String = newer.chars().take(16).collect();
    let revoke = [
        "key",
        "revoke",
        &prefix,
        "--tenant",
        "acme",
        "--reason",
        "It leaked.",
        "--yes",
    ];
    let told = world.text(&revoke, "none").await;
    assert!(told.contains("opens nothing any more"), "{told}");
    let refused = world.api(&newer).get("/v1/tickets").await;
    refused.expect_problem(401, "unauthorized");

    // What was decided stands after a restart, and nothing on the disk or in the log is a key.
    world.stop().await;
    let keys = [&admin, &backend, &newer, &world.operator];
    for (path, bytes) in world.files() {
        for key in keys {
            let found = bytes.windows(key.len()).any(|part| part == key.as_bytes());
            assert!(!found, "a key is in {}", path.display());
        }
    }
    let log = world.log();
    assert!(
        keys.iter().all(|key| !log.contains(key.as_str())),
        "a key was logged"
    );
    world.start_again().await;
    world
        .api(&newer)
        .get("/v1/tickets")
        .await
        .expect_problem(401, "unauthorized");
    world.api(&admin).get("/v1/tenant").await.expect(200);
    let history = world.text(&["tenant", "history", "acme"], "none").await;
    for sentence in [
        "ada made the tenant, called Acme Inc.",
        "(admin).",
        "ben issued the key",
        "ben put the key",
        "because: It leaked.",
    ] {
        assert!(history.contains(sentence), "{sentence}: {history}");
    }
}

#[tokio::test]
async fn a_suspended_tenant_is_told_so_until_it_is_resumed_and_its_ticket_goes_on() {
    let world = World::start().await;
    world
        .text(&["tenant", "create", "acme", "--name", "Acme"], "none")
        .await;
    let issue = ["key", "issue", "--tenant", "acme", "--role", "admin"];
    let key = world.text(&issue, "none").await.trim().to_owned();
    let api = world.api(&key);
    deploy_a_task(&api).await;
    let ticket = api.issue("say", None, json!({ "word": "hello" })).await;
    let suspend = [
        "tenant",
        "suspend",
        "acme",
        "--reason",
        "The invoice is open.",
        "--yes",
    ];
    world.text(&suspend, "none").await;
    for path in ["/v1/tickets", "/v1/tenant", "/v1/keys", "/v1/prompts"] {
        let told = api.get(path).await.expect_problem(403, "tenant_suspended");
        assert!(
            text(&told["detail"]).contains("The invoice is open"),
            "{told}"
        );
    }
    let stranger = world.api("pk_live_x").get("/v1/tickets").await;
    stranger.expect_problem(401, "unauthorized");
    let shown = world.text(&["tenant", "list"], "none").await;
    assert!(shown.contains("suspended: The invoice is open."), "{shown}");
    world.text(&["tenant", "resume", "acme"], "none").await;
    api.until_event(&ticket, "TicketPersisted").await;
}

#[tokio::test]
async fn the_two_listeners_and_their_keys_do_not_meet() {
    let world = World::start().await;
    world
        .text(&["tenant", "create", "acme", "--name", "Acme"], "none")
        .await;
    let issue = ["key", "issue", "--tenant", "acme", "--role", "admin"];
    let key = world.text(&issue, "none").await.trim().to_owned();
    for path in [
        "/admin/v1/tenants",
        "/admin/v1/tenants/acme",
        "/admin/v1/tenants/acme/keys",
    ] {
        world.admin(&world.operator).get(path).await.expect(200);
        world
            .admin(&key)
            .get(path)
            .await
            .expect_problem(401, "unauthorized");
        world
            .api(&world.operator)
            .get(path)
            .await
            .expect_problem(404, "not_found");
        world
            .api(&key)
            .get(path)
            .await
            .expect_problem(404, "not_found");
    }
    for path in ["/v1/tenant", "/v1/keys", "/v1/tickets", "/v1/prompts"] {
        world.api(&key).get(path).await.expect(200);
        world
            .api(&world.operator)
            .get(path)
            .await
            .expect_problem(401, "unauthorized");
        // The console finds the open API beside the admin API; the keys open there what they open here.
        world
            .admin(&world.operator)
            .get(path)
            .await
            .expect_problem(401, "unauthorized");
        world.admin(&key).get(path).await.expect(200);
    }
}

#[tokio::test]
async fn what_is_set_from_the_command_line_is_read_back_by_the_tenant() {
    let world = World::start().await;
    world
        .text(&["tenant", "create", "acme", "--name", "Acme"], "none")
        .await;
    let issue = ["key", "issue", "--tenant", "acme", "--role", "viewer"];
    let key = world.text(&issue, "none").await.trim().to_owned();
    for line in [
        &[
            "tenant",
            "limits",
            "acme",
            "--monthly-usd",
            "12.50",
            "--weight",
            "2",
        ][..],
        &[
            "tenant",
            "limits",
            "acme",
            "--task",
            "say",
            "--concurrent-tickets",
            "5",
        ],
        &[
            "tenant",
            "origins",
            "acme",
            "--add",
            "https://app.acme.example",
        ],
        &["tenant", "callback", "acme", "http://127.0.0.1:9/hooks"],
        &[
            "tenant",
            "hooks",
            "acme",
            "say",
            "--pre-process",
            "/prepare",
        ],
        &["tenant", "rename", "acme", "Acme Inc."],
    ] {
        world.text(line, "none").await;
    }
    let own = world.api(&key).get("/v1/tenant").await.expect(200);
    let expected = json!({
        "tenant": "acme",
        "name": "Acme Inc.",
        "limits": {
            "all": { "monthly": { "cost_micro_usd": 12_500_000 } },
            "tasks": { "say": { "concurrent_tickets": 5 } },
            "weight": 2,
        },
        "origins": ["https://app.acme.example"],
        "callback": { "base_url": "http://127.0.0.1:9/hooks" },
        "hooks": { "say": { "pre_process": "/prepare", "post_process": null } },
    });
    assert_eq!(own, expected);
}
