//! Flipped bits: whatever they change of an event, a head, a line or an index is found.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use punchcard_actors::ports::{EventStore, Order, TicketFilter, TicketIndex};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::{deliver, fill, image, issue, open};
use crate::adapters::store_sqlite::{Options, SqliteStore, WitnessSays, accept_loss, lock, verify};

/// How many bits are flipped, and from which seed on.
const FLIPS: &str = "PUNCHCARD_BIT_FLIPS";
const SEED: &str = "PUNCHCARD_BIT_FLIPS_SEED";

/// The queries that see everything that is stored, through the tables and through each index.
const VIEWS: [&str; 10] = [
    "SELECT * FROM events ORDER BY position",
    "SELECT stream, revision, position FROM events ORDER BY stream, revision",
    "SELECT * FROM log_head",
    "SELECT * FROM losses",
    "SELECT * FROM tickets ORDER BY id",
    "SELECT tenant, id FROM tickets INDEXED BY tickets_by_tenant ORDER BY tenant, id",
    "SELECT tenant, user, id FROM tickets INDEXED BY tickets_by_user WHERE user IS NOT NULL \
     ORDER BY tenant, user, id",
    "SELECT tenant, task, id FROM tickets INDEXED BY tickets_by_task ORDER BY tenant, task, id",
    "SELECT id, deadline_ms FROM tickets INDEXED BY tickets_open WHERE deadline_ms IS NOT NULL \
     ORDER BY id",
    "SELECT tenant, state, id FROM tickets INDEXED BY tickets_ended WHERE deadline_ms IS NULL \
     ORDER BY tenant, state, id",
];

fn content(dir: &Path) -> rusqlite::Result<Vec<Vec<Value>>> {
    let conn = Connection::open(lock::database_in(dir))?;
    let mut all = Vec::new();
    for view in VIEWS {
        let mut select = conn.prepare(view)?;
        let columns = select.column_count();
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            all.push((0..columns).map(|c| row.get(c)).collect::<Result<_, _>>()?);
        }
    }
    Ok(all)
}

/// A directory as a kill leaves it: a database with an accepted loss, a log with more, a witness.
async fn killed(to: &Path) {
    let (store, dir) = open().await;
    fill(&store).await;
    store.close();
    fs::remove_file(dir.path().join("punchcard.witness")).unwrap();
    accept_loss(&Options::new(dir.path()), 1_000).unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    deliver(&store, 6).await;
    issue(&store, 7).await;
    image(dir.path(), to);
}

/// SplitMix64: enough to pick bits, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |given| given.parse().unwrap())
}

/// What a store that opens serves is what was stored, or an error.
async fn serves_nothing_wrong(dir: &Path, sound: &[punchcard_events::Recorded], what: &str) {
    let Ok(store) = SqliteStore::open(Options::new(dir)) else {
        return;
    };
    if let Ok(events) = store.read_all(None, 1_000).await {
        assert_eq!(events, sound, "{what}");
    }
    for event in sound {
        let read = store.read_stream(
            &event.stream,
            Some(event.revision),
            punchcard_actors::ports::Direction::Forwards,
            1,
        );
        if let Ok(read) = read.await {
            assert!(read.is_empty() || read == [event.clone()], "{what}");
        }
    }
    let everything = TicketFilter::default();
    if let Ok(lines) = store.list(&everything, Order::OldestFirst, None, 100).await {
        for line in lines {
            let last = sound.iter().rfind(|e| e.stream == line.id.stream());
            assert_eq!(last.map(|e| e.revision), Some(line.revision), "{what}");
        }
    }
}

#[tokio::test]
async fn every_flipped_bit_that_changes_anything_is_found_and_never_served() {
    let (base, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    killed(base.path()).await;
    let files = ["punchcard.db", "punchcard.db-wal", "punchcard.witness"];
    let whole = files.map(|name| fs::read(base.path().join(name)).unwrap());
    let restore = || {
        for entry in fs::read_dir(scratch.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (name, bytes) in files.iter().zip(&whole) {
            fs::write(scratch.path().join(name), bytes).unwrap();
        }
    };
    restore();
    let stored = content(scratch.path()).unwrap();
    let store = SqliteStore::open(Options::new(scratch.path())).unwrap();
    let sound = store.read_all(None, 1_000).await.unwrap();
    store.close();

    let mut dice = Dice(setting(SEED, 4_711));
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    let mut unused = 0;
    for flip in 0..setting(FLIPS, 240) {
        // The database is the largest, so the others get more than their share of bytes.
        let file = [0, 0, 0, 1, 1, 2][dice.below(6)];
        // The witness's slots are small beside the hole between them.
        let byte = match file {
            2 => [0, 4_096][dice.below(2)] + dice.below(104),
            _ => dice.below(whole[file].len()),
        };
        let bit = dice.below(8);
        let what = format!("flip {flip}: bit {bit} of byte {byte} of {}", files[file]);
        restore();
        let mut bytes = whole[file].clone();
        bytes[byte] ^= 1 << bit;
        fs::write(scratch.path().join(files[file]), bytes).unwrap();
        let clean = verify(scratch.path())
            .is_ok_and(|report| report.is_clean() && report.witness == WitnessSays::Agrees);
        if clean {
            assert_eq!(content(scratch.path()), Ok(stored.clone()), "{what}");
            unused += 1;
        } else {
            *found.entry(files[file]).or_default() += 1;
        }
        if flip % 2 == 0 {
            restore();
            let mut bytes = whole[file].clone();
            bytes[byte] ^= 1 << bit;
            fs::write(scratch.path().join(files[file]), bytes).unwrap();
            serves_nothing_wrong(scratch.path(), &sound, &what).await;
        }
    }
    eprintln!("flips found: {found:?}; in unused bytes: {unused}");
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found["punchcard.db"] >= 30, "{found:?}");
}
