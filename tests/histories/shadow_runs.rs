//! Shadow runs, with the whole program: the cost is told first, the cases run with nobody outside
//! hearing of them, they are stopped, resumed and killed in the middle, and a deployment waits for them.

use std::collections::BTreeMap;
use std::time::Duration;

use punchcard::keys::{ApiKey, Role, Roles};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Api, send};
use crate::fake_backend::{FakeBackend, Gate};
use crate::scripted_model::saying;
use crate::world::{World, held, otherwise};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The task: text that is persisted at the tenant's.
const TASK: &str = "explain";
/// What the candidate says and no other version does.
const KINDER: &str = "Explain kindly";

/// A world whose tenant has an admin beside its backend.
struct School {
    world: World,
    admin: Api,
}

impl School {
    /// With `past` delivered tickets, word `w0` and so on, and a second version of the prompt.
    async fn with(past: usize) -> Self {
        let mut world = World::stopped("", otherwise).await;
        let key = ApiKey::generate().unwrap();
        let line = key.config_line_of(None, Roles::of(&[Role::Admin]));
        let file = world.configs()[0].clone();
        let config = std::fs::read_to_string(&file).unwrap();
        let config = config.replacen("keys = [", &format!("keys = [{line}, "), 1);
        std::fs::write(&file, config).unwrap();
        world.start_again().await;
        let admin = world.api.with_key(key.expose());
        let school = Self { world, admin };
        for number in 0..past {
            let input = json!({ "word": format!("w{number}") });
            let ticket = school.world.api.issue(TASK, None, input).await;
            school
                .world
                .api
                .until_event(&ticket, "TicketPersisted")
                .await;
            // Looked at, it is delivered.
            school.world.api.ticket(&ticket).await;
        }
        school.publish().await;
        school
    }

    async fn publish(&self) {
        let content = json!({
            "messages": [{ "role": "user", "content": format!("{KINDER}: {{{{ word }}}}") }],
            "model": "scripted",
            "answer": "text",
        });
        let path = format!("/v1/prompts/{TASK}/draft");
        let draft = self.admin.request(Method::PUT, &path);
        let draft = draft.header("if-none-match", "*");
        let saved = send(draft.json(&json!({ "content": content }))).await;
        let body = json!({ "edit": saved.expect(201)["edit"], "notes": "Kinder" });
        let path = format!("/v1/prompts/{TASK}/versions");
        let published = self.admin.post(&path, &body).await.expect(201);
        assert_eq!(published["version"], 2);
    }

    async fn put(&self, path: &str, body: &Value) -> crate::api::Answer {
        send(self.admin.request(Method::PUT, path).json(body)).await
    }

    async fn start(&self, limit: usize) -> String {
        let body = json!({ "task": TASK, "version": 2, "limit": limit, "seed": 7 });
        let answer = self.admin.post("/v1/shadow-runs", &body).await;
        let place = answer.header("location").to_owned();
        let run = answer.expect(202);
        assert_eq!(run["state"], "running");
        assert_eq!(place, at(run["run"].as_str().unwrap()));
        place
    }

    /// The run at `place`, once it is as `wanted`.
    async fn until(&self, place: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let reached = async {
            loop {
                let run = self.admin.get(place).await.expect(200);
                if wanted(&run) {
                    return run;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.expect("the run gets there in time")
    }

    async fn until_state(&self, place: &str, state: &str) -> Value {
        self.until(place, |run| run["state"] == state).await
    }

    /// How often the candidate was asked, prompt by prompt.
    fn asked(&self) -> BTreeMap<String, usize> {
        let mut asked = BTreeMap::new();
        for call in self.world.model.calls() {
            if call.prompt().starts_with(KINDER) {
                *asked.entry(call.prompt().to_owned()).or_default() += 1;
            }
        }
        asked
    }

    fn hooks(&self) -> usize {
        self.world.backend.deliveries().len()
    }
}

fn at(run: &str) -> String {
    format!("/v1/shadow-runs/{run}")
}

#[tokio::test]
async fn a_run_is_estimated_first_and_reports_case_by_case_and_nobody_outside_hears_of_it() {
    let school = School::with(6).await;
    school
        .world
        .model
        .script("Explain kindly: w3", [saying(&[])]);
    let before = school.hooks();
    let body = json!({ "task": TASK, "version": 2, "limit": 4, "seed": 7, "dry_run": true });
    let plan = school
        .admin
        .post("/v1/shadow-runs", &body)
        .await
        .expect(200);
    assert_eq!((&plan["matched"], &plan["cases"]), (&json!(6), &json!(4)));
    assert!(plan["estimate"]["prompt_tokens"].as_u64() > Some(0));
    assert!(plan["estimate"]["completion_tokens"].as_u64() > Some(0));
    assert_eq!(school.asked().len(), 0, "an estimate asks no model");

    let place = school.start(200).await;
    let run = school.until_state(&place, "finished").await;
    assert_eq!(
        (&run["cases_total"], &run["cases_done"]),
        (&json!(6), &json!(6))
    );
    assert!(run["spent"]["completion_tokens"].as_u64() > Some(0));
    let asked = school.asked();
    assert_eq!(asked.len(), 6);

    let report = school
        .admin
        .get(&format!("{place}/report?limit=4"))
        .await
        .expect(200);
    assert_eq!(report["summary"]["cases"], 6);
    let cursor = &report["next_cursor"];
    let rest = format!("{place}/report?limit=4&cursor={cursor}");
    let rest = school.admin.get(&rest).await.expect(200);
    let cases: Vec<_> = [&report, &rest]
        .iter()
        .flat_map(|page| page["cases"].as_array().unwrap().clone())
        .collect();
    assert_eq!(cases.len(), 6);
    let likeness = |case: &Value| case["similarity"].as_f64().unwrap();
    assert!(
        cases
            .windows(2)
            .all(|two| likeness(&two[0]) <= likeness(&two[1]))
    );
    for case in &cases {
        let fork = case["fork"].as_str().expect("each was run");
        let fork = school
            .admin
            .get(&format!("/v1/tickets/{fork}"))
            .await
            .expect(200);
        assert_eq!(fork["fork"]["parent"], case["parent"]);
    }
    assert_eq!(school.hooks(), before, "no hook was called");
    let strangers = school.world.stranger.get(&place).await;
    assert!(strangers.status == 404 || strangers.status == 403);
}

#[tokio::test]
async fn a_stopped_run_begins_no_more_cases_and_goes_on_where_it_was() {
    let school = School::with(12).await;
    let gate = Gate::closed();
    let waiting = || held("Kindly", &gate, ".");
    school.world.model.script(KINDER, (0..8).map(|_| waiting()));
    let place = school.start(12).await;
    school.world.model.calls_reach(12 + 8).await;
    let stopped = school
        .admin
        .post(&format!("{place}/stop"), &json!({}))
        .await
        .expect(200);
    assert_eq!(stopped["state"], "stopped");
    assert!(stopped["reason"].as_str().unwrap().contains("Resume"));
    gate.open();
    let run = school.until(&place, |run| run["cases_done"] == 8).await;
    assert_eq!(run["state"], "stopped");
    assert_eq!(school.asked().len(), 8, "the window, and no more");
    school
        .admin
        .post(&format!("{place}/resume"), &json!({}))
        .await
        .expect(200);
    let run = school.until_state(&place, "finished").await;
    assert_eq!(
        (&run["cases_done"], &run["cases_failed"]),
        (&json!(12), &json!(0))
    );
    assert!(
        school.asked().values().all(|times| *times == 1),
        "{:?}",
        school.asked()
    );
    let again = school
        .admin
        .post(&format!("{place}/resume"), &json!({}))
        .await;
    again.expect_problem(409, "wrong_shadow_run_state");
}

#[tokio::test]
async fn a_run_that_is_killed_in_the_middle_goes_on_and_asks_nothing_twice_that_had_ended() {
    let mut school = School::with(12).await;
    let gate = Gate::closed();
    // Three are answered at once, and the others hang when the power goes.
    let turns = (0..3).map(|_| saying(&["Kindly."]));
    let hanging = (0..8).map(|_| held("Kindly", &gate, "."));
    school.world.model.script(KINDER, turns.chain(hanging));
    let before = school.hooks();
    let place = school.start(12).await;
    let run = school.until(&place, |run| run["cases_done"] == 3).await;
    assert_eq!(run["state"], "running");
    school.world.model.calls_reach(12 + 11).await;
    let server = school.world.take_server();
    assert_eq!(server.kill().await, Some(9));
    gate.open();
    school.world.start_again().await;
    let base = school.world.api.base().to_owned();
    school.admin.moved_to(&base);
    let run = school.until_state(&place, "finished").await;
    assert_eq!(
        (&run["cases_done"], &run["cases_failed"]),
        (&json!(12), &json!(0))
    );
    // The model's own ledger: what ended before was asked once, what was cut is a recorded retry.
    let asked = school.asked();
    assert_eq!(asked.len(), 12);
    let report = school
        .admin
        .get(&format!("{place}/report?limit=200"))
        .await
        .expect(200);
    let mut recorded = 0;
    for case in report["cases"].as_array().unwrap() {
        let fork = case["fork"].as_str().unwrap();
        let events = school.admin.event_types(fork).await;
        recorded += events.iter().filter(|kind| *kind == "TicketSent").count();
    }
    assert_eq!(asked.values().sum::<usize>(), recorded, "{asked:?}");
    assert!(asked.values().filter(|times| **times == 1).count() >= 4);
    assert_eq!(school.hooks(), before, "no hook was called");
    school.world.stop().await;
    school.world.verify_store().await;
}

#[tokio::test]
async fn a_deployment_waits_for_the_shadow_run_that_the_policy_asks_for() {
    let school = School::with(5).await;
    let base = format!("/v1/prompts/{TASK}");
    let policy = format!("{base}/deployment-policy");
    let wanted = json!({ "shadow_run": { "min_cases": 5, "max_failed_percent": 0 } });
    let set = school.put(&policy, &wanted).await.expect(200);
    assert_eq!(set["shadow_run"]["min_cases"], 5);
    let nothing = school.put(&policy, &json!({})).await;
    nothing.expect_problem(400, "invalid_request");

    // The tests are passed, and that is not enough any more.
    let case =
        json!({ "name": "day", "input": { "word": "day" }, "expect": [{ "contains": "canary" }] });
    let set = school
        .admin
        .request(Method::PUT, &format!("{base}/test-set"));
    let set = set
        .header("if-none-match", "*")
        .json(&json!({ "cases": [case] }));
    send(set).await.expect(200);
    let started = school
        .admin
        .post(&format!("{base}/test-runs"), &json!({ "ref": "v2" }))
        .await;
    let tests = started.header("location").to_owned();
    started.expect(202);
    let tested = school
        .admin
        .get(&format!("{tests}?wait=20"))
        .await
        .expect(200);
    assert_eq!(tested["state"], "passed", "{tested}");
    let deploy = json!({ "version": 2, "expected": 1 });
    let production = format!("{base}/labels/production");
    let refused = school.put(&production, &deploy).await;
    refused.expect_problem(409, "not_shadowed");

    let place = school.start(5).await;
    school.until_state(&place, "finished").await;
    school.put(&production, &deploy).await.expect(200);
    let history = school
        .admin
        .get(&format!("{base}/history?limit=200"))
        .await
        .expect(200);
    let told: Vec<_> = history["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["sentence"].as_str().unwrap().to_owned())
        .collect();
    let told = told.join("\n");
    assert!(told.contains("tried version 2 on 5 past tickets"), "{told}");
    assert!(told.contains("and shadow run"), "{told}");
    let shown = school.admin.get(&policy).await.expect(200);
    assert_eq!(shown["results"][0]["meets_policy"], true);
}

#[tokio::test]
async fn an_admin_may_deploy_without_the_shadow_run_and_the_history_says_why() {
    let school = School::with(1).await;
    let base = format!("/v1/prompts/{TASK}");
    let wanted = json!({ "shadow_run": { "min_cases": 1, "max_failed_percent": 0 } });
    let policy = format!("{base}/deployment-policy");
    school.put(&policy, &wanted).await.expect(200);
    let production = format!("{base}/labels/production");
    let over = json!({ "version": 2, "expected": 1, "override_reason": "The exam is tomorrow" });
    school.put(&production, &over).await.expect(200);
    let history = format!("{base}/history?limit=200");
    let history = school.admin.get(&history).await.expect(200);
    let moved = history["entries"].as_array().unwrap().last().unwrap();
    assert_eq!(moved["kind"], "LabelMoved");
    let told = moved["sentence"].as_str().unwrap();
    assert!(told.contains("The exam is tomorrow"), "{told}");
    let shown = school.admin.get(&policy).await.expect(200);
    assert_eq!(shown["results"], json!([]), "there was no shadow run");
}

#[tokio::test]
async fn a_webhook_endpoint_hears_nothing_of_a_shadow_run() {
    let school = School::with(4).await;
    let receiver = FakeBackend::start(vec![]).await;
    let url = receiver.url().join("/hook").unwrap();
    let types = ["answered", "persisted", "delivered", "failed", "cancelled"];
    let types = types.map(|name| format!("ticket.{name}"));
    let body = json!({ "url": url.as_str(), "event_types": types });
    school.admin.post("/v1/webhooks", &body).await.expect(201);
    let place = school.start(4).await;
    let run = school.until_state(&place, "finished").await;
    assert_eq!(run["cases_done"], 4);
    // It hears of the next ticket. What was before that would have been heard by then.
    let input = json!({ "word": "marker" });
    let marker = school.world.api.issue(TASK, None, input).await;
    let api = &school.world.api;
    api.until_event(&marker, "TicketPersisted").await;
    api.ticket(&marker).await;
    receiver.deliveries_reach(3).await;
    let told = receiver.deliveries();
    assert_eq!(told.len(), 3);
    for one in told {
        let body = one.json().to_string();
        assert!(body.contains(&marker), "{body}");
    }
}

#[tokio::test]
async fn bad_wishes_get_a_sentence() {
    let school = School::with(1).await;
    let ask = |body: Value| {
        let admin = school.admin.clone();
        async move { admin.post("/v1/shadow-runs", &body).await }
    };
    let body = json!({ "task": TASK, "version": 2, "limit": 0 });
    ask(body).await.expect_problem(400, "invalid_request");
    let body = json!({ "task": TASK, "version": 9, "limit": 5 });
    ask(body).await.expect_problem(404, "no_such_version");
    let body = json!({ "task": TASK, "version": 2, "limit": 5, "sample": 0.0 });
    ask(body).await.expect_problem(400, "invalid_request");
    let body = json!({ "task": TASK, "version": 2, "limit": 5, "max_cost_usd": 1.0 });
    ask(body).await.expect_problem(409, "no_price");
    let long_ago = json!({ "requested_before": "2020-01-01T00:00:00.000Z" });
    let body = json!({ "task": TASK, "version": 2, "limit": 5, "filter": long_ago });
    ask(body).await.expect_problem(409, "no_cases");
    school
        .admin
        .get("/v1/shadow-runs/nothing")
        .await
        .expect_problem(404, "not_found");
}
