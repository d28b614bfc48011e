//! The examples of the pages run: every code block of `docs/` that begins with ```` ```sh run=<status> ````
//! is run by a shell against the program, and each of its `curl` gets one of the statuses named.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use crate::world::{VICTIM, World};

/// How long one example may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One runnable block.
struct Example {
    place: String,
    statuses: Vec<u16>,
    script: String,
}

fn pages() -> Vec<PathBuf> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let pages = std::fs::read_dir(docs)
        .unwrap()
        .map(|page| page.unwrap().path());
    let mut pages: Vec<_> = pages
        .filter(|page| page.extension().is_some_and(|e| e == "md"))
        .collect();
    pages.sort();
    pages
}

fn examples_of(page: &Path) -> Vec<Example> {
    let text = std::fs::read_to_string(page).unwrap();
    let mut examples: Vec<Example> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        if let Some(statuses) = line.strip_prefix("```sh run=") {
            let statuses = statuses
                .split(',')
                .map(|status| status.trim().parse().unwrap());
            examples.push(Example {
                place: format!("{}:{}", page.display(), number + 1),
                statuses: statuses.collect(),
                script: String::new(),
            });
            open = true;
        } else if line.starts_with("```") {
            open = false;
        } else if open && let Some(example) = examples.last_mut() {
            example.script.push_str(line);
            example.script.push('\n');
        }
    }
    examples
}

/// The statuses that the script's requests got.
async fn run(example: &Example, env: &[(&str, &str)]) -> Vec<u16> {
    let curl =
        "curl() { command curl -sS --max-time 20 -o /dev/stderr -w '%{http_code}\\n' \"$@\"; }\n";
    let script = example
        .script
        .replace("https://tickets.example.com", "$BASE")
        .replace("https://admin.example.com", "$ADMIN");
    let mut shell = Command::new("bash");
    shell
        .args(["-euc", &format!("{curl}{script}")])
        .kill_on_drop(true);
    shell.envs(env.iter().copied());
    let output = tokio::time::timeout(PATIENCE, shell.output()).await;
    let output = output.expect("an end in time").unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", example.place);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let statuses: Vec<u16> = told.lines().filter_map(|line| line.parse().ok()).collect();
    for status in &statuses {
        assert!(
            example.statuses.contains(status),
            "{}: {status} {error}",
            example.place
        );
    }
    statuses
}

#[tokio::test]
async fn the_examples_of_the_pages_run() {
    let world = World::start().await;
    let names = world.furnish().await;
    let api = world.admin_of(VICTIM);
    let mut count = 0;
    for example in pages().iter().flat_map(|page| examples_of(page)) {
        // A ticket that has not ended yet is not needed by any of them.
        let ticket = api.issue("say", None, json!({ "word": "tide" })).await;
        let env = [
            ("BASE", world.server.api()),
            ("ADMIN", world.server.admin()),
            ("PUNCHCARD_KEY", world.key(VICTIM, "admin")),
            ("KEY", world.key(VICTIM, "admin")),
            ("OPERATOR_KEY", world.operator()),
            ("ID", &ticket),
            ("RUN", &names["run"]),
        ];
        let statuses = run(&example, &env).await;
        assert!(!statuses.is_empty(), "{} asks for nothing", example.place);
        count += statuses.len();
    }
    println!("{count} requests of examples");
    assert!(count >= 8, "the pages lost their examples: {count}");
}
