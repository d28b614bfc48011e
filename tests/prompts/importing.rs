//! Import and export: all or nothing, and the same again.

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::api::Api;
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

/// The findings of a refused import at `place`.
fn found_at<'a>(refused: &'a Value, place: &str) -> Vec<&'a Value> {
    let mut found = errors(refused);
    found.retain(|error| error["place"] == place);
    found
}

async fn partials(desk: &Desk) -> Value {
    desk.viewer.get("/v1/partials").await.expect(200)["partials"].clone()
}

#[tokio::test]
async fn an_import_with_a_partial_that_cannot_be_saved_or_read_writes_nothing() {
    let desk = Desk::open().await;
    let import = |name: &str, text: &str| {
        json!({
            "prompts": [bundle("explain", "Explain {{ word }}.")],
            "partials": { "a": "Be kind.", name: text },
        })
    };
    for text in [
        "x".repeat(32 * 1024 + 1),
        "Be {{ kind".to_owned(),
        "{% include \"gone\" %}".to_owned(),
    ] {
        let refused = desk.planner.post(IMPORT, &import("z", &text)).await;
        let refused = refused.expect_problem(422, "import_refused");
        let found = found_at(&refused, "partial z");
        assert!(
            !found.is_empty() && found[0]["prompt"].is_null(),
            "{refused}"
        );
    }
    let many: serde_json::Map<String, Value> = (0..201)
        .map(|number| (format!("p{number:03}"), json!("Be kind.")))
        .collect();
    let refused = desk
        .planner
        .post(IMPORT, &json!({ "prompts": [], "partials": many }))
        .await;
    let refused = refused.expect_problem(422, "import_refused");
    assert_eq!(found_at(&refused, "partial p200").len(), 1, "{refused}");
    assert_eq!(partials(&desk).await, json!([]));
    let listed = desk.viewer.get("/v1/prompts").await.expect(200);
    assert_eq!(listed["prompts"], json!([]));
}

#[tokio::test]
async fn an_import_writes_over_no_partial_that_somebody_else_saved() {
    let desk = Desk::open().await;
    let text = "{% include \"tone\" %} Explain {{ word }}.";
    let import =
        |tone: &str| json!({ "prompts": [bundle("explain", text)], "partials": { "tone": tone } });
    desk.planner
        .post(IMPORT, &import("Be kind."))
        .await
        .expect(200);
    // Your own is yours to change.
    desk.planner
        .post(IMPORT, &import("Be kinder."))
        .await
        .expect(200);
    let body = json!({ "text": "Be strict." });
    desk.second
        .put_if("/v1/partials/tone", Some(2), &body)
        .await
        .expect(200);
    let refused = desk.planner.post(IMPORT, &import("Be kinder.")).await;
    let refused = refused.expect_problem(422, "import_refused");
    let found = found_at(&refused, "partial tone");
    let message = found[0]["message"].as_str().unwrap();
    assert!(
        message.contains("juno") && message.contains("edit 3"),
        "{refused}"
    );
    assert_eq!(partials(&desk).await[0]["text"], "Be strict.");
    // The same text is nobody's loss.
    let same = desk
        .planner
        .post(IMPORT, &import("Be strict."))
        .await
        .expect(200);
    assert_eq!(same["partials"][0]["saved"], "unchanged");
}

#[tokio::test]
async fn a_partial_that_only_a_published_version_needs_is_not_taken_back_to_its_old_text() {
    let desk = Desk::open().await;
    let text = "{% include \"tone\" %} Explain {{ word }}.";
    let import =
        json!({ "prompts": [bundle("explain", text)], "partials": { "tone": "Be kind." } });
    desk.planner.post(IMPORT, &import).await.expect(200);
    crate::desk::publish(&desk.planner, "explain", 1)
        .await
        .expect(201);
    let exported = desk
        .viewer
        .get("/v1/prompts/export?ref=1")
        .await
        .expect(200);
    let body = json!({ "text": "Be kinder." });
    desk.planner
        .put_if("/v1/partials/tone", Some(1), &body)
        .await
        .expect(200);
    for old in [&exported, &import] {
        let taken = desk.planner.post(IMPORT, old).await.expect(200);
        assert_eq!(taken["prompts"][0]["draft"], "unchanged", "{taken}");
        assert_eq!(taken["partials"][0]["saved"], "kept", "{taken}");
    }
    assert_eq!(partials(&desk).await[0]["text"], "Be kinder.");
}

#[tokio::test]
async fn versions_with_different_texts_of_one_partial_are_exported_as_they_are_and_imported_in_turn()
 {
    let desk = Desk::open().await;
    let text = "{% include \"tone\" %} Explain {{ word }}.";
    let mut hashes = Vec::new();
    for (edit, (task, tone)) in [("older", "Be kind."), ("newer", "Be strict.")]
        .into_iter()
        .enumerate()
    {
        let edit = (edit > 0).then_some(edit as u64);
        let body = json!({ "text": tone });
        desk.planner
            .put_if("/v1/partials/tone", edit, &body)
            .await
            .expect(200);
        save(&desk.planner, task, None, &content(text))
            .await
            .expect(201);
        let published = crate::desk::publish(&desk.planner, task, 1)
            .await
            .expect(201);
        hashes.push(published["hash"].clone());
    }
    let exported = desk
        .viewer
        .get("/v1/prompts/export?ref=1")
        .await
        .expect(200);
    let tones: Vec<_> = exported["prompts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|prompt| prompt["content"]["partials"]["tone"].clone())
        .collect();
    assert_eq!(
        tones,
        ["Be strict.", "Be kind."],
        "newer comes before older: {exported}"
    );
    // Here both are there.
    let here = desk.planner.post(IMPORT, &exported).await.expect(200);
    assert_eq!(
        (
            &here["prompts"][0]["version"],
            &here["prompts"][1]["version"]
        ),
        (&json!(1), &json!(1))
    );
    // Elsewhere two drafts cannot have two texts of one partial.
    let refused = desk.other.post(IMPORT, &exported).await;
    let refused = refused.expect_problem(422, "import_refused");
    let found = found_at(&refused, "partial tone");
    assert_eq!(
        (found.len(), &found[0]["prompt"]),
        (1, &json!("older")),
        "{refused}"
    );
    // One after the other, published in between, both come with their hashes.
    for (task, hash) in [("older", &hashes[0]), ("newer", &hashes[1])] {
        let prompts = exported["prompts"].as_array().unwrap().iter();
        let one: Vec<_> = prompts.filter(|prompt| prompt["task"] == task).collect();
        desk.other
            .post(IMPORT, &json!({ "prompts": one }))
            .await
            .expect(200);
        let published = crate::desk::publish(&desk.other, task, 1).await.expect(201);
        assert_eq!(&published["hash"], hash);
    }
    let there = desk.other.get("/v1/prompts/export?ref=1").await.expect(200);
    assert_eq!(there, exported);
    let again = desk.other.post(IMPORT, &exported).await.expect(200);
    assert_eq!(again["prompts"][1]["draft"], "unchanged");
}

/// Prompt texts with what files, templates and JSON like to change.
fn prompt_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z ,.!\"\\\\]{0,12}",
        1 => Just("\n\n".to_owned()),
        1 => Just("\r\n".to_owned()),
        1 => Just("\t한국어 🙂 é \u{2028}".to_owned()),
        2 => Just("{{ word }}".to_owned()),
        2 => Just("{% include \"tone\" %}".to_owned()),
        1 => Just("{% include \"end\" %}".to_owned()),
        1 => Just("{% if word == \"tide\" %}yes{% endif %}".to_owned()),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// A server's worth of prompts that include the partials of one time.
fn prompts() -> impl Strategy<Value = Value> {
    let bare = "[a-z .]{0,20}\r?\n?";
    let messages = proptest::collection::vec(prompt_text(), 1..4);
    let one = (messages, proptest::option::of(0.0..2.0), any::<bool>());
    (proptest::collection::vec(one, 1..8), bare, prompt_text()).prop_map(|(all, end, tone)| {
        let prompt =
            |(number, (messages, temperature, json)): (usize, (Vec<String>, Option<f64>, bool))| {
                let task = format!("task-{number}");
                let mut bundle = bundle(&task, "");
                let message = |text| json!({ "role": "user", "content": text });
                let content = &mut bundle["content"];
                content["messages"] = messages.into_iter().map(message).collect();
                content["messages"]
                    .as_array_mut()
                    .unwrap()
                    .push(message(format!("{number} {{{{ word }}}}")));
                content["parameters"] = json!({ "temperature": temperature });
                content["answer"] = json!(if json { "json" } else { "text" });
                bundle
            };
        let prompts: Vec<_> = all.into_iter().enumerate().map(prompt).collect();
        let tone = tone.replace("{% include \"tone\" %}", "");
        json!({ "prompts": prompts, "partials": { "tone": tone, "end": end } })
    })
}

async fn publish_all(api: &Api, of: &Value) -> Vec<Value> {
    let mut hashes = Vec::new();
    for prompt in of["prompts"].as_array().unwrap() {
        let task = prompt["task"].as_str().unwrap();
        let published = crate::desk::publish(api, task, 1).await.expect(201);
        hashes.push(published["hash"].clone());
    }
    hashes
}

#[tokio::test]
async fn whatever_is_exported_is_imported_by_an_empty_server_with_the_same_hashes() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..4 {
        let (here, there) = (Desk::open().await, Desk::open().await);
        let begun = prompts().new_tree(&mut runner).unwrap().current();
        here.planner.post(IMPORT, &begun).await.expect(200);
        let drafts = here
            .viewer
            .get("/v1/prompts/export?ref=draft")
            .await
            .expect(200);
        let hashes = publish_all(&here.planner, &begun).await;
        let exported = here
            .viewer
            .get("/v1/prompts/export?ref=1")
            .await
            .expect(200);
        there.planner.post(IMPORT, &exported).await.expect(200);
        assert_eq!(
            there
                .viewer
                .get("/v1/prompts/export?ref=draft")
                .await
                .expect(200),
            drafts
        );
        assert_eq!(
            publish_all(&there.planner, &exported).await,
            hashes,
            "{exported}"
        );
        assert_eq!(
            there
                .viewer
                .get("/v1/prompts/export?ref=1")
                .await
                .expect(200),
            exported
        );
    }
}

#[tokio::test]
async fn hints_however_many_keep_no_prompt_from_being_taken() {
    let desk = Desk::open().await;
    let prompt = |number: usize| {
        let mut bundle = bundle(&format!("task-{number}"), "Explain.");
        for name in 0..60 {
            let variable = json!({ "type": "string" });
            bundle["content"]["input_schema"]["properties"][format!("unused{name}")] = variable;
        }
        bundle
    };
    let prompts: Vec<_> = (0..30).map(prompt).collect();
    let taken = desk
        .planner
        .post(IMPORT, &json!({ "prompts": prompts }))
        .await
        .expect(200);
    let prompts = taken["prompts"].as_array().unwrap();
    let hints = |prompt: &Value| prompt["findings"].as_array().map_or(0, Vec::len);
    assert!(prompts.iter().map(hints).sum::<usize>() > 1_000, "{taken}");
    assert_eq!(prompts.len(), 30);
}
