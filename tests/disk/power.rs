//! Power cuts: a run is recorded, and the disk rebuilt as a cut at any moment may leave it.
//!
//! The recording has marks between the writes: a ticket was accepted, its model was called, it was
//! delivered. What was marked before the cut must be in the image.
//!
//! The control arm is the same recording without the syncs that `PRAGMA synchronous=NORMAL` would not
//! make, and must lose marked events: else these tests could not see a loss. In the log mode (WAL),
//! NORMAL and FULL differ in one thing only, the sync of the log at the end of each commit
//! (<https://www.sqlite.org/pragma.html#pragma_synchronous>); both sync the log before it is folded into
//! the database, the database after that, and the log's header when it is begun anew. So a sync of the
//! log counts in the control arm only when the next call writes to the database, or the last one wrote
//! the log's header.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use punchcard::adapters::store_sqlite::{self, Options, SqliteStore};
use punchcard_actors::ports::EventStore as _;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::faultfs::{Entry, Faults, Op};
use crate::faults::until;
use crate::figures::{Chance, figure, setting};
use crate::image::Disk;
use crate::kills::SHORT_LOG;
use crate::load::word_of;
use crate::repeatable;
use crate::world::{World, otherwise};

/// Images of the ordinary test run.
const CUTS: u64 = 120;
/// Images of the run whose syncs failed for a while.
const CUTS_AFTER_A_FAILED_SYNC: u64 = 20;
/// Issuers at the same time, and tickets of each in one life of the program.
const ISSUERS: usize = 4;
/// See [`ISSUERS`].
const TICKETS: usize = 6;
/// Little is logged.
const QUIET: &str = "[log]\nlevel = \"warn\"\n";
/// The database's log.
const WAL: &str = "punchcard.db-wal";
/// What the log's header takes, in bytes.
const WAL_HEADER: u64 = 32;

/// What the world was told before the cut.
#[derive(Default, Debug)]
struct Told {
    accepted: BTreeSet<String>,
    delivered: BTreeSet<String>,
    /// By the word in the prompt.
    called: BTreeSet<String>,
}

#[tokio::test]
async fn a_power_cut_at_any_moment_loses_nothing_that_anybody_was_told() {
    let cuts = setting("PUNCHCARD_POWER_CUTS").unwrap_or(CUTS);
    let seed = repeatable();
    let mut chance = Chance(seed);
    let recording = record().await;
    let checkpoints = count(&recording, |e| e.op == Op::Sync && e.name == "punchcard.db");
    let begun = tokio::time::Instant::now();
    let moments = 0..recording.len();
    let with_all = cut(&recording, moments.clone(), &|_| true, cuts, &mut chance).await;
    assert_eq!(with_all.images_with_loss, 0, "{:#?}", with_all.first_loss);
    let by_normal = |at| is_made_by_normal(&recording, at);
    let control = cut(
        &recording,
        moments,
        &by_normal,
        cuts.div_ceil(8),
        &mut chance,
    )
    .await;
    assert!(checkpoints > 5 && with_all.writes_lost > 0 && with_all.told > 0);
    let unlinked = count(&recording, |e| e.op == Op::Unlink && e.name == WAL);
    assert!(unlinked > 0, "a clean stop removes the log");
    assert!(
        control.images_with_loss > 0,
        "the control arm lost nothing: these images cannot show a loss"
    );
    figure(
        "power_cuts",
        &[
            ("images", &cuts),
            ("writes_lost", &with_all.writes_lost),
            ("told", &with_all.told),
            ("images_with_loss", &with_all.images_with_loss),
            ("control_images", &cuts.div_ceil(8)),
            ("control_images_with_loss", &control.images_with_loss),
            ("calls", &recording.len()),
            ("checkpoints", &checkpoints),
            ("seed", &seed),
            ("seconds", &begun.elapsed().as_secs()),
        ],
    );
}

#[tokio::test]
async fn what_a_failed_sync_left_in_memory_is_not_taken_for_durable() {
    let seed = repeatable();
    let mut chance = Chance(seed);
    // The log is never folded here, which would write everything again.
    let (mut world, faults) = recorded("").await;
    world.start_again().await;
    work(&world, &faults, 0).await;
    faults.set("sync * 1 - fail EIO");
    let body = json!({ "task": "say", "input": { "word": "lost" } });
    let request = world.api.request(Method::POST, "/v1/tickets").json(&body);
    // The process is killed before anybody knows what became of it.
    let unanswered = tokio::spawn(request.send());
    until("a failed sync", async || faults.fired() > 0).await;
    assert_eq!(world.take_server().kill().await, Some(9));
    assert!(unanswered.await.unwrap().is_err());
    faults.lift();
    // What could not be synced is found in the log now, as if it had been.
    world.start_again().await;
    work(&world, &faults, 1).await;
    assert_eq!(world.take_server().kill().await, Some(9));
    let recording = faults.log();
    let failed = recording
        .iter()
        .rposition(|entry| entry.result < 0)
        .unwrap();
    let mut after = recording[failed..].iter();
    let told = failed + after.position(|entry| entry.op == Op::Mark).unwrap();
    let (mut images, mut writes_lost, mut told_before) = (0, 0, 0);
    // While the store is opened again, and once it has gone on.
    for moments in [failed..told, told..recording.len()] {
        let cuts = CUTS_AFTER_A_FAILED_SYNC;
        let outcome = cut(&recording, moments, &|_| true, cuts, &mut chance).await;
        assert_eq!(outcome.images_with_loss, 0, "{:#?}", outcome.first_loss);
        assert!(outcome.writes_lost > 0 && outcome.told > 0);
        images += cuts;
        writes_lost += outcome.writes_lost;
        told_before += outcome.told;
    }
    let failed_syncs = count(&recording, |e| e.op == Op::Sync && e.result < 0);
    figure(
        "power_cuts_after_a_failed_sync",
        &[
            ("failed_syncs", &failed_syncs),
            ("images", &images),
            ("writes_lost", &writes_lost),
            ("told", &told_before),
            ("images_with_loss", &0),
            ("seed", &seed),
        ],
    );
}

/// A world whose program is recorded, and marks the calls of its model.
async fn recorded(more: &str) -> (World, Faults) {
    let faults: Arc<OnceLock<Faults>> = Arc::default();
    let marks = Arc::clone(&faults);
    let answer = move |call: &_| {
        marks
            .get()
            .unwrap()
            .mark(&format!("called:{}", word_of(call)));
        otherwise(call)
    };
    let mut world = World::stopped(&format!("{QUIET}{more}"), answer).await;
    let recorder = Faults::of(&world.data_dir(), world.dir()).with_bytes();
    let faults = faults.get_or_init(|| recorder).clone();
    world.set_env(faults.env());
    (world, faults)
}

/// Three lives of the program under load: killed, stopped, killed.
async fn record() -> Vec<Entry> {
    let (mut world, faults) = recorded(SHORT_LOG).await;
    for life in 0..3 {
        world.start_again().await;
        work(&world, &faults, life).await;
        if life == 1 {
            world.stop().await;
        } else {
            assert_eq!(world.take_server().kill().await, Some(9));
        }
    }
    faults.log()
}

/// Issues tickets and takes their answers, and marks what it is told.
async fn work(world: &World, faults: &Faults, life: usize) {
    let mut issuers = JoinSet::new();
    for issuer in 0..ISSUERS {
        let (api, faults) = (world.api.clone(), faults.clone());
        issuers.spawn(async move {
            for number in 0..TICKETS {
                let word = format!("word-{life}-{issuer}-{number}");
                let task = if number % 2 == 0 { "say" } else { "explain" };
                let id = api.issue(task, None, json!({ "word": word })).await;
                faults.mark(&format!("accepted:{id}"));
                api.until_event(&id, "TicketPersisted").await;
                if api.ticket(&id).await["state"] == "delivered" {
                    faults.mark(&format!("delivered:{id}"));
                }
            }
        });
    }
    while let Some(ended) = issuers.join_next().await {
        ended.unwrap();
    }
}

/// Whether the sync at `at` would also be made with `synchronous=NORMAL`.
fn is_made_by_normal(recording: &[Entry], at: usize) -> bool {
    if recording[at].name != WAL {
        return true;
    }
    let is_call = |entry: &&Entry| entry.op != Op::Mark && !entry.name.ends_with("-shm");
    let next = recording[at + 1..].iter().find(is_call);
    let last = recording[..at].iter().rev().find(is_call);
    let folds = next.is_some_and(|next| next.op == Op::Write && next.name == "punchcard.db");
    let begins = last.is_some_and(|last| {
        last.op == Op::Write && last.name == WAL && last.offset == 0 && last.length == WAL_HEADER
    });
    folds || begins
}

/// What became of the images.
#[derive(Default)]
struct Outcome {
    images_with_loss: usize,
    first_loss: Option<String>,
    writes_lost: usize,
    told: usize,
}

/// Cuts the power `cuts` times, at some of the `moments` of the recording, of which only the syncs that `counts` says have
/// confirmed anything, and opens each image as the program would.
async fn cut(
    recording: &[Entry],
    moments: Range<usize>,
    counts: &dyn Fn(usize) -> bool,
    cuts: u64,
    chance: &mut Chance,
) -> Outcome {
    let mut images_at: BTreeMap<usize, usize> = BTreeMap::new();
    for _ in 0..cuts {
        let moment = moments.start + 1 + chance.one_of(moments.len());
        *images_at.entry(moment).or_default() += 1;
    }
    let (mut disk, mut told, mut outcome) = (Disk::default(), Told::default(), Outcome::default());
    for at in 0..=recording.len() {
        for _ in 0..images_at.get(&at).copied().unwrap_or_default() {
            let directory = image_directory();
            outcome.writes_lost += disk.cut(chance, directory.path());
            outcome.told += told.accepted.len() + told.delivered.len() + told.called.len();
            let losses = losses(directory.path(), &told).await;
            if !losses.is_empty() {
                outcome.images_with_loss += 1;
                let loss = || format!("cut before call {at}: {losses:?}");
                outcome.first_loss.get_or_insert_with(loss);
            }
        }
        let Some(entry) = recording.get(at) else {
            break;
        };
        told.hear(entry);
        if entry.op != Op::Sync || counts(at) {
            disk.apply(entry);
        }
    }
    outcome
}

/// A directory for one image: in memory, where there is such a place, since what is asked here is what
/// the bytes are worth.
fn image_directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Opens an image as the program would, checks that it is intact, and gives what the world was told of
/// and is not there.
async fn losses(image: &Path, told: &Told) -> Vec<String> {
    let store = match SqliteStore::open(Options::new(image)) {
        Ok(store) => store,
        // The store has seen for itself that something is missing.
        Err(refused) => return vec![refused.to_string()],
    };
    let events = store.read_all(None, usize::MAX).await.unwrap();
    store.close();
    let report = store_sqlite::verify(image).unwrap();
    if !report.is_clean() {
        return vec![format!("{report:?}")];
    }
    let mut here = Told::default();
    for recorded in &events {
        let Some(ticket) = recorded.stream.ticket() else {
            continue;
        };
        let event = &recorded.event;
        match event.kind.as_ref() {
            "TicketRequested" => drop(here.accepted.insert(ticket.to_string())),
            "TicketDelivered" => drop(here.delivered.insert(ticket.to_string())),
            "TicketSent" => drop(here.called.insert(ticket.to_string())),
            _ => {}
        }
    }
    // A call is known by its word, which is in the ticket's input.
    let requested = events.iter().filter(|e| e.event.kind == "TicketRequested");
    let words: BTreeMap<String, String> = requested
        .map(|e| {
            let data: serde_json::Value = serde_json::from_str(&e.event.data).unwrap();
            let word = data["input"]["word"].as_str().unwrap().to_owned();
            (word, e.stream.ticket().unwrap().to_string())
        })
        .collect();
    let is_called = |word: &&String| words.get(*word).is_some_and(|id| here.called.contains(id));
    let called = told.called.iter().filter(|word| !is_called(word));
    let lost = told.accepted.difference(&here.accepted);
    let lost = lost.chain(told.delivered.difference(&here.delivered));
    lost.chain(called).cloned().collect()
}

impl Told {
    fn hear(&mut self, entry: &Entry) {
        if entry.op != Op::Mark {
            return;
        }
        let (what, of) = entry.name.split_once(':').unwrap();
        match what {
            "accepted" => self.accepted.insert(of.to_owned()),
            "delivered" => self.delivered.insert(of.to_owned()),
            "called" => self.called.insert(of.to_owned()),
            other => panic!("a mark {other:?}"),
        };
    }
}

fn count(recording: &[Entry], is_one: impl Fn(&Entry) -> bool) -> usize {
    recording.iter().filter(|entry| is_one(entry)).count()
}
