//! Starts that are refused, backups that can be started from, and the demo.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::api::Api;
use crate::punchcard::{Ended, Punchcard, run};
use crate::world::{World, otherwise, text};

/// The exit codes that scripts see.
const WRONG_CONFIGURATION: i32 = 2;
/// See [`WRONG_CONFIGURATION`].
const CANNOT_START: i32 = 3;

/// Starts a process that must refuse, and gives what it said.
async fn refused(configs: &[PathBuf], world: &World, code: i32) -> String {
    let started = Punchcard::try_start(configs, &world.dir().join("refused")).await;
    let Err(Ended { status, stderr }) = started else {
        panic!("it started");
    };
    assert_eq!(status.code(), Some(code), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_with_file_and_line_and_nothing_is_started() {
    let world = World::stopped("", otherwise).await;
    let wrong = world.dir().join("wrong.toml");
    let lines = "[server]\nworkers = 1\nwrokers = 2\n\n[sessions]\nheartbeat = \"soon\"\n";
    std::fs::write(&wrong, lines).unwrap();
    let configs = [world.configs()[0].clone(), wrong.clone()];
    let said = refused(&configs, &world, WRONG_CONFIGURATION).await;
    for place in ["wrong.toml:3", "wrong.toml:6", "wrokers"] {
        assert!(said.contains(place), "{place} is missing:\n{said}");
    }
    assert!(!world.data_dir().exists(), "nothing was started");

    let broken = "[server\n";
    std::fs::write(&wrong, broken).unwrap();
    let said = refused(&configs, &world, WRONG_CONFIGURATION).await;
    assert!(said.contains("wrong.toml:1"), "{said}");
    let missing = [world.dir().join("missing.toml")];
    let said = refused(&missing, &world, WRONG_CONFIGURATION).await;
    assert!(said.contains("missing.toml"), "{said}");
    assert!(!world.data_dir().exists(), "nothing was started");
}

#[tokio::test]
async fn a_second_process_on_the_same_data_directory_is_refused() {
    let world = World::start().await;
    let ticket = world
        .api
        .issue("say", None, json!({ "word": "first" }))
        .await;
    let said = refused(world.configs(), &world, CANNOT_START).await;
    assert!(
        said.contains("is in use by another punchcard process"),
        "{said}"
    );
    world.api.until_event(&ticket, "TicketPersisted").await;
    let fetched = world.api.ticket(&ticket).await;
    assert_eq!(fetched["state"], "delivered", "the first goes on");
}

#[tokio::test]
async fn a_data_directory_of_a_newer_schema_is_refused_and_left_alone() {
    let mut world = World::start().await;
    world.stop().await;
    let path = world.data_dir().join("punchcard.db");
    let newer = {
        let database = rusqlite::Connection::open(&path).unwrap();
        let version = "user_version";
        let current: i64 = database
            .pragma_query_value(None, version, |row| row.get(0))
            .unwrap();
        database.pragma_update(None, version, current + 1).unwrap();
        current + 1
    };
    let before = std::fs::read(&path).unwrap();
    let said = refused(world.configs(), &world, CANNOT_START).await;
    assert!(said.contains(&format!("schema version {newer}")), "{said}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_made_is_a_sentence() {
    let world = World::stopped("", otherwise).await;
    std::fs::write(world.data_dir(), "a file where the directory should be").unwrap();
    let said = refused(world.configs(), &world, CANNOT_START).await;
    assert!(said.contains("data"), "{said}");
}

#[tokio::test]
async fn a_backup_of_a_running_server_starts_with_the_same_tickets() {
    let mut world = World::start().await;
    let mut ids = Vec::new();
    for word in ["one", "two", "three"] {
        let id = world
            .api
            .issue("explain", Some("u1"), json!({ "word": word }))
            .await;
        world.api.until_event(&id, "TicketPersisted").await;
        ids.push(id);
    }
    let restored = world.dir().join("restored");
    std::fs::create_dir(&restored).unwrap();
    let copy = restored.join("punchcard.db");
    let data_dir = world.data_dir();
    let data_dir = text(&data_dir);
    let made = run(&["store", "backup", text(&copy), "--data-dir", data_dir]).await;
    assert!(made.status.success(), "{made:?}");
    let again = run(&["store", "backup", text(&copy), "--data-dir", data_dir]).await;
    assert!(
        !again.status.success(),
        "a backup is never written over a file"
    );
    let verified = run(&["store", "verify", "--data-dir", text(&copy)]).await;
    assert!(verified.status.success(), "{verified:?}");

    let more = world.dir().join("restored.toml");
    std::fs::write(&more, format!("store.data_dir = {:?}", text(&restored))).unwrap();
    let configs = [world.configs()[0].clone(), more];
    let other = Punchcard::start(&configs, &world.dir().join("log-of-the-copy")).await;
    let mut there: Api = world.api.clone();
    there.moved_to(other.api());
    for id in &ids {
        assert_eq!(there.ticket(id).await, world.api.ticket(id).await);
        assert_eq!(there.history(id).await, world.api.history(id).await);
    }
    let listed = |page: Value| page["tickets"].as_array().unwrap().clone();
    let here = listed(world.api.get("/v1/tickets").await.json());
    assert_eq!(listed(there.get("/v1/tickets").await.json()), here);
    assert!(other.stop().await.success());
    world.stop().await;
    world.verify_store().await;
}

#[tokio::test]
async fn the_demo_delivers_its_tickets_and_leaves_an_intact_store() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    let demo = run(&["demo", "--once", "--keep", text(&kept)]).await;
    let said = String::from_utf8_lossy(&demo.stdout);
    assert!(
        demo.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&demo.stderr)
    );
    for task in ["writing-review", "question-making", "explanation"] {
        assert!(said.contains(task), "{task} is missing:\n{said}");
    }
    let stats = run(&["--json", "store", "stats", "--data-dir", text(&kept)]).await;
    let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
    assert_eq!(stats["tickets"], json!({ "delivered": 3 }));
    let verified = run(&["store", "verify", "--data-dir", text(&kept)]).await;
    assert!(verified.status.success(), "{verified:?}");
}
