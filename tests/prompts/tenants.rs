//! Prompts stay with their tenant, and out of the log.

use serde_json::json;

use crate::desk::{Desk, content, label, save};

const CANARY: &str = "canary-of-onehour";

#[tokio::test]
async fn a_prompt_is_seen_by_nobody_else_and_stands_in_no_log_line() {
    let desk = Desk::open().await;
    let text = format!("{CANARY} {{% include \"tone\" %}} {{{{ word }}}}");
    let partial = json!({ "text": CANARY });
    desk.planner
        .put_if("/v1/partials/tone", None, &partial)
        .await
        .expect(200);
    save(&desk.planner, "explain", None, &content(&text))
        .await
        .expect(201);
    crate::desk::publish(&desk.planner, "explain", 1)
        .await
        .expect(201);
    let case =
        json!({ "name": "a", "input": { "word": CANARY }, "expect": [{ "contains": CANARY }] });
    let set = json!({ "cases": [case] });
    desk.planner
        .put_if("/v1/prompts/explain/test-set", None, &set)
        .await
        .expect(200);
    let body = json!({ "ref": "1", "input": { "word": CANARY } });
    desk.planner
        .post("/v1/prompts/explain/render", &body)
        .await
        .expect(200);
    let over = json!({ "version": 1, "override_reason": CANARY });
    desk.admin
        .put(&label("explain", "production"), &over)
        .await
        .expect(200);
    let misspelt = json!({ "content": { "messages": CANARY } });
    let refused = desk
        .planner
        .put_if("/v1/prompts/explain/draft", None, &misspelt)
        .await;
    assert!(!refused.text.contains(CANARY), "{}", refused.text);

    for path in [
        "/v1/prompts",
        "/v1/prompts/explain",
        "/v1/prompts/explain/draft",
        "/v1/prompts/explain/versions",
        "/v1/prompts/explain/versions/1",
        "/v1/prompts/explain/history",
        "/v1/prompts/explain/test-set",
        "/v1/prompts/export?ref=1",
        "/v1/partials",
    ] {
        let shown = desk.other.get(path).await;
        assert!(!shown.text.contains(CANARY), "{path}: {}", shown.text);
        let own = desk.viewer.get(path).await;
        assert_ne!(own.status, 403, "{path}");
    }
    // The same name is another prompt there.
    let theirs = save(&desk.other, "explain", None, &content("Say {{ word }}."))
        .await
        .expect(201);
    assert_eq!(theirs["edit"], 1);
    let ours = desk
        .viewer
        .get("/v1/prompts/explain/versions/1")
        .await
        .expect(200);
    assert!(ours["content"].to_string().contains(CANARY), "{ours}");
    let log = desk.log();
    assert!(log.contains("TRACE"), "the log says all there is to say");
    assert!(!log.contains(CANARY), "a prompt is in the log");
}
