//! What the runtime promises, as tests: the real actors over the doubles of `testing`.

#![expect(
    clippy::expect_used,
    reason = "what does not go as expected fails the test"
)]

mod asking;
mod callbacks;
mod canaries;
mod cancelling;
mod clock_jumps;
mod crashes;
mod cursors;
mod deadlines;
mod fallbacks;
mod feed;
mod forks;
mod guards;
mod idempotency;
mod late_commits;
mod life;
mod overload;
mod permits;
mod recovery;
mod redriving;
mod retries;
mod scheduling;
mod shadow_runs;
mod stopping;
mod store_faults;
mod streaming;
