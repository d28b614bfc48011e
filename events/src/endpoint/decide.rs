//! Decisions about endpoints: command to events, without I/O.

use std::collections::BTreeSet;

use super::command::Command;
use super::event::{
    DeliveriesResent, EndpointChanged, EndpointDisabled, EndpointEnabled, EndpointEvent,
    EndpointRegistered, EndpointRemoved, EndpointTested, EventType, Resend, SecretRotated,
};
use super::rejection::Rejection;
use super::state::{Endpoint, EndpointState};
use super::{MAX_DESCRIPTION_BYTES, MAX_OVERLAP_MS, MAX_URL_BYTES};
use crate::act::Act;
use crate::time::Timestamp;

/// What `command` leads to. An empty list means that what it asks for is so already.
///
/// # Errors
/// When it may not be done; see [`Rejection`].
pub fn decide(state: &EndpointState, command: Command) -> Result<Vec<EndpointEvent>, Rejection> {
    let endpoint = match (state, command) {
        (
            EndpointState::Unregistered,
            Command::Register {
                tenant,
                url,
                event_types,
                description,
                act,
            },
        ) => {
            check(&url, &event_types, description.as_deref())?;
            return Ok(vec![EndpointEvent::EndpointRegistered(
                EndpointRegistered {
                    tenant,
                    url,
                    event_types,
                    description: description.filter(|text| !text.is_empty()),
                    generation: 1,
                    act,
                },
            )]);
        }
        (EndpointState::Live(_) | EndpointState::Removed, Command::Register { .. }) => {
            return Err(Rejection::AlreadyRegistered);
        }
        // Removing twice is removing.
        (EndpointState::Removed, Command::Remove { .. }) => return Ok(vec![]),
        (EndpointState::Unregistered | EndpointState::Removed, _) => {
            return Err(Rejection::NoSuchEndpoint);
        }
        (EndpointState::Live(endpoint), command) => (endpoint, command),
    };
    decide_live(endpoint.0, endpoint.1)
}

fn decide_live(endpoint: &Endpoint, command: Command) -> Result<Vec<EndpointEvent>, Rejection> {
    match command {
        Command::Register { .. } => Err(Rejection::AlreadyRegistered),
        Command::Change {
            url,
            event_types,
            description,
            act,
        } => {
            let description = description.or_else(|| endpoint.description.clone());
            let changed = EndpointChanged {
                url: url.unwrap_or_else(|| endpoint.url.clone()),
                event_types: event_types.unwrap_or_else(|| endpoint.event_types.clone()),
                description: description.filter(|text| !text.is_empty()),
                act,
            };
            change(endpoint, changed)
        }
        Command::RotateSecret { until, act } => rotate(endpoint, until, act),
        // The first reason stands: a 410 is not made an admin's doing by a second look.
        Command::Disable { .. } if endpoint.disabled.is_some() => Ok(vec![]),
        Command::Disable { reason, act } => {
            Ok(vec![EndpointEvent::EndpointDisabled(EndpointDisabled {
                reason,
                act,
            })])
        }
        Command::Enable { .. } if endpoint.disabled.is_none() => Ok(vec![]),
        Command::Enable { act } => Ok(vec![EndpointEvent::EndpointEnabled(EndpointEnabled {
            act,
        })]),
        Command::Remove { act } => Ok(vec![EndpointEvent::EndpointRemoved(EndpointRemoved {
            act,
        })]),
        Command::Test { .. } | Command::Resend { .. } if endpoint.disabled.is_some() => {
            Err(Rejection::Disabled)
        }
        Command::Test { act } => Ok(vec![EndpointEvent::EndpointTested(EndpointTested { act })]),
        Command::Resend { which, act } => {
            match which {
                Resend::Range { from, until, .. } if from >= until => {
                    return Err(Rejection::EmptyRange);
                }
                Resend::Range { .. } | Resend::One { .. } => {}
            }
            Ok(vec![EndpointEvent::DeliveriesResent(DeliveriesResent {
                which,
                act,
            })])
        }
    }
}

fn change(endpoint: &Endpoint, changed: EndpointChanged) -> Result<Vec<EndpointEvent>, Rejection> {
    check(
        &changed.url,
        &changed.event_types,
        changed.description.as_deref(),
    )?;
    let same = changed.url == endpoint.url
        && changed.event_types == endpoint.event_types
        && changed.description == endpoint.description;
    if same {
        return Ok(vec![]);
    }
    Ok(vec![EndpointEvent::EndpointChanged(changed)])
}

fn rotate(
    endpoint: &Endpoint,
    until: Timestamp,
    act: Act,
) -> Result<Vec<EndpointEvent>, Rejection> {
    let now = act.at;
    // Without an overlap only the new one is live, so that a secret that leaked can go at once.
    let overlaps = now < until;
    if let Some(until) = endpoint.previous_until.filter(|end| overlaps && now < *end) {
        return Err(Rejection::RotationUnderWay { until });
    }
    if until.as_millis() > now.as_millis().saturating_add(MAX_OVERLAP_MS) {
        return Err(Rejection::OverlapTooLong);
    }
    Ok(vec![EndpointEvent::SecretRotated(SecretRotated {
        // Nobody rotates four billion times.
        generation: endpoint.generation.saturating_add(1),
        until: until.max(now),
        act,
    })])
}

fn check(
    url: &str,
    event_types: &BTreeSet<EventType>,
    description: Option<&str>,
) -> Result<(), Rejection> {
    if url.is_empty() || url.len() > MAX_URL_BYTES {
        return Err(Rejection::UrlLength);
    }
    if event_types.is_empty() || event_types.contains(&EventType::WebhookTest) {
        return Err(Rejection::EventTypes);
    }
    if description.is_some_and(|text| text.len() > MAX_DESCRIPTION_BYTES) {
        return Err(Rejection::DescriptionTooLong);
    }
    Ok(())
}
