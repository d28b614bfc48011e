//! Forks, with the whole program: the tenant's API and its webhooks are recorded, and hear nothing.

use std::time::Duration;

use punchcard::keys::{ApiKey, Role, Roles};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Answer, Api, send};
use crate::fake_backend::{Behaviour, FakeBackend, Gate};
use crate::punchcard::{Env, run_with};
use crate::scripted_model::saying;
use crate::world::{ANSWER_CANARY, PRE, World, held, otherwise, review};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The task with both hooks.
const TASK: &str = "review";
/// A version of it that asks for more.
const STRICT: &str = "Be strict, and answer in JSON.";

/// A world whose tenant has an admin beside its backend, and somebody who receives its webhooks.
struct School {
    world: World,
    admin: Api,
    receiver: FakeBackend,
}

impl School {
    async fn open() -> Self {
        let mut world = World::stopped("", otherwise).await;
        let key = ApiKey::generate().unwrap();
        let line = key.config_line_of(None, Roles::of(&[Role::Admin]));
        let file = world.configs()[0].clone();
        let config = std::fs::read_to_string(&file).unwrap();
        let config = config.replacen("keys = [", &format!("keys = [{line}, "), 1);
        std::fs::write(&file, config).unwrap();
        world.start_again().await;
        let admin = world.api.with_key(key.expose());
        let receiver = FakeBackend::start(vec![]).await;
        let school = Self {
            world,
            admin,
            receiver,
        };
        let url = school.receiver.url().join("/hook").unwrap();
        let types = ["answered", "persisted", "delivered", "failed", "cancelled"];
        let types = types.map(|name| format!("ticket.{name}"));
        let body = json!({ "url": url.as_str(), "event_types": types });
        school.admin.post("/v1/webhooks", &body).await.expect(201);
        school
    }

    fn api(&self) -> &Api {
        &self.world.api
    }

    /// Kills the program as a power cut would, and starts it again.
    async fn kill_and_start(&mut self) {
        let server = self.world.take_server();
        assert_eq!(server.kill().await, Some(9));
        self.world.start_again().await;
        self.admin.moved_to(self.world.api.base());
    }

    /// A ticket with both hooks, of which everybody has heard.
    async fn parent(&self) -> String {
        let replaced = json!({ "input": { "essay": "Prepared by the school." } });
        self.world
            .backend
            .script(PRE, [Behaviour::json(200, &replaced)]);
        let parent = self.api().issue(TASK, None, json!({ "essay": "Raw." }));
        let parent = parent.await;
        self.api().until_event(&parent, "TicketPersisted").await;
        self.api().ticket(&parent).await;
        self.receiver.deliveries_reach(3).await;
        parent
    }

    /// What was called outside so far: the hooks, and the webhooks.
    fn heard(&self) -> (usize, usize) {
        let hooks = self.world.backend.deliveries().len();
        (hooks, self.receiver.deliveries().len())
    }

    /// Has everybody hear of one more ticket. What was before it would have been heard by then.
    async fn another_ticket(&self) -> String {
        let (_, before) = self.heard();
        let ticket = self.api().issue("say", None, json!({ "word": "marker" }));
        let ticket = ticket.await;
        self.api().until_event(&ticket, "TicketPersisted").await;
        self.api().ticket(&ticket).await;
        self.receiver.deliveries_reach(before + 3).await;
        ticket
    }

    async fn fork(&self, parent: &str, body: &Value) -> Answer {
        self.api().post(&forks(parent), body).await
    }

    /// What was used, once `attempts` attempts are counted.
    async fn usage(&self, attempts: u64) -> Value {
        let counted = async {
            loop {
                let usage = self.admin.get("/v1/usage?group_by=").await.expect(200);
                if usage["total"]["attempts"].as_u64() >= Some(attempts) {
                    return usage["total"].clone();
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let counted = tokio::time::timeout(PATIENCE, counted).await;
        counted.expect("all attempts are counted in time")
    }

    /// Publishes a second version of the task.
    async fn publish_strict(&self) -> u64 {
        let content = json!({
            "messages": [
                { "role": "system", "content": STRICT },
                { "role": "user", "content": "{{ essay }}" },
            ],
            "model": "scripted",
            "parameters": { "temperature": 0.2, "max_tokens": 500 },
            "answer": "json",
            "input_schema": {
                "type": "object", "required": ["essay"],
                "properties": { "essay": { "type": "string" } },
            },
            "answer_schema": { "type": "object", "required": ["score", "comment"] },
        });
        let draft = self
            .admin
            .request(Method::PUT, &format!("/v1/prompts/{TASK}/draft"))
            .header("if-none-match", "*")
            .json(&json!({ "content": content }));
        let saved = send(draft).await.expect(201);
        let body = json!({ "edit": saved["edit"], "notes": "Stricter" });
        let path = format!("/v1/prompts/{TASK}/versions");
        let published = self.admin.post(&path, &body).await.expect(201);
        published["version"].as_u64().unwrap()
    }
}

fn forks(parent: &str) -> String {
    format!("/v1/tickets/{parent}/forks")
}

fn id(of: &Value) -> String {
    of["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_fork_runs_another_version_and_nobody_outside_hears_of_it() {
    let school = School::open().await;
    let parent = school.parent().await;
    let version = school.publish_strict().await;
    let before = school.heard();
    let answered = review(5, "strict");
    school
        .world
        .model
        .script("Prepared", [saying(&[&answered.to_string()])]);
    let body = json!({
        "version": version, "model": "spare", "parameters": { "temperature": 0.5 },
    });
    // The backend itself may not choose any model that there is.
    let refused = school.fork(&parent, &body).await;
    refused.expect_problem(422, "unknown_model");
    let forked = school.admin.post(&forks(&parent), &body).await;
    let view = forked.expect(202);
    let fork = id(&view);
    assert_eq!(forked.header("location"), format!("/v1/tickets/{fork}"));
    assert_eq!(view["fork"]["parent"], parent.as_str());
    assert_eq!(view["fork"]["from"], "requested");
    assert_eq!(
        (&view["priority"], &view["user"]),
        (&json!("low"), &Value::Null)
    );
    school.api().until_event(&fork, "TicketDelivered").await;
    let shown = school.api().ticket(&fork).await;
    assert_eq!(shown["answer"], answered);
    assert_eq!(shown["delivered"]["channel"], "kept");
    assert_eq!(shown["prompt"]["version"], version);
    let call = school.world.model.calls().pop().unwrap();
    assert_eq!(call.body["model"], "scripted-2");
    assert_eq!(call.body["temperature"], 0.5);
    assert_eq!(call.body["messages"][0]["content"], STRICT);
    assert_eq!(call.prompt(), "Prepared by the school.");
    school.another_ticket().await;
    let (hooks, webhooks) = school.heard();
    assert_eq!((hooks, webhooks), (before.0, before.1 + 3));
    let told = school.receiver.deliveries();
    let told = told.iter().map(|one| one.json().to_string());
    assert!(told.into_iter().all(|body| !body.contains(&fork)));
    let used = school.usage(3).await;
    assert_eq!(
        (&used["tickets"], &used["attempts"]),
        (&json!(3), &json!(3))
    );
}

#[tokio::test]
async fn lists_leave_forks_out_unless_they_are_asked_for() {
    let school = School::open().await;
    let parent = school.parent().await;
    let mut made = vec![];
    for from in ["requested", "pre_processed"] {
        let forked = school.fork(&parent, &json!({ "from": from })).await;
        made.push(id(&forked.expect(202)));
    }
    for fork in &made {
        school.api().until_event(fork, "TicketDelivered").await;
    }
    made.reverse();
    let ids = |page: Value| -> Vec<String> {
        let tickets = page["tickets"].as_array().unwrap();
        tickets.iter().map(id).collect()
    };
    let listed = async |path: &str| ids(school.api().get(path).await.expect(200));
    assert_eq!(listed("/v1/tickets").await, std::slice::from_ref(&parent));
    assert_eq!(listed("/v1/tickets?forks=only").await, made);
    assert_eq!(listed("/v1/tickets?forks=with").await.len(), 3);
    assert_eq!(listed(&forks(&parent)).await, made);
    let first = format!("{}?limit=1", forks(&parent));
    let first = school.api().get(&first).await.expect(200);
    assert_eq!(first["tickets"][0]["fork_of"], parent.as_str());
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = format!("{}?limit=1&cursor={cursor}", forks(&parent));
    assert_eq!(listed(&rest).await, made[1..]);
    let refused = school.api().get("/v1/tickets?forks=all").await;
    refused.expect_problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_fork_killed_in_mid_answer_goes_on_and_calls_nobody() {
    let mut school = School::open().await;
    let parent = school.parent().await;
    let before = school.heard();
    let (gate, whole) = (Gate::closed(), review(4, "whole").to_string());
    let (half, rest) = whole.split_at(5);
    let (cut, again) = (held(half, &gate, rest), saying(&[&whole]));
    school.world.model.script("Prepared", [cut, again]);
    let asked = |school: &School| {
        let request = school.api().request(Method::POST, &forks(&parent));
        send(request.header("idempotency-key", "fork-1").json(&json!({})))
    };
    let fork = id(&asked(&school).await.expect(202));
    // The parent's call, and the fork's.
    school.world.model.calls_reach(2).await;
    school.kill_and_start().await;
    let repeated = asked(&school).await;
    assert_eq!(id(&repeated.expect(202)), fork);
    assert_eq!(repeated.header("idempotency-replayed"), "true");
    let history = school.api().until_event(&fork, "TicketDelivered").await;
    let sent = history.iter().filter(|event| event["type"] == "TicketSent");
    assert_eq!(sent.count(), 2);
    assert_eq!(
        school.api().ticket(&fork).await["answer"],
        review(4, "whole")
    );
    assert_eq!(school.world.model.calls_count(), 3);
    school.another_ticket().await;
    assert_eq!(school.heard(), (before.0, before.1 + 3));
    // The parent, the marker, and the fork's two attempts.
    let used = school.usage(4).await;
    assert_eq!(
        (&used["tickets"], &used["attempts"]),
        (&json!(3), &json!(4))
    );
    let shown = school.api().get(&forks(&parent)).await.expect(200);
    assert_eq!(shown["tickets"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_fork_that_fails_is_nobodys_news_either() {
    let school = School::open().await;
    let parent = school.parent().await;
    let before = school.heard();
    let refuse = vec![crate::scripted_model::Step::Refuse(401, "no")];
    school.world.model.script("Prepared", [refuse]);
    let fork = id(&school.fork(&parent, &json!({})).await.expect(202));
    school.api().until_event(&fork, "TicketFailed").await;
    school.another_ticket().await;
    assert_eq!(school.heard(), (before.0, before.1 + 3));
    let failed = school
        .api()
        .get("/v1/tickets?state=failed")
        .await
        .expect(200);
    assert_eq!(
        failed["tickets"],
        json!([]),
        "it is no dead letter of a user"
    );
}

#[tokio::test]
async fn another_tenants_ticket_is_as_unknown_as_one_that_never_was() {
    let school = School::open().await;
    let parent = school.parent().await;
    let stranger = &school.world.stranger;
    let own = stranger.issue("say", None, json!({ "word": "own" })).await;
    let unknown = "01920000-0000-7000-8000-000000000001";
    let alike = |one: Answer, other: Answer| {
        let strip = |answer: &Answer| {
            let mut problem = answer.expect_problem(404, "not_found");
            problem["request_id"] = Value::Null;
            problem
        };
        assert_eq!(strip(&one), strip(&other));
    };
    let body = json!({});
    let (foreign, none) = (forks(&parent), forks(unknown));
    alike(
        stranger.post(&foreign, &body).await,
        stranger.post(&none, &body).await,
    );
    alike(stranger.get(&foreign).await, stranger.get(&none).await);
    let compare = |left: &str, right: &str| format!("/v1/tickets/{left}/compare?with={right}");
    alike(
        stranger.get(&compare(&own, &parent)).await,
        stranger.get(&compare(&own, unknown)).await,
    );
    alike(
        stranger.get(&compare(&parent, &own)).await,
        stranger.get(&compare(unknown, &own)).await,
    );
}

#[tokio::test]
async fn what_cannot_be_run_again_is_refused_with_what_to_do() {
    let school = School::open().await;
    let parent = school.parent().await;
    let cases = [
        (json!({ "version": 99 }), 404, "no_such_version"),
        (json!({ "label": "staging" }), 409, "task_not_deployed"),
        (
            json!({ "version": 1, "label": "production" }),
            400,
            "invalid_request",
        ),
        (
            json!({ "from": "pre_processed", "version": 1 }),
            400,
            "invalid_request",
        ),
        (json!({ "model": "nobody" }), 422, "unknown_model"),
        (
            json!({ "parameters": { "temperature": 3 } }),
            400,
            "invalid_request",
        ),
        (
            json!({ "parameters": { "max_tokens": 0 } }),
            400,
            "invalid_request",
        ),
        (json!({ "tenant": "stranger" }), 400, "invalid_request"),
        (json!({ "from": "sent" }), 400, "invalid_request"),
    ];
    for (body, status, code) in cases {
        for dry_run in [false, true] {
            let mut body = body.clone();
            body["dry_run"] = json!(dry_run);
            let problem = school.fork(&parent, &body).await;
            let problem = problem.expect_problem(status, code);
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.ends_with('.') && detail.len() > 10, "{problem}");
        }
    }
    let shown = school.api().get(&forks(&parent)).await.expect(200);
    assert_eq!(shown["tickets"], json!([]), "nothing was issued");
}

#[tokio::test]
async fn a_ticket_whose_input_is_not_ready_cannot_be_forked_yet() {
    let school = School::open().await;
    school.world.backend.script(PRE, [Behaviour::Stall]);
    let parent = school.api().issue(TASK, None, json!({ "essay": "Raw." }));
    let parent = parent.await;
    school.world.backend.deliveries_reach(1).await;
    for from in ["requested", "pre_processed"] {
        let refused = school.fork(&parent, &json!({ "from": from })).await;
        refused.expect_problem(409, "not_prepared");
    }
    school.api().cancel(&parent, "void").await.expect(200);
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_sent_and_sends_nothing() {
    let school = School::open().await;
    let parent = school.parent().await;
    let version = school.publish_strict().await;
    let body = json!({ "version": version, "dry_run": true });
    let shown = school.fork(&parent, &body).await.expect(200);
    assert_eq!(shown["messages"][0]["content"], STRICT);
    assert_eq!(shown["messages"][1]["content"], "Prepared by the school.");
    assert_eq!(shown["model"], "scripted");
    assert!(shown["estimate"]["prompt_tokens"].as_u64() > Some(5));
    assert_eq!(shown["estimate"]["completion_tokens"], 500);
    assert_eq!(shown["estimate"]["cost_usd"], Value::Null);
    assert_eq!(school.world.model.calls_count(), 1, "the parent's");
}

#[tokio::test]
async fn two_tickets_are_compared_over_http_and_at_the_command_line() {
    let school = School::open().await;
    let parent = school.parent().await;
    let better = review(5, ANSWER_CANARY).to_string();
    school.world.model.script("Prepared", [saying(&[&better])]);
    let env = Env::from([
        ("PUNCHCARD_URL", school.api().base().into()),
        ("PUNCHCARD_KEY", school.api().key().into()),
    ]);
    let cli = async |line: &[&str]| {
        let ran = run_with(line, &env).await;
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    };
    let line = ["ticket", "fork", &parent, "--temperature", "0.9", "--json"];
    let forked: Value = serde_json::from_str(&cli(&line).await).unwrap();
    let fork = id(&forked);
    school.api().until_event(&fork, "TicketDelivered").await;
    let path = format!("/v1/tickets/{parent}/compare?with={fork}");
    let found = school.api().get(&path).await.expect(200);
    assert_eq!(found["same"], false);
    let likeness = found["similarity"].as_f64().unwrap();
    assert!(likeness > 0.5 && likeness < 1.0, "{likeness}");
    assert_eq!(
        found["json"],
        json!([{ "pointer": "/score", "op": "changed", "left": 3, "right": 5 }])
    );
    assert_eq!(
        found["parameters"],
        json!([{ "name": "temperature", "left": 0.2, "right": 0.9 }])
    );
    assert!(found["left"]["usage"]["prompt_tokens"].is_u64());
    assert!(found["right"]["total_ms"].is_u64());
    let prompt = found["prompt_text"].as_array().unwrap();
    assert!(prompt.iter().all(|line| line["op"] == "same"), "{found}");
    let told = cli(&["ticket", "compare", &parent, &fork]).await;
    assert!(told.contains("/score: 3 -> 5"), "{told}");
    assert!(told.contains("% alike"), "{told}");
    let told = cli(&["ticket", "show", &fork]).await;
    assert!(told.contains("fork of") && told.contains(&parent), "{told}");
    let told = cli(&["ticket", "fork", &parent, "--dry-run"]).await;
    assert!(told.contains("Prepared by the school."), "{told}");
}
