//! Files of a store that were put back, mixed or cut while it was not running: the program refuses to
//! start, serves nothing and changes nothing, and with the right files in place it goes on.
//!
//! What no program can see is a whole older copy, witness and all: it is a store that was right once.
//! Whoever fears that keeps the witness elsewhere.

use std::path::{Path, PathBuf};

use punchcard::adapters::store_sqlite;
use serde_json::json;

use crate::figures::figure;
use crate::punchcard::{Ended, Env, Punchcard};
use crate::world::{World, otherwise, text};

/// The exit code of a start that was refused.
const CANNOT_START: i32 = 3;
const DATABASE: &str = "punchcard.db";
const LOG: &str = "punchcard.db-wal";
const WITNESS: &str = "punchcard.witness";

/// A store as it was, as it is, and the tickets it has told of.
struct Copies {
    world: World,
    older: PathBuf,
    newer: PathBuf,
    tickets: Vec<String>,
    /// Where the witness is, if not beside the database.
    witness: Option<PathBuf>,
}

impl Copies {
    /// Delivers tickets, and copies the store after some of them and after all.
    async fn make() -> Self {
        let mut world = World::stopped("", otherwise).await;
        let (older, newer) = (world.dir().join("older"), world.dir().join("newer"));
        let mut tickets = Vec::new();
        // The first life fills pages that the second one does not touch again.
        for (copy, issued) in [(&older, 20), (&newer, 3)] {
            world.start_again().await;
            for _ in 0..issued {
                let word = format!("word-{}", tickets.len());
                let id = world.api.issue("say", None, json!({ "word": word })).await;
                world.api.until_event(&id, "TicketPersisted").await;
                assert_eq!(world.api.ticket(&id).await["state"], "delivered");
                tickets.push(id);
            }
            assert_eq!(world.take_server().kill().await, Some(9));
            put(&world.data_dir(), copy, &[DATABASE, LOG, WITNESS]);
        }
        Self {
            world,
            older,
            newer,
            tickets,
            witness: None,
        }
    }

    /// The newer store in a directory of its own.
    fn store(&self, name: &str) -> PathBuf {
        let data_dir = self.world.dir().join(name);
        put(&self.newer, &data_dir, &[DATABASE, LOG, WITNESS]);
        data_dir
    }

    async fn start(&self, data_dir: &Path) -> Result<Punchcard, Ended> {
        let more = data_dir.with_extension("toml");
        let mut lines = format!("[store]\ndata_dir = {:?}\n", text(data_dir));
        if let Some(witness) = &self.witness {
            lines.push_str(&format!("witness = {:?}\n", text(witness)));
        }
        std::fs::write(&more, lines).unwrap();
        let configs = [self.world.configs()[0].clone(), more];
        let log = data_dir.with_extension("log");
        Punchcard::try_start_with(&configs, &log, &Env::new()).await
    }

    /// Starts the program on files that are not those it left, which it must refuse, and then on
    /// those.
    async fn refused(&self, data_dir: &Path, why: &str) {
        let before = contents(data_dir);
        let Err(Ended { status, stderr }) = self.start(data_dir).await else {
            panic!("it started: {why}");
        };
        assert_eq!(status.code(), Some(CANNOT_START), "{why}: {stderr}");
        assert!(!stderr.contains("panicked"), "{why}: {stderr}");
        assert!(stderr.contains("store verify"), "{why}: {stderr}");
        assert_eq!(contents(data_dir), before, "{why}: it changed something");

        let _ = std::fs::remove_file(data_dir.join("punchcard.db-shm"));
        put(&self.newer, data_dir, &[DATABASE, LOG, WITNESS]);
        let server = self.start(data_dir).await.expect(why);
        let mut api = self.world.api.clone();
        api.moved_to(server.api());
        for ticket in &self.tickets {
            assert_eq!(api.ticket(ticket).await["state"], "delivered", "{why}");
        }
        assert!(server.stop().await.success());
    }
}

#[tokio::test]
async fn older_files_among_newer_ones_are_refused() {
    let copies = Copies::make().await;
    let mixtures: [&[&str]; 4] = [&[LOG], &[DATABASE, LOG], &[DATABASE], &[DATABASE, WITNESS]];
    for (number, files) in mixtures.into_iter().enumerate() {
        let data_dir = copies.store(&format!("mixed-{number}"));
        put(&copies.older, &data_dir, files);
        copies
            .refused(&data_dir, &format!("{files:?} of before"))
            .await;
    }
    figure("files_put_back", &[("refused", &mixtures.len())]);
}

#[tokio::test]
async fn a_whole_older_copy_is_refused_where_the_witness_is_kept_elsewhere() {
    let mut copies = Copies::make().await;
    let elsewhere = copies.world.dir().join("elsewhere");
    put(&copies.newer, &elsewhere, &[WITNESS]);
    copies.witness = Some(elsewhere.join(WITNESS));
    let data_dir = copies.store("older-copy");
    put(&copies.older, &data_dir, &[DATABASE, LOG, WITNESS]);
    copies.refused(&data_dir, "a whole older copy").await;
    figure("older_copies", &[("refused", &1)]);
}

#[tokio::test]
async fn an_older_database_under_a_newer_log_is_found_by_verify() {
    let copies = Copies::make().await;
    let data_dir = copies.store("mixed");
    put(&copies.older, &data_dir, &[DATABASE]);
    let report = store_sqlite::verify(&data_dir).unwrap();
    assert!(!report.is_clean());
    figure("older_databases", &[("found_by_verify", &1)]);
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_refused() {
    let copies = Copies::make().await;
    let whole = std::fs::metadata(copies.newer.join(LOG)).unwrap().len();
    // A byte, a page, some commits, all but the header, and all of it.
    let cuts = [1, 5_000, 100_000, whole - 32, whole];
    for (number, lost) in cuts.into_iter().enumerate() {
        assert!(lost <= whole, "the log has {whole} bytes");
        let data_dir = copies.store(&format!("cut-{number}"));
        let log = std::fs::OpenOptions::new()
            .write(true)
            .open(data_dir.join(LOG));
        log.unwrap().set_len(whole - lost).unwrap();
        copies
            .refused(&data_dir, &format!("{lost} bytes of {whole} lost"))
            .await;
    }
    figure("cut_logs", &[("refused", &cuts.len())]);
}

#[tokio::test]
async fn a_store_whose_log_or_witness_is_gone_is_refused() {
    let copies = Copies::make().await;
    for file in [LOG, WITNESS] {
        let data_dir = copies.store(&format!("without-{file}"));
        std::fs::remove_file(data_dir.join(file)).unwrap();
        copies.refused(&data_dir, &format!("{file} removed")).await;
    }
    figure("files_removed", &[("refused", &2)]);
}

/// Copies files over those that are there.
fn put(from: &Path, to: &Path, files: &[&str]) {
    std::fs::create_dir_all(to).unwrap();
    for file in files {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

/// What the files of a store hold; nothing for one that is not there.
fn contents(data_dir: &Path) -> [Vec<u8>; 3] {
    [DATABASE, LOG, WITNESS].map(|file| std::fs::read(data_dir.join(file)).unwrap_or_default())
}
