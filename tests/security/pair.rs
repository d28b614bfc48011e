//! Two tenants on one program, each with a backend and a model of its own, and canaries in everything.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use base64::Engine as _;
use punchcard::keys::ApiKey;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Api;
use crate::canaries::{self, canary};
use crate::fake_backend::FakeBackend;
use crate::punchcard::{Punchcard, read};
use crate::scripted_model::{ScriptedModel, saying};
use crate::session::{Memory, Session};

/// The tenants.
pub(crate) const TENANTS: [&str; 2] = ["alpha", "beta"];

/// One tenant, with all that is its own.
pub(crate) struct Tenant {
    pub(crate) name: &'static str,
    pub(crate) backend: FakeBackend,
    pub(crate) model: ScriptedModel,
    pub(crate) api: Api,
    secrets: Mutex<Vec<String>>,
}

impl Tenant {
    async fn new(name: &'static str, base: &mut String) -> Self {
        let secret = base64::engine::general_purpose::STANDARD.encode(name.repeat(8));
        let webhook_secret = format!("whsec_{secret}");
        let backend = FakeBackend::start(vec![webhook_secret.parse().unwrap()]).await;
        let model = ScriptedModel::start(move |_| saying(&[&canary(name, "answer")])).await;
        let key = ApiKey::generate().unwrap();
        let (url, model_key) = (backend.url(), canary(name, "model-key"));
        let (prompt, line) = (canary(name, "prompt"), key.config_line());
        let words = [
            ("@TENANT@", name),
            ("@MODEL_URL@", model.base_url()),
            ("@MODEL_KEY@", &model_key),
            ("@KEY@", &line),
            ("@BACKEND_URL@", url.as_str()),
            ("@WEBHOOK_SECRET@", &webhook_secret),
            ("@PROMPT@", &prompt),
        ];
        let template = include_str!("tenant.toml").to_owned();
        let filled = words
            .into_iter()
            .fold(template, |text, (word, value)| text.replace(word, value));
        base.push_str(&filled);
        let mut secrets = canaries::all(name);
        secrets.extend([key.expose().to_owned(), secret]);
        Self {
            name,
            backend,
            model,
            api: Api::new("", key.expose()),
            secrets: Mutex::new(secrets),
        }
    }

    /// Everything of this tenant that no other and no log may hold.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.secrets.lock().unwrap().clone()
    }

    /// A request for a ticket, with canaries wherever one may be.
    pub(crate) fn request(&self, task: &str, word: &str) -> Value {
        json!({
            "task": task,
            "input": canaries::input(self.name, word),
            "user": canary(self.name, "user"),
            "metadata": { "note": canary(self.name, "metadata") },
        })
    }

    /// Issues a ticket and gives its id.
    pub(crate) async fn issue(&self, task: &str, word: &str) -> String {
        let request = self.api.request(reqwest::Method::POST, "/v1/tickets");
        let key = format!("{}-{word}", canary(self.name, "idempotency"));
        let request = request.header("idempotency-key", key);
        let answer = crate::api::send(request.json(&self.request(task, word))).await;
        answer.expect(202)["id"].as_str().unwrap().to_owned()
    }

    /// Opens a session of the tenant's user.
    pub(crate) async fn session(&self) -> Session {
        let token = self.api.session_token(&canary(self.name, "user")).await;
        self.secrets.lock().unwrap().push(token.clone());
        let origin = format!("http://{}.test", self.name);
        Session::open(self.api.base(), &origin, &token, Memory::new()).await
    }
}

/// The program with its two tenants.
pub(crate) struct Pair {
    pub(crate) tenants: [Tenant; 2],
    pub(crate) server: Punchcard,
    _dir: TempDir,
    log: PathBuf,
}

impl Pair {
    /// Starts it, with variables of the environment.
    pub(crate) async fn start(variables: &[(&'static str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (mut tenants, configs) = prepare(dir.path()).await;
        let log = dir.path().join("log");
        let env = variables.iter().map(|(name, value)| (*name, value.into()));
        let server = Punchcard::try_start_with(&configs, &log, &env.collect()).await;
        let server = server.unwrap_or_else(|ended| panic!("not started: {ended:?}"));
        for tenant in &mut tenants {
            tenant.api.moved_to(server.api());
        }
        Self {
            tenants,
            server,
            _dir: dir,
            log,
        }
    }

    /// What the program has logged.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let start = log.len().saturating_sub(8_000);
            let start = log.ceil_char_boundary(start);
            // Shown only for a test that fails.
            eprintln!("the end of the program's log:\n{}", &log[start..]);
        }
    }
}

/// Starts the tenants' own servers and writes the configuration that leads to them.
pub(crate) async fn prepare(dir: &Path) -> ([Tenant; 2], Vec<PathBuf>) {
    let data_dir = dir.join("data");
    let mut config = include_str!("pair.toml").replace("@DATA_DIR@", data_dir.to_str().unwrap());
    let tenants = [
        Tenant::new(TENANTS[0], &mut config).await,
        Tenant::new(TENANTS[1], &mut config).await,
    ];
    let file = dir.join("punchcard.toml");
    std::fs::write(&file, config).unwrap();
    (tenants, vec![file])
}
