//! Limits of the program as a whole that contradict each other.

use std::time::Duration;

use super::check::{Mistake, check_retries, check_ticket_limits};
use super::tree::KeyPath;
use super::{Config, Log, supervision};

/// Every contradiction between the limits of the general sections.
pub(super) fn check(config: &Config) -> Vec<Mistake> {
    let mut found = Vec::new();
    check_ticket_limits(&KeyPath::of(&["ticket"]), &config.ticket, &mut found);
    check_retries(&KeyPath::of(&["retry"]), &config.retry, &mut found);
    found.extend(ordered(
        &KeyPath::of(&["callbacks"]),
        ("connect_timeout", config.callbacks.connect_timeout),
        ("total_timeout", config.callbacks.total_timeout),
    ));
    found.extend(ordered(
        &KeyPath::of(&["webhooks"]),
        ("connect_timeout", config.webhooks.connect_timeout),
        ("total_timeout", config.webhooks.total_timeout),
    ));
    found.extend(ordered(
        &KeyPath::of(&["prompts"]),
        ("test_case_timeout", config.prompts.test_case_timeout),
        ("test_run_timeout", config.prompts.test_run_timeout),
    ));
    let (sessions, server) = (&config.sessions, &config.server);
    let at = KeyPath::of(&["sessions"]);
    found.extend(ordered(
        &at,
        ("heartbeat", sessions.heartbeat),
        ("heartbeat_timeout", sessions.heartbeat_timeout),
    ));
    if sessions.max_sessions > server.max_connections {
        found.push(Mistake {
            key: at.key("max_sessions"),
            other: Some(KeyPath::of(&["server", "max_connections"])),
            message: format!(
                "sessions.max_sessions = {} is more than server.max_connections = {}; every \
                 session is a connection",
                sessions.max_sessions, server.max_connections
            ),
        });
    }
    if sessions.max_sessions_per_user > sessions.max_sessions {
        found.push(Mistake {
            key: at.key("max_sessions_per_user"),
            other: Some(at.key("max_sessions")),
            message: format!(
                "max_sessions_per_user = {} is more than max_sessions = {}",
                sessions.max_sessions_per_user, sessions.max_sessions
            ),
        });
    }
    if server.max_body_memory.get() / 2 < server.max_body_bytes.get() {
        found.push(Mistake {
            key: KeyPath::of(&["server", "max_body_bytes"]),
            other: Some(KeyPath::of(&["server", "max_body_memory"])),
            message: format!(
                "server.max_body_bytes = {} is more than half of server.max_body_memory = {}, which \
                 is all that one tenant may have",
                server.max_body_bytes, server.max_body_memory
            ),
        });
    }
    if server.listen == server.admin_listen && server.listen.port() != 0 {
        found.push(Mistake {
            key: KeyPath::of(&["server", "admin_listen"]),
            other: Some(KeyPath::of(&["server", "listen"])),
            message: "server.listen and server.admin_listen are the same address".to_owned(),
        });
    }
    found.extend(supervision::check(&config.supervision));
    found.extend(check_log(&config.log));
    found
}

fn check_log(log: &Log) -> Option<Mistake> {
    let error = tracing_subscriber::filter::EnvFilter::try_new(&log.level).err()?;
    let message = format!("is no log level or list of directives: {error}");
    Some(Mistake::new(KeyPath::of(&["log", "level"]), message))
}

/// The mistake of a shorter wait that is longer than the one it is part of.
pub(super) fn ordered(
    at: &KeyPath,
    (short_key, short): (&str, Duration),
    (long_key, long): (&str, Duration),
) -> Option<Mistake> {
    (short > long).then(|| {
        let (short, long) = (
            humantime::format_duration(short),
            humantime::format_duration(long),
        );
        Mistake {
            key: at.key(short_key),
            other: Some(at.key(long_key)),
            message: format!("{short_key} = {short} is more than {long_key} = {long}"),
        }
    })
}
