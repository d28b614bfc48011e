//! Requests that nobody thought of: schemathesis makes them of the document, good ones and bad ones, and
//! holds every answer against it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use punchcard::http::document;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::world::{Names, VICTIM, World};

/// How long requests are made.
const SECONDS: &str = "50";
/// How long it may take at most to make and judge them.
const PATIENCE: Duration = Duration::from_secs(150);

/// What is judged: an answer that the document does not have is a failure, and a request that the
/// document does not allow must be refused.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,\
                      negative_data_rejection,unsupported_method,allow_header_conformance";

fn venv() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/venv/bin")
}

/// Makes the environment, where it is not there, and gives a program of it. It is never done without.
async fn program(name: &str) -> Command {
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/setup");
    // One at a time: tests are processes of their own.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients-setup.lock");
    let made = Command::new("flock")
        .arg(lock)
        .arg(setup)
        .status()
        .await
        .unwrap();
    assert!(made.success(), "tests/clients/setup failed");
    let mut command = Command::new(venv().join(name));
    command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "160");
    command
}

/// Runs Python, and gives what it said.
pub(crate) async fn python(args: &[&str]) -> String {
    said_by(program("python").await.args(args)).await.1
}

async fn said_by(command: &mut Command) -> (bool, String) {
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.expect("an end in time").unwrap();
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

/// The document, where an answer may have no field that is not in it. Clients must bear new fields; a
/// server that sends some today without saying so has forgotten them.
fn strict(document: &Value) -> Value {
    let mut document = document.clone();
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    for schema in schemas.values_mut() {
        let mixed = ["allOf", "anyOf", "oneOf", "additionalProperties"];
        let mixed = mixed.iter().any(|key| schema.get(key).is_some());
        if !mixed && schema.get("properties").is_some() {
            schema["additionalProperties"] = json!(false);
        }
    }
    document
}

/// Names that lead somewhere, so that requests get past the first look.
fn settings(names: &Names) -> String {
    let mut settings = String::from("[parameters]\n");
    for (name, value) in names.iter().filter(|(name, _)| **name != "tenant") {
        let more = match *name {
            "task" => ", \"say\", \"fresh\"",
            "label" => ", \"production\"",
            "ref" => ", \"draft\", \"production\", \"2\"",
            _ => "",
        };
        settings.push_str(&format!("\"path.{name}\" = [\"{value}\"{more}]\n"));
    }
    settings
}

#[tokio::test]
async fn no_request_gets_a_5xx_or_an_answer_that_is_not_documented() {
    let world = World::start().await;
    let names = world.furnish().await;
    let dir = world.dir.path();
    let (file, config) = (dir.join("strict.json"), dir.join("schemathesis.toml"));
    std::fs::write(&file, strict(document()).to_string()).unwrap();
    std::fs::write(&config, settings(&names)).unwrap();
    let key = format!("Authorization: Bearer {}", world.key(VICTIM, "admin"));
    let mut command = program("schemathesis").await;
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api_property/hooks.py");
    command
        .env("SCHEMATHESIS_HOOKS", hooks)
        .arg("--config-file")
        .arg(&config)
        .arg("run")
        .arg(&file);
    command.args(["--url", world.server.api(), "--header", &key]);
    command.args(["--seed", "1", "--max-examples", "12", "--max-time", SECONDS]);
    command.args(["--phases", "examples,coverage,fuzzing", "--checks", CHECKS]);
    command.args([
        "--continue-on-failure",
        "--request-timeout",
        "10",
        // CPython 3.11's parser is not made for two threads.
        "--workers",
        "1",
    ]);
    command.args(["--suppress-health-check", "all", "--warnings", "off"]);
    // Where it keeps what it found, for another run.
    command.current_dir(dir);
    let (well, said) = said_by(&mut command).await;
    assert!(well, "{said}");
    let end = said.split("SUMMARY").last().unwrap_or_default();
    println!("{end}");
    assert!(end.contains("generated"), "{said}");
    // The server lives, and nothing went wrong that no answer told of.
    let ready = world
        .http
        .get(format!("{}/readyz", world.server.admin()))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), 200);
    assert!(!world.log().contains("panicked"), "{}", world.log());
}

#[test]
fn a_field_that_is_not_documented_fails_the_strict_document() {
    let strict = strict(document());
    let validator = |name: &str| {
        let mut schema = strict.clone();
        schema["$ref"] = json!(format!("#/components/schemas/{name}"));
        jsonschema::validator_for(&schema).unwrap()
    };
    let line = json!({
        "id": "01920000-0000-7000-8000-000000000001", "task": "say", "state": "sent", "attempt": 1,
        "requested_at": "2026-11-23T10:44:30.123Z", "updated_at": "2026-11-23T10:44:30.123Z",
        "revision": 3,
    });
    let page = |line: &Value| json!({ "tickets": [line] });
    assert!(validator("TicketPage").is_valid(&page(&line)));
    let mut more = line;
    more["tenant"] = json!("alpha");
    assert!(!validator("TicketPage").is_valid(&page(&more)));
}
