//! Flipped bits: whatever they change of an event, a head, a line or an index is found.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use punchcard_actors::ports::{Direction, EventStore, Order, TicketFilter, TicketIndex};
use punchcard_events::Recorded;
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

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

/// A directory that was closed, with an accepted loss in it, and the same as a kill leaves it
/// later, with a log.
async fn images(closed: &Path, killed: &Path) {
    let (store, dir) = open().await;
    fill(&store).await;
    let more = (10..30).map(|number| deliver(&store, number));
    futures_util::future::join_all(more).await;
    store.close();
    fs::remove_file(dir.path().join("punchcard.witness")).unwrap();
    accept_loss(&Options::new(dir.path()), true, 1_000).unwrap();
    image(dir.path(), closed);
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    deliver(&store, 6).await;
    issue(&store, 7).await;
    image(dir.path(), killed);
}

/// A directory in memory: its files by name.
type Files = BTreeMap<String, Vec<u8>>;

fn load(dir: &Path) -> Files {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    };
    entries
        .map(file)
        .filter(|(name, _)| name.starts_with("punchcard."))
        .collect()
}

fn place(files: &Files, dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (name, bytes) in files {
        fs::write(dir.join(name), bytes).unwrap();
    }
}

/// What is in an image that nothing happened to.
struct Sound {
    files: Files,
    content: Vec<Vec<Value>>,
    events: Vec<Recorded>,
}

impl Sound {
    async fn new(image: &Path, scratch: &Path) -> Self {
        let files = load(image);
        place(&files, scratch);
        let content = content(scratch).unwrap();
        let store = SqliteStore::open(Options::new(scratch)).unwrap();
        let events = store.read_all(None, 1_000).await.unwrap();
        store.close();
        Self {
            files,
            content,
            events,
        }
    }
}

/// A directory whose syncs cost nothing, where the system has such a place.
fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
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

/// What a store that opens serves is what was stored, or an error. False when it does not open.
async fn serves_nothing_wrong(dir: &Path, sound: &[Recorded], what: &str) -> bool {
    let Ok(store) = SqliteStore::open(Options::new(dir)) else {
        return false;
    };
    if let Ok(events) = store.read_all(None, 1_000).await {
        assert_eq!(events, sound, "{what}");
    }
    for event in sound {
        let read = store.read_stream(&event.stream, Some(event.revision), Direction::Forwards, 1);
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
    true
}

#[tokio::test]
async fn every_flipped_bit_that_changes_anything_is_found_and_never_served() {
    let dirs = [(); 3].map(|()| in_memory());
    let [closed, killed, scratch] = dirs.each_ref().map(TempDir::path);
    images(closed, killed).await;
    let images = [
        Sound::new(closed, scratch).await,
        Sound::new(killed, scratch).await,
    ];
    let mut dice = Dice(setting(SEED, 4_711));
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut unused, mut opened) = (0, 0);
    for flip in 0..setting(FLIPS, 300) {
        // Most flips go to the closed database: where there is a log, it hides many pages.
        let (image, name) = [
            (0, "punchcard.db"),
            (0, "punchcard.db"),
            (0, "punchcard.db"),
            (1, "punchcard.db"),
            (1, "punchcard.db-wal"),
            (1, "punchcard.witness"),
        ][dice.below(6)];
        let sound = &images[image];
        let mut files = sound.files.clone();
        let bytes = files.get_mut(name).unwrap();
        // The witness's slots are small beside the hole between them.
        let byte = match name {
            "punchcard.witness" => [0, 4_096][dice.below(2)] + dice.below(104),
            _ => dice.below(bytes.len()),
        };
        let bit = dice.below(8);
        bytes[byte] ^= 1 << bit;
        let what = format!("flip {flip}: bit {bit} of byte {byte} of {name} of image {image}");
        place(&files, scratch);
        let clean = verify(scratch)
            .is_ok_and(|report| report.is_clean() && report.witness == WitnessSays::Agrees);
        if clean {
            assert_eq!(content(scratch).as_ref(), Ok(&sound.content), "{what}");
            unused += 1;
        } else {
            *found.entry(name).or_default() += 1;
        }
        if flip % 4 == 0 {
            place(&files, scratch);
            opened += u64::from(serves_nothing_wrong(scratch, &sound.events, &what).await);
        }
    }
    eprintln!("flips found: {found:?}; in unused bytes: {unused}; opened all the same: {opened}");
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found["punchcard.db"] > 50 && opened > 0, "{found:?}");
}
