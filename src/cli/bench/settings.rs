//! What is measured, how long and how often.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::BenchArgs;

/// Descriptors that Punchcard holds for a session: the connection, and a second one to cut it by.
const FILES_PER_SESSION: usize = 2;

/// The most open tickets.
const MAX_OPEN: u64 = 500_000;

/// Descriptors for everything else.
const OTHER_FILES: usize = 500;

/// What is measured, how long and how often.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Settings {
    /// Pairs of rounds for each combination.
    pub(super) rounds: u32,
    /// How long a round is measured.
    #[serde(serialize_with = "seconds", rename = "seconds")]
    pub(super) measured: Duration,
    /// How long it runs before that, and how long memory settles before it is read.
    #[serde(serialize_with = "seconds", rename = "warm_up_seconds")]
    pub(super) warm_up: Duration,
    /// The model's delays.
    pub(super) model_delays_ms: Vec<u64>,
    /// Tickets under way at a time.
    pub(super) in_flight: Vec<usize>,
    /// Tickets under way where the latency is measured.
    pub(super) latency_in_flight: Vec<usize>,
    /// Tickets open where memory and recovery are measured.
    pub(super) open_tickets: u64,
    /// Idle sessions where their memory is measured.
    pub(super) idle_sessions: usize,
    /// Connections that issue tickets.
    pub(super) issuing_connections: usize,
    /// Users, each with a session, that the tickets of a round are spread over.
    pub(super) users: usize,
    /// Prompts where their start, list and rendering are measured.
    pub(super) prompts: usize,
    /// Tickets of the flood where fairness is measured.
    pub(super) flood: u32,
    /// Tickets of the store that is folded.
    pub(super) replay_tickets: u64,
    /// Versions of each.
    pub(super) prompt_versions: u32,
    /// The directory that the data are in while the benchmark runs.
    pub(super) directory: PathBuf,
}

impl Settings {
    /// As the command line asks for, with no more sessions than the limit of open files allows.
    pub(super) fn new(args: &BenchArgs, open_files: usize) -> Self {
        let quick = args.quick;
        let pick = |usual, short| if quick { short } else { usual };
        let rounds = args.rounds.unwrap_or_else(|| pick(5, 1));
        let seconds = args.seconds.unwrap_or_else(|| pick(5, 2));
        let warm_up = args.warm_up.unwrap_or_else(|| pick(2, 1));
        let sessions = args.sessions.unwrap_or(if quick { 1_000 } else { 10_000 });
        let most_sessions = open_files.saturating_sub(OTHER_FILES) / FILES_PER_SESSION;
        Self {
            rounds,
            measured: Duration::from_secs(u64::from(seconds)),
            warm_up: Duration::from_secs(u64::from(warm_up)),
            model_delays_ms: vec![0, 200],
            in_flight: args.in_flight.clone(),
            latency_in_flight: vec![10, 100],
            open_tickets: args
                .tickets
                .map_or(if quick { 10_000 } else { 100_000 }, |n| n.min(MAX_OPEN)),
            replay_tickets: args
                .tickets
                .unwrap_or(if quick { 20_000 } else { 1_000_000 }),
            idle_sessions: sessions.min(most_sessions),
            issuing_connections: 64,
            users: 64,
            prompts: args
                .prompts
                .map_or(if quick { 500 } else { 10_000 }, |n| n as usize),
            flood: args.flood.unwrap_or_else(|| pick(100_000, 5_000)),
            prompt_versions: 50,
            directory: args.dir.clone().unwrap_or_else(std::env::temp_dir),
        }
    }

    /// The settings in lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        vec![
            format!(
                "settings    {} pairs of {:?} after {:?} of warming up; {} issuing connections, {} sessions",
                self.rounds, self.measured, self.warm_up, self.issuing_connections, self.users
            ),
            format!(
                "            {} open tickets, {} idle sessions, {} prompts of {} versions, data in {}",
                self.open_tickets,
                self.idle_sessions,
                self.prompts,
                self.prompt_versions,
                self.directory.display()
            ),
        ]
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
