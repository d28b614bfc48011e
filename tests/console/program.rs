//! Telling a story: its Node program runs, asks, is answered, and says at its end that all passed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::world::World;

/// How long a story may take where much else goes on: by itself each is done in half a minute.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long Debian's and the npm registry may take, once.
const SETUP_PATIENCE: Duration = Duration::from_secs(600);

/// Tells `stories/{story}.mjs` in a new world.
pub(crate) async fn tell(story: &str) {
    let browser = set_up().await;
    let mut world = World::start().await;
    let script = here().join(format!("stories/{story}.mjs"));
    let mut child = Command::new("node")
        .arg(&script)
        .env("STORY", story)
        .env("CHROMIUM", browser)
        .env("CONSOLE_TESTS", root().join("target/console"))
        // Loopback only, whatever the machine's proxies are.
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let told = tokio::time::timeout(PATIENCE, follow(&mut child, &mut world)).await;
    let (said, status) = told.unwrap_or_else(|_| panic!("{story} is not over after {PATIENCE:?}"));
    eprintln!("{story}:\n{said}");
    if !status {
        eprintln!("the program's log:\n{}", world.log());
    }
    let passed = status && said.lines().last() == Some("all passed");
    assert!(passed, "{story} went wrong, see above");
}

/// Answers what a story asks until it is over. Gives what else it said, and whether it ended well.
async fn follow(child: &mut Child, world: &mut World) -> (String, bool) {
    let mut answers = child.stdin.take().unwrap();
    let stderr = child.stderr.take().unwrap();
    let errors = tokio::spawn(async move {
        let mut text = String::new();
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            text.push_str(&line);
            text.push('\n');
        }
        text
    });
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        match serde_json::from_str::<Value>(&line) {
            Ok(ask) if ask.is_object() => answer(&mut answers, world, &ask).await,
            _ => {
                said.push_str(&line);
                said.push('\n');
            }
        }
    }
    let status = child.wait().await.unwrap();
    let errors = errors.await.unwrap();
    (format!("{errors}{said}"), status.success())
}

async fn answer(answers: &mut ChildStdin, world: &mut World, ask: &Value) {
    let answer = world.asked(ask).await;
    let line = format!("{}\n", json!({ "id": ask["id"], "answer": answer }));
    // A story that has failed reads nothing more; how it ended says why.
    let _ = answers.write_all(line.as_bytes()).await;
}

/// Has everything installed, and gives the browser.
async fn set_up() -> PathBuf {
    let setup = Command::new(here().join("setup"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(SETUP_PATIENCE, setup).await;
    let output = output.expect("the registries answer in time").unwrap();
    assert!(
        output.status.success(),
        "tests/console/setup: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

fn here() -> PathBuf {
    root().join("tests/console")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
