//! Sessions and event streams under fire: clients that lie, flood, stop reading, vanish and come back
//! all at once. One file per theme.
//!
//! Most of it runs against the HTTP edge in this process; where memory, descriptors or signals count,
//! against the real program. Bigger runs than the gate's: `PUNCHCARD_STOPPED_READERS=5000`,
//! `PUNCHCARD_STORM_SESSIONS=5000`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says why"
)]

#[path = "../support/api.rs"]
mod api;
#[path = "../support/edge.rs"]
mod edge;
#[path = "../support/fake_backend.rs"]
mod fake_backend;
#[path = "../support/punchcard.rs"]
mod punchcard;
#[path = "../support/scripted_model.rs"]
mod scripted_model;
#[path = "../support/session.rs"]
mod session;

mod wire;
#[path = "../end_to_end/world.rs"]
mod world;

mod acknowledging;
mod admission;
mod damaged;
mod drain;
mod frames;
mod half_open;
mod opening;
mod process;
mod resume;
mod slow_readers;
mod stopped_readers;
mod storm;
mod streams;
mod tokens;

/// Waits until so many sessions and streams are connected.
async fn until_watched_by(edge: &edge::Edge, count: usize) {
    let reached = async {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
        while edge.sessions.count().await != Ok(count) {
            tick.tick().await;
        }
    };
    let reached = tokio::time::timeout(edge::PATIENCE, reached).await;
    reached.expect("the count is reached in time");
}
