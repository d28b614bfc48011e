//! What one ticket has reserved.

use punchcard_events::{TaskName, TenantId};

use super::Whose;
use crate::usage::Amount;

/// A ticket's reservations: one for the call to come, and one for each call under way. More than
/// one is under way only while the end of an earlier one has not been settled yet.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) tenant: TenantId,
    pub(super) task: TaskName,
    /// Whether the ticket's first event is known to be stored.
    pub(super) stored: bool,
    waiting: Amount,
    /// By attempt, in their order.
    running: Vec<(u32, Amount)>,
    /// The newest attempt that was settled; 0 before the first.
    settled: u32,
}

impl Hold {
    pub(super) fn new(whose: Whose<'_>, waiting: Amount) -> Self {
        Self {
            tenant: whose.tenant.clone(),
            task: whose.task.clone(),
            stored: false,
            waiting,
            running: Vec::new(),
            settled: 0,
        }
    }

    pub(super) const fn waiting(&self) -> Amount {
        self.waiting
    }

    pub(super) fn all_running(&self) -> Amount {
        self.running.iter().map(|(_, amount)| *amount).sum()
    }

    /// What an attempt under way has reserved.
    pub(super) fn running(&self, attempt: u32) -> Option<Amount> {
        let found = self.running.iter().find(|(own, _)| *own == attempt);
        found.map(|(_, amount)| *amount)
    }

    pub(super) const fn wait_with(&mut self, amount: Amount) {
        self.waiting = amount;
    }

    pub(super) fn run(&mut self, attempt: u32, amount: Amount) {
        self.waiting = Amount::default();
        match self.running.iter_mut().find(|(own, _)| *own == attempt) {
            Some((_, running)) => *running = amount,
            None => self.running.push((attempt, amount)),
        }
    }

    /// Whether this is the first word of the attempt's end. The ticket then holds as much for a
    /// next attempt, until it ends.
    pub(super) fn settle(&mut self, attempt: u32) -> bool {
        if attempt <= self.settled {
            return false;
        }
        self.settled = attempt;
        let last = self.running(attempt);
        self.running.retain(|(own, _)| *own > attempt);
        if let Some(last) = last
            && self.running.is_empty()
        {
            self.waiting = last;
        }
        true
    }
}
