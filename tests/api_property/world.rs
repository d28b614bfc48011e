//! The program with two tenants, people of every role in both, and something of everything that the
//! paths of its routes name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use punchcard::http::routes::{admin_table, table};
use punchcard::keys::{ApiKey, KeyName, Role, Roles};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Answer, Api, send};
use crate::punchcard::{Punchcard, read};

/// The tenant whose things others ask for.
pub(crate) const VICTIM: &str = "alpha";
/// The tenant that asks for them.
pub(crate) const OTHER: &str = "beta";

/// What stands for the names in a path.
pub(crate) type Names = BTreeMap<&'static str, String>;

/// The running program.
pub(crate) struct World {
    pub(crate) server: Punchcard,
    /// A client without a key.
    pub(crate) http: reqwest::Client,
    keys: BTreeMap<(&'static str, &'static str), ApiKey>,
    operator: ApiKey,
    pub(crate) dir: TempDir,
    log: PathBuf,
}

impl World {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut keys = BTreeMap::new();
        let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for tenant in [VICTIM, OTHER, "spare"] {
            for role in Role::ALL {
                let (key, name) = (ApiKey::generate().unwrap(), role.as_str());
                let named: KeyName = name.parse().unwrap();
                let line = key.config_line_of(Some(&named), Roles::of(&[role]));
                lines.entry(tenant).or_default().push(line);
                keys.insert((tenant, name), key);
            }
        }
        let operator = ApiKey::generate().unwrap();
        let all = |tenant: &str| lines[tenant].join(", ");
        let config = include_str!("world.toml")
            .replace("@DATA_DIR@", dir.path().join("data").to_str().unwrap())
            .replace("@ADMIN@", &admin_section(&operator))
            .replace("@ALPHA@", &all(VICTIM))
            .replace("@BETA@", &all(OTHER))
            .replace("@SPARE@", &all("spare"));
        let file = dir.path().join("world.toml");
        std::fs::write(&file, config).unwrap();
        let log = dir.path().join("log");
        let server = Punchcard::start(&[file], &log).await;
        Self {
            server,
            http: crate::api::http(),
            keys,
            operator,
            dir,
            log,
        }
    }

    /// The key of a tenant's person of this role.
    pub(crate) fn key(&self, tenant: &'static str, role: &'static str) -> &str {
        self.keys[&(tenant, role)].expose()
    }

    /// The operator's key.
    pub(crate) fn operator(&self) -> &str {
        self.operator.expose()
    }

    /// The public routes for a tenant's admin.
    pub(crate) fn admin_of(&self, tenant: &'static str) -> Api {
        Api::new(self.server.api(), self.key(tenant, "admin"))
    }

    /// What the program has logged.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// Makes something of everything that a path can name, for the victim. A path that names
    /// something new fails here until somebody says what that is.
    pub(crate) async fn furnish(&self) -> Names {
        let api = self.admin_of(VICTIM);
        furnish_prompt(&api).await;
        let run = api
            .post("/v1/prompts/essay/test-runs", &json!({ "ref": "1" }))
            .await;
        let run = run.expect(202)["run"].as_str().unwrap().to_owned();
        let wait = format!("/v1/prompts/essay/test-runs/{run}?wait=20");
        assert_ne!(api.get(&wait).await.expect(200)["state"], "running");
        let ticket = api.issue("say", None, json!({ "word": "tide" })).await;
        api.until_event(&ticket, "TicketPersisted").await;
        let mut names = Names::from([
            ("id", ticket),
            ("task", "essay".to_owned()),
            ("run", run),
            ("ref", "1".to_owned()),
            ("label", "staging".to_owned()),
            ("name", "tone".to_owned()),
            ("tenant", "spare".to_owned()),
            ("prefix", self.keys[&(VICTIM, "viewer")].prefix().to_owned()),
            // The console's files, which are the same for everybody.
            ("folder", "js".to_owned()),
            ("kind", "pages".to_owned()),
            ("part", "prompt".to_owned()),
            ("file", "edit.js".to_owned()),
        ]);
        more(&api, &mut names).await;
        for route in table().chain(admin_table()) {
            let path = filled(route.path, &names);
            assert!(!path.contains('{'), "say in `furnish` what {path} names");
        }
        names
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Shown only for a test that fails.
            eprintln!("the program's log:\n{}", self.log());
        }
    }
}

/// The operator's section.
fn admin_section(operator: &ApiKey) -> String {
    let (prefix, hash) = (operator.prefix(), operator.hash());
    format!(
        "\n[admin]\nkeys = [{{ prefix = \"{prefix}\", sha256 = \"{hash}\", name = \"ada\" }}]\n"
    )
}

/// A prompt with a draft, two versions, a label and a test set.
async fn furnish_prompt(api: &Api) {
    let content = |text: &str| {
        json!({ "content": {
            "messages": [{ "role": "user", "content": text }], "model": "m", "answer": "text",
        }})
    };
    let tone = put_new(api, "/v1/partials/tone", &json!({ "text": "Be kind." })).await;
    tone.expect(200);
    for (number, text) in ["Explain {{ word }}.", "Explain {{ word }} well."]
        .into_iter()
        .enumerate()
    {
        put_new(api, "/v1/prompts/essay/draft", &content(text))
            .await
            .expect(201);
        let draft = api.get("/v1/prompts/essay/draft").await.expect(200);
        let body = json!({ "edit": draft["edit"], "notes": format!("number {number}") });
        api.post("/v1/prompts/essay/versions", &body)
            .await
            .expect(201);
    }
    put_new(
        api,
        "/v1/prompts/essay/draft",
        &content("Again {{ word }}."),
    )
    .await
    .expect(201);
    let cases = json!({ "cases": [
        { "name": "short", "input": { "word": "tide" }, "expect": [{ "not_contains": "zzz" }] },
    ]});
    put_new(api, "/v1/prompts/essay/test-set", &cases)
        .await
        .expect(200);
    let label = api.request(Method::PUT, "/v1/prompts/essay/labels/staging");
    send(label.json(&json!({ "version": 1 }))).await.expect(200);
    let label = api.request(Method::PUT, "/v1/prompts/essay/labels/production");
    let body = json!({ "version": 1, "override_reason": "It is the first." });
    send(label.json(&body)).await.expect(200);
}

async fn put_new(api: &Api, path: &str, body: &Value) -> Answer {
    let request = api.request(Method::PUT, path).json(body);
    send(request.header("if-none-match", "*")).await
}

/// What else paths name.
async fn more(api: &Api, names: &mut Names) {
    let upload = api.request(Method::POST, "/v1/batches");
    let line = "{\"task\":\"say\",\"input\":{\"word\":\"tide\"}}\n";
    let upload = upload
        .header("content-type", "application/jsonl")
        .body(line);
    let batch = send(upload).await.expect(202)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    names.insert("batch", batch);
    let failed = api.issue("refused", None, json!({ "word": "tide" })).await;
    api.until_event(&failed, "TicketFailed").await;
    let redrive = api.post("/v1/redrives", &json!({ "filter": {} })).await;
    let redrive = redrive.expect(202)["redrive"].as_str().unwrap().to_owned();
    names.insert("redrive", redrive);
    // The ticket that was answered is its only case.
    let shadow = json!({ "task": "say", "version": 1, "limit": 1 });
    let shadow = api.post("/v1/shadow-runs", &shadow).await;
    let shadow = shadow.expect(202)["run"].as_str().unwrap().to_owned();
    names.insert("shadow_run", shadow);
    // A task that the other has not.
    names.insert("model", "lantern".to_owned());
    let endpoint = json!({ "url": "http://127.0.0.1:9/told", "event_types": ["ticket.cancelled"] });
    let endpoint = api.post("/v1/webhooks", &endpoint).await.expect(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let deliveries = format!("/v1/webhooks/{endpoint}/deliveries");
    api.post(&format!("/v1/webhooks/{endpoint}/test"), &json!({}))
        .await
        .expect(202);
    let delivery = loop {
        let page = api.get(&deliveries).await.expect(200).clone();
        if let Some(id) = page["deliveries"][0]["id"].as_str() {
            break id.to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    names.insert("endpoint", endpoint);
    names.insert("delivery", delivery);
}

/// A path with its names filled in.
pub(crate) fn filled(path: &str, names: &Names) -> String {
    let fill =
        |path: String, (name, value): (&&str, &String)| path.replace(&format!("{{{name}}}"), value);
    names.iter().fold(path.to_owned(), fill)
}
