//! Test sets and test runs: what stands before production.

use serde_json::{Value, json};

use crate::desk::{Desk, assert_remedy, content, errors, label, save};

const SET: &str = "/v1/prompts/explain/test-set";
const RUNS: &str = "/v1/prompts/explain/test-runs";

fn case(name: &str, expect: &Value) -> Value {
    json!({ "name": name, "input": { "word": "tide" }, "expect": [expect] })
}

/// Starts a run of `reference` and waits for its end.
async fn run(desk: &Desk, reference: &str) -> Value {
    let started = desk.planner.post(RUNS, &json!({ "ref": reference })).await;
    let place = started.header("location").to_owned();
    assert_eq!(started.expect(202)["task"], "explain");
    let ended = desk
        .viewer
        .get(&format!("{place}?wait=30"))
        .await
        .expect(200);
    assert_ne!(ended["state"], "running", "{ended}");
    ended
}

#[tokio::test]
async fn a_version_that_passed_its_tests_may_go_to_production_and_one_that_failed_may_not() {
    let desk = Desk::open().await;
    desk.published("explain", "Explain {{ word }}.").await;
    let refused = desk.planner.post(RUNS, &json!({ "ref": "1" })).await;
    assert_remedy(&refused.expect_problem(409, "no_test_cases"));
    let never = case("never", &json!({ "contains": "words that no model says" }));
    let set = desk
        .planner
        .put_if(SET, None, &json!({ "cases": [never] }))
        .await;
    assert_eq!((set.status, set.header("etag")), (200, "\"1\""));
    let production = label("explain", "production");
    let refused = desk
        .publisher
        .put(&production, &json!({ "version": 1 }))
        .await;
    assert_remedy(&refused.expect_problem(409, "not_tested"));
    let failed = run(&desk, "v1").await;
    assert_eq!(failed["state"], "failed", "{failed}");
    assert_eq!(
        failed["by"],
        json!({ "kind": "key", "prefix": failed["by"]["prefix"], "name": "mina" })
    );
    let refused = desk
        .publisher
        .put(&production, &json!({ "version": 1 }))
        .await;
    assert_remedy(&refused.expect_problem(409, "test_failed"));
    let some = case("some", &json!({ "length_between": { "min": 1 } }));
    let body = json!({ "cases": [some] });
    let stale = desk.second.put_if(SET, None, &body).await;
    let refused = stale.expect_problem(409, "test_set_conflict");
    assert_remedy(&refused);
    assert_eq!(refused["current"]["number"], 1, "{refused}");
    assert!(refused["current"]["cases"].is_array(), "{refused}");
    desk.planner.put_if(SET, Some(1), &body).await.expect(200);
    let passed = run(&desk, "1").await;
    assert_eq!(
        (&passed["state"], &passed["cases_done"]),
        (&json!("passed"), &json!(1))
    );
    let deployed = desk
        .publisher
        .put(&production, &json!({ "version": 1 }))
        .await;
    assert_eq!(deployed.expect(200)["production"], 1);
    let version = desk
        .viewer
        .get("/v1/prompts/explain/versions/production")
        .await
        .expect(200);
    assert_eq!(version["tests"][0]["passed"], true, "{version}");
    assert_eq!(version["labels"], json!(["production"]));
    let runs = desk.viewer.get(RUNS).await.expect(200);
    assert_eq!(
        runs["test_runs"].as_array().map(Vec::len),
        Some(2),
        "{runs}"
    );
}

#[tokio::test]
async fn a_test_set_with_mistakes_is_not_saved_and_each_is_named() {
    let desk = Desk::open().await;
    desk.published("explain", "Explain {{ word }}.").await;
    let cases = [
        case("pattern", &json!({ "matches": "(" })),
        case(
            "path",
            &json!({ "json_equals": { "path": "score", "value": 1 } }),
        ),
        case("path", &json!("fits_schema")),
        case("Not A Name", &json!({ "contains": "x" })),
        case(
            "judge",
            &json!({ "rubric": { "text": "Kind.", "model": "nobody" } }),
        ),
    ];
    let refused = desk
        .planner
        .put_if(SET, None, &json!({ "cases": cases }))
        .await;
    let refused = refused.expect_problem(422, "broken_test_set");
    assert_remedy(&refused);
    assert!(errors(&refused).len() >= 4, "{refused}");
    desk.viewer
        .get(SET)
        .await
        .expect_problem(404, "no_such_test_set");
    let unknown = json!({ "cases": [{ "name": "a", "input": {}, "expects": [] }] });
    let refused = desk.planner.put_if(SET, None, &unknown).await;
    refused.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn a_draft_is_tested_as_it_would_be_published_and_a_run_is_the_prompts_own() {
    let desk = Desk::open().await;
    save(
        &desk.planner,
        "explain",
        None,
        &content("Explain {{ word }}."),
    )
    .await
    .expect(201);
    let some = case("some", &json!({ "length_between": { "min": 1 } }));
    desk.planner
        .put_if(SET, None, &json!({ "cases": [some] }))
        .await
        .expect(200);
    let passed = run(&desk, "draft").await;
    let draft = desk
        .viewer
        .get("/v1/prompts/explain/draft")
        .await
        .expect(200);
    assert_eq!(draft["hash"], passed["hash"]);
    assert_eq!(draft["tests"][0]["passed"], true, "{draft}");
    desk.published("other", "Say {{ word }}.").await;
    let id = passed["run"].as_str().unwrap();
    for path in [
        format!("/v1/prompts/other/test-runs/{id}"),
        format!("{RUNS}/not-a-run"),
        format!("{RUNS}/01920000-0000-7000-8000-000000000001"),
    ] {
        let refused = desk.viewer.get(&path).await;
        refused.expect_problem(404, "no_such_test_run");
    }
    let over = desk.planner.delete(&format!("{RUNS}/{id}"), None).await;
    assert_eq!(
        over.expect(200)["state"],
        "passed",
        "one that is over stays as it is"
    );
    let broken = save(&desk.planner, "explain", Some(1), &content("{{ wrod }}")).await;
    broken.expect(200);
    let refused = desk.planner.post(RUNS, &json!({ "ref": "draft" })).await;
    assert!(!errors(&refused.expect_problem(422, "broken_prompt")).is_empty());
}
