//! kill -9 at random moments under load: at work, while open tickets are taken up again, while
//! starting, in the middle of a drain, and during a backup.
//!
//! `PUNCHCARD_KILL_ROUNDS` makes it longer, `PUNCHCARD_SEED` repeats the moments of a failed run
//! (the machine's own timing is not repeated).

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::account::Account;
use crate::figures::{Chance, figure, seed, setting};
use crate::load::Load;
use crate::punchcard::{Punchcard, begin, run};
use crate::world::text;

/// The signal that cannot be caught.
const SIGKILL: i32 = 9;

/// The rounds of the ordinary test run.
const ROUNDS: u64 = 200;
/// So many kills are done to one store before its account is drawn up: then a fresh one takes over,
/// and a long run costs no more a round than a short one.
const ROUNDS_PER_STORE: u64 = 250;

/// How long a round lives at most, from its first call of the model: so a slow machine has full rounds
/// too.
const LIFE: Duration = Duration::from_millis(150);
/// How long a process lives at most that is killed while it takes open tickets up again.
const RECOVERING: Duration = Duration::from_millis(20);
/// How long a process lives at most that is killed while it starts.
const STARTING: Duration = Duration::from_millis(150);
/// How long a drain is let go on at most.
const DRAINING: Duration = Duration::from_millis(60);
/// How long a backup is let go on at most.
const COPYING: Duration = Duration::from_millis(60);

/// What the process is doing when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Its work.
    Working,
    /// Taking up open tickets, right after the start.
    Recovering,
    /// Its work; and the next start is killed too, ready or not.
    Starting,
    /// Stopping, after a SIGTERM.
    Draining,
    /// Its work, while a backup is taken; the backup goes on.
    CopiedFrom,
    /// Its work, while a backup is taken, which is killed first.
    CopyCut,
}

impl Moment {
    const ALL: [Self; 6] = [
        Self::Working,
        Self::Recovering,
        Self::Starting,
        Self::Draining,
        Self::CopiedFrom,
        Self::CopyCut,
    ];

    /// Of sixteen rounds: half at work, and the others shared out.
    fn draw(chance: &mut Chance) -> Self {
        match chance.below(16) {
            0..4 => Self::Recovering,
            4..6 => Self::Starting,
            6 => Self::Draining,
            7 => Self::CopiedFrom,
            8 => Self::CopyCut,
            _ => Self::Working,
        }
    }
}

/// What has been done, over all stores.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    /// By [`Moment`].
    moments: [u64; Moment::ALL.len()],
    /// Kills with calls of the model under way.
    in_flight: u64,
    /// Backups that were whole in spite of it all.
    copies: u64,
    accounts: Account,
}

#[tokio::test]
async fn a_process_killed_at_any_moment_loses_no_accepted_ticket_and_doubles_no_effect() {
    let rounds = setting("PUNCHCARD_KILL_ROUNDS").unwrap_or(ROUNDS);
    let seed = seed();
    eprintln!("repeat with PUNCHCARD_SEED={seed} PUNCHCARD_KILL_ROUNDS={rounds}");
    let mut chance = Chance(seed);
    let mut tally = Tally::default();
    let begun = Instant::now();
    while tally.kills < rounds {
        let mut load = Load::start().await;
        let until = rounds.min(tally.kills + ROUNDS_PER_STORE);
        while tally.kills < until {
            round(&mut load, &mut chance, &mut tally).await;
        }
        tally.add(load.settle().await);
        eprintln!(
            "{} of {rounds} kills after {:?}",
            tally.kills,
            begun.elapsed()
        );
    }
    tally.print(seed, begun.elapsed());
    tally.check();
}

async fn round(load: &mut Load, chance: &mut Chance, tally: &mut Tally) {
    let moment = Moment::draw(chance);
    if moment == Moment::Recovering {
        tokio::time::sleep(chance.up_to(RECOVERING)).await;
    } else {
        load.is_at_work().await;
        tokio::time::sleep(chance.up_to(LIFE)).await;
    }
    tally.in_flight += u64::from(load.world.model.running() > 0);
    tally.moments[moment as usize] += 1;
    tally.kills += 1;
    let kill = async |server: Punchcard| assert_eq!(server.kill().await, Some(SIGKILL));
    match moment {
        Moment::Working | Moment::Recovering => load.restart(kill).await,
        Moment::Starting => {
            tally.kills += 1;
            load.restart_twice(chance.up_to(STARTING), kill).await;
        }
        Moment::Draining => {
            let drain = chance.up_to(DRAINING);
            load.restart(async |server| {
                server.ask_to_stop().await;
                tokio::time::sleep(drain).await;
                // It may have been done already, and then it has ended well.
                let ended = server.kill().await;
                assert!(matches!(ended, None | Some(SIGKILL)), "{ended:?}");
            })
            .await;
        }
        Moment::CopiedFrom | Moment::CopyCut => {
            tally.copies += u64::from(copy(load, chance, moment).await);
        }
    }
}

/// Kills the server, and perhaps the backup, while a backup is taken. Gives whether the copy is there:
/// if it is, it is whole.
async fn copy(load: &mut Load, chance: &mut Chance, moment: Moment) -> bool {
    let (data_dir, file) = (load.world.data_dir(), load.world.dir().join("copy.db"));
    let accepted = load.clients.tickets_so_far();
    let mut backup = begin(&[
        "store",
        "backup",
        text(&file),
        "--data-dir",
        text(&data_dir),
    ]);
    let going = chance.up_to(COPYING);
    load.restart(async |server| {
        tokio::time::sleep(going).await;
        if moment == Moment::CopyCut {
            backup.start_kill().unwrap();
        }
        assert_eq!(server.kill().await, Some(SIGKILL));
        let ended = backup.wait().await.unwrap();
        let must_succeed = moment == Moment::CopiedFrom;
        assert!(
            ended.success() || !must_succeed,
            "the backup failed: {ended}"
        );
    })
    .await;
    let is_there = file.exists();
    assert!(is_there || moment == Moment::CopyCut);
    if is_there {
        is_whole(&file, accepted).await;
        std::fs::remove_file(&file).unwrap();
    }
    is_there
}

/// Checks a copy: its chain holds, and all tickets are there that were accepted before it was begun.
async fn is_whole(file: &Path, accepted: usize) {
    let verified = run(&["store", "verify", "--data-dir", text(file)]).await;
    assert!(verified.status.success(), "{verified:?}");
    let stats = run(&["--json", "store", "stats", "--data-dir", text(file)]).await;
    let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
    let states = stats["tickets"].as_object().unwrap();
    let stored: u64 = states.values().filter_map(Value::as_u64).sum();
    assert!(
        stored >= accepted as u64,
        "{accepted} were accepted: {stats}"
    );
}

impl Tally {
    fn add(&mut self, account: Account) {
        let sum = &mut self.accounts;
        sum.tickets += account.tickets;
        sum.delivered += account.delivered;
        sum.failed += account.failed;
        sum.calls += account.calls;
        sum.interrupted_attempts += account.interrupted_attempts;
        sum.effects += account.effects;
        sum.repeated_callbacks += account.repeated_callbacks;
    }

    /// Lost and doubled are zero, or the checker had objected.
    fn print(&self, seed: u64, took: Duration) {
        let seconds = took.as_secs();
        let sum = &self.accounts;
        let moments = Moment::ALL.map(|moment| {
            (
                format!("{moment:?}").to_lowercase(),
                self.moments[moment as usize],
            )
        });
        let mut figures: Vec<(&str, &dyn std::fmt::Display)> = vec![
            ("kills", &self.kills),
            ("accepted", &sum.tickets),
            ("lost", &0),
            ("doubled", &0),
            ("delivered", &sum.delivered),
            ("calls", &sum.calls),
            ("in_flight", &self.in_flight),
            ("interrupted", &sum.interrupted_attempts),
            ("effects", &sum.effects),
            ("repeats_dropped", &sum.repeated_callbacks),
            ("copies", &self.copies),
        ];
        figures.extend(
            moments
                .iter()
                .map(|(name, count)| (name.as_str(), count as &dyn std::fmt::Display)),
        );
        figures.extend([
            ("seed", &seed as &dyn std::fmt::Display),
            ("seconds", &seconds),
        ]);
        figure("kills", &figures);
    }

    /// The kills hit tickets in mid-life, again and again.
    fn check(&self) {
        let sum = &self.accounts;
        assert!(sum.tickets > 0 && sum.delivered > 0);
        assert!(self.in_flight * 4 > self.moments.iter().sum(), "{self:?}");
        assert!(
            sum.interrupted_attempts > 0 && sum.repeated_callbacks > 0,
            "{self:?}"
        );
        // With so many rounds none of the moments is missing by chance.
        if self.kills >= ROUNDS {
            assert!(!self.moments.contains(&0), "{self:?}");
        }
    }
}
