//! Running one redrive: a batch is written down, its tickets are opened one by one, and what became of
//! them is written down.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use punchcard_events::TicketId;
use punchcard_events::act::Author;
use punchcard_events::redrive::{
    Command, MAX_BATCH, Outcomes, Phase, RedriveStarted, RedriveState, Rejection,
};
use punchcard_events::ticket::{StateName, TicketEvent};
use tokio::time::Instant;
use uuid::Uuid;

use super::{RedrivesError, Shared};
use crate::errors::{IssueError, RedriveError, TicketError};
use crate::failpoint;
use crate::ports::Order;
use crate::tickets::Redrive;

/// How long a runner that failed waits before it begins anew.
const AGAIN: Duration = Duration::from_secs(2);

/// The least and the most that it waits when no more tickets are taken.
const BACK_OFF: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(5);

/// How long one ticket is tried to be opened while no more are taken. Then it stays a dead letter.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a redrive to its end, whatever fails on the way, or until its tenant is suspended.
pub(super) async fn run(shared: Arc<Shared>, id: Uuid) {
    loop {
        let Some(runner) = Runner::of(&shared, id) else {
            return;
        };
        match runner.go().await {
            Ok(()) => return,
            Err(error) => tracing::warn!(redrive.id = %id, %error, "a redrive waits"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

struct Runner {
    shared: Arc<Shared>,
    id: Uuid,
    started: RedriveStarted,
    /// Between two tickets, of one batch or of two.
    pause: Duration,
    /// Before this no ticket is opened.
    due: Cell<Instant>,
}

/// What became of one ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Redriven,
    Skipped,
    Refused,
}

impl Runner {
    fn of(shared: &Arc<Shared>, id: Uuid) -> Option<Self> {
        let state = shared.shelf.get(&id)?;
        let started = state.started.clone()?;
        Some(Self {
            shared: Arc::clone(shared),
            id,
            pause: Duration::from_secs(1) / started.per_second.max(1),
            started,
            due: Cell::new(Instant::now()),
        })
    }

    /// Goes on until it is through, or its tenant is suspended.
    async fn go(&self) -> Result<(), RedrivesError> {
        // A batch that was begun by an earlier runner may be done in part.
        let mut is_new = false;
        while let Some(state) = self.state() {
            if !state.pending.is_empty() {
                let Some(outcomes) = self.open_all(&state.pending, is_new).await? else {
                    return Ok(());
                };
                self.execute(Command::EndBatch { outcomes }).await?;
            } else if self.is_stopped() || self.is_suspended() {
                return Ok(());
            } else {
                let tickets = self.next(&state).await?;
                let act = self.shared.act(Author::Runtime);
                is_new = true;
                self.execute(match tickets.is_empty() {
                    true => Command::Finish { act },
                    false => Command::BeginBatch { tickets },
                })
                .await?;
            }
        }
        Ok(())
    }

    /// The tickets of the next batch: failed by the time of the start, after all before.
    async fn next(&self, state: &RedriveState) -> Result<Vec<TicketId>, RedrivesError> {
        // Small where it goes slowly, so that what is shown is never far behind.
        let few = usize::try_from(self.started.per_second).unwrap_or(MAX_BATCH);
        let left = usize::try_from(state.left()).unwrap_or(usize::MAX);
        let limit = few.saturating_mul(2).min(MAX_BATCH).min(left);
        let started = &self.started;
        let until = Some(started.act.at);
        let filter = (self.shared).filter_of(&started.tenant, &started.filter, until);
        let index = self.shared.tickets.index();
        let page = index.list(&filter, Order::OldestFirst, state.after, limit);
        Ok(page.await?.into_iter().map(|line| line.id).collect())
    }

    /// `None` where the tenant was suspended meanwhile: the rest of the batch waits.
    async fn open_all(
        &self,
        tickets: &[TicketId],
        is_new: bool,
    ) -> Result<Option<Outcomes>, RedrivesError> {
        let mut outcomes = Outcomes::default();
        for ticket in tickets {
            let end = if !is_new && self.is_redriven(*ticket).await? {
                Some(End::Redriven)
            } else {
                self.keep_pace().await;
                self.open(*ticket).await?
            };
            let Some(end) = end else { return Ok(None) };
            let counted = match end {
                End::Redriven => &mut outcomes.redriven,
                End::Skipped => &mut outcomes.skipped,
                End::Refused => &mut outcomes.refused,
            };
            *counted += 1;
        }
        Ok(Some(outcomes))
    }

    /// Opens one ticket, and gives way as long as no more are taken. `None` where the tenant is
    /// suspended.
    async fn open(&self, ticket: TicketId) -> Result<Option<End>, RedrivesError> {
        let tickets = &self.shared.tickets;
        let begun = Instant::now();
        loop {
            if self.is_stopped() || !self.is_due(ticket).await? {
                return Ok(Some(End::Skipped));
            }
            if self.is_suspended() {
                return Ok(None);
            }
            let redrive = Redrive {
                by: self.by(),
                from: self.started.from,
                redrive: Some(self.id),
            };
            failpoint!("effect::redrive::before");
            let wait = match tickets.redrive(ticket, redrive).await {
                Ok(_) => {
                    failpoint!("effect::redrive::after");
                    return Ok(Some(End::Redriven));
                }
                Err(RedriveError::Ticket(error)) => match error {
                    TicketError::NotFound => return Ok(Some(End::Skipped)),
                    // Its actor may have died after it was opened, with the answer unsaid.
                    TicketError::Rejected(_) => {
                        return Ok(Some(match self.is_redriven(ticket).await? {
                            true => End::Redriven,
                            false => End::Skipped,
                        }));
                    }
                    TicketError::Busy | TicketError::Unavailable(_) => {
                        return Err(RedrivesError::Unavailable(error.to_string()));
                    }
                },
                Err(RedriveError::Expired) => return Ok(Some(End::Skipped)),
                Err(RedriveError::Refused(error)) => match error {
                    IssueError::Overloaded { retry_after, .. } => retry_after,
                    IssueError::StillCounting
                    | IssueError::Unavailable(_)
                    | IssueError::Stopping => {
                        return Err(RedrivesError::Unavailable(error.to_string()));
                    }
                    IssueError::BudgetExhausted { .. }
                    | IssueError::Refused(_)
                    | IssueError::BadTime(_)
                    | IssueError::KeyReused
                    | IssueError::KeyInFlight => return Ok(Some(End::Refused)),
                },
            };
            if begun.elapsed() > PATIENCE {
                return Ok(Some(End::Refused));
            }
            metrics::counter!("redrive_back_offs_total").increment(1);
            tokio::time::sleep(wait.clamp(*BACK_OFF.start(), *BACK_OFF.end())).await;
        }
    }

    /// Whether it is failed, and was when the redrive began: what failed anew since is left alone.
    async fn is_due(&self, ticket: TicketId) -> Result<bool, RedrivesError> {
        let news = self.shared.tickets.look(ticket).await?;
        Ok(news.is_some_and(|news| {
            news.state.name() == StateName::Failed && news.changed_at <= self.started.act.at
        }))
    }

    /// Whether its history says that this redrive has opened it.
    async fn is_redriven(&self, ticket: TicketId) -> Result<bool, RedrivesError> {
        let history = self.shared.tickets.history(ticket).await?;
        let mut redrives = history.iter().filter_map(|recorded| {
            let event = &recorded.event;
            match TicketEvent::decode(&event.kind, event.schema_version, &event.data) {
                Ok(TicketEvent::TicketRedriven(redriven)) => redriven.redrive,
                Ok(_) | Err(_) => None,
            }
        });
        Ok(redrives.any(|redrive| redrive == self.id))
    }

    async fn keep_pace(&self) {
        // Not cut short by a stop: it is a second at the most.
        tokio::time::sleep_until(self.due.get()).await;
        self.due.set(Instant::now() + self.pause);
    }

    fn is_suspended(&self) -> bool {
        self.shared.is_suspended(&self.started.tenant)
    }

    fn state(&self) -> Option<Arc<RedriveState>> {
        self.shared.shelf.get(&self.id)
    }

    fn is_stopped(&self) -> bool {
        let state = self.state();
        state.is_none_or(|state| state.phase != Phase::Running)
    }

    fn by(&self) -> String {
        match &self.started.act.by {
            Author::Key { prefix, .. } => prefix.clone(),
            Author::Configuration | Author::Runtime => "punchcard".to_owned(),
        }
    }

    /// Does it; that somebody stopped the redrive meanwhile is no error.
    async fn execute(&self, command: Command) -> Result<(), RedrivesError> {
        let (shared, tenant) = (&self.shared, &self.started.tenant);
        let failpoint = match &command {
            Command::BeginBatch { .. } => "begin",
            Command::EndBatch { .. } => "end",
            Command::Start(_) | Command::Stop { .. } | Command::Finish { .. } => "other",
        };
        failpoint!("redrive::{failpoint}::before_append");
        match shared.execute(tenant, self.id, command).await {
            Ok(_) => {
                failpoint!("redrive::{failpoint}::after_append");
                Ok(())
            }
            Err(RedrivesError::Rejected(Rejection::Ended(_))) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
