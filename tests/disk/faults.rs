//! A disk that fails while the program serves, and then no longer does.
//!
//! Whatever fails, and however: within a second the program says that it is not ready, takes no new
//! ticket (503 with `Retry-After`), and goes on showing what it has. Once the disk is well again it takes
//! tickets again without a restart, and every ticket it ever accepted comes to its end.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::faultfs::{Entry, Faults, Op};
use crate::figures::figure;
use crate::kills::SHORT_LOG;
use crate::load::Load;
use crate::session::{Memory, Session};
use crate::world::World;

/// From the first failing call until the program says so.
const NOTICED_WITHIN: Duration = Duration::from_secs(1);
/// From a disk that is well again until tickets are taken.
const RESUMED_WITHIN: Duration = Duration::from_secs(5);
/// How long the disk stays broken: several tries of the store to open the database again.
const BROKEN_FOR: Duration = Duration::from_millis(300);
/// The backend's bad moments, all in one life here, hold no callback up for longer than they last.
pub(crate) const PATIENT: &str = r#"
[supervision.callback]
breaker_failure_ratio = 1.0
breaker_open_for = "50ms"
breaker_max_open_for = "50ms"
retries_per_second = 1000.0
ramp_for = "0s"
"#;
/// A user whose session is open before and after.
const LISTENER: &str = "student-2";
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[tokio::test]
async fn a_disk_whose_syncs_fail_stops_intake_but_not_reads_and_heals_without_a_restart() {
    suffer("sync_eio", &["sync * 1 - fail EIO"]).await;
}

#[tokio::test]
async fn a_disk_whose_writes_fail_stops_intake_but_not_reads_and_heals_without_a_restart() {
    suffer("write_eio", &["write * 1 - fail EIO"]).await;
}

#[tokio::test]
async fn a_full_disk_stops_intake_but_not_reads_and_heals_without_a_restart() {
    // The same disk full twice: at once, and in the middle of a page.
    let calls = suffer(
        "enospc",
        &["write * 1 - fail ENOSPC", "write * 1 - room 2000"],
    )
    .await;
    let is_cut = |call: &Entry| call.result > 0 && hurts(call);
    assert!(calls.iter().any(is_cut), "no write was cut short");
}

#[tokio::test]
async fn a_disk_that_turns_read_only_stops_intake_but_not_reads_and_heals_without_a_restart() {
    let every_call = ["write", "sync", "truncate", "open", "unlink", "rename"]
        .map(|op| format!("{op} * 1 - fail EROFS"))
        .join("\n");
    suffer("erofs", &[&every_call]).await;
}

#[tokio::test]
async fn a_database_that_cannot_take_its_log_in_stops_intake_but_not_reads_and_heals() {
    // Commits go on into the log; the checkpoint after them fails.
    suffer(
        "checkpoint_eio",
        &[
            "write punchcard.db 1 - fail EIO",
            "sync punchcard.db 1 - fail EIO",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_slow_disk_makes_slow_answers_and_no_errors() {
    let (mut load, faults) = loaded().await;
    faults.set("sync * 1 - slow 50");
    until("ten slow syncs", async || faults.fired() >= 10).await;
    assert!(is_ready(&mut load).await);
    load.ask_for("say", None, "slow").await.expect(202);
    faults.lift();
    let slow = faults.fired();
    let account = load.settle().await;
    assert!(account.delivered > 0 && account.interrupted_attempts == 0);
    figure(
        "slow_disk",
        &[("slow_syncs", &slow), ("accepted", &account.tickets)],
    );
}

/// The program under load on a disk that is still well.
async fn loaded() -> (Load, Faults) {
    let mut faults = None;
    let settings = format!("{SHORT_LOG}{PATIENT}");
    let load = Load::start_with(&settings, |world| {
        let new = Faults::of(&world.data_dir(), world.dir());
        faults.insert(new).env()
    });
    let load = load.await;
    (load, faults.unwrap())
}

/// Breaks the disk by each of `rules` in turn, which are of the kind `fault`, under load. Gives what was called.
async fn suffer(fault: &str, rules: &[&str]) -> Vec<Entry> {
    let (load, faults) = loaded().await;
    let mut outages = Outages::begin(load).await;
    for rule in rules {
        outages.load.is_at_work().await;
        let before = faults.log().len();
        faults.set(rule);
        until("the fault", async || {
            faults.log()[before..].iter().any(hurts)
        })
        .await;
        outages.last_until(|| faults.lift()).await;
    }
    // The log goes with the world.
    let calls = faults.log();
    let account = outages.load.settle().await;
    assert!(account.delivered > 0);
    let failed = calls.iter().filter(|call| hurts(call)).count();
    figure(
        "disk_faults",
        &[
            ("fault", &fault),
            ("outages", &rules.len()),
            ("calls_failed", &failed),
            ("accepted", &account.tickets),
            ("delivered", &account.delivered),
            ("lost", &0),
            ("doubled", &0),
        ],
    );
    calls
}

/// Whether a call was failed or cut short; a write that still found room was not.
fn hurts(call: &Entry) -> bool {
    let is_cut = call.op == Op::Write && call.result.unsigned_abs() < call.length;
    call.fault.is_some() && (call.result < 0 || is_cut)
}

/// A program under load that goes through outages of its disk.
pub(crate) struct Outages {
    pub(crate) load: Load,
    /// A ticket from before, and what reads show of it.
    known: String,
    shown: Shown,
    /// A session from before.
    session: Session,
    outages: usize,
}

impl Outages {
    pub(crate) async fn begin(load: Load) -> Self {
        let known = load.ask_for("say", None, "known").await.expect(202);
        let known = known["id"].as_str().unwrap().to_owned();
        load.world.api.until_event(&known, "TicketPersisted").await;
        load.world.api.ticket(&known).await;
        Self {
            shown: Shown::of(&load.world, &known).await,
            session: load.world.session(LISTENER, Memory::new()).await,
            load,
            known,
            outages: 0,
        }
    }

    /// Checks what must be true from the first failing call on, until `heal` ends the outage and the
    /// program is at work again.
    pub(crate) async fn last_until(&mut self, heal: impl FnOnce()) {
        let Self {
            load,
            known,
            shown,
            session,
            outages,
        } = self;
        *outages += 1;
        let noticed = async { until("being noticed", async || !is_ready(load).await).await };
        let in_time = timeout(NOTICED_WITHIN, noticed).await;
        in_time.expect("an outage is noticed in time");

        let word = format!("probe-{outages}");
        let since = Instant::now();
        while since.elapsed() < BROKEN_FOR {
            let refused = load.ask_for("say", None, &word).await;
            refused.expect_problem(503, "store_unavailable");
            let after: u64 = refused.header("retry-after").parse().unwrap();
            assert!(after > 0);
            assert_eq!(Shown::of(&load.world, known).await, *shown);
        }
        let heard = load.world.session("somebody", Memory::new()).await;
        drop(heard.cut());
        assert!(!is_ready(load).await);

        heal();
        let healed = until("being well again", async || {
            is_ready(load).await && load.ask_for("say", None, &word).await.status == 202
        });
        let in_time = timeout(RESUMED_WITHIN, healed).await;
        in_time.expect("work resumes in time");
        // The session from before the outage gets the answer.
        let word = format!("after-{outages}");
        let issued = load
            .ask_for("explain", Some(LISTENER), &word)
            .await
            .expect(202);
        let answered = issued["id"].as_str().unwrap();
        session.until(answered, "answer").await;
        session.ack(answered).await;
    }
}

/// What reads show of a ticket and of the list.
#[derive(Debug, PartialEq)]
struct Shown {
    ticket: Value,
    history: Vec<Value>,
    listed: u16,
}

impl Shown {
    async fn of(world: &World, id: &str) -> Self {
        Self {
            ticket: world.api.ticket(id).await,
            history: world.api.history(id).await,
            listed: world.api.get("/v1/tickets?limit=5").await.status,
        }
    }
}

async fn is_ready(load: &mut Load) -> bool {
    let url = format!("{}/readyz", load.world.server().admin());
    crate::api::http()
        .get(url)
        .send()
        .await
        .unwrap()
        .status()
        .is_success()
}

/// Waits until `is_so`.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let reached = async {
        while !is_so().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let reached = timeout(Duration::from_secs(30), reached).await;
    reached.unwrap_or_else(|_| panic!("waiting for {what}"));
}
