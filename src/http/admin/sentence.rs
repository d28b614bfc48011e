//! What was done to a tenant, as operators read it: one plain sentence for each event.

use punchcard_events::act::Author;
use punchcard_events::tenant::{
    Budget, HooksChanged, IssuedKey, KeyRevoked, KeyRotated, Limits, LimitsChanged, Role,
    TenantEvent,
};

/// The most characters of somebody's words that are repeated.
const MAX_WORDS: usize = 300;
/// The most things of a list that are named.
const MAX_NAMED: usize = 5;

/// What `event` says.
pub(super) fn sentence(event: &TenantEvent) -> String {
    let by = who(&event.act().by);
    match event {
        TenantEvent::TenantCreated(created) => {
            format!("{by} made the tenant, called {}", ended(&created.name))
        }
        TenantEvent::TenantRenamed(renamed) => {
            format!("{by} renamed the tenant to {}", ended(&renamed.name))
        }
        TenantEvent::TenantSuspended(suspended) => {
            let reason = ended(&suspended.reason);
            format!("{by} suspended the tenant: none of its keys is let in. The reason: {reason}")
        }
        TenantEvent::TenantResumed(_) => format!("{by} let the tenant's keys in again."),
        TenantEvent::LimitsChanged(changed) => limits_changed(by, changed),
        TenantEvent::OriginsChanged(changed) => {
            let named = named(changed.origins.iter().map(String::as_str), "no origin");
            format!("{by} set the origins of its users' sessions: {named}.")
        }
        TenantEvent::CallbackChanged(changed) => match &changed.base_url {
            Some(url) => format!(
                "{by} set the address of the tenant's own API: {}.",
                words(url)
            ),
            None => format!("{by} took the address of the tenant's own API away."),
        },
        TenantEvent::HooksChanged(changed) => hooks_changed(by, changed),
        TenantEvent::KeyIssued(issued) => {
            format!(
                "{by} issued the key {}{}.",
                described(&issued.key),
                end(&issued.key)
            )
        }
        TenantEvent::KeyRotated(rotated) => key_rotated(by, rotated),
        TenantEvent::KeyRevoked(revoked) => key_revoked(by, revoked),
    }
}

fn who(author: &Author) -> &str {
    match author {
        Author::Key { prefix, name } => name.as_deref().unwrap_or(prefix),
        Author::Configuration => "The configuration",
        Author::Runtime => "Punchcard",
    }
}

fn limits_changed(by: &str, changed: &LimitsChanged) -> String {
    let limits = &changed.limits;
    let mut parts = of_scope(&limits.all);
    if !limits.tasks.is_empty() {
        let tasks = limits.tasks.keys().map(|task| task.as_str());
        parts.push(format!("own limits of {}", named(tasks, "no task")));
    }
    parts.extend(limits.weight.map(|weight| format!("weight {weight}")));
    if !limits.raw_models.is_empty() {
        let models = limits.raw_models.iter().map(String::as_str);
        parts.push(format!("models without a task: {}", named(models, "none")));
    }
    let days = limits.retention_days;
    parts.extend(days.map(|days| format!("texts kept for {days} days")));
    match parts.as_slice() {
        [] => format!("{by} took all limits away."),
        parts => format!("{by} set the limits: {}.", parts.join("; ")),
    }
}

/// The limits of all tasks together, each in a few words.
fn of_scope(limits: &Limits) -> Vec<String> {
    let number = |value: Option<u64>, what: &str| value.map(|value| format!("{value} {what}"));
    let rates = [
        number(
            limits.requests_per_minute.map(u64::from),
            "requests a minute",
        ),
        number(limits.tokens_per_minute, "tokens a minute"),
        number(limits.concurrent_tickets.map(u64::from), "open tickets"),
    ];
    let budgets = [(&limits.daily, "day"), (&limits.monthly, "month")];
    let budgets = budgets
        .into_iter()
        .flat_map(|(budget, period)| of_period(budget, period));
    rates.into_iter().chain(budgets).flatten().collect()
}

fn of_period(budget: &Budget, period: &str) -> [Option<String>; 2] {
    let dollars = |micro: u64| {
        let part = format!("{:06}", micro % 1_000_000);
        let part = part.trim_end_matches('0');
        format!("${}.{part:0<2} a {period}", micro / 1_000_000)
    };
    [
        budget
            .tokens
            .map(|tokens| format!("{tokens} tokens a {period}")),
        budget.cost_micro_usd.map(|cost| dollars(cost.0)),
    ]
}

fn hooks_changed(by: &str, changed: &HooksChanged) -> String {
    let task = &changed.task;
    match (&changed.pre_process, &changed.post_process) {
        (None, None) => format!("{by} took the hooks of {task} away."),
        (Some(pre), None) => format!("{by} set the hooks of {task}: {} prepares.", words(pre)),
        (None, Some(post)) => format!("{by} set the hooks of {task}: {} persists.", words(post)),
        (Some(pre), Some(post)) => format!(
            "{by} set the hooks of {task}: {} prepares, {} persists.",
            words(pre),
            words(post)
        ),
    }
}

fn key_rotated(by: &str, rotated: &KeyRotated) -> String {
    let (old, until) = (&rotated.prefix, rotated.until);
    let (new, end) = (described(&rotated.key), end(&rotated.key));
    if until <= rotated.act.at {
        return format!("{by} put the key {new} in the place of {old}, which ended at once{end}.");
    }
    format!("{by} put the key {new} in the place of {old}, which goes on until {until}{end}.")
}

fn key_revoked(by: &str, revoked: &KeyRevoked) -> String {
    let prefix = &revoked.prefix;
    match &revoked.reason {
        Some(reason) => format!("{by} revoked the key {prefix}, because: {}", ended(reason)),
        None => format!("{by} revoked the key {prefix}."),
    }
}

/// A key with its holder and roles.
fn described(key: &IssuedKey) -> String {
    let roles = named(key.roles.iter().map(role), "no role");
    let name = key.name.as_deref();
    let holder = name.map_or_else(String::new, |name| format!(" of {}", words(name)));
    format!("{}{holder} ({roles})", key.prefix)
}

/// When the new key ends, where that is said.
fn end(key: &IssuedKey) -> String {
    let at = key.expires_at;
    at.map_or_else(String::new, |at| format!("; it ends at {at}"))
}

const fn role(role: &Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::Issuer => "issuer",
        Role::Planner => "planner",
        Role::Publisher => "publisher",
        Role::Viewer => "viewer",
    }
}

/// The first few of a list, or `none`.
fn named<'a>(all: impl Iterator<Item = &'a str>, none: &str) -> String {
    let all: Vec<&str> = all.collect();
    let shown = all.iter().take(MAX_NAMED).map(|name| words(name));
    let shown: Vec<_> = shown.collect();
    match all.len() {
        0 => none.to_owned(),
        1..=MAX_NAMED => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), more - MAX_NAMED),
    }
}

/// Somebody's words on one line, shortened.
fn words(text: &str) -> String {
    let flat: Vec<&str> = text.split_whitespace().collect();
    let flat = flat.join(" ");
    if flat.chars().count() <= MAX_WORDS {
        return flat;
    }
    let start: String = flat.chars().take(MAX_WORDS).collect();
    format!("{start}…")
}

/// The same, ending like a sentence.
fn ended(text: &str) -> String {
    let words = words(text);
    let end = if words.ends_with(['.', '!', '?', '…']) {
        ""
    } else {
        "."
    };
    format!("{words}{end}")
}

#[cfg(test)]
mod tests;
