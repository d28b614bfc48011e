//! Import and export: all or nothing, and the same again.

use serde_json::{Value, json};

use crate::desk::{Desk, assert_remedy, content, errors, save};

const IMPORT: &str = "/v1/prompts/import";

fn bundle(task: &str, text: &str) -> Value {
    let case =
        json!({ "name": "short", "input": { "word": "tide" }, "expect": [{ "contains": "e" }] });
    json!({ "task": task, "content": content(text), "test_set": [case] })
}

#[tokio::test]
async fn an_import_with_one_broken_prompt_changes_nothing_and_names_every_mistake() {
    let desk = Desk::open().await;
    save(
        &desk.second,
        "theirs",
        None,
        &content("Explain {{ word }}."),
    )
    .await
    .expect(201);
    let mut bad_set = bundle("set", "Explain {{ word }}.");
    bad_set["test_set"][0]["expect"] = json!([{ "matches": "(" }]);
    let import = json!({
        "prompts": [
            bundle("good", "Explain {{ word }}."),
            bundle("parse", "Explain {{ word"),
            bad_set,
            bundle("theirs", "Explain {{ word }} otherwise."),
            bundle("good", "Twice {{ word }}."),
            bundle("export", "Explain {{ word }}."),
        ],
        "partials": { "tone": "Be kind." },
    });
    let refused = desk.planner.post(IMPORT, &import).await;
    let refused = refused.expect_problem(422, "import_refused");
    assert_remedy(&refused);
    let of = |task: &str| {
        errors(&refused)
            .iter()
            .filter(|error| error["prompt"] == task)
            .count()
    };
    for task in ["parse", "set", "theirs", "good", "export"] {
        assert!(of(task) >= 1, "{task}: {refused}");
    }
    let listed = desk.viewer.get("/v1/prompts").await.expect(200);
    assert_eq!(
        listed["prompts"].as_array().map(Vec::len),
        Some(1),
        "{listed}"
    );
    let kept = desk
        .viewer
        .get("/v1/prompts/theirs/draft")
        .await
        .expect(200);
    assert_eq!(kept["edit"], 1);
    assert_eq!(
        desk.viewer.get("/v1/partials").await.expect(200)["partials"],
        json!([])
    );
}

#[tokio::test]
async fn an_import_is_drafts_and_test_sets_and_the_same_again_changes_nothing() {
    let desk = Desk::open().await;
    let import = json!({
        "prompts": [bundle("explain", "{% include \"tone\" %} Explain {{ word }}.")],
        "partials": { "tone": "Be kind." },
    });
    let taken = desk.planner.post(IMPORT, &import).await.expect(200);
    assert_eq!(
        (&taken["prompts"][0]["draft"], &taken["prompts"][0]["edit"]),
        (&json!("saved"), &json!(1))
    );
    assert_eq!(taken["prompts"][0]["test_set"], "saved");
    assert_eq!(taken["partials"][0]["saved"], "saved");
    let again = desk.second.post(IMPORT, &import).await.expect(200);
    assert_eq!(
        (
            &again["prompts"][0]["draft"],
            &again["prompts"][0]["test_set"]
        ),
        (&json!("unchanged"), &json!("unchanged"))
    );
    assert_eq!(again["partials"][0]["saved"], "unchanged");
    let history = desk
        .viewer
        .get("/v1/prompts/explain/history")
        .await
        .expect(200);
    assert_eq!(
        history["entries"].as_array().map(Vec::len),
        Some(2),
        "{history}"
    );
    let prompt = desk.viewer.get("/v1/prompts/explain").await.expect(200);
    assert!(
        prompt["production"].is_null() && prompt["versions"] == 0,
        "{prompt}"
    );
    // One's own draft may be replaced by a newer import.
    let newer = json!({ "prompts": [bundle("explain", "Explain {{ word }}!")] });
    let taken = desk.planner.post(IMPORT, &newer).await.expect(200);
    assert_eq!(taken["prompts"][0]["edit"], 2);
}

#[tokio::test]
async fn what_is_exported_is_imported_elsewhere_with_the_same_hash() {
    let desk = Desk::open().await;
    let text = "{% include \"tone\" %} Explain {{ word }}.";
    let import =
        json!({ "prompts": [bundle("explain", text)], "partials": { "tone": "Be kind." } });
    desk.planner.post(IMPORT, &import).await.expect(200);
    let draft = desk
        .viewer
        .get("/v1/prompts/export?ref=draft&task=explain")
        .await
        .expect(200);
    assert_eq!(draft, import, "a draft comes out as it went in");
    let version = crate::desk::publish(&desk.planner, "explain", 1)
        .await
        .expect(201);
    let exported = desk
        .viewer
        .get("/v1/prompts/export?ref=1")
        .await
        .expect(200);
    let there = desk.other.post(IMPORT, &exported).await.expect(200);
    assert_eq!(there["prompts"][0]["draft"], "saved", "{there}");
    let published = crate::desk::publish(&desk.other, "explain", 1)
        .await
        .expect(201);
    assert_eq!(published["hash"], version["hash"]);
    let here = desk.planner.post(IMPORT, &exported).await.expect(200);
    assert_eq!(
        (&here["prompts"][0]["draft"], &here["prompts"][0]["version"]),
        (&json!("unchanged"), &json!(1))
    );
    let missing = desk
        .viewer
        .get("/v1/prompts/export?task=explain&task=nothing&ref=1")
        .await;
    missing.expect_problem(404, "no_prompt");
    let missing = desk.viewer.get("/v1/prompts/export?task=explain").await;
    missing.expect_problem(404, "no_such_label");
}

#[tokio::test]
async fn an_import_may_be_larger_than_other_bodies_and_not_endless() {
    let desk = Desk::open().await;
    let text = format!("{} {{{{ word }}}}", "x".repeat(60_000));
    let bundles: Vec<_> = (0..20)
        .map(|number| bundle(&format!("task-{number}"), &text))
        .collect();
    let import = json!({ "prompts": bundles });
    assert!(import.to_string().len() > 1024 * 1024);
    let taken = desk.planner.post(IMPORT, &import).await.expect(200);
    assert_eq!(taken["prompts"].as_array().map(Vec::len), Some(20));
    let endless = json!({ "prompts": [], "partials": { "tone": "x".repeat(8 * 1024 * 1024) } });
    let refused = desk.planner.post(IMPORT, &endless).await;
    refused.expect_problem(413, "body_too_large");
}
