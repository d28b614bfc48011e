//! Deterministic simulation: the real runtime on one thread, in time that passes only when all wait,
//! in a world that is made up from one number.
//!
//! **How it works.** A seed gives a [plan](plan): a list of timed steps, from tickets issued and
//! sessions lost to stores that do not say whether they wrote, callbacks that did it and whose reply
//! is lost, actors that panic and processes that die at the third `TicketSent`. The [driver](drive)
//! carries it out over the real `Runtime`: its actors, registry, supervisors and feed. Below the
//! ports everything is ours and lives on over crashes: a [store], a [model], the tenants' [APIs](callbacks),
//! a [clock], the users' [clients](client) and the [issuers](issuer). The [oracle] looks at every
//! event, call, frame and reply as it comes, so a broken promise is found where it happens. When the
//! plan is done the faults stop, and [all must come to rest](finale). A plan that breaks a promise is
//! [made small](minimise), printed with its trace, and [kept](corpus) as a test.
//!
//! The same seed gives the same history, to the last line of its trace: ids, jitter and every delay
//! come from the plan. One thread and tokio's paused clock do the rest.
//!
//! **How much.** 10,000 seeds in every run, in four tests, so that two cores work.
//!
//! ```text
//! PUNCHCARD_SIM_SEEDS=1000000 cargo test --release -p punchcard-actors --test simulation
//! PUNCHCARD_SIM_SEED=42 cargo test -p punchcard-actors --test simulation one_seed -- --nocapture
//! ```
//!
//! **How we know that it sees.** Each fault is counted, and a run in which one did not fire fails. The
//! [mutants](mutant) are worlds that are wrong in one way each; every one must be noticed.
//!
//! **What is not here:** threads (all actors share one, so two never race in memory), the SQLite
//! store, HTTP, sockets and the session actor, each tested where it lives; and a disk that loses what
//! it promised, but for the mutant that shows it would be seen.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what does not go as expected fails the test"
)]
#![expect(clippy::print_stdout, reason = "a run tells what it did")]

mod callbacks;
mod chance;
mod client;
mod clock;
mod core;
mod corpus;
mod drive;
mod finale;
mod foreign;
mod generate;
mod issuer;
mod minimise;
mod model;
mod mutant;
mod oracle;
mod plan;
mod stage;
mod store;
mod trace;
mod world;

use std::ops::Range;
use std::sync::Once;
use std::time::Instant;

use drive::{Outcome, run};
use generate::generate;
use mutant::Mutant;
use plan::Plan;
use stage::Fired;

/// What a panic says that a plan asked for.
const SIMULATED_PANIC: &str = "as the plan says";

/// How many seeds a run tries.
const SEEDS: u64 = 10_000;

/// How many histories of the pure core there are for each seed.
const CORE_HISTORIES: u64 = 8;

/// Within so many seeds every mutant must have been noticed.
const SEEDS_PER_MUTANT: u64 = 300;

/// What must have happened in every part of a run.
const MUST_FIRE: [&str; 64] = [
    "a history in which nothing may come too late",
    "a history without faults",
    "an intent closed without its call",
    "another node writes",
    "asked: rejected",
    "asked: unavailable",
    "callback: 410",
    "callback: 422",
    "callback: delivered twice",
    "callback: done, and the reply lost",
    "callback: fails",
    "callback: hangs",
    "callback: panics",
    "callback: repeat dropped by its receiver",
    "callback: replaces",
    "callback: timeout",
    "cancelled",
    "client: bad cursor",
    "client: turned away",
    "clock: jumps backwards",
    "clock: jumps forwards",
    "crash: after an append",
    "crash: at any time",
    "crash: before an append",
    "crash: in a callback",
    "crash: in a model call",
    "ended: cancelled",
    "ended: delivered",
    "ended: failed",
    "failed: at once",
    "failed: attempts exhausted",
    "failed: callbacks exhausted",
    "failed: deadline",
    "failed: no time for another try",
    "failed: poison",
    "failed: undelivered",
    "fork: accepted",
    "fork: refused, not prepared",
    "guard: breaker open",
    "guard: callers in line",
    "guard: place left alone",
    "issuer: hangs up",
    "issuer: key in flight",
    "issuer: refused, key reused",
    "issuer: refused, stopping",
    "issuer: refused, too many",
    "issuer: refused, unavailable",
    "issuer: repeat answered with the first ticket",
    "model: 429 with Retry-After",
    "model: a fallback is asked",
    "model: against the schema",
    "model: fails in the stream",
    "model: hangs",
    "model: panics",
    "model: refuses",
    "model: stream cut",
    "restart",
    "store: down",
    "store: overtaken by another node",
    "store: reads fail",
    "store: slow",
    "store: unavailable",
    "store: unknown, not written",
    "store: unknown, written",
];

/// Keeps the panics that plans ask for off the screen.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() != Some(SIMULATED_PANIC) {
                loud(info);
            }
        }));
    });
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// One quarter of all seeds.
fn quarter(which: u64) -> Range<u64> {
    let all = number("PUNCHCARD_SIM_SEEDS").unwrap_or(SEEDS);
    all * which / 4..all * (which + 1) / 4
}

/// Tries `seeds`; the first that breaks a promise ends the test.
fn try_all(seeds: Range<u64>) {
    hush();
    let begun = Instant::now();
    let count = seeds.end - seeds.start;
    let mut fired = Fired::default();
    for seed in seeds {
        let plan = generate(seed);
        let outcome = run(&plan, None, false);
        fired.add(&outcome.fired);
        if !outcome.violations.is_empty() {
            fail(&plan, &outcome);
        }
    }
    let per_minute = count as f64 / begun.elapsed().as_secs_f64() * 60.0;
    println!(
        "{count} histories, {per_minute:.0} a minute\n{:#?}",
        fired.0
    );
    if count >= SEEDS / 4 {
        for fault in MUST_FIRE {
            assert!(fired.of(fault) > 0, "it never happened: {fault}");
        }
    }
}

/// Makes the plan small, keeps it, and fails the test with it.
fn fail(plan: &Plan, outcome: &Outcome) -> ! {
    let promise = outcome.violations[0].promise;
    let small = minimise::minimise(plan, None, promise);
    let again = run(&small, None, true);
    let kept = corpus::keep(&small).map_or_else(
        || "it could not be kept".to_owned(),
        |path| format!("kept as {}", path.display()),
    );
    let (seed, from, to) = (plan.seed, plan.steps.len(), small.steps.len());
    panic!(
        "seed {seed} breaks a promise: {}\n\n{to} of {from} steps are enough:\n{}\n\n{}\n{kept}\n\
         again: PUNCHCARD_SIM_SEED={seed} cargo test -p punchcard-actors --test simulation one_seed \
         -- --nocapture",
        outcome.violations[0],
        corpus::text(&small),
        again.trace,
    );
}

#[test]
fn every_promise_holds_in_the_first_quarter_of_the_seeds() {
    try_all(quarter(0));
}

#[test]
fn every_promise_holds_in_the_second_quarter_of_the_seeds() {
    try_all(quarter(1));
}

#[test]
fn every_promise_holds_in_the_third_quarter_of_the_seeds() {
    try_all(quarter(2));
}

#[test]
fn every_promise_holds_in_the_last_quarter_of_the_seeds() {
    try_all(quarter(3));
}

#[test]
fn one_seed() {
    hush();
    let chosen = number("PUNCHCARD_SIM_SEED");
    let plan = generate(chosen.unwrap_or(0));
    let outcome = run(&plan, None, chosen.is_some());
    if chosen.is_some() {
        println!("{}\n\n{}", corpus::text(&plan), outcome.trace);
    }
    assert_eq!(outcome.violations, []);
}

#[test]
fn every_plan_that_ever_broke_a_promise_keeps_all_of_them_now() {
    hush();
    let kept = corpus::kept();
    assert!(!kept.is_empty(), "the corpus is there");
    for (name, plan) in kept {
        let outcome = run(&plan, None, true);
        let violations = outcome.violations;
        assert!(
            violations.is_empty(),
            "{name}: {violations:?}\n{}",
            outcome.trace
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    hush();
    let lived = |seed| run(&generate(seed), None, false).hash;
    let seeds = 20_000..20_060;
    let first: Vec<_> = seeds.clone().map(lived).collect();
    let again: Vec<_> = seeds.clone().map(lived).collect();
    assert_eq!(first, again);
    // Nor does it hang on the thread, or on what ran there before.
    let elsewhere = std::thread::spawn(move || {
        let backwards = seeds
            .rev()
            .map(|seed| run(&generate(seed), None, false).hash);
        backwards.collect::<Vec<_>>()
    });
    let mut elsewhere = elsewhere.join().expect("the thread ends");
    elsewhere.reverse();
    assert_eq!(first, elsewhere);
}

#[test]
fn a_plan_is_read_back_as_it_was_written() {
    for seed in 0..500 {
        let plan = generate(seed);
        let read: Plan = serde_json::from_str(&corpus::text(&plan)).expect("a plan");
        assert_eq!(read, plan);
    }
}

/// The first seed in whose history a world that is wrong in this way is noticed.
fn noticed(mutant: Mutant) -> Plan {
    hush();
    for seed in 0..SEEDS_PER_MUTANT {
        let plan = generate(seed);
        let outcome = run(&plan, Some(mutant), false);
        if let Some(violation) = outcome.violations.first() {
            println!("{mutant:?} is noticed in seed {seed}: {violation}");
            return plan;
        }
    }
    panic!("{mutant:?} was not noticed in {SEEDS_PER_MUTANT} seeds");
}

#[test]
fn a_store_that_loses_what_it_acknowledged_is_noticed() {
    noticed(Mutant::ForgetsAtCrash);
}

#[test]
fn a_store_that_ignores_revisions_is_noticed() {
    noticed(Mutant::IgnoresRevisions);
}

#[test]
fn a_store_that_writes_twice_is_noticed() {
    noticed(Mutant::WritesTwice);
}

#[test]
fn a_call_before_its_intent_is_durable_is_noticed() {
    noticed(Mutant::AcknowledgesEarly);
}

#[test]
fn an_answer_that_counts_as_persisted_and_is_not_is_noticed() {
    noticed(Mutant::PersistsNothing);
}

#[test]
fn a_feed_that_loses_text_is_noticed() {
    noticed(Mutant::DropsText);
}

#[test]
fn a_feed_that_loses_news_is_noticed() {
    noticed(Mutant::DropsNews);
}

#[test]
fn a_plan_that_breaks_a_promise_is_made_small() {
    let mutant = Mutant::ForgetsAtCrash;
    let plan = noticed(mutant);
    let promise = run(&plan, Some(mutant), false).violations[0].promise;
    let small = minimise::minimise(&plan, Some(mutant), promise);
    println!("{}", corpus::text(&small));
    assert!(small.steps.len() <= 3, "a ticket and a crash are enough");
    let outcome = run(&small, Some(mutant), false);
    assert_eq!(outcome.violations[0].promise, promise);
}

#[test]
fn every_promise_of_the_pure_core_holds() {
    let begun = Instant::now();
    let count = number("PUNCHCARD_SIM_SEEDS").unwrap_or(SEEDS) * CORE_HISTORIES;
    let mut events = 0;
    for seed in 0..count {
        match core::live(seed) {
            Ok(lived) => events += lived,
            Err(wrong) => panic!("history {seed} of the pure core: {wrong}"),
        }
    }
    let per_minute = count as f64 / begun.elapsed().as_secs_f64() * 60.0;
    println!("{count} histories of {events} events, {per_minute:.0} a minute");
    assert!(
        events as u64 > count * 3,
        "they are more than their beginnings"
    );
}
