//! What happened to the tickets of the running canaries: a fold over the events of all tickets.
//!
//! Pure: it is handed events and gives numbers. A ticket is in memory from its preparation with a
//! canary's version to its answer or its end, so what is held is bounded by the tickets under way.

use std::collections::{BTreeMap, HashMap};

use punchcard_events::prompt::{CanaryBounds, CanaryTally, in_canary};
use punchcard_events::ticket::{
    AttemptErrorKind, Stage, TicketEvent, TicketFailed, TicketPreProcessed, TicketRequested,
};
use punchcard_events::{Position, Recorded, TaskName, TenantId, TicketId};
use uuid::Uuid;

use super::canary_policy::{is_to_blame, passed_bound};

/// The most tickets under way that are followed at a time. Far more than a node has open: past it
/// something is wrong, and a tally that lacks some tickets is better than memory without an end.
const MAX_MEMBERS: usize = 200_000;

/// A canary as it was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) tenant: TenantId,
    pub(super) task: TaskName,
    pub(super) percent: u8,
    pub(super) bounds: CanaryBounds,
}

/// The running canaries and their tickets.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    canaries: BTreeMap<Uuid, Followed>,
    members: HashMap<TicketId, Member>,
    /// Up to where everything has been folded.
    position: Option<Position>,
}

#[derive(Debug)]
struct Followed {
    running: Running,
    /// Its id as it stands in the body of an event.
    spelled: String,
    /// What counts for it comes after this position.
    after: Position,
    tally: CanaryTally,
}

/// A ticket under way that was prepared with a canary's version.
#[derive(Debug)]
struct Member {
    canary: Uuid,
    /// Why its last attempt failed, if no other was to follow.
    last: Option<AttemptErrorKind>,
}

/// What an event meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folded {
    /// Nothing to any canary.
    Nothing,
    /// This canary's tally has changed.
    Counted(Uuid),
    /// The ticket's prompt could not be rendered. Which version that was is not recorded, and is
    /// told by its request: see [`Tallies::unrendered`].
    Unrendered(TicketId),
}

impl Tallies {
    /// Whether a canary is followed.
    pub(super) fn follows(&self, canary: Uuid) -> bool {
        self.canaries.contains_key(&canary)
    }

    /// Follows one more canary, whose start stands at `started`. The events from there on are to be
    /// folded again ([`Self::resume_after`]); for the others they count once all the same.
    pub(super) fn follow(&mut self, canary: Uuid, running: Running, started: Position) {
        if let Some(seen) = self.position {
            for followed in self.canaries.values_mut() {
                followed.after = followed.after.max(seen);
            }
        }
        let followed = Followed {
            running,
            spelled: canary.hyphenated().to_string(),
            after: started,
            tally: CanaryTally::default(),
        };
        self.canaries.insert(canary, followed);
        self.position = Some(self.position.map_or(started, |seen| seen.min(started)));
    }

    /// Drops the canaries that are over, with their tickets.
    pub(super) fn retain(&mut self, runs: impl Fn(Uuid) -> bool) {
        self.canaries.retain(|canary, _| runs(*canary));
        self.members.retain(|_, member| runs(member.canary));
        if self.canaries.is_empty() {
            self.position = None;
        }
    }

    /// How many canaries are followed.
    pub(super) fn len(&self) -> usize {
        self.canaries.len()
    }

    /// Goes past an event that cannot be read.
    pub(super) fn skip(&mut self, position: Position) {
        self.position = self.position.max(Some(position));
    }

    /// After which position events are to be folded.
    pub(super) const fn resume_after(&self) -> Option<Position> {
        self.position
    }

    /// What was seen of a canary.
    pub(super) fn tally(&self, canary: Uuid) -> Option<CanaryTally> {
        self.canaries.get(&canary).map(|followed| followed.tally)
    }

    /// The canary as it was started.
    pub(super) fn running(&self, canary: Uuid) -> Option<&Running> {
        self.canaries.get(&canary).map(|followed| &followed.running)
    }

    /// The bound that a canary has passed, in words.
    pub(super) fn breach(&self, canary: Uuid) -> Option<String> {
        let followed = self.canaries.get(&canary)?;
        passed_bound(followed.tally, followed.running.bounds)
    }

    /// Folds in the next event. One that cannot be read is its ticket's trouble and counts for
    /// nothing.
    pub(super) fn fold(&mut self, recorded: &Recorded) -> Folded {
        self.position = self.position.max(Some(recorded.position));
        let Some(ticket) = recorded.stream.ticket() else {
            return Folded::Nothing;
        };
        // What is tried beside production says nothing of it.
        if recorded.is_of_fork() {
            return Folded::Nothing;
        }
        // By the kind first: most events are of no canary's ticket, or of no weight.
        match recorded.event.kind.as_ref() {
            "TicketPreProcessed" => self.prepared(ticket, recorded),
            "TicketAnswered" => self.ended(ticket, recorded, |tally| tally.answered += 1),
            "TicketCancelled" => self.ended(ticket, recorded, |_| ()),
            "AttemptFailed" => self.attempt_failed(ticket, recorded),
            "TicketFailed" => self.failed(ticket, recorded),
            _ => Folded::Nothing,
        }
    }

    /// Counts a ticket whose prompt could not be rendered, if a canary gave it the prompt. The
    /// choice of a canary's users is a plain function, so it is made here once more. Where the
    /// tenant's API prepared the input, that may be what did not fit: it counts against nobody.
    pub(super) fn unrendered(
        &mut self,
        ticket: TicketId,
        request: &TicketRequested,
        at: Position,
    ) -> Folded {
        // What the tenant's API made of the input is not the prompt's fault, and is not recorded.
        if request.terms.pre_process {
            return Folded::Nothing;
        }
        let production = request.label.as_ref().is_none_or(|l| l.is_production());
        let own = ticket.to_string();
        let sticky = request.user.as_ref().map_or(own.as_str(), |u| u.as_str());
        let mut all = self.canaries.iter_mut();
        let chosen = all.find(|(canary, followed)| {
            let running = &followed.running;
            production
                && at > followed.after
                && (&running.tenant, &running.task) == (&request.tenant, &request.task)
                && in_canary(**canary, running.percent, sticky)
        });
        let Some((canary, followed)) = chosen else {
            return Folded::Nothing;
        };
        followed.tally.tickets += 1;
        followed.tally.failed += 1;
        Folded::Counted(*canary)
    }

    fn prepared(&mut self, ticket: TicketId, recorded: &Recorded) -> Folded {
        // The body is long, and its canary, if it has one, stands in it letter by letter.
        let body = &recorded.event.data;
        let named = |followed: &Followed| {
            recorded.position > followed.after && body.contains(&followed.spelled)
        };
        if !self.canaries.values().any(named) {
            return Folded::Nothing;
        }
        let Some(TicketEvent::TicketPreProcessed(prepared)) = decode(recorded) else {
            return Folded::Nothing;
        };
        let TicketPreProcessed { prompt, .. } = prepared;
        let canary = prompt.canary.and_then(|canary| {
            let followed = self.canaries.get_mut(&canary)?;
            (recorded.position > followed.after).then_some((canary, followed))
        });
        let Some((canary, followed)) = canary else {
            return Folded::Nothing;
        };
        if self.members.len() >= MAX_MEMBERS {
            return Folded::Nothing;
        }
        followed.tally.tickets += 1;
        self.members.insert(ticket, Member { canary, last: None });
        Folded::Counted(canary)
    }

    fn attempt_failed(&mut self, ticket: TicketId, recorded: &Recorded) -> Folded {
        let Some((member, followed)) = self.member(ticket, recorded) else {
            return Folded::Nothing;
        };
        let Some(TicketEvent::AttemptFailed(attempt)) = decode(recorded) else {
            return Folded::Nothing;
        };
        let kind = attempt.error.kind;
        member.last = attempt.retry_at.is_none().then_some(kind);
        if kind != AttemptErrorKind::SchemaViolation {
            return Folded::Nothing;
        }
        followed.tally.schema_violations += 1;
        Folded::Counted(member.canary)
    }

    fn failed(&mut self, ticket: TicketId, recorded: &Recorded) -> Folded {
        if let Some((member, _)) = self.member(ticket, recorded) {
            let failed = member.last.is_some_and(is_to_blame);
            return self.ended(ticket, recorded, |tally| tally.failed += u32::from(failed));
        }
        let tenant = &recorded.event.tenant;
        let mut all = self.canaries.values();
        let concerns = |followed: &Followed| {
            recorded.position > followed.after && followed.running.tenant == *tenant
        };
        if !all.any(concerns) {
            return Folded::Nothing;
        }
        match decode(recorded) {
            Some(TicketEvent::TicketFailed(TicketFailed { failure }))
                if failure.stage == Stage::PreProcess && failure.code == "prompt_not_rendered" =>
            {
                Folded::Unrendered(ticket)
            }
            _ => Folded::Nothing,
        }
    }

    /// The ticket is done with, as far as its prompt goes.
    fn ended(
        &mut self,
        ticket: TicketId,
        recorded: &Recorded,
        count: impl FnOnce(&mut CanaryTally),
    ) -> Folded {
        let Some((member, followed)) = self.member(ticket, recorded) else {
            return Folded::Nothing;
        };
        let canary = member.canary;
        count(&mut followed.tally);
        self.members.remove(&ticket);
        Folded::Counted(canary)
    }

    fn member(
        &mut self,
        ticket: TicketId,
        recorded: &Recorded,
    ) -> Option<(&mut Member, &mut Followed)> {
        let member = self.members.get_mut(&ticket)?;
        let followed = self.canaries.get_mut(&member.canary)?;
        (recorded.position > followed.after).then_some((member, followed))
    }
}

fn decode(recorded: &Recorded) -> Option<TicketEvent> {
    let event = &recorded.event;
    TicketEvent::decode(&event.kind, event.schema_version, &event.data).ok()
}
