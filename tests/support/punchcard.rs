//! The program as a process: started, asked whether it is ready, told to stop, killed. It is never
//! left behind: dropping the handle kills and reaps it.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// How long a start, a stop or a command may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often readiness and the end of a killed process are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A running `punchcard serve`.
pub(crate) struct Punchcard {
    child: Child,
    /// Held so that the process never writes to a closed pipe.
    _stdout: BufReader<ChildStdout>,
    api: String,
    admin: String,
    log: PathBuf,
}

/// More variables of the environment for the program.
pub(crate) type Env = Vec<(&'static str, OsString)>;

/// A program that ended in place of serving.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl Punchcard {
    /// Starts `serve` with `configs`, its log appended to the file `log`, and waits until it is ready.
    pub(crate) async fn start(configs: &[PathBuf], log: &Path) -> Self {
        match Self::try_start(configs, log).await {
            Ok(running) => running,
            Err(ended) => panic!("punchcard did not start: {ended:?}"),
        }
    }

    /// The same, for a start that may be refused.
    pub(crate) async fn try_start(configs: &[PathBuf], log: &Path) -> Result<Self, Ended> {
        Self::try_start_with(configs, log, &Env::new()).await
    }

    /// The same in an environment that has `env` too.
    pub(crate) async fn try_start_with(
        configs: &[PathBuf],
        log: &Path,
        env: &Env,
    ) -> Result<Self, Ended> {
        let before = read(log).len();
        let mut launched = Self::launch(configs, log, env).await;
        let status = if launched.api.is_empty() {
            Some(launched.child.wait().await.unwrap())
        } else {
            launched.becomes_ready().await
        };
        if let Some(status) = status {
            let stderr = read(log).split_off(before);
            return Err(Ended { status, stderr });
        }
        Ok(launched)
    }

    /// Starts it and waits until it says where it is, ready or not. Of one that has ended before that
    /// the addresses are empty.
    pub(crate) async fn launch(configs: &[PathBuf], log: &Path, env: &Env) -> Self {
        let mut child = spawn(configs, log, env);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let announced = tokio::time::timeout(PATIENCE, stdout.read_line(&mut line)).await;
        announced
            .unwrap_or_else(|_| panic!("no address within {PATIENCE:?}: {}", read(log)))
            .unwrap();
        let addresses: Value = serde_json::from_str(&line).unwrap_or_default();
        let url = |name: &str| {
            let address = addresses[name].as_str();
            address
                .map(|address| format!("http://{address}"))
                .unwrap_or_default()
        };
        Self {
            child,
            _stdout: stdout,
            api: url("listen"),
            admin: url("admin_listen"),
            log: log.to_owned(),
        }
    }

    /// Waits until it is ready. Gives how it ended if it does that first.
    async fn becomes_ready(&mut self) -> Option<ExitStatus> {
        let http = super::api::http();
        let url = format!("{}/readyz", self.admin);
        let ready = async {
            loop {
                let answer = http.get(&url).send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    return None;
                }
                if let Some(status) = self.child.try_wait().unwrap() {
                    return Some(status);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let ready = tokio::time::timeout(PATIENCE, ready).await;
        ready.unwrap_or_else(|_| panic!("not ready within {PATIENCE:?}: {}", read(&self.log)))
    }

    /// The base URL of the open API.
    pub(crate) fn api(&self) -> &str {
        &self.api
    }

    /// The base URL of the admin listener.
    pub(crate) fn admin(&self) -> &str {
        &self.admin
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Kills it as a power cut would (SIGKILL), and says by which signal it ended.
    pub(crate) async fn kill(mut self) -> Option<i32> {
        self.child.start_kill().unwrap();
        self.ended().await.signal()
    }

    /// Asks it to stop (SIGTERM) and goes on.
    pub(crate) async fn ask_to_stop(&self) {
        let pid = self.pid();
        // The shell's own `kill`: a signal needs unsafe code or a program, and this one is everywhere.
        let asked = Command::new("sh")
            .args(["-c", &format!("kill -TERM {pid}")])
            .status();
        assert!(asked.await.unwrap().success());
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended
            .unwrap_or_else(|_| panic!("still running after {PATIENCE:?}: {}", read(&self.log)))
            .unwrap()
    }

    /// Stops it as a service manager does, and says how it ended.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        self.ask_to_stop().await;
        self.ended().await
    }
}

impl Drop for Punchcard {
    fn drop(&mut self) {
        if self.child.start_kill().is_err() {
            return;
        }
        // A killed process ends at once; the bound is for a machine that is very busy.
        for _ in 0..1_000 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// Starts `serve` and kills it after `life`, ready or not. Says by which signal it ended.
pub(crate) async fn stillborn(configs: &[PathBuf], log: &Path, life: Duration) -> Option<i32> {
    let mut child = spawn(configs, log, &Env::new());
    tokio::time::sleep(life).await;
    child.start_kill().unwrap();
    child.wait().await.unwrap().signal()
}

fn spawn(configs: &[PathBuf], log: &Path, env: &Env) -> Child {
    let configs = configs
        .iter()
        .flat_map(|file| [Path::new("--config"), file]);
    command(&["--json", "serve"])
        .args(configs)
        .envs(env.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(append(log))
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Starts a command that a test may kill: it is given at once, and dropping it kills it.
pub(crate) fn begin(args: &[&str]) -> Child {
    command(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// A command that ends by itself.
pub(crate) async fn run(args: &[&str]) -> Output {
    run_with(args, &Env::new()).await
}

/// The same in an environment that has `env` too.
pub(crate) async fn run_with(args: &[&str], env: &Env) -> Output {
    let run = command(args)
        .envs(env.iter().cloned())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    tokio::time::timeout(Duration::from_secs(60), run)
        .await
        .unwrap_or_else(|_| panic!("punchcard {args:?} did not end within 60 s"))
        .unwrap()
}

/// The program, without what the environment of the tests may hold for it.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_punchcard"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PUNCHCARD") {
            command.env_remove(name);
        }
    }
    command.args(args);
    command
}

fn append(log: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .unwrap()
}

/// The file's text; empty where there is none.
pub(crate) fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
