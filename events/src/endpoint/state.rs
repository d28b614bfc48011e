//! What an endpoint is now.

use std::collections::BTreeSet;

use super::event::{DisabledReason, EndpointEvent, EventType};
use crate::act::Act;
use crate::ids::TenantId;
use crate::time::Timestamp;

/// The state of an endpoint: the fold of its events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EndpointState {
    /// No event yet.
    #[default]
    Unregistered,
    /// It is there, enabled or not.
    Live(Box<Endpoint>),
    /// It is gone.
    Removed,
}

/// An endpoint that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whose it is.
    pub tenant: TenantId,
    /// Where messages are posted.
    pub url: String,
    /// What it is told of.
    pub event_types: BTreeSet<EventType>,
    /// What it is for, for people.
    pub description: Option<String>,
    /// The generation of the newest secret.
    pub generation: u32,
    /// Until when the secret before it holds, too.
    pub previous_until: Option<Timestamp>,
    /// Why nothing is sent, and since when; `None`: it is sent.
    pub disabled: Option<(DisabledReason, Act)>,
    /// When and by whom it was registered.
    pub registered: Act,
    /// When and by whom anything was last changed.
    pub changed: Act,
}

impl Endpoint {
    /// Whether it is told of events of this type now.
    pub fn wants(&self, event_type: EventType) -> bool {
        event_type == EventType::WebhookTest || self.event_types.contains(&event_type)
    }

    /// The generations of the secrets that messages are signed with at `now`, the newest first.
    pub fn generations(&self, now: Timestamp) -> Vec<u32> {
        let old = self.previous_until.filter(|until| now < *until);
        let old = old.and_then(|_| self.generation.checked_sub(1));
        std::iter::once(self.generation).chain(old).collect()
    }
}

impl EndpointState {
    /// The state after a whole history.
    pub fn replay<'a>(history: impl IntoIterator<Item = &'a EndpointEvent>) -> Self {
        let mut state = Self::default();
        for event in history {
            state.apply(event);
        }
        state
    }

    /// The endpoint, while it is there.
    pub fn live(&self) -> Option<&Endpoint> {
        match self {
            Self::Live(endpoint) => Some(endpoint),
            Self::Unregistered | Self::Removed => None,
        }
    }

    /// Folds in one event. Total: what cannot happen to this state changes nothing.
    pub fn apply(&mut self, event: &EndpointEvent) {
        if let EndpointEvent::EndpointRegistered(new) = event {
            if *self == Self::Unregistered {
                *self = Self::Live(Box::new(Endpoint {
                    tenant: new.tenant.clone(),
                    url: new.url.clone(),
                    event_types: new.event_types.clone(),
                    description: new.description.clone(),
                    generation: new.generation,
                    previous_until: None,
                    disabled: None,
                    registered: new.act.clone(),
                    changed: new.act.clone(),
                }));
            }
            return;
        }
        let Self::Live(endpoint) = self else {
            return;
        };
        let act = match event {
            EndpointEvent::EndpointRegistered(_) => return,
            EndpointEvent::EndpointChanged(new) => {
                endpoint.url.clone_from(&new.url);
                endpoint.event_types.clone_from(&new.event_types);
                endpoint.description.clone_from(&new.description);
                &new.act
            }
            EndpointEvent::SecretRotated(new) => {
                endpoint.generation = new.generation;
                endpoint.previous_until = Some(new.until);
                &new.act
            }
            EndpointEvent::EndpointDisabled(new) => {
                endpoint.disabled = Some((new.reason, new.act.clone()));
                &new.act
            }
            EndpointEvent::EndpointEnabled(new) => {
                endpoint.disabled = None;
                &new.act
            }
            EndpointEvent::EndpointRemoved(_) => {
                *self = Self::Removed;
                return;
            }
            // What is sent is no change of what the endpoint is.
            EndpointEvent::EndpointTested(_) | EndpointEvent::DeliveriesResent(_) => return,
        };
        endpoint.changed = act.clone();
    }
}
