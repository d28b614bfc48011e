//! SIGKILL at a chosen sync or write while the program serves: before the call, after half of a
//! write's bytes, and after the call but before anybody was told.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use punchcard::adapters::store_sqlite;

use crate::account::Account;
use crate::faultfs::{Faults, Op};
use crate::faults::PATIENT;
use crate::figures::{Chance, figure, setting};
use crate::load::Load;
use crate::punchcard::Env;
use crate::repeatable;

/// Kills at a sync, and at a write, of the ordinary test run.
const KILLS: u64 = 20;
/// A log so short that it is folded into the database every few commits.
pub(crate) const SHORT_LOG: &str = "\n[store]\ncheckpoint_pages = 48\n";
/// The syncs of a life that one may be killed at, in turn; a commit has one.
const SYNCS: usize = 60;
/// The writes of a life that one may be killed at; a commit has some twenty.
const WRITES: usize = 600;
/// The files whose calls a kill waits for; `*` is any.
const NAMES: [&str; 4] = ["punchcard.db", "*", "-wal", "*"];

/// What was killed how often, by the file's name and the action.
type Tally = BTreeMap<(String, String), u64>;

#[tokio::test]
async fn a_process_killed_at_any_sync_loses_no_accepted_ticket() {
    kill_at_each("sync", &["kill-before", "kill-after"], |round, _| {
        1 + (round - 1) % SYNCS
    })
    .await;
}

#[tokio::test]
async fn a_process_killed_at_any_write_loses_no_accepted_ticket() {
    let actions = ["kill-before", "kill-half", "kill-after"];
    // The first few are those of the start itself.
    let number = |round, chance: &mut Chance| match round {
        1..=6 => round,
        _ => 1 + chance.one_of(WRITES),
    };
    kill_at_each("write", &actions, number).await;
}

/// Kills at calls of `op`, each round with another action, file and number, and checks that each file
/// was hit in each way.
async fn kill_at_each(op: &str, actions: &[&str], number: impl Fn(usize, &mut Chance) -> usize) {
    let kills = setting("PUNCHCARD_SYSCALL_KILLS").unwrap_or(KILLS);
    let seed = repeatable();
    let mut chance = Chance(seed);
    let mut rules = Vec::new();
    for round in 1..=usize::try_from(kills).unwrap() {
        let name = NAMES[round % NAMES.len()];
        let action = actions[round / NAMES.len() % actions.len()];
        let from = number(round, &mut chance);
        rules.push(format!("{op} {name} {from} - {action}"));
    }
    let begun = tokio::time::Instant::now();
    let (tally, account) = kill_by(rules).await;
    print(op, &tally, &account, seed, begun.elapsed());
    for action in actions {
        for name in ["punchcard.db", "punchcard.db-wal"] {
            let at = (name.to_owned(), (*action).to_owned());
            assert!(tally.contains_key(&at), "none at {at:?}: {tally:?}");
        }
    }
}

/// Lets the program live once under each rule, which must kill it, and checks the store in between and
/// everything at the end.
async fn kill_by(rules: Vec<String>) -> (Tally, Account) {
    let settings = format!("{SHORT_LOG}{PATIENT}");
    let mut load = Load::start_with(&settings, |_| Env::new()).await;
    let faults = Faults::of(&load.world.data_dir(), load.world.dir());
    assert_eq!(load.world.take_server().kill().await, Some(9));
    load.world.set_env(faults.env());
    let mut tally = Tally::new();
    for rule in &rules {
        faults.clear_log();
        faults.set(rule);
        let ended = load.live_until_it_ends().await;
        assert_eq!(ended.signal(), Some(9), "{rule}: {ended}");
        let log = faults.log();
        let last = log.last().unwrap();
        assert_ne!(last.op, Op::Mark);
        let fault = last.fault.clone().expect("it was killed by the shim");
        *tally.entry((last.name.clone(), fault)).or_default() += 1;
        let report = store_sqlite::verify(&load.world.data_dir()).unwrap();
        assert!(report.is_clean(), "after {rule}: {report:?}");
    }
    load.world.set_env(Env::new());
    load.start_again().await;
    let account = load.settle().await;
    assert!(account.tickets > 0 && account.delivered > 0);
    assert!(
        account.interrupted_attempts > 0,
        "no kill hit a ticket in mid-life"
    );
    (tally, account)
}

/// Lost and doubled are zero, or the checker had objected.
fn print(op: &str, tally: &Tally, account: &Account, seed: u64, took: Duration) {
    let of = |is_one: &dyn Fn(&str, &str) -> bool| {
        let counts = tally
            .iter()
            .filter(|((name, action), _)| is_one(name, action));
        counts.map(|(_, count)| count).sum::<u64>()
    };
    let at = |file: &'static str| of(&|name, _| name == file);
    let by = |way: &'static str| of(&|_, action| action == way);
    let kills = of(&|_, _| true);
    let (database, log) = (at("punchcard.db"), at("punchcard.db-wal"));
    figure(
        "syscall_kills",
        &[
            ("at", &op),
            ("kills", &kills),
            ("database", &database),
            ("log", &log),
            ("elsewhere", &(kills - database - log)),
            ("before", &by("kill-before")),
            ("half", &by("kill-half")),
            ("after", &by("kill-after")),
            ("accepted", &account.tickets),
            ("lost", &0),
            ("doubled", &0),
            ("interrupted", &account.interrupted_attempts),
            ("seed", &seed),
            ("seconds", &took.as_secs()),
        ],
    );
}
