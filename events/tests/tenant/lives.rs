//! Random but reproducible lives of a tenant.
//!
//! A life is a list of steps, so dropping any step leaves a life: proptest shrinks to the few steps
//! that matter. Some days pass with each step.

use proptest::collection::vec;
use proptest::prelude::*;
use punchcard_events::tenant::*;
use punchcard_events::{Act, Author};

use crate::samples::*;

/// A life so far: its events and the state they were folded to while they were decided.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life {
    pub(crate) events: Vec<TenantEvent>,
    pub(crate) state: TenantState,
    /// The codes of the refusals on the way.
    pub(crate) refused: Vec<&'static str>,
}

/// What is asked next, and two numbers and a flag that say of what.
pub(crate) type Step = (u8, u8, u8, bool);

pub(crate) fn lives() -> impl Strategy<Value = Life> {
    vec((0..20_u8, any::<u8>(), any::<u8>(), any::<bool>()), 0..80).prop_map(|steps| live(&steps))
}

fn live(steps: &[Step]) -> Life {
    let mut life = Life::default();
    for (day, step) in (1..).zip(steps) {
        let by = if step.3 {
            Author::Configuration
        } else {
            Author::Runtime
        };
        let act = Act {
            at: at(day * DAY),
            by,
        };
        // Most lives begin with a beginning.
        let command = if day == 1 && step.0 < 18 {
            create()
        } else {
            command(day, *step, act)
        };
        match decide(&life.state, command) {
            Ok(events) => {
                for event in events {
                    life.state = apply(life.state, &event).expect("what is decided can happen");
                    life.events.push(event);
                }
            }
            Err(rejection) => life.refused.push(rejection.code()),
        }
    }
    life
}

/// Mostly something that fits, sometimes something that does not.
fn command(day: u64, (ask, a, b, _): Step, act: Act) -> Command {
    let (one, other) = (u64::from(a % 6), u64::from(b % 6));
    let name = ["One", "Two", "", "Three"][usize::from(a % 4)];
    match ask {
        0 => create(),
        1 => rename(name, act),
        2 => Command::Suspend {
            reason: name.to_owned(),
            act,
        },
        3..=4 => Command::Resume { act },
        5..=6 => set_limits(open(u32::from(a % 3)), act),
        7 => set_origins(
            &["https://a.example", "none", "*"][..usize::from(a % 4)],
            act,
        ),
        8 => set_callback(
            [None, Some("https://a.example"), Some("x")][usize::from(a % 3)],
            act,
        ),
        9..=10 => set_hook(
            [None, Some("/a"), Some("/b"), Some("..")][usize::from(a % 4)],
            act,
        ),
        11..=14 => {
            let expires_at = (b % 5 == 0).then(|| at((day + other) * DAY));
            let roles = if b % 2 == 0 {
                [Role::Issuer]
            } else {
                [Role::Admin]
            };
            let roles = roles.into();
            let key = IssuedKey {
                expires_at,
                roles,
                ..key(one)
            };
            Command::IssueKey { key, act }
        }
        15..=17 => Command::RotateKey {
            prefix: prefix(one),
            key: key(other),
            until: at((day + u64::from(b % 35)) * DAY),
            act,
        },
        _ => Command::RevokeKey {
            prefix: prefix(one),
            reason: None,
            act,
        },
    }
}
