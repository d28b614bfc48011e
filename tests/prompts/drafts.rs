//! Drafts: saved with their mistakes, never over somebody else's.

use reqwest::Method;
use serde_json::json;

use crate::api::send;
use crate::desk::{Desk, assert_remedy, content, errors, publish, save};

#[tokio::test]
async fn a_broken_draft_is_saved_with_the_place_of_each_mistake_and_cannot_be_published() {
    let desk = Desk::open().await;
    let mut schema = content("Explain {{ word }}.");
    schema["input_schema"] = json!({ "type": "objekt" });
    let mut answer = content("Explain {{ word }}.");
    answer["answer"] = json!("json");
    answer["answer_schema"] = json!({ "type": 7 });
    let mut model = content("Explain {{ word }}.");
    model["model"] = json!("gpt-nobody-has");
    for (task, broken, place) in [
        ("parse", content("Explain\nthe word {{ word"), "messages[0]"),
        ("variable", content("Explain {{ wrod }}."), "messages[0]"),
        (
            "partial",
            content("{% include \"nothing\" %} {{ word }}"),
            "messages[0]",
        ),
        ("schema", schema, "input_schema"),
        ("answer", answer, "answer_schema"),
        ("model", model, "model"),
    ] {
        let saved = save(&desk.planner, task, None, &broken).await.expect(201);
        let found = errors(&saved);
        let at_place = found.iter().any(|error| {
            error["place"]
                .as_str()
                .is_some_and(|at| at.starts_with(place))
        });
        assert!(at_place, "{task}: {saved}");
        if place == "messages[0]" {
            assert!(
                found.iter().any(|error| error["line"].is_u64()),
                "{task}: {saved}"
            );
        }
        let refused = publish(&desk.planner, task, 1).await;
        let refused = refused.expect_problem(422, "broken_prompt");
        assert_remedy(&refused);
        assert!(!errors(&refused).is_empty(), "{refused}");
        let prompt = desk
            .viewer
            .get(&format!("/v1/prompts/{task}"))
            .await
            .expect(200);
        assert_eq!(
            (&prompt["versions"], &prompt["draft"]["edit"]),
            (&json!(0), &json!(1))
        );
        let deployed = desk
            .planner
            .put(
                &crate::desk::label(task, "staging"),
                &json!({ "version": 1 }),
            )
            .await;
        deployed.expect_problem(404, "no_such_version");
    }
}

#[tokio::test]
async fn the_second_of_two_planners_is_told_and_shown_the_difference_and_nothing_is_overwritten() {
    let desk = Desk::open().await;
    save(
        &desk.planner,
        "explain",
        None,
        &content("Explain {{ word }}."),
    )
    .await
    .expect(201);
    let path = "/v1/prompts/explain/draft";
    let seen = desk.second.get(path).await;
    assert_eq!(seen.header("etag"), "\"1\"");
    let mine = content("Explain {{ word }} kindly.");
    let saved = save(&desk.planner, "explain", Some(1), &mine).await;
    assert_eq!((saved.status, saved.header("etag")), (200, "\"2\""));
    let theirs = content("Explain {{ word }} briefly.");
    let refused = save(&desk.second, "explain", Some(1), &theirs).await;
    let refused = refused.expect_problem(409, "draft_conflict");
    assert_remedy(&refused);
    assert_eq!(refused["current"]["edit"], 2);
    assert_eq!(refused["current"]["by"]["name"], "mina");
    assert_eq!(refused["current"]["content"]["messages"], mine["messages"]);
    assert_eq!(refused["diff"]["same"], false);
    let lines = refused["diff"].to_string();
    assert!(
        lines.contains("kindly") && lines.contains("briefly"),
        "{lines}"
    );
    // Nor is it thrown away by somebody who saw an older one, or nothing.
    let refused = desk.second.delete(path, Some(1)).await;
    let refused = refused.expect_problem(409, "draft_conflict");
    assert_eq!(refused["current"]["edit"], 2);
    let refused = save(&desk.second, "explain", None, &theirs).await;
    refused.expect_problem(409, "draft_conflict");
    let kept = desk.viewer.get(path).await.expect(200);
    assert_eq!(kept["content"]["messages"], mine["messages"]);
    let late = publish(&desk.second, "explain", 1).await;
    late.expect_problem(409, "draft_conflict");
}

#[tokio::test]
async fn whoever_does_not_say_what_they_started_from_changes_nothing() {
    let desk = Desk::open().await;
    save(
        &desk.planner,
        "explain",
        None,
        &content("Explain {{ word }}."),
    )
    .await
    .expect(201);
    let path = "/v1/prompts/explain/draft";
    let body = json!({ "content": content("Other {{ word }}.") });
    let refused = desk.planner.put(path, &body).await;
    assert_remedy(&refused.expect_problem(428, "precondition_required"));
    let refused = desk.planner.delete(path, None).await;
    refused.expect_problem(428, "precondition_required");
    for path in ["/v1/partials/tone", "/v1/prompts/explain/test-set"] {
        let refused = desk
            .planner
            .put(path, &json!({ "text": "", "cases": [] }))
            .await;
        refused.expect_problem(428, "precondition_required");
    }
    let weak = desk.planner.request(Method::PUT, path).json(&body);
    let refused = send(weak.header("if-match", "W/\"1\"")).await;
    let refused = refused.expect_problem(400, "invalid_parameter");
    assert_eq!(refused["field"], "If-Match");
    let kept = desk.viewer.get(path).await.expect(200);
    assert_eq!(kept["edit"], 1);
}

#[tokio::test]
async fn a_draft_is_thrown_away_published_or_begun_anew() {
    let desk = Desk::open().await;
    save(
        &desk.planner,
        "explain",
        None,
        &content("Explain {{ word }}."),
    )
    .await
    .expect(201);
    let path = "/v1/prompts/explain/draft";
    let gone = desk.planner.delete(path, Some(1)).await.expect(200);
    assert!(gone["draft"].is_null(), "{gone}");
    desk.viewer.get(path).await.expect_problem(404, "no_draft");
    let again = save(
        &desk.planner,
        "explain",
        None,
        &content("Explain {{ word }}!"),
    )
    .await;
    assert_eq!(
        again.expect(201)["edit"],
        2,
        "an edit's number is never used again"
    );
    let version = publish(&desk.planner, "explain", 2).await.expect(201);
    assert_eq!(
        (&version["version"], &version["by"]["name"]),
        (&json!(1), &json!("mina"))
    );
    save(
        &desk.planner,
        "explain",
        None,
        &content("Explain {{ word }}!"),
    )
    .await
    .expect(201);
    let same = publish(&desk.planner, "explain", 3).await;
    assert_remedy(&same.expect_problem(409, "same_as_version"));
}

#[tokio::test]
async fn a_name_that_cannot_be_a_prompts_is_refused_with_the_rule() {
    let desk = Desk::open().await;
    let draft = content("Explain {{ word }}.");
    let refused = save(&desk.planner, "Not%20A%20Name", None, &draft).await;
    let refused = refused.expect_problem(400, "invalid_parameter");
    assert!(
        refused["detail"].as_str().unwrap().contains("lowercase"),
        "{refused}"
    );
    let refused = save(&desk.planner, "export", None, &draft).await;
    refused.expect_problem(422, "reserved_name");
    let mut unknown = draft.clone();
    unknown["temperature"] = json!(1);
    let refused = save(&desk.planner, "explain", None, &unknown).await;
    let refused = refused.expect_problem(400, "invalid_request");
    assert_eq!(refused["field"], "/content/temperature");
    assert_eq!(
        desk.viewer.get("/v1/prompts").await.expect(200)["prompts"],
        json!([])
    );
}
