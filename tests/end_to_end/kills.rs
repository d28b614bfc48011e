//! kill -9 at random moments under load.
//!
//! `PUNCHCARD_KILL_ROUNDS` makes it longer, `PUNCHCARD_SEED` repeats the moments of a failed run
//! (the machine's own timing is not repeated).

use std::time::Duration;

use crate::load::Load;
use crate::punchcard::Punchcard;

/// The signal that cannot be caught.
const SIGKILL: i32 = 9;

/// The rounds of the ordinary test run.
const ROUNDS: u64 = 200;

/// One round in so many also kills the next start, somewhere in this time.
const STILLBORN_EVERY: u64 = 8;
/// See [`STILLBORN_EVERY`].
const STARTING_MICROS: u64 = 150_000;

/// One round in so many kills right after the start, while open tickets are being picked up.
const EARLY_EVERY: u64 = 4;

#[tokio::test]
async fn a_process_killed_at_any_moment_loses_no_accepted_ticket_and_doubles_no_effect() {
    let rounds = setting("PUNCHCARD_KILL_ROUNDS").unwrap_or(ROUNDS);
    let seed = setting("PUNCHCARD_SEED").unwrap_or_else(random_seed);
    eprintln!("repeat with PUNCHCARD_SEED={seed} PUNCHCARD_KILL_ROUNDS={rounds}");
    let mut moments = Moments(seed);
    let mut load = Load::start().await;
    let mut hits = 0;
    let begun = tokio::time::Instant::now();
    for _ in 0..rounds {
        tokio::time::sleep(moments.next()).await;
        let calls_in_flight = load.world.model.running();
        let kill = async |server: Punchcard| assert_eq!(server.kill().await, Some(SIGKILL));
        if moments.one_in(STILLBORN_EVERY) {
            let life = Duration::from_micros(moments.below(STARTING_MICROS));
            load.restart_twice(life, kill).await;
        } else {
            load.restart(kill).await;
        }
        hits += u64::from(calls_in_flight > 0);
    }
    let killing = begun.elapsed();
    let account = load.settle().await;
    eprintln!(
        "{rounds} kills in {killing:?}, {hits} with calls in flight, {:?} in all: {account:?}",
        begun.elapsed()
    );
    assert!(account.tickets > 0 && account.delivered > 0);
    // The kills hit tickets in mid-life, again and again.
    assert!(
        hits * 4 > rounds,
        "only {hits} of {rounds} kills hit open tickets"
    );
    assert!(account.interrupted_attempts > 0);
    assert!(account.repeated_callbacks > 0);
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")),
    )
}

fn random_seed() -> u64 {
    getrandom::u64().unwrap()
}

/// The moments of the kills, from a seed (SplitMix64).
struct Moments(u64);

impl Moments {
    /// How long the next round lives.
    fn next(&mut self) -> Duration {
        let micros = if self.one_in(EARLY_EVERY) {
            self.below(20_000)
        } else {
            40_000 + self.below(160_000)
        };
        Duration::from_micros(micros)
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.draw().is_multiple_of(many)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.draw() % limit
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
