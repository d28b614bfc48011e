//! Limits of the program as a whole that contradict each other.

use std::fmt::Debug;

use super::check::{Mistake, check_retries, check_ticket_limits};
use super::tree::KeyPath;
use super::{Config, Log};

/// Every contradiction between the limits of the general sections.
pub(super) fn check(config: &Config) -> Vec<Mistake> {
    let mut found = Vec::new();
    check_ticket_limits(&KeyPath::of(&["ticket"]), &config.ticket, &mut found);
    check_retries(&KeyPath::of(&["retry"]), &config.retry, &mut found);
    let callbacks = KeyPath::of(&["callbacks"]);
    found.extend(ordered(
        &callbacks,
        ("connect_timeout", config.callbacks.connect_timeout),
        ("total_timeout", config.callbacks.total_timeout),
    ));
    let sessions = KeyPath::of(&["sessions"]);
    found.extend(ordered(
        &sessions,
        ("heartbeat", config.sessions.heartbeat),
        ("heartbeat_timeout", config.sessions.heartbeat_timeout),
    ));
    found.extend(ordered(
        &sessions,
        (
            "max_sessions_per_user",
            config.sessions.max_sessions_per_user,
        ),
        ("max_sessions", config.sessions.max_sessions),
    ));
    let (sessions_limit, connections) =
        (config.sessions.max_sessions, config.server.max_connections);
    if sessions_limit > connections {
        let message = format!(
            "{sessions_limit} sessions cannot be had with server.max_connections = {connections}"
        );
        found.push((sessions.key("max_sessions"), message));
    }
    let server = &config.server;
    if server.listen == server.admin_listen && server.listen.port() != 0 {
        let message = "is the same address as server.listen";
        found.push((KeyPath::of(&["server", "admin_listen"]), message.to_owned()));
    }
    found.extend(check_log(&config.log));
    found
}

fn check_log(log: &Log) -> Option<Mistake> {
    let error = tracing_subscriber::filter::EnvFilter::try_new(&log.level).err()?;
    let message = format!("is no log level or list of directives: {error}");
    Some((KeyPath::of(&["log", "level"]), message))
}

/// The mistake of a smaller limit that passes the larger one.
pub(super) fn ordered<T: PartialOrd + Debug>(
    at: &KeyPath,
    (small_key, small): (&str, T),
    (large_key, large): (&str, T),
) -> Option<Mistake> {
    (small > large).then(|| {
        let message = format!("{small:?} is more than {large_key} = {large:?}");
        (at.key(small_key), message)
    })
}
