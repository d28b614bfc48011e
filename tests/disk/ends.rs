//! SIGKILL at every sync, and at writes, of what happens once: the making of a store, a clean stop, a
//! backup.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use punchcard::adapters::store_sqlite::{self, Options, SqliteStore};
use serde_json::json;

use crate::api::Api;
use crate::faultfs::{Entry, Faults, Op};
use crate::figures::figure;
use crate::punchcard::{Env, Punchcard, run_with};
use crate::world::{World, otherwise, text};

/// Every sync is killed at; of the writes, so many.
const WRITES: usize = 8;
/// The ways to kill at a sync, and at a write.
const AT_A_SYNC: [&str; 2] = ["kill-before", "kill-after"];
/// See [`AT_A_SYNC`].
const AT_A_WRITE: [&str; 3] = ["kill-before", "kill-half", "kill-after"];

#[tokio::test]
async fn a_store_whose_making_was_killed_anywhere_is_made_at_the_next_start() {
    let world = World::stopped("", otherwise).await;
    let unharmed = make(&world, "unharmed", "").await.expect("it starts");
    let kills = Kill::at_each(&unharmed);
    // The prompts that are taken over share commits as it happens, so a start may need a few calls
    // fewer than the one that was counted, and then nothing is killed at the last of them.
    let mut spared = Vec::new();
    for (number, kill) in kills.iter().enumerate() {
        let name = format!("store-{number}");
        let rule = kill.rule(0);
        if make(&world, &name, &rule).await.is_some() {
            spared.push(rule);
            continue;
        }
        let data_dir = data_dir(&world, &name);
        let store = SqliteStore::open(Options::new(&data_dir));
        store
            .unwrap_or_else(|error| panic!("{rule}: {error}"))
            .close();
        let report = store_sqlite::verify(&data_dir).unwrap();
        assert!(report.is_clean(), "{rule}: {report:?}");
    }
    assert!(spared.len() <= kills.len() / 10, "they lived: {spared:?}");
    let killed = kills.len() - spared.len();
    figure("kills_of_a_making", &[("kills", &killed)]);
    assert!(killed > 2 * AT_A_SYNC.len() + WRITES / 2);
}

/// Starts the program on a new data directory under `rule`. Gives what was called, if it lives.
async fn make(world: &World, name: &str, rule: &str) -> Option<Vec<Entry>> {
    let home = world.dir().join(format!("{name}-faults"));
    std::fs::create_dir(&home).unwrap();
    let data_dir = data_dir(world, name);
    let more = home.join("more.toml");
    std::fs::write(&more, format!("store.data_dir = {:?}", text(&data_dir))).unwrap();
    let configs = [world.configs()[0].clone(), more];
    let faults = Faults::of(&data_dir, &home);
    faults.set(rule);
    match Punchcard::try_start_with(&configs, &home.join("log"), &faults.env()).await {
        Ok(server) => {
            let log = faults.log();
            assert_eq!(server.kill().await, Some(9));
            Some(log)
        }
        Err(ended) => {
            assert_eq!(ended.status.signal(), Some(9), "{rule}: {ended:?}");
            assert_eq!(faults.fired(), 1);
            None
        }
    }
}

fn data_dir(world: &World, name: &str) -> PathBuf {
    world.dir().join(name)
}

/// A kill at a call: what is called, which one of these, and how.
#[derive(Debug, Clone, Copy)]
struct Kill {
    op: Op,
    number: u64,
    action: &'static str,
}

impl Kill {
    /// The kills at every sync, and at some of the writes, of what called `log`.
    fn at_each(log: &[Entry]) -> Vec<Self> {
        let numbers = |op| log.iter().filter(move |e| e.op == op).map(|e| e.number);
        let syncs = numbers(Op::Sync).flat_map(|number| {
            let op = Op::Sync;
            AT_A_SYNC.map(|action| Self { op, number, action })
        });
        let every = numbers(Op::Write).count().div_ceil(WRITES).max(1);
        let writes = numbers(Op::Write).step_by(every);
        let writes = writes
            .zip(AT_A_WRITE.into_iter().cycle())
            .map(|(number, action)| {
                let op = Op::Write;
                Self { op, number, action }
            });
        syncs.chain(writes).collect()
    }

    /// As a rule of the shim, for a process that has called it `before` times.
    fn rule(self, before: u64) -> String {
        let (op, number) = (self.op.as_str(), before + self.number);
        format!("{op} * {number} {number} {}", self.action)
    }
}

#[tokio::test]
async fn a_clean_stop_that_was_killed_anywhere_has_lost_nothing() {
    let mut world = World::stopped("", otherwise).await;
    let faults = Faults::of(&world.data_dir(), world.dir());
    world.set_env(faults.env());
    let mut issued = Vec::new();
    stop(&mut world, &faults, &mut issued, None).await;
    let unharmed = stop(&mut world, &faults, &mut issued, None).await;
    let kills = Kill::at_each(&unharmed);
    let mut hit = 0;
    for kill in &kills {
        stop(&mut world, &faults, &mut issued, Some(*kill)).await;
        hit += faults.fired();
    }
    assert!(hit > 2 * AT_A_SYNC.len(), "{hit} of {kills:?}");
    world.set_env(Env::new());
    world.start_again().await;
    for id in &issued {
        assert_eq!(world.api.ticket(id).await["state"], "delivered");
    }
    world.stop().await;
    world.verify_store().await;
    let (accepted, lost) = (issued.len(), 0);
    figure(
        "kills_of_a_stop",
        &[("kills", &hit), ("accepted", &accepted), ("lost", &lost)],
    );
}

/// Starts the program, has it deliver a ticket, tells it to stop and kills it at a call of that stop,
/// counted from there. Gives what the stop called.
async fn stop(
    world: &mut World,
    faults: &Faults,
    issued: &mut Vec<String>,
    kill: Option<Kill>,
) -> Vec<Entry> {
    faults.clear_log();
    faults.lift();
    world.start_again().await;
    let word = format!("word-{}", issued.len());
    let id = world.api.issue("say", None, json!({ "word": word })).await;
    world.api.until_event(&id, "TicketPersisted").await;
    assert_eq!(world.api.ticket(&id).await["state"], "delivered");
    issued.push(id);
    // Nothing is owed any more, so nothing is written until the stop.
    let before = |op| faults.count(op);
    let (syncs, writes) = (before(Op::Sync), before(Op::Write));
    if let Some(kill) = kill {
        faults.set(&kill.rule(before(kill.op)));
    }
    let mut server = world.take_server();
    server.ask_to_stop().await;
    let ended = server.ended().await;
    // One stop may write a page less than another, and so end before it is killed.
    let is_killed = faults.fired() > 0;
    assert_eq!(ended.signal(), is_killed.then_some(9), "{kill:?}: {ended}");
    assert!(is_killed || ended.success());
    let report = store_sqlite::verify(&world.data_dir()).unwrap();
    assert!(report.is_clean(), "{kill:?}: {report:?}");
    let mut calls = faults.log();
    for call in &mut calls {
        let before = if call.op == Op::Sync { syncs } else { writes };
        call.number = call.number.saturating_sub(before);
    }
    calls.retain(|call| matches!(call.op, Op::Sync | Op::Write) && call.number > 0);
    calls
}

#[tokio::test]
async fn a_backup_that_was_killed_anywhere_is_whole_or_not_there() {
    let world = World::start().await;
    for number in 0..5 {
        let word = format!("word-{number}");
        let id = world.api.issue("say", None, json!({ "word": word })).await;
        world.api.until_event(&id, "TicketPersisted").await;
    }
    let unharmed = back_up(&world, "unharmed", "").await;
    let kills = Kill::at_each(&unharmed);
    let (mut whole, mut none) = (0, 0);
    for (number, kill) in kills.iter().enumerate() {
        let name = format!("backup-{number}");
        back_up(&world, &name, &kill.rule(0)).await;
        let copy = world.dir().join(&name).join("copy.db");
        if copy.exists() {
            assert_holds(&copy, &world.api).await;
            whole += 1;
        } else {
            none += 1;
        }
    }
    assert!(whole > 0 && none > 0);
    assert_holds(&world.data_dir(), &world.api).await;
    figure(
        "kills_of_a_backup",
        &[("kills", &kills.len()), ("whole", &whole), ("none", &none)],
    );
}

/// Backs the running server's store up under `rule`, into a directory of its own.
async fn back_up(world: &World, name: &str, rule: &str) -> Vec<Entry> {
    let target = world.dir().join(name);
    let home = world.dir().join(format!("{name}-faults"));
    std::fs::create_dir(&target).unwrap();
    std::fs::create_dir(&home).unwrap();
    let faults = Faults::of(&target, &home);
    faults.set(rule);
    let (copy, data_dir) = (target.join("copy.db"), world.data_dir());
    let args = [
        "store",
        "backup",
        text(&copy),
        "--data-dir",
        text(&data_dir),
    ];
    let made = run_with(&args, &faults.env()).await;
    let expected = if rule.is_empty() { None } else { Some(9) };
    assert_eq!(made.status.signal(), expected, "{rule}: {made:?}");
    faults.log()
}

/// Checks that a store is intact and has every ticket.
async fn assert_holds(store: &Path, api: &Api) {
    let report = store_sqlite::verify(store).unwrap();
    assert!(report.is_clean(), "{report:?}");
    let listed = api.get("/v1/tickets").await.json();
    let tickets = listed["tickets"].as_array().unwrap().len();
    assert_eq!(report.tickets, tickets as u64);
}
