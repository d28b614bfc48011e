//! A plan from a seed.
//!
//! Each plan leaves out some kinds of trouble altogether and has much of others ("swarm testing",
//! Groce and others, ISSTA 2012): a plan with a little of everything would rarely get anywhere.

use punchcard_events::ticket::{AttemptErrorKind as Attempt, CallbackErrorKind as Callback};

use crate::chance::Chance;
use crate::plan::{
    CallbackReply, CallbackScript, ConnectDeed, Deed, End, ForeignDeed, Guards, IssueDeed,
    ModelEnd, ModelScript, Plan, Setup, Step, StoreFault, Task,
};

const EVENTS: [&str; 8] = [
    "TicketRequested",
    "TicketSent",
    "AttemptFailed",
    "TicketAnswered",
    "TicketPersisted",
    "TicketDelivered",
    "CallbackFailed",
    "IdempotencyKeyClaimed",
];

/// The kinds of steps a plan is made of, with how much there is of each.
struct Swarm {
    weights: [(Kind, u64); 9],
    store_crashes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Issue,
    Ask,
    Session,
    Foreign,
    Store,
    Model,
    Callback,
    Clock,
    Stop,
}

/// The plan of that seed.
pub(crate) fn generate(seed: u64) -> Plan {
    let mut chance = Chance::of(seed);
    let swarm = Swarm::draw(&mut chance);
    let setup = setup(&mut chance);
    let count = 4 + chance.below(16);
    let mut at_ms = 0;
    let mut steps = vec![];
    for number in 0..count {
        at_ms += pause(&mut chance);
        // Without a ticket and somebody who watches, nothing else means anything.
        let deed = match number {
            0 => connect(&mut chance),
            1 => issue(&mut chance),
            _ => swarm.deed(&mut chance),
        };
        // One failure is got over; it takes several in a row to use up what is allowed.
        let repeated = matches!(
            deed,
            Deed::Model(_) | Deed::PreProcess(_) | Deed::PostProcess(_) | Deed::Store { .. }
        );
        let again = if repeated && chance.in_percent(30) {
            1 + chance.below(5)
        } else {
            0
        };
        for _ in 0..again {
            let deed = deed.clone();
            steps.push(Step { at_ms, deed });
        }
        steps.push(Step { at_ms, deed });
    }
    Plan { seed, setup, steps }
}

fn setup(chance: &mut Chance) -> Setup {
    Setup {
        shards: chance.of_these(&[1, 2, 3]),
        model_permits: chance.of_these(&[1, 2, 16]),
        callback_permits: chance.of_these(&[1, 2, 16]),
        max_active: chance.of_these(&[2, 1_000, 1_000, 1_000]),
        passivate_after_ms: chance.of_these(&[100, 3_000]),
        store_delay_ms: chance.of_these(&[0, 5, 40]),
        recover_per_second: chance.of_these(&[2, 100]),
        guards: chance.of_these(&[Guards::Usual, Guards::Tight]),
        end: chance.of_these(&[End::Rest, End::Rest, End::Restart, End::Crash]),
    }
}

/// The time to the next step: often none, so that things meet.
fn pause(chance: &mut Chance) -> u64 {
    match chance.below(10) {
        0..=3 => 0,
        4..=6 => chance.below(60),
        7..=8 => chance.below(1_000),
        _ => chance.below(5_000),
    }
}

impl Swarm {
    fn draw(chance: &mut Chance) -> Self {
        let kinds = [
            (Kind::Issue, 25),
            (Kind::Ask, 12),
            (Kind::Session, 12),
            (Kind::Foreign, 6),
            (Kind::Store, 14),
            (Kind::Model, 20),
            (Kind::Callback, 14),
            (Kind::Clock, 3),
            (Kind::Stop, 8),
        ];
        let calm = chance.in_percent(4);
        let weights = kinds.map(|(kind, weight)| {
            let harmless = matches!(kind, Kind::Issue | Kind::Ask | Kind::Session | Kind::Stop);
            let kept = kind == Kind::Issue || ((harmless || !calm) && chance.in_percent(65));
            (kind, if kept { weight } else { 0 })
        });
        Self {
            weights,
            store_crashes: chance.in_percent(50),
        }
    }

    fn deed(&self, chance: &mut Chance) -> Deed {
        match self.kind(chance) {
            Kind::Issue => issue(chance),
            Kind::Ask => ask(chance),
            Kind::Session => session(chance),
            Kind::Foreign => Deed::Foreign {
                ticket: ticket(chance),
                deed: foreign(chance),
            },
            Kind::Store => self.store(chance),
            Kind::Model => Deed::Model(model(chance)),
            Kind::Callback if chance.in_percent(50) => Deed::PreProcess(callback(chance)),
            Kind::Callback => Deed::PostProcess(callback(chance)),
            Kind::Clock => Deed::ClockJump {
                by_ms: chance.of_these(&[-60_000, -1_500, 1_500, 25_000, 86_400_000]),
            },
            Kind::Stop if chance.in_percent(60) => Deed::Crash,
            Kind::Stop => Deed::Restart {
                grace_ms: chance.of_these(&[0, 50, 2_000]),
            },
        }
    }

    fn kind(&self, chance: &mut Chance) -> Kind {
        let all: u64 = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut drawn = chance.below(all);
        for (kind, weight) in self.weights {
            if drawn < weight {
                return kind;
            }
            drawn -= weight;
        }
        Kind::Issue
    }

    fn store(&self, chance: &mut Chance) -> Deed {
        let mut on = chance
            .in_percent(60)
            .then(|| chance.of_these(&EVENTS).to_owned());
        let fault = match chance.below(9) {
            0 => StoreFault::Unavailable,
            1 => StoreFault::UnknownNotWritten,
            2 => StoreFault::UnknownWritten,
            3 => StoreFault::Slow {
                ms: chance.of_these(&[60, 700, 4_000]),
            },
            // Two nodes that record the same attempt: one of them must not call.
            4 if chance.in_percent(40) => {
                on = Some("TicketSent".to_owned());
                StoreFault::Overtaken(ForeignDeed::Send)
            }
            4 => StoreFault::Overtaken(foreign(chance)),
            5 | 6 if self.store_crashes => {
                chance.of_these(&[StoreFault::CrashBefore, StoreFault::CrashAfter])
            }
            5 | 6 => StoreFault::UnknownWritten,
            7 => {
                return Deed::StoreDown {
                    for_ms: chance.of_these(&[30, 900, 6_000]),
                };
            }
            _ => {
                return Deed::ReadsDown {
                    for_ms: chance.of_these(&[30, 900, 3_000]),
                };
            }
        };
        Deed::Store { fault, on }
    }
}

fn issue(chance: &mut Chance) -> Deed {
    let tasks = [
        Task::Plain,
        Task::Plain,
        Task::Before,
        Task::After,
        Task::Both,
        Task::Both,
        Task::Both,
    ];
    let broken = chance.in_percent(3);
    Deed::Issue(IssueDeed {
        tenant: u8::from(chance.in_percent(20)),
        task: if broken {
            Task::Broken
        } else {
            chance.of_these(&tasks)
        },
        user: chance.of_these(&[None, Some(0), Some(0), Some(0), Some(1)]),
        key: chance.of_these(&[None, None, Some(0), Some(1)]),
        body: u8::from(chance.in_percent(25)),
        hang_up_after_ms: chance.in_percent(15).then(|| chance.below(50)),
    })
}

fn ask(chance: &mut Chance) -> Deed {
    let ticket = ticket(chance);
    match chance.below(6) {
        0 | 1 => Deed::Cancel {
            ticket,
            keep: chance.in_percent(50),
        },
        2 => Deed::Acknowledge { ticket },
        3 | 4 => Deed::Fork { ticket },
        _ => Deed::Look { ticket },
    }
}

fn session(chance: &mut Chance) -> Deed {
    if chance.in_percent(35) {
        return Deed::Disconnect {
            client: client(chance),
        };
    }
    connect(chance)
}

fn connect(chance: &mut Chance) -> Deed {
    Deed::Connect(ConnectDeed {
        client: client(chance),
        slow_ms: chance.of_these(&[0, 0, 0, 40, 800]),
        acknowledge_after_ms: chance.of_these(&[None, Some(0), Some(0), Some(30), Some(2_000)]),
        twice: chance.in_percent(20),
        bad_cursors: chance.in_percent(15),
    })
}

/// Client 0, 2 and 4 are of one user, 1 and 3 of two others; so some users have several sessions.
fn client(chance: &mut Chance) -> u8 {
    chance.of_these(&[0, 0, 1, 2, 3, 4])
}

fn ticket(chance: &mut Chance) -> usize {
    usize::try_from(chance.below(6)).unwrap_or(0)
}

fn foreign(chance: &mut Chance) -> ForeignDeed {
    chance.of_these(&[
        ForeignDeed::Cancel,
        ForeignDeed::Send,
        ForeignDeed::Send,
        ForeignDeed::Acknowledge,
        ForeignDeed::Fail,
        ForeignDeed::Redrive,
        ForeignDeed::Redrive,
    ])
}

fn model(chance: &mut Chance) -> ModelScript {
    let end = match chance.below(16) {
        0..=5 => ModelEnd::Complete,
        6 => ModelEnd::Misfit,
        7 => ModelEnd::Cut,
        8 | 9 => ModelEnd::Fail(chance.of_these(&[
            Attempt::Server,
            Attempt::Connection,
            Attempt::Timeout,
            Attempt::Protocol,
            Attempt::TooLarge,
            Attempt::ContentFiltered,
        ])),
        10..=12 => ModelEnd::Refuse {
            kind: chance.of_these(&[
                Attempt::RateLimited,
                Attempt::RateLimited,
                Attempt::Server,
                Attempt::QuotaExceeded,
                Attempt::Unauthorized,
                Attempt::InvalidRequest,
            ]),
            retry_after_ms: chance.of_these(&[None, Some(100), Some(3_000), Some(40_000)]),
        },
        13 => ModelEnd::Hang,
        14 => ModelEnd::Panic,
        _ => ModelEnd::Crash,
    };
    ModelScript {
        pieces: chance.of_these(&[0, 1, 2, 5]),
        every_ms: chance.of_these(&[0, 7, 60, 400]),
        end,
    }
}

fn callback(chance: &mut Chance) -> CallbackScript {
    let reply = match chance.below(12) {
        0 | 1 => CallbackReply::Ok,
        2 | 3 => CallbackReply::Replace,
        4..=7 => CallbackReply::Fail {
            kind: chance.of_these(&[
                Callback::Connection,
                Callback::Timeout,
                Callback::Timeout,
                Callback::Status,
                Callback::Status,
                Callback::Body,
                Callback::TooLarge,
                Callback::Refused,
                Callback::Gone,
                Callback::Forbidden,
            ]),
            retry_after_ms: chance.of_these(&[None, None, Some(500), Some(70_000)]),
        },
        8 => CallbackReply::Hang,
        9 | 10 => CallbackReply::Panic,
        _ => CallbackReply::Crash,
    };
    CallbackScript {
        delay_ms: chance.of_these(&[0, 3, 50, 1_000]),
        done: chance.in_percent(60),
        twice: chance.in_percent(15),
        reply,
    }
}
