//! The waiters of one tenant, and which of them is next.
//!
//! The more urgent goes first, and of equals who came first. So that nobody waits for ever behind a
//! stream of more urgent ones, the oldest of all goes when it was passed over [`PATIENCE`] times in a
//! row: with `k` older ones before it, a waiter goes by its tenant's `(PATIENCE + 1) * (k + 1)`th turn
//! at the latest, however urgent the others are. It is counted in turns and not in time, since in time
//! everybody ages alike and the oldest would crowd out the urgent just when the line is long.
//!
//! A task has an aisle of its own, as it may have to stand aside while the others go on. First calls
//! and repeats stand apart in each aisle, for repeats may have to stand back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use punchcard_events::TaskName;
use punchcard_events::ticket::Priority;
use tokio::time::Instant;

/// So often in a row the oldest is passed over for a more urgent one, and no more.
pub(super) const PATIENCE: u32 = 15;

/// Priorities, the most urgent first.
const URGENCIES: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

/// First calls and repeats.
const KINDS: [bool; 2] = [false, true];

/// A tenant's waiters.
#[derive(Debug)]
pub(super) struct Queue<T> {
    aisles: Vec<Aisle<T>>,
    names: HashMap<Option<TaskName>, AisleId>,
    free: Vec<AisleId>,
    /// Of those who may go: the first of every aisle and urgency, for first calls and for repeats.
    heads: [BTreeSet<Head>; 2],
    /// How often in a row the oldest was passed over.
    passed_over: u32,
    backlog: Backlog,
}

/// The index of a task's aisle. It stands for as long as somebody waits in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct AisleId(usize);

/// One who waits, as it is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) aisle: AisleId,
    pub(super) number: u64,
    pub(super) repeat: bool,
    urgency: u8,
}

/// How many wait, by priority, and what they are charged.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Backlog([Amount; 3]);

/// Calls with their tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amount {
    pub(crate) calls: u64,
    pub(crate) tokens: u64,
}

#[derive(Debug)]
struct Aisle<T> {
    task: Option<TaskName>,
    /// By kind, by urgency, by number.
    waiters: [[BTreeMap<u64, Waiter<T>>; 3]; 2],
    backlog: Backlog,
    /// It stands aside until then.
    aside: Option<Instant>,
}

#[derive(Debug)]
struct Waiter<T> {
    tokens: u64,
    waiter: T,
}

/// Ordered as they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    urgency: u8,
    number: u64,
    aisle: AisleId,
}

impl Backlog {
    /// Those at least as urgent as `priority`.
    pub(super) fn down_to(&self, priority: Priority) -> Amount {
        let these = self.0.iter().take(usize::from(urgency(priority)) + 1);
        these.fold(Amount::default(), |sum, amount| Amount {
            calls: sum.calls.saturating_add(amount.calls),
            tokens: sum.tokens.saturating_add(amount.tokens),
        })
    }

    fn of(&mut self, urgency: u8) -> Option<&mut Amount> {
        self.0.get_mut(usize::from(urgency))
    }

    fn add(&mut self, urgency: u8, tokens: u64) {
        if let Some(amount) = self.of(urgency) {
            amount.calls += 1;
            amount.tokens = amount.tokens.saturating_add(tokens);
        }
    }

    fn take(&mut self, urgency: u8, tokens: u64) {
        if let Some(amount) = self.of(urgency) {
            amount.calls = amount.calls.saturating_sub(1);
            amount.tokens = amount.tokens.saturating_sub(tokens);
        }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            aisles: vec![],
            names: HashMap::new(),
            free: vec![],
            heads: [BTreeSet::new(), BTreeSet::new()],
            passed_over: 0,
            backlog: Backlog::default(),
        }
    }
}

impl<T> Queue<T> {
    /// All who wait.
    pub(super) fn total(&self) -> Amount {
        self.backlog.down_to(Priority::Low)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.total().calls == 0
    }

    /// Those who wait at least as urgently as `priority`.
    pub(super) fn backlog(&self, priority: Priority) -> Amount {
        self.backlog.down_to(priority)
    }

    /// The same, of one task.
    pub(super) fn backlog_of(&self, task: Option<&TaskName>, priority: Priority) -> Amount {
        let aisle = self.names.get(&task.cloned());
        let aisle = aisle.and_then(|aisle| self.aisles.get(aisle.0));
        aisle.map_or_else(Amount::default, |aisle| aisle.backlog.down_to(priority))
    }

    /// Whether somebody of this kind may go.
    pub(super) fn shows(&self, repeat: bool) -> bool {
        !self.heads[usize::from(repeat)].is_empty()
    }

    /// Whether the task stands aside.
    pub(super) fn stands_aside(&self, task: Option<&TaskName>) -> bool {
        let aisle = self.names.get(&task.cloned());
        let aisle = aisle.and_then(|aisle| self.aisles.get(aisle.0));
        aisle.is_some_and(|aisle| aisle.aside.is_some())
    }

    /// Stands in line. Numbers only rise.
    pub(super) fn join(
        &mut self,
        task: Option<&TaskName>,
        (priority, repeat): (Priority, bool),
        number: u64,
        tokens: u64,
        waiter: T,
    ) -> Seat {
        let aisle = self.aisle(task);
        let urgency = urgency(priority);
        let seat = Seat {
            aisle,
            number,
            repeat,
            urgency,
        };
        self.change(seat, |waiters| {
            waiters.insert(number, Waiter { tokens, waiter });
        });
        self.backlog.add(urgency, tokens);
        if let Some(aisle) = self.aisles.get_mut(aisle.0) {
            aisle.backlog.add(urgency, tokens);
        }
        seat
    }

    /// Takes one out of the line; `None` when it is not there any more.
    pub(super) fn leave(&mut self, seat: Seat) -> Option<T> {
        let gone = self.change(seat, |waiters| waiters.remove(&seat.number))??;
        self.backlog.take(seat.urgency, gone.tokens);
        if let Some(aisle) = self.aisles.get_mut(seat.aisle.0) {
            aisle.backlog.take(seat.urgency, gone.tokens);
        }
        Some(gone.waiter)
    }

    /// Whose turn it is, of those who may go; repeats only if they may.
    pub(super) fn next(&self, repeats: bool) -> Option<Seat> {
        let heads = || KINDS.into_iter().filter(|repeat| repeats || !*repeat);
        let first = |repeat: bool| Some((*self.heads[usize::from(repeat)].first()?, repeat));
        let most_urgent = heads().filter_map(first).min()?;
        let turn = if self.passed_over < PATIENCE {
            most_urgent
        } else {
            heads()
                .filter_map(|repeat| self.oldest(repeat))
                .min_by_key(|(head, _)| head.number)?
        };
        Some(seat(turn))
    }

    /// The one whose turn it is goes; `repeats` as [`Self::next`] was asked.
    pub(super) fn go(&mut self, seat: Seat, repeats: bool) -> Option<T> {
        let kinds = KINDS.into_iter().filter(|repeat| repeats || !*repeat);
        let oldest = kinds.filter_map(|repeat| self.oldest(repeat));
        let waits_longer = oldest.map(|(head, _)| head.number).any(|n| n < seat.number);
        let waiter = self.leave(seat)?;
        self.passed_over = if waits_longer {
            self.passed_over.saturating_add(1)
        } else {
            0
        };
        Some(waiter)
    }

    /// The task of one who waits, and its tokens.
    pub(super) fn asks(&self, seat: Seat) -> Option<(Option<&TaskName>, u64)> {
        let aisle = self.aisles.get(seat.aisle.0)?;
        let waiter = aisle.of(seat)?.get(&seat.number)?;
        Some((aisle.task.as_ref(), waiter.tokens))
    }

    /// The aisle stands aside, its waiters may not go. Gives the time until which it did before.
    pub(super) fn step_aside(&mut self, aisle: AisleId, until: Instant) -> Option<Instant> {
        let before = self.aisles.get_mut(aisle.0)?.aside.replace(until);
        self.show(aisle, false);
        before
    }

    /// The aisle comes back. Gives the time until which it was to stand aside.
    pub(super) fn come_back(&mut self, aisle: AisleId) -> Option<Instant> {
        let until = self.aisles.get_mut(aisle.0)?.aside.take()?;
        self.show(aisle, true);
        Some(until)
    }

    /// Lets an aisle go that nobody waits in, and says whether it is one.
    pub(super) fn tidy(&mut self, id: AisleId) -> bool {
        let Some(aisle) = self.aisles.get_mut(id.0) else {
            return false;
        };
        let empty = aisle.backlog.down_to(Priority::Low).calls == 0;
        if empty && self.names.get(&aisle.task) == Some(&id) {
            self.names.remove(&aisle.task.take());
            self.free.push(id);
        }
        empty
    }

    /// Those who have waited longest in their aisle, by kind and urgency.
    pub(super) fn firsts(&self) -> impl Iterator<Item = &T> {
        let lines = self
            .aisles
            .iter()
            .flat_map(|aisle| aisle.waiters.iter().flatten());
        lines.filter_map(|line| line.values().next().map(|waiter| &waiter.waiter))
    }

    /// How many wait in aisles that stand aside.
    pub(super) fn aside(&self) -> u64 {
        let aside = self.aisles.iter().filter(|aisle| aisle.aside.is_some());
        aside
            .map(|aisle| aisle.backlog.down_to(Priority::Low).calls)
            .sum()
    }

    /// Of a kind, who has waited longest of those who may go.
    fn oldest(&self, repeat: bool) -> Option<(Head, bool)> {
        let heads = &self.heads[usize::from(repeat)];
        let of = |priority: &Priority| {
            let from = Head {
                urgency: urgency(*priority),
                number: 0,
                aisle: AisleId(0),
            };
            let head = heads.range(from..).next()?;
            (head.urgency == from.urgency).then_some((*head, repeat))
        };
        URGENCIES
            .iter()
            .filter_map(of)
            .min_by_key(|(head, _)| head.number)
    }

    /// Changes one line of an aisle, and who stands first in it.
    fn change<R>(
        &mut self,
        seat: Seat,
        change: impl FnOnce(&mut BTreeMap<u64, Waiter<T>>) -> R,
    ) -> Option<R> {
        let aisle = self.aisles.get_mut(seat.aisle.0)?;
        let (aside, line) = (aisle.aside.is_some(), aisle.of_mut(seat)?);
        let first = |line: &BTreeMap<u64, Waiter<T>>| line.keys().next().copied();
        let before = first(line);
        let changed = change(line);
        let after = first(line);
        if !aside && before != after {
            let head = |number| Head {
                urgency: seat.urgency,
                number,
                aisle: seat.aisle,
            };
            let heads = &mut self.heads[usize::from(seat.repeat)];
            if let Some(number) = before {
                heads.remove(&head(number));
            }
            heads.extend(after.map(head));
        }
        Some(changed)
    }

    /// Shows the first of all lines of an aisle, or shows them no more.
    fn show(&mut self, id: AisleId, show: bool) {
        let Some(aisle) = self.aisles.get(id.0) else {
            return;
        };
        for (lines, heads) in aisle.waiters.iter().zip(&mut self.heads) {
            for (urgency, line) in (0..).zip(lines) {
                let Some(number) = line.keys().next().copied() else {
                    continue;
                };
                let head = Head {
                    urgency,
                    number,
                    aisle: id,
                };
                if show {
                    heads.insert(head);
                } else {
                    heads.remove(&head);
                }
            }
        }
    }

    fn aisle(&mut self, task: Option<&TaskName>) -> AisleId {
        let task = task.cloned();
        if let Some(aisle) = self.names.get(&task) {
            return *aisle;
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.aisles.push(Aisle::default());
            AisleId(self.aisles.len() - 1)
        });
        if let Some(aisle) = self.aisles.get_mut(id.0) {
            aisle.task.clone_from(&task);
        }
        self.names.insert(task, id);
        id
    }
}

impl<T> Aisle<T> {
    fn of(&self, seat: Seat) -> Option<&BTreeMap<u64, Waiter<T>>> {
        self.waiters[usize::from(seat.repeat)].get(usize::from(seat.urgency))
    }

    fn of_mut(&mut self, seat: Seat) -> Option<&mut BTreeMap<u64, Waiter<T>>> {
        self.waiters[usize::from(seat.repeat)].get_mut(usize::from(seat.urgency))
    }
}

impl<T> Default for Aisle<T> {
    fn default() -> Self {
        Self {
            task: None,
            waiters: std::array::from_fn(|_| std::array::from_fn(|_| BTreeMap::new())),
            backlog: Backlog::default(),
            aside: None,
        }
    }
}

const fn seat((head, repeat): (Head, bool)) -> Seat {
    Seat {
        aisle: head.aisle,
        number: head.number,
        repeat,
        urgency: head.urgency,
    }
}

/// 0 is the most urgent.
const fn urgency(priority: Priority) -> u8 {
    match priority {
        Priority::High => 0,
        Priority::Normal => 1,
        Priority::Low => 2,
    }
}
