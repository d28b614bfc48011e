//! One tenant's world: its API, a model, a data directory and the program between them.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]

use std::path::{Path, PathBuf};

use punchcard::keys::ApiKey;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Api;
use crate::fake_backend::FakeBackend;
use crate::punchcard::{Ended, Env, Punchcard, read, run};
use crate::scripted_model::{Call, ScriptedModel, Step, Turn, saying};
use crate::session::{Memory, Session};

/// In every prompt, and never in a log.
pub(crate) const PROMPT_CANARY: &str = "canary-of-the-prompt";
/// In every answer that is not scripted, and never in a log.
pub(crate) const ANSWER_CANARY: &str = "canary-of-the-answer";
/// The model's key, and never in a log.
pub(crate) const MODEL_KEY: &str = "canary-of-the-model-key";
/// What callbacks are signed with, and never in a log.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// Where the users' pages come from.
pub(crate) const ORIGIN: &str = "http://app.test";
/// The hooks' paths.
pub(crate) const PRE: &str = "/hooks/prepare";
/// See [`PRE`].
pub(crate) const POST: &str = "/hooks/persist";

/// Everything a test of the program needs.
pub(crate) struct World {
    pub(crate) backend: FakeBackend,
    pub(crate) model: ScriptedModel,
    pub(crate) api: Api,
    /// The API of another tenant, who must not see the first one's tickets.
    pub(crate) stranger: Api,
    server: Option<Punchcard>,
    configs: Vec<PathBuf>,
    env: Env,
    keys: [String; 2],
    dir: TempDir,
}

impl World {
    /// A running world, configured as `punchcard.toml` beside this file says.
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// The same, with more configuration on top.
    pub(crate) async fn with(more: &str) -> Self {
        let mut world = Self::stopped(more, otherwise).await;
        world.start_again().await;
        world
    }

    /// A world whose program is not started yet, and whose model answers as `otherwise` says.
    pub(crate) async fn stopped(
        more: &str,
        otherwise: impl Fn(&Call) -> Turn + Send + Sync + 'static,
    ) -> Self {
        Self::stopped_in(tempfile::tempdir().unwrap(), more, otherwise).await
    }

    /// The same, in a directory that the test has chosen.
    pub(crate) async fn stopped_in(
        dir: TempDir,
        more: &str,
        otherwise: impl Fn(&Call) -> Turn + Send + Sync + 'static,
    ) -> Self {
        let backend = FakeBackend::start(vec![WEBHOOK_SECRET.parse().unwrap()]).await;
        let model = ScriptedModel::start(otherwise).await;
        let keys = [ApiKey::generate().unwrap(), ApiKey::generate().unwrap()];
        let config = settings(dir.path(), &backend, &model, &keys);
        let mut configs = vec![dir.path().join("punchcard.toml")];
        std::fs::write(&configs[0], config).unwrap();
        if !more.is_empty() {
            configs.push(dir.path().join("more.toml"));
            std::fs::write(&configs[1], more).unwrap();
        }
        let keys = keys.map(|key| key.expose().to_owned());
        Self {
            backend,
            model,
            api: Api::new("", &keys[0]),
            stranger: Api::new("", &keys[1]),
            server: None,
            configs,
            env: Env::new(),
            keys,
            dir,
        }
    }

    /// Starts the program on the same data directory.
    pub(crate) async fn start_again(&mut self) {
        let started = self.try_start_again().await;
        started.unwrap_or_else(|ended| panic!("punchcard did not start: {ended:?}"));
    }

    /// The same, for a start that may fail.
    pub(crate) async fn try_start_again(&mut self) -> Result<(), Ended> {
        let server = Punchcard::try_start_with(&self.configs, &self.log(), &self.env).await?;
        self.take_over(server);
        Ok(())
    }

    /// Gives the program more environment from its next start on.
    pub(crate) fn set_env(&mut self, env: Env) {
        self.env = env;
    }

    /// Starts it with armed failpoints, at which it may die before it is ready, or even before it has
    /// said where it is.
    pub(crate) async fn start_armed(&mut self, failpoints: &str) {
        let armed = Env::from([("FAILPOINTS", failpoints.into())]);
        let server = Punchcard::launch(&self.configs, &self.log(), &armed).await;
        self.take_over(server);
    }

    fn take_over(&mut self, server: Punchcard) {
        assert!(self.server.is_none(), "it runs already");
        self.api.moved_to(server.api());
        self.stranger.moved_to(server.api());
        self.server = Some(server);
    }

    /// The tenant's key.
    pub(crate) fn key(&self) -> &str {
        &self.keys[0]
    }

    /// The other tenant's key.
    pub(crate) fn strangers_key(&self) -> &str {
        &self.keys[1]
    }

    /// The running program.
    pub(crate) fn server(&mut self) -> &mut Punchcard {
        self.server.as_mut().expect("it runs")
    }

    /// The running program, to be ended by the caller.
    pub(crate) fn take_server(&mut self) -> Punchcard {
        self.server.take().expect("it runs")
    }

    /// Stops the program as a service manager does; it must end well.
    pub(crate) async fn stop(&mut self) {
        let status = self.take_server().stop().await;
        assert!(status.success(), "{status}: {}", self.log_text());
    }

    /// Opens a session of `user` that goes on from what `memory` holds.
    pub(crate) async fn session(&self, user: &str, memory: Memory) -> Session {
        let token = self.api.session_token(user).await;
        Session::open(self.api.base(), ORIGIN, &token, memory).await
    }

    /// The directory of this world.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The program's data directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The configuration files.
    pub(crate) fn configs(&self) -> &[PathBuf] {
        &self.configs
    }

    /// The file that takes the program's log.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// What the program has logged.
    pub(crate) fn log_text(&self) -> String {
        read(&self.log())
    }

    /// Checks the stored history with `punchcard store verify`, which must find nothing.
    pub(crate) async fn verify_store(&self) {
        let data_dir = self.data_dir();
        let verified = run(&["--json", "store", "verify", "--data-dir", text(&data_dir)]).await;
        assert!(verified.status.success(), "{verified:?}");
    }
}

impl Drop for World {
    /// Whatever a test did, nothing confidential was logged.
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Shown only for a test that fails.
            eprintln!("the program's log:\n{}", self.log_text());
            return;
        }
        drop(self.server.take());
        let log = self.log_text();
        let confidential = [PROMPT_CANARY, ANSWER_CANARY, MODEL_KEY, WEBHOOK_SECRET];
        let keys = self.keys.iter().map(String::as_str);
        for secret in confidential.into_iter().chain(keys) {
            assert!(!log.contains(secret), "{secret} was logged:\n{log}");
        }
    }
}

/// A directory in memory, where the machine has that: a killed process loses nothing of it either, and
/// a sync takes no time. What a disk may lose is for `tests/disk/`.
pub(crate) fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory).unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a model says of which no test said anything.
pub(crate) fn otherwise(call: &Call) -> Turn {
    if call.body["response_format"].is_object() {
        return saying(&[&review(3, ANSWER_CANARY).to_string()]);
    }
    let about = call.prompt().replace(PROMPT_CANARY, "");
    saying(&[ANSWER_CANARY, ": ", about.trim()])
}

/// An answer that fits the schema of the task `review`.
pub(crate) fn review(score: u32, comment: &str) -> Value {
    json!({ "score": score, "comment": comment })
}

/// A turn that streams `before`, waits at `gate`, streams `after` and finishes.
pub(crate) fn held(before: &str, gate: &crate::fake_backend::Gate, after: &str) -> Turn {
    vec![
        Step::say(before),
        Step::Wait(gate.clone()),
        Step::say(after),
        Step::Finish,
    ]
}

/// The configuration, filled in.
fn settings(
    dir: &Path,
    backend: &FakeBackend,
    model: &ScriptedModel,
    keys: &[ApiKey; 2],
) -> String {
    let (key, stranger) = (keys[0].config_line(), keys[1].config_line());
    let (data_dir, backend) = (dir.join("data"), backend.url());
    let words = [
        ("@DATA_DIR@", text(&data_dir)),
        ("@MODEL_URL@", model.base_url()),
        ("@MODEL_KEY@", MODEL_KEY),
        ("@KEY@", &key),
        ("@STRANGER_KEY@", &stranger),
        ("@ORIGIN@", ORIGIN),
        ("@BACKEND_URL@", backend.as_str()),
        ("@WEBHOOK_SECRET@", WEBHOOK_SECRET),
        ("@PRE@", PRE),
        ("@POST@", POST),
        ("@PROMPT_CANARY@", PROMPT_CANARY),
    ];
    let template = include_str!("punchcard.toml").to_owned();
    words
        .into_iter()
        .fold(template, |text, (word, value)| text.replace(word, value))
}
