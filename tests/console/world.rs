//! A school's world: its people with their keys, its API, the model, a student, and the program between
//! them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use punchcard::keys::{ApiKey, KeyName, Role, Roles};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Api;
use crate::fake_backend::{FakeBackend, Gate};
use crate::model;
use crate::punchcard::{Punchcard, read, run};
use crate::scripted_model::ScriptedModel;
use crate::session::{Memory, Session};

/// What callbacks are signed with.
const WEBHOOK_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// Where the students' pages come from.
const ORIGIN: &str = "http://app.test";
/// The people of the tenant, each with one role.
const PEOPLE: [(&str, Role); 5] = [
    ("backend", Role::Issuer),
    ("vera", Role::Viewer),
    ("mina", Role::Planner),
    ("pia", Role::Publisher),
    ("ada", Role::Admin),
];

/// Everything a story needs.
pub(crate) struct World {
    pub(crate) backend: FakeBackend,
    pub(crate) model: ScriptedModel,
    pub(crate) student: Option<Session>,
    gates: BTreeMap<String, Gate>,
    keys: BTreeMap<&'static str, String>,
    server: Option<Punchcard>,
    /// Where it is, also while it is stopped: `[api, admin]`.
    at: [String; 2],
    configs: Vec<PathBuf>,
    dir: TempDir,
}

/// Where the console's files are read from, if not from the program: with `CONSOLE_FILES=console` whoever
/// changes them tells the stories without a build.
fn files() -> String {
    let folder = std::env::var("CONSOLE_FILES").ok();
    let folder = folder.and_then(|folder| std::path::absolute(folder).ok());
    folder.map_or_else(String::new, |folder| {
        format!("\n[console]\nfiles = {folder:?}\n")
    })
}

fn key(name: &str, role: Role) -> (String, String) {
    let key = ApiKey::generate().unwrap();
    let name: KeyName = name.parse().unwrap();
    let line = key.config_line_of(Some(&name), Roles::of(&[role]));
    (key.expose().to_owned(), line)
}

impl World {
    /// A running world without a prompt or ticket.
    pub(crate) async fn start() -> Self {
        let backend = FakeBackend::start(vec![WEBHOOK_SECRET.parse().unwrap()]).await;
        let model = ScriptedModel::start(model::otherwise).await;
        let made = run(&["key", "new", "--operator", "--name", "root", "--json"]).await;
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let (other, other_line) = key("eve", Role::Admin);
        let mut keys = BTreeMap::from([
            ("root", made["key"].as_str().unwrap().to_owned()),
            ("eve", other),
        ]);
        let mut lines = Vec::new();
        for (name, role) in PEOPLE {
            let (key, line) = key(name, role);
            keys.insert(name, key);
            lines.push(line);
        }
        let dir = tempfile::tempdir().unwrap();
        let (data_dir, backend_url) = (dir.path().join("data"), backend.url());
        let words = [
            ("@OPERATOR@", made["config"].as_str().unwrap()),
            ("@KEYS@", &lines.join(", ")),
            ("@OTHER_KEY@", &other_line),
            ("@DATA_DIR@", data_dir.to_str().unwrap()),
            ("@MODEL_URL@", model.base_url()),
            ("@BACKEND_URL@", backend_url.as_str()),
            ("@WEBHOOK_SECRET@", WEBHOOK_SECRET),
            ("@ORIGIN@", ORIGIN),
        ];
        let template = include_str!("world.toml").to_owned();
        let config = words
            .into_iter()
            .fold(template, |text, (word, value)| text.replace(word, value));
        let file = dir.path().join("world.toml");
        std::fs::write(&file, config + &files()).unwrap();
        let mut world = Self {
            backend,
            model,
            student: None,
            gates: BTreeMap::new(),
            keys,
            server: None,
            at: [String::new(), String::new()],
            configs: vec![file],
            dir,
        };
        world.start_again().await;
        world
    }

    /// Starts the program: the first time on free ports, then on the same ones, as a browser expects.
    pub(crate) async fn start_again(&mut self) {
        let log = self.dir.path().join("log");
        let server = Punchcard::start(&self.configs, &log).await;
        if self.configs.len() == 1 {
            self.at = [server.api().to_owned(), server.admin().to_owned()];
            let [api, admin] = self.at.each_ref().map(|url| url.replace("http://", ""));
            let ports = format!("[server]\nlisten = \"{api}\"\nadmin_listen = \"{admin}\"\n");
            let file = self.dir.path().join("ports.toml");
            std::fs::write(&file, ports).unwrap();
            self.configs.push(file);
        }
        self.server = Some(server);
    }

    /// Stops the program as a service manager does; it must end well.
    pub(crate) async fn stop(&mut self) {
        let status = self.server.take().expect("it runs").stop().await;
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Where everything is and who is there, for a story.
    pub(crate) fn described(&self) -> Value {
        let [api, admin] = &self.at;
        json!({ "api": api, "admin": admin, "keys": self.keys, "origin": ORIGIN })
    }

    /// Opens the student's session.
    pub(crate) async fn student_opens(&mut self, user: &str) {
        let api = Api::new(&self.at[0], &self.keys["backend"]);
        let token = api.session_token(user).await;
        let session = Session::open(api.base(), ORIGIN, &token, Memory::new()).await;
        self.student = Some(session);
    }

    /// The gate of this name, closed when it is first named.
    pub(crate) fn gate(gates: &mut BTreeMap<String, Gate>, name: &str) -> Gate {
        let gate = gates.entry(name.to_owned()).or_insert_with(Gate::closed);
        gate.clone()
    }

    /// Gates by their names in stories.
    pub(crate) fn gates(&mut self) -> &mut BTreeMap<String, Gate> {
        &mut self.gates
    }

    /// What the program has logged.
    pub(crate) fn log(&self) -> String {
        read(&self.dir.path().join("log"))
    }
}
