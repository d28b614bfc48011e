//! The programs that run the official clients.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// How long a script may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the registries may take, once.
const SETUP_PATIENCE: Duration = Duration::from_secs(300);

/// A script for the environment of the Python clients.
pub(crate) async fn python(script: &str) -> Command {
    let clients = set_up().await;
    let mut command = Command::new(clients.join("venv/bin/python"));
    command.arg(here().join(script));
    command
}

/// A script for the JavaScript clients. It runs beside them, where it finds them.
pub(crate) async fn node(script: &str) -> Command {
    let clients = set_up().await;
    let copy = clients.join("node").join(script);
    std::fs::copy(here().join(script), &copy).unwrap();
    let mut command = Command::new("node");
    command.arg(copy);
    command
}

/// Runs a script that says at its end that all of it passed.
pub(crate) async fn run(command: &mut Command, input: &str) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Loopback only, whatever the machine's proxies are.
        .env("NO_PROXY", "127.0.0.1")
        .env_remove("OPENAI_BASE_URL")
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // One that reads nothing may have ended.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.expect("the script ends in time").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.trim_end().ends_with("all passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Has the clients installed, and gives the place where they are.
async fn set_up() -> PathBuf {
    let setup = Command::new(here().join("setup"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(SETUP_PATIENCE, setup).await;
    let output = output.expect("the registries answer in time").unwrap();
    assert!(
        output.status.success(),
        "tests/clients/setup: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    root().join("target/clients")
}

fn here() -> PathBuf {
    root().join("tests/clients")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
