//! Overload: the real binary under ten times the load that its model can bear.
//!
//! The load is *open*: requests come on a fixed schedule, whether or not earlier ones were answered,
//! and an answer's latency counts from the time its request was due. A closed loop would slow down
//! with the server and hide what it should show (B. Schroeder et al., *Open Versus Closed*, NSDI 2006).
//!
//! The bottleneck is the model, a fake of known capacity that is small against what the program and
//! this machine can do, so the figures are the policy's and not the machine's. All of them are ratios
//! and bounds within one run. `PUNCHCARD_OVERLOAD_SECONDS` makes the overload longer than its
//! default of 8 s.

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
#[path = "../support/process.rs"]
mod process;
#[path = "../support/punchcard.rs"]
mod punchcard;
#[path = "../support/scripted_model.rs"]
mod scripted_model;

mod bounds;
mod generator;
mod machine;
mod model;
mod outcome;
mod tenfold;
mod watch;
mod wire;
mod world;
