//! Labels, canaries and retirement: what reaches users, and what must not.

use serde_json::{Value, json};

use crate::desk::{Desk, assert_remedy, label};

const PRODUCTION: &str = "production";

async fn prompt(desk: &Desk, task: &str) -> Value {
    desk.viewer
        .get(&format!("/v1/prompts/{task}"))
        .await
        .expect(200)
}

#[tokio::test]
async fn only_a_published_and_tested_version_reaches_production_unless_an_admin_says_why() {
    let desk = Desk::open().await;
    desk.published("explain", "Explain {{ word }}.").await;
    let path = label("explain", PRODUCTION);
    let body = json!({ "version": 1 });
    let refused = desk.planner.put(&path, &body).await;
    let refused = refused.expect_problem(403, "role_missing");
    assert!(
        refused["detail"].as_str().unwrap().contains("publisher"),
        "{refused}"
    );
    let refused = desk.publisher.put(&path, &body).await;
    assert_remedy(&refused.expect_problem(409, "no_test_cases"));
    let unpublished = desk.publisher.put(&path, &json!({ "version": 2 })).await;
    assert_remedy(&unpublished.expect_problem(404, "no_such_version"));
    let over = json!({ "version": 1, "override_reason": "The exam is tomorrow" });
    let refused = desk.publisher.put(&path, &over).await;
    let refused = refused.expect_problem(403, "role_missing");
    assert!(
        refused["detail"].as_str().unwrap().contains("admin"),
        "{refused}"
    );
    let silent = json!({ "version": 1, "override_reason": " " });
    let refused = desk.admin.put(&path, &silent).await;
    refused.expect_problem(422, "reason_missing");
    assert!(prompt(&desk, "explain").await["production"].is_null());
    let deployed = desk.admin.put(&path, &over).await.expect(200);
    assert_eq!(deployed["production"], 1);
    let history = desk
        .viewer
        .get("/v1/prompts/explain/history")
        .await
        .expect(200);
    let told = history["entries"].to_string();
    assert!(
        told.contains("ada deployed version 1 to production"),
        "{told}"
    );
    assert!(told.contains("The exam is tomorrow"), "{told}");
}

#[tokio::test]
async fn a_planner_moves_other_labels_and_a_stale_move_is_refused() {
    let desk = Desk::open().await;
    desk.published("explain", "Explain {{ word }}.").await;
    desk.next_version("explain", "Explain {{ word }} kindly.")
        .await;
    let path = label("explain", "staging");
    let first = json!({ "version": 1, "expected": null });
    desk.planner.put(&path, &first).await.expect(200);
    let refused = desk
        .second
        .put(&path, &json!({ "version": 2, "expected": null }))
        .await;
    assert_remedy(&refused.expect_problem(409, "label_conflict"));
    let seen = json!({ "version": 2, "expected": 1, "reason": "Kinder" });
    let moved = desk.second.put(&path, &seen).await.expect(200);
    assert_eq!(moved["labels"][0]["version"], 2);
    assert_eq!(moved["labels"][0]["by"]["name"], "juno");
    let back = desk
        .planner
        .post(&format!("{path}/rollback"), &json!({ "expected": 2 }))
        .await
        .expect(200);
    assert_eq!(back["labels"][0]["version"], 1);
    let past = desk
        .planner
        .post(&format!("{path}/rollback"), &json!({ "expected": 1 }))
        .await;
    assert_remedy(&past.expect_problem(409, "nothing_before"));
    let gone = desk.planner.delete(&path, None).await.expect(200);
    assert_eq!(gone["labels"], json!([]));
    let stays = desk
        .publisher
        .delete(&label("explain", PRODUCTION), None)
        .await;
    stays.expect_problem(409, "production_stays");
    let none = desk
        .planner
        .put(&label("explain", "draft"), &json!({ "version": 1 }))
        .await;
    assert_eq!(
        none.expect_problem(400, "invalid_parameter")["field"],
        "label"
    );
}

#[tokio::test]
async fn production_goes_back_one_step_at_a_time_and_not_past_the_first() {
    let desk = Desk::open().await;
    desk.deployed("explain", "Explain {{ word }}.").await;
    desk.next_version("explain", "Explain {{ word }} kindly.")
        .await;
    let over = json!({ "version": 2, "override_reason": "Kinder" });
    desk.admin
        .put(&label("explain", PRODUCTION), &over)
        .await
        .expect(200);
    let path = format!("{}/rollback", label("explain", PRODUCTION));
    let refused = desk.planner.post(&path, &json!({ "expected": 2 })).await;
    refused.expect_problem(403, "role_missing");
    let unseen = desk
        .publisher
        .post(&path, &json!({ "reason": "Too kind" }))
        .await;
    let unseen = unseen.expect_problem(428, "precondition_required");
    assert_eq!(unseen["field"], "/expected");
    assert_remedy(&unseen);
    let seen = json!({ "expected": 2, "canary": null, "reason": "Too kind" });
    let back = desk.publisher.post(&path, &seen).await;
    assert_eq!(back.expect(200)["production"], 1);
    // The answer was lost, and the request is repeated.
    let repeated = desk.publisher.post(&path, &seen).await;
    let repeated = repeated.expect_problem(409, "label_conflict");
    assert_eq!(repeated["current"]["version"], 1);
    assert_remedy(&repeated);
    let past = json!({ "expected": 1 });
    let past = desk.publisher.post(&path, &past).await;
    assert_remedy(&past.expect_problem(409, "nothing_before"));
    let ticket = desk
        .issuer
        .issue("explain", None, json!({ "word": "tide" }))
        .await;
    desk.issuer.until_event(&ticket, "TicketPersisted").await;
    let ticket = desk.issuer.ticket(&ticket).await;
    assert_eq!(ticket["prompt"]["version"], 1, "{ticket}");
}

#[tokio::test]
async fn a_canary_stands_beside_production_until_it_is_stopped() {
    let desk = Desk::open().await;
    desk.deployed("explain", "Explain {{ word }}.").await;
    desk.next_version("explain", "Explain {{ word }} kindly.")
        .await;
    desk.next_version("explain", "Explain {{ word }} briefly.")
        .await;
    let path = "/v1/prompts/explain/canary";
    desk.viewer
        .get(path)
        .await
        .expect_problem(404, "canary_not_running");
    let over = "It is a test";
    let start = json!({ "version": 2, "percent": 20, "override_reason": over });
    for (wrong, code) in [
        (
            json!({ "version": 2, "percent": 0, "override_reason": over }),
            "percent_out_of_range",
        ),
        (
            json!({ "version": 2, "percent": 5, "bounds": { "max_failed_percent": 101 }, "override_reason": over }),
            "bound_out_of_range",
        ),
    ] {
        desk.admin.put(path, &wrong).await.expect_problem(422, code);
    }
    desk.publisher
        .put(path, &start)
        .await
        .expect_problem(403, "role_missing");
    let started = desk.admin.put(path, &start).await.expect(200);
    assert_eq!(started["canary"]["beside"], 1);
    let shown = desk.viewer.get(path).await.expect(200);
    assert_eq!(
        (&shown["version"], &shown["percent"]),
        (&json!(2), &json!(20))
    );
    assert_eq!(shown["bounds"]["min_tickets"], 20);
    let second = desk
        .admin
        .put(
            path,
            &json!({ "version": 3, "percent": 5, "override_reason": over }),
        )
        .await;
    assert_remedy(&second.expect_problem(409, "canary_running"));
    let other = json!({ "version": 3, "override_reason": over });
    let other = desk.admin.put(&label("explain", PRODUCTION), &other).await;
    assert_remedy(&other.expect_problem(409, "canary_running"));
    let stopped = desk.publisher.delete(path, None).await.expect(200);
    assert!(
        stopped["canary"].is_null() && stopped["production"] == 1,
        "{stopped}"
    );
}

#[tokio::test]
async fn a_canary_is_promoted_or_rolled_back_only_as_it_was_seen() {
    let desk = Desk::open().await;
    desk.deployed("explain", "Explain {{ word }}.").await;
    desk.next_version("explain", "Explain {{ word }} kindly.")
        .await;
    let path = "/v1/prompts/explain/canary";
    let over = "It is a test";
    let start = json!({ "version": 2, "percent": 20, "override_reason": over });
    let started = desk.admin.put(path, &start).await.expect(200);
    desk.publisher.delete(path, None).await.expect(200);
    let seen = started["canary"]["canary"].clone();
    let late = json!({ "expected": 1, "canary": seen });
    let rollback = format!("{}/rollback", label("explain", PRODUCTION));
    let late = desk.publisher.post(&rollback, &late).await;
    let late = late.expect_problem(409, "canary_conflict");
    assert_eq!(
        late["current"],
        json!({ "version": 1, "canary_version": null })
    );
    assert_remedy(&late);
    let again = desk.admin.put(path, &start).await.expect(200);
    let promote =
        |canary: &Value| json!({ "version": 2, "expected": 1, "expected_canary": canary });
    let late = desk
        .publisher
        .put(&label("explain", PRODUCTION), &promote(&seen))
        .await;
    late.expect_problem(409, "canary_conflict");
    let unseen = desk
        .publisher
        .put(&label("explain", PRODUCTION), &promote(&Value::Null))
        .await;
    unseen.expect_problem(409, "canary_conflict");
    let promoted = desk
        .publisher
        .put(
            &label("explain", PRODUCTION),
            &promote(&again["canary"]["canary"]),
        )
        .await;
    let promoted = promoted.expect(200);
    assert!(
        promoted["canary"].is_null() && promoted["production"] == 2,
        "{promoted}"
    );
}

#[tokio::test]
async fn a_retired_prompt_takes_no_tickets_until_it_is_restored() {
    let desk = Desk::open().await;
    desk.deployed("explain", "Explain {{ word }}.").await;
    let retired = desk
        .publisher
        .post("/v1/prompts/explain/retire", &json!({ "reason": "Unused" }))
        .await;
    assert_eq!(retired.expect(200)["retired"]["by"]["name"], "pia");
    let ticket = json!({ "task": "explain", "input": { "word": "tide" } });
    let refused = desk.issuer.post("/v1/tickets", &ticket).await;
    refused.expect_problem(409, "task_retired");
    let restored = desk
        .publisher
        .post("/v1/prompts/explain/restore", &json!({}))
        .await;
    assert!(restored.expect(200)["retired"].is_null());
    desk.issuer.post("/v1/tickets", &ticket).await.expect(202);
}
