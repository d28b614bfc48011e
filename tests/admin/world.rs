//! The program with one operator and nobody else.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::api::Api;
use crate::punchcard::{Env, Punchcard, read, run, run_with};

/// The configuration: an operator, a model, and no tenant.
const CONFIG: &str = r#"
mode = "development"

[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
workers = 2
shutdown_grace = "1s"

[admin]
keys = [@KEY@]

[store]
data_dir = "@DATA_DIR@"

[runtime]
arbiters = 1

# As much as there is: no key may be in any of it.
[log]
level = "trace"

[models.m]
provider = "offline"
first_token_delay = "0ms"
token_delay = "0ms"
"#;

/// The running program and its operator, `ada`.
pub(crate) struct World {
    server: Option<Punchcard>,
    configs: Vec<PathBuf>,
    dir: TempDir,
    /// The operator's key.
    pub(crate) operator: String,
}

impl World {
    /// Makes the first operator's key as an operator does, and starts the program with it.
    pub(crate) async fn start() -> Self {
        let made = run(&["key", "new", "--operator", "--name", "ada", "--json"]).await;
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let config = CONFIG
            .replace("@KEY@", made["config"].as_str().unwrap())
            .replace("@DATA_DIR@", data.to_str().unwrap());
        let file = dir.path().join("punchcard.toml");
        std::fs::write(&file, config).unwrap();
        let mut world = Self {
            server: None,
            configs: vec![file],
            dir,
            operator: made["key"].as_str().unwrap().to_owned(),
        };
        world.start_again().await;
        world
    }

    /// Starts the program that was stopped.
    pub(crate) async fn start_again(&mut self) {
        let log = self.dir.path().join("log");
        self.server = Some(Punchcard::start(&self.configs, &log).await);
    }

    /// Stops the program.
    pub(crate) async fn stop(&mut self) {
        let server = self.server.take().unwrap();
        assert!(server.stop().await.success());
    }

    fn server(&self) -> &Punchcard {
        self.server.as_ref().expect("it runs")
    }

    /// The open API, for the holder of `key`.
    pub(crate) fn api(&self, key: &str) -> Api {
        Api::new(self.server().api(), key)
    }

    /// The admin listener, for the holder of `key`.
    pub(crate) fn admin(&self, key: &str) -> Api {
        Api::new(self.server().admin(), key)
    }

    /// What a command prints with `--json`. It must go well.
    pub(crate) async fn json(&self, args: &[&str], key: &str) -> Value {
        let args: Vec<_> = args.iter().copied().chain(["--json"]).collect();
        let text = self.text(&args, key).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// What a command of the operator, or of the holder of `key`, prints. It must go well.
    pub(crate) async fn text(&self, args: &[&str], key: &str) -> String {
        let env: Env = vec![
            ("PUNCHCARD_ADMIN_URL", OsString::from(self.server().admin())),
            ("PUNCHCARD_ADMIN_KEY", OsString::from(&self.operator)),
            ("PUNCHCARD_URL", OsString::from(self.server().api())),
            ("PUNCHCARD_KEY", OsString::from(key)),
        ];
        let ran = run_with(args, &env).await;
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{args:?}: {stderr}");
        String::from_utf8(ran.stdout).unwrap()
    }

    /// What the program has logged.
    pub(crate) fn log(&self) -> String {
        read(&self.dir.path().join("log"))
    }

    /// Every file of the data directory.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.dir.path().join("data"), &mut found);
        found
    }
}

fn collect(dir: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
}
