//! The real `punchcard` binary and the real store on a disk that fails.
//!
//! The program runs under `tests/support/faultfs/faultfs.c`, a shim that is loaded with LD_PRELOAD and
//! stands between SQLite and libc: it counts and logs every call that changes a file of the data
//! directory, fails or cuts or slows the calls that a test names, kills the program at a chosen one,
//! records all writes, and shifts the wall clock. A test that uses it
//! reads its log to prove that the fault fired.
//!
//! | file | what is done | what must be true |
//! |---|---|---|
//! | `kills.rs` | SIGKILL at the K-th sync or write: before it, after half of it, after it | every acknowledged ticket is there and goes on to its end |
//! | `ends.rs` | the same while a store is made, stopped or backed up | the next start goes on; a backup is whole or not there |
//! | `faults.rs`, `tmpfs.rs` | EIO, ENOSPC, EROFS, a full disk, a slow one, while serving | intake answers 503, reads live on, work resumes without a restart |
//! | `power.rs`, `image.rs` | a recorded run; images of the disk as a power cut leaves it | every acknowledged ticket is in every image; without the syncs of the log some are not |
//! | `stale.rs` | files put back, mixed or cut between two lives | a start is refused, changes nothing and serves nothing |
//! | `clock.rs` | the wall clock jumps a day forwards and a day back | order by revision; no ticket fails by the jump, and deadlines end tickets when they should |
//!
//! # Longer runs
//!
//! | variable | default | what it is |
//! |---|---|---|
//! | `PUNCHCARD_SYSCALL_KILLS` | 20 | kills at a sync while serving, and again as many at a write; at least 12 |
//! | `PUNCHCARD_POWER_CUTS` | 120 | images of a power cut |
//! | `PUNCHCARD_TMPFS` | - | `1` also fills a real small disk; needs user namespaces |
//! | `PUNCHCARD_SEED` | random, printed | repeats what was chosen by chance (the machine's timing is not repeated) |
//!
//! ```text
//! PUNCHCARD_SYSCALL_KILLS=1000 PUNCHCARD_POWER_CUTS=20000 cargo nextest run --test disk
//! ```
//!
//! It needs Linux and a C compiler, which building SQLite needs as well.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says why"
)]

#[path = "../support/account/mod.rs"]
mod account;
#[path = "../support/api.rs"]
mod api;
#[path = "../support/clients.rs"]
mod clients;
#[path = "../support/fake_backend.rs"]
mod fake_backend;
#[path = "../support/faultfs.rs"]
mod faultfs;
#[path = "../support/figures.rs"]
mod figures;
#[path = "../support/punchcard.rs"]
mod punchcard;
#[path = "../support/scripted_model.rs"]
mod scripted_model;
#[path = "../support/session.rs"]
mod session;

#[path = "../end_to_end/history.rs"]
mod history;
#[path = "../end_to_end/load.rs"]
mod load;
#[path = "../end_to_end/world.rs"]
mod world;

mod clock;
mod ends;
mod faults;
mod image;
mod kills;
mod power;
mod stale;
mod tmpfs;

/// The seed of this run; shown for a test that fails, to repeat it.
fn repeatable() -> u64 {
    let seed = figures::seed();
    eprintln!("repeat with PUNCHCARD_SEED={seed}");
    seed
}
