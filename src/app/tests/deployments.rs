//! Deployments, rollbacks and canaries while tickets come in: judged afterwards from the store alone.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::StreamExt as _;
use punchcard_actors::ports::EventStore as _;
use punchcard_events::prompt::{CanaryBounds, PromptEvent, SeenCanary, in_canary};
use punchcard_events::ticket::{TicketEvent, TicketPreProcessed};
use punchcard_events::{Position, Recorded, TicketId};
use tokio::sync::watch;
use uuid::Uuid;

use super::*;

/// Deployments, rollbacks, and starts and ends of canaries.
const CHANGES: usize = 100;
/// Backends that issue at the same time.
const ISSUERS: usize = 4;
/// Tickets that are accepted between two changes.
const BETWEEN: u64 = 3;
const VERSIONS: u32 = 6;
const USERS: usize = 12;
const PATIENCE: Duration = Duration::from_secs(60);

/// A ticket, and how many changes had been acknowledged when it was asked for.
struct Asked {
    ticket: TicketId,
    user: String,
    acknowledged: usize,
}

/// What was in effect between two changes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Effect {
    production: u32,
    /// A canary, its version and its share.
    canary: Option<(Uuid, u32, u8)>,
}

/// What a ticket may have run: a version, and the canary that gave it.
type Ran = (u32, Option<Uuid>);

impl Effect {
    fn of(self, user: &str) -> Ran {
        match self.canary {
            Some((canary, version, percent)) if in_canary(canary, percent, user) => {
                (version, Some(canary))
            }
            Some(_) | None => (self.production, None),
        }
    }

    /// The effect after a change, if the event is one.
    fn after(self, event: &PromptEvent) -> Option<Self> {
        match event {
            PromptEvent::LabelMoved(moved) if moved.label.is_production() => Some(Self {
                production: moved.to,
                ..self
            }),
            PromptEvent::CanaryStarted(started) => Some(Self {
                canary: Some((started.canary, started.version, started.percent)),
                ..self
            }),
            PromptEvent::CanaryEnded(_) => Some(Self {
                canary: None,
                ..self
            }),
            _ => None,
        }
    }
}

impl Office {
    fn production(&self) -> u32 {
        let summary = self.app.prompts.book().summary(&self.tenant, &self.task);
        summary.unwrap().production().unwrap()
    }

    fn canary(&self) -> SeenCanary {
        let summary = self.app.prompts.book().summary(&self.tenant, &self.task);
        let canary = summary.unwrap().canary.clone();
        canary.map_or(SeenCanary::Nothing, |canary| {
            SeenCanary::Running(canary.canary)
        })
    }

    /// The change with this number: three deployments, then a canary that is stopped or two
    /// rollbacks.
    async fn change(&self, number: usize) {
        let act = self.app.prompts.act(Author::Runtime);
        let label = LabelName::production();
        let other = self.production() % VERSIONS + 1;
        let overridden = Some("a test".to_owned());
        let command = match number % 10 {
            3 => Command::StartCanary {
                canary: Uuid::now_v7(),
                version: other,
                percent: 50,
                bounds: CanaryBounds {
                    max_failed_percent: 0,
                    max_schema_violation_percent: 0,
                    min_tickets: 1,
                },
                reason: None,
                override_reason: overridden,
                act,
            },
            4 | 8 | 9 => Command::RollBack {
                label,
                expected: self.production(),
                expected_canary: self.canary(),
                reason: None,
                act,
            },
            _ => Command::MoveLabel {
                label,
                version: other,
                expected: None,
                expected_canary: None,
                reason: None,
                override_reason: overridden,
                act,
            },
        };
        let executed = self.app.prompts.execute(&self.tenant, &self.task, command);
        assert_eq!(executed.await.unwrap().events.len(), 1, "change {number}");
    }

    async fn all_events(&self) -> Vec<Recorded> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.app.store.read_all(after, 1_000).await.unwrap();
            let Some(last) = page.last() else { return all };
            after = Some(last.position);
            all.extend(page);
        }
    }

    /// Waits until each of these tickets has its answer or its end.
    async fn settle(&self, tickets: impl Iterator<Item = TicketId>) {
        let mut open: BTreeSet<TicketId> = tickets.collect();
        let mut events = self.app.store.subscribe(None);
        let settled = async {
            while !open.is_empty() {
                let recorded = events.next().await.unwrap().unwrap();
                let ends = ["TicketAnswered", "TicketFailed", "TicketCancelled"];
                if let Some(ticket) = recorded.stream.ticket()
                    && ends.contains(&recorded.event.kind.as_ref())
                {
                    open.remove(&ticket);
                }
            }
        };
        let settled = tokio::time::timeout(PATIENCE, settled).await;
        assert!(settled.is_ok(), "{} tickets have no end", open.len());
    }
}

/// Issues and changes at the same time; gives what was asked.
async fn load(office: &Rc<Office>) -> Vec<Asked> {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let acknowledged = Rc::new(Cell::new(0));
    let accepted = watch::Sender::new(0_u64);
    let mut watched = accepted.subscribe();
    let issuers: Vec<_> = (0..ISSUERS)
        .map(|issuer| {
            let (office, asked) = (Rc::clone(office), Rc::clone(&asked));
            let (acknowledged, accepted) = (Rc::clone(&acknowledged), accepted.clone());
            actix::spawn(async move {
                for number in 0.. {
                    if acknowledged.get() == CHANGES {
                        return;
                    }
                    let user = format!("user-{}", (number * ISSUERS + issuer) % USERS);
                    let before = acknowledged.get();
                    let ticket = office.issue_for(&user, None).await.ticket;
                    asked.borrow_mut().push(Asked {
                        ticket,
                        user,
                        acknowledged: before,
                    });
                    accepted.send_modify(|count| *count += 1);
                }
            })
        })
        .collect();
    for number in 0..CHANGES {
        let enough = *watched.borrow_and_update() + BETWEEN;
        let enough = watched.wait_for(|count| *count >= enough);
        let enough = tokio::time::timeout(PATIENCE, enough).await;
        drop(enough.expect("tickets are accepted").unwrap());
        office.change(number).await;
        acknowledged.set(number + 1);
    }
    for issuer in issuers {
        issuer.await.unwrap();
    }
    asked.take()
}

/// What was in effect before the first change and after each, and where each stands. What came
/// before the load was one deployment, of version 1.
fn effects(all: &[Recorded]) -> (Vec<Effect>, Vec<Position>) {
    let first = Effect {
        production: 1,
        canary: None,
    };
    let (mut effects, mut positions) = (vec![first], vec![]);
    for recorded in all.iter().filter(|e| e.stream.prompt().is_some()) {
        let (_, task) = recorded.stream.prompt().unwrap();
        let event = &recorded.event;
        let decoded = PromptEvent::decode(&event.kind, event.schema_version, &event.data);
        let next = effects.last().unwrap().after(&decoded.unwrap());
        if task.as_str() == TASK
            && let Some(next) = next
            && (positions.len(), next) != (0, first)
        {
            effects.push(next);
            positions.push(recorded.position);
        }
    }
    (effects, positions)
}

fn prepared(all: &[Recorded], ticket: TicketId) -> (Position, TicketPreProcessed) {
    let stream = ticket.stream();
    let mut own = all.iter().filter(|recorded| recorded.stream == stream);
    let found = own.find(|recorded| recorded.event.kind == "TicketPreProcessed");
    let recorded = found.expect("every ticket was prepared");
    let event = &recorded.event;
    let decoded = TicketEvent::decode(&event.kind, event.schema_version, &event.data);
    let TicketEvent::TicketPreProcessed(prepared) = decoded.unwrap() else {
        unreachable!("{recorded:?}");
    };
    (recorded.position, prepared)
}

/// A ticket as the store has it.
struct Judged {
    user: String,
    /// How many changes the book surely knew when the version was chosen, and how many it may have
    /// known.
    known: (usize, usize),
    position: Position,
    ran: Ran,
}

impl Judged {
    /// A version is chosen from the book right before `TicketPreProcessed` is appended, and a change
    /// is in the book right after it was appended. So what was chosen was in effect at a moment
    ///
    /// - not later than `TicketPreProcessed`: a change behind it had not been appended when the
    ///   version was chosen;
    /// - not earlier than the last change that was *acknowledged* before the ticket was asked for:
    ///   that one is in the book. `TicketRequested` is no such bound. A task without a hook appends
    ///   it together with `TicketPreProcessed`, when the version is chosen already, and a change that
    ///   was appended and is not acknowledged yet may still be unknown to the book.
    fn of(asked: &Asked, all: &[Recorded], changes: &[Position]) -> Self {
        let (position, prepared) = prepared(all, asked.ticket);
        let appended = changes.partition_point(|change| *change < position);
        let (version, canary) = (prepared.prompt.version, prepared.prompt.canary);
        // What it says is what that version says.
        let says = |version| format!("Version {version}. ");
        let told = &prepared.messages[0].content;
        let mut spoken = (2..=VERSIONS).filter(|version| told.starts_with(&says(*version)));
        assert_eq!(spoken.next(), (version > 1).then_some(version));
        Self {
            user: asked.user.clone(),
            known: (asked.acknowledged, appended),
            position,
            ran: (version, canary),
        }
    }

    /// What it may have run.
    fn possible(&self, effects: &[Effect]) -> BTreeSet<Ran> {
        let (surely, perhaps) = self.known;
        let effects = effects[surely..=perhaps].iter();
        effects.map(|effect| effect.of(&self.user)).collect()
    }
}

/// How many tickets ran what was not in effect.
fn strangers(tickets: &[Judged], effects: &[Effect]) -> usize {
    let strange = |ticket: &&Judged| !ticket.possible(effects).contains(&ticket.ran);
    tickets.iter().filter(strange).count()
}

/// The changes took effect while tickets came in, and there was something to be judged.
fn took_effect(tickets: &[Judged], effects: &[Effect]) {
    let certain = tickets.iter().filter(|t| t.possible(effects).len() == 1);
    let certain = certain.count();
    let switches = tickets.windows(2).filter(|two| two[0].ran != two[1].ran);
    let switches = switches.count();
    let versions: BTreeSet<u32> = tickets.iter().map(|ticket| ticket.ran.0).collect();
    let canaries: BTreeSet<Uuid> = tickets.iter().filter_map(|ticket| ticket.ran.1).collect();
    let seen = format!(
        "{} tickets, {certain} of them with one version possible, {switches} switches, \
         versions {versions:?}, {} canaries",
        tickets.len(),
        canaries.len()
    );
    assert_eq!(versions.len(), VERSIONS as usize, "{seen}");
    assert!(certain * 4 > tickets.len(), "{seen}");
    assert!(switches >= CHANGES / 2, "{seen}");
    assert!(canaries.len() > 2, "{seen}");
}

#[test]
fn under_a_load_of_tickets_each_runs_a_version_that_was_in_effect_at_its_preparation() {
    let data = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let office = Rc::new(Office::open(data.path()).await);
        for version in 2..=VERSIONS {
            office.publish(&format!("Version {version}. ")).await;
        }
        let asked = load(&office).await;
        office.settle(asked.iter().map(|asked| asked.ticket)).await;
        let all = office.all_events().await;
        let kinds = |kind| all.iter().filter(move |e| e.event.kind == kind).count();
        assert_eq!(kinds("TicketFailed"), 0);
        assert_eq!(kinds("AttemptFailed"), 0);
        assert_eq!(kinds("TicketAnswered"), asked.len());

        let (effects, changes) = effects(&all);
        assert_eq!(changes.len(), CHANGES);
        let tickets = asked.iter().map(|asked| Judged::of(asked, &all, &changes));
        let mut tickets: Vec<_> = tickets.collect();
        tickets.sort_by_key(|ticket| ticket.position);
        took_effect(&tickets, &effects);
        assert_eq!(strangers(&tickets, &effects), 0);
        // Had each change come one later, or one earlier, that would be seen.
        let late = [&effects[..1], &effects[..CHANGES]].concat();
        let early = [&effects[1..], &effects[CHANGES..]].concat();
        assert!(strangers(&tickets, &late) > tickets.len() / 10);
        assert!(strangers(&tickets, &early) > tickets.len() / 10);
        let Ok(office) = Rc::try_unwrap(office) else {
            unreachable!("the issuers have ended");
        };
        office.app.stop().await;
    });
}
