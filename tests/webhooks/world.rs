//! The program with two tenants, and receivers that check signatures with the official library.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use punchcard::keys::{ApiKey, KeyName, Role, Roles};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::api::{Answer, Api, send};
use crate::fake_backend::{Delivery, FakeBackend};
use crate::punchcard::{Punchcard, read};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A schedule whose retries come within a test.
pub(crate) const SOON: &str = r#"["50ms", "100ms", "150ms"]"#;
/// One whose second attempt comes after everything else in a test.
pub(crate) const LATER: &str = r#"["3s", "1h"]"#;

pub(crate) struct World {
    pub(crate) admin: Api,
    pub(crate) other: Api,
    server: Option<Punchcard>,
    pub(crate) dir: TempDir,
    log: PathBuf,
}

fn key(name: &str) -> (ApiKey, String) {
    let key = ApiKey::generate().unwrap();
    let name: KeyName = name.parse().unwrap();
    let line = key.config_line_of(Some(&name), Roles::of(&[Role::Admin]));
    (key, line)
}

impl World {
    pub(crate) async fn open(schedule: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ((ada, line), (eve, other_line)) = (key("ada"), key("eve"));
        let config = include_str!("server.toml")
            .replace("@DATA_DIR@", dir.path().join("data").to_str().unwrap())
            .replace("@SCHEDULE@", schedule)
            .replace("@KEY@", &line)
            .replace("@OTHER_KEY@", &other_line);
        std::fs::write(dir.path().join("server.toml"), config).unwrap();
        let log = dir.path().join("log");
        let mut world = Self {
            admin: Api::new("", ada.expose()),
            other: Api::new("", eve.expose()),
            server: None,
            dir,
            log,
        };
        world.start().await;
        world
    }

    /// Starts the program, as after a kill.
    pub(crate) async fn start(&mut self) {
        let config = self.dir.path().join("server.toml");
        let server = Punchcard::start(&[config], &self.log).await;
        self.admin.moved_to(server.api());
        self.other.moved_to(server.api());
        self.server = Some(server);
    }

    /// Kills it as a power cut would.
    pub(crate) async fn kill(&mut self) {
        let server = self.server.take().expect("it runs");
        assert_eq!(server.kill().await, Some(9));
    }

    pub(crate) fn data(&self, file: &str) -> PathBuf {
        self.dir.path().join("data").join(file)
    }

    /// What the program has logged.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }
}

/// An endpoint as its owner knows it.
pub(crate) struct Hook {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) secret: String,
}

impl Hook {
    pub(crate) fn at(&self, rest: &str) -> String {
        format!("{}{rest}", self.path)
    }
}

impl Api {
    /// Registers an endpoint at `path` of a receiver.
    pub(crate) async fn hook(&self, receiver: &FakeBackend, path: &str, on: &[&str]) -> Hook {
        let url: Url = receiver.url().join(path).unwrap();
        let body = json!({ "url": url.as_str(), "event_types": on });
        let made = self.post_json("/v1/webhooks", &body).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        Hook {
            path: format!("/v1/webhooks/{id}"),
            secret: made["secret"].as_str().unwrap().to_owned(),
            id,
        }
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn bare(&self, method: Method, path: &str) -> Answer {
        send(self.request(method, path)).await
    }

    /// Issues a ticket, for nobody in particular unless `user` says so.
    pub(crate) async fn say(&self, word: &str, user: Option<&str>) -> String {
        let mut body = json!({ "task": "say", "input": { "word": word } });
        if let Some(user) = user {
            body["user"] = json!(user);
        }
        let issued = self.post_json("/v1/tickets", &body).await.expect(202);
        issued["id"].as_str().unwrap().to_owned()
    }

    /// Looks at `path` until `is_so` of it.
    pub(crate) async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let looking = async {
            loop {
                let answer = self.get(path).await.expect(200);
                if is_so(&answer) {
                    return answer;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, looking).await;
        match found {
            Ok(found) => found,
            Err(_) => panic!("still not so: {}", self.get(path).await.text),
        }
    }

    /// The messages of an endpoint, once there are `count` and all are in `state`.
    pub(crate) async fn all_are(&self, hook: &Hook, count: usize, state: &str) -> Vec<Value> {
        let page = self
            .until(&hook.at("/deliveries?limit=200"), |page| {
                let all = page["deliveries"].as_array().unwrap();
                all.len() == count && all.iter().all(|one| one["state"] == state)
            })
            .await;
        page["deliveries"].as_array().unwrap().clone()
    }
}

/// Whether the official library takes a delivery for one signed with `secret`.
pub(crate) fn verifies(delivery: &Delivery, secret: &str) -> bool {
    let mut headers = HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, delivery.header(name).parse().unwrap());
    }
    let webhook = standardwebhooks::Webhook::new(secret).unwrap();
    webhook.verify(&delivery.body, &headers).is_ok()
}

/// The different messages among deliveries.
pub(crate) fn ids(deliveries: &[Delivery]) -> BTreeSet<String> {
    deliveries.iter().map(|one| one.id().to_owned()).collect()
}
