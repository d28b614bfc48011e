//! The program with people of every role at it.

use std::path::PathBuf;

use punchcard::keys::{ApiKey, KeyName, Role, Roles};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Answer, Api, send};
use crate::punchcard::{Punchcard, read};

/// The running program, and its people.
pub(crate) struct Desk {
    pub(crate) issuer: Api,
    pub(crate) viewer: Api,
    /// Mina.
    pub(crate) planner: Api,
    /// Juno, a planner too.
    pub(crate) second: Api,
    pub(crate) publisher: Api,
    pub(crate) admin: Api,
    /// The admin of another tenant.
    pub(crate) other: Api,
    _server: Punchcard,
    _dir: TempDir,
    log: PathBuf,
}

fn key(name: &str, role: Role) -> (ApiKey, String) {
    let key = ApiKey::generate().unwrap();
    let name: KeyName = name.parse().unwrap();
    let line = key.config_line_of(Some(&name), Roles::of(&[role]));
    (key, line)
}

impl Desk {
    pub(crate) async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let people = [
            ("backend", Role::Issuer),
            ("vera", Role::Viewer),
            ("mina", Role::Planner),
            ("juno", Role::Planner),
            ("pia", Role::Publisher),
            ("ada", Role::Admin),
        ];
        let keys = people.map(|(name, role)| key(name, role));
        let lines: Vec<&str> = keys.iter().map(|(_, line)| line.as_str()).collect();
        let (other, other_line) = key("eve", Role::Admin);
        let data = dir.path().join("data");
        let config = include_str!("desk.toml")
            .replace("@DATA_DIR@", data.to_str().unwrap())
            .replace("@KEYS@", &lines.join(", "))
            .replace("@OTHER_KEY@", &other_line);
        let file = dir.path().join("desk.toml");
        std::fs::write(&file, config).unwrap();
        let log = dir.path().join("log");
        let server = Punchcard::start(&[file], &log).await;
        let api = |key: &ApiKey| Api::new(server.api(), key.expose());
        let [issuer, viewer, planner, second, publisher, admin] =
            keys.each_ref().map(|(key, _)| api(key));
        Self {
            issuer,
            viewer,
            planner,
            second,
            publisher,
            admin,
            other: api(&other),
            _server: server,
            _dir: dir,
            log,
        }
    }

    /// What the program has logged.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// A task whose version 1 says `text`.
    pub(crate) async fn published(&self, task: &str, text: &str) {
        save(&self.planner, task, None, &content(text))
            .await
            .expect(201);
        publish(&self.planner, task, 1).await.expect(201);
    }

    /// The same, in production: an admin takes the responsibility.
    pub(crate) async fn deployed(&self, task: &str, text: &str) {
        self.published(task, text).await;
        let body = json!({ "version": 1, "override_reason": "It is the first." });
        self.admin
            .put(&label(task, "production"), &body)
            .await
            .expect(200);
    }

    /// One more version.
    pub(crate) async fn next_version(&self, task: &str, text: &str) -> u64 {
        let saved = save(&self.planner, task, None, &content(text))
            .await
            .expect(201);
        let edit = saved["edit"].as_u64().unwrap();
        let published = publish(&self.planner, task, edit).await.expect(201);
        published["version"].as_u64().unwrap()
    }
}

impl Api {
    /// Puts JSON to `path`.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PUT, path).json(body)).await
    }

    /// The same, if what is there is at `edit`, or is not there.
    pub(crate) async fn put_if(&self, path: &str, edit: Option<u64>, body: &Value) -> Answer {
        let request = self.request(Method::PUT, path).json(body);
        send(match edit {
            Some(edit) => request.header("if-match", format!("\"{edit}\"")),
            None => request.header("if-none-match", "*"),
        })
        .await
    }

    /// Deletes what is at `path`, with a body or without.
    pub(crate) async fn delete(&self, path: &str, edit: Option<u64>) -> Answer {
        let request = self.request(Method::DELETE, path);
        send(match edit {
            Some(edit) => request.header("if-match", format!("\"{edit}\"")),
            None => request,
        })
        .await
    }
}

/// A content of one message.
pub(crate) fn content(text: &str) -> Value {
    json!({
        "messages": [{ "role": "user", "content": text }],
        "model": "m",
        "parameters": {},
        "answer": "text",
        "input_schema": {
            "type": "object",
            "required": ["word"],
            "properties": { "word": { "type": "string" } },
        },
    })
}

/// Saves a draft.
pub(crate) async fn save(api: &Api, task: &str, edit: Option<u64>, content: &Value) -> Answer {
    let body = json!({ "content": content });
    api.put_if(&format!("/v1/prompts/{task}/draft"), edit, &body)
        .await
}

/// Publishes the draft.
pub(crate) async fn publish(api: &Api, task: &str, edit: u64) -> Answer {
    let body = json!({ "edit": edit, "notes": "Better" });
    api.post(&format!("/v1/prompts/{task}/versions"), &body)
        .await
}

/// The path of a label.
pub(crate) fn label(task: &str, label: &str) -> String {
    format!("/v1/prompts/{task}/labels/{label}")
}

/// The findings of a draft or a refusal that are errors.
#[track_caller]
pub(crate) fn errors(shown: &Value) -> Vec<&Value> {
    let findings = shown["findings"].as_array().expect("findings");
    let errors = findings
        .iter()
        .filter(|finding| finding["severity"] == "error");
    errors
        .inspect(|error| {
            let sentence = |field: &str| error[field].as_str().is_some_and(|text| text.len() > 5);
            assert!(sentence("message") && sentence("remedy"), "{error}");
        })
        .collect()
}

/// Checks that a refusal says what to do.
#[track_caller]
pub(crate) fn assert_remedy(problem: &Value) {
    assert!(
        problem["remedy"]
            .as_str()
            .is_some_and(|text| text.len() > 10),
        "{problem}"
    );
}
