//! Feeding one batch: its lines become tickets, in order, so many at a time.
//!
//! It holds one chunk of lines and the tickets that are open, and no state of its own that matters: it
//! begins by asking the ticket list how far the batch is.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{LocalBoxFuture, join_all};
use futures_util::stream::FuturesUnordered;
use punchcard_events::act::Author;
use punchcard_events::batch::{
    BatchLinesEvent, BatchLinesRefused, BatchState, Command, Phase, RefusedLine, RequestLine,
};
use punchcard_events::ticket::{BatchLine, CancelMode, Priority, StateName};
use punchcard_events::{BatchId, Revision, TicketId, Timestamp};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::lines::event;
use super::{BatchError, Batches, append};
use crate::errors::{IssueError, TicketError};
use crate::feed::Taken;
use crate::ports::{ExpectedRevision, InputRefusal, Order, TicketFilter};
use crate::tickets::{Issue, Tickets};

/// Lines that are issued at a time: those whose numbers lie within so many. After a crash, all lines
/// but the last so many are known to be tickets, or refused.
const AT_ONCE: u32 = 16;

/// How long a feeder that failed waits before it begins anew.
const AGAIN: Duration = Duration::from_secs(2);

/// The least and the most that it waits when no more tickets are taken.
const BACK_OFF: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(5);

/// The least and the most that it waits before it looks again whether tickets have ended that it does
/// not watch. Those of next month are many batches' business, and most looks find nothing.
const LOOK_AGAIN: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(5)..=Duration::from_secs(60);

/// A ticket is looked at so often even if nothing is heard of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Open tickets listed at a time.
const PAGE: usize = 100;

/// The states in which a ticket still has something to do for the batch.
const AT_WORK: [StateName; 4] = [
    StateName::Requested,
    StateName::PreProcessed,
    StateName::Sent,
    StateName::Answered,
];

/// Feeds a batch to its end, whatever fails on the way. `turns` bounds how many issue lines at a time.
pub(super) async fn feed(batches: Batches, id: BatchId, turns: Arc<Semaphore>) {
    loop {
        let Some(mut feeder) = Feeder::of(&batches, id, Arc::clone(&turns)) else {
            return;
        };
        match feeder.run().await {
            Ok(()) => return,
            Err(error) => tracing::warn!(batch.id = %id, %error, "a batch waits"),
        }
        drop(feeder);
        tokio::time::sleep(AGAIN).await;
    }
}

struct Feeder {
    batches: Batches,
    id: BatchId,
    state: BatchState,
    chunks: u64,
    wake: Arc<Notify>,
    turns: Arc<Semaphore>,
    /// Held while lines are issued, and not while their end is waited for.
    turn: Option<OwnedSemaphorePermit>,
    /// All lines up to this one are tickets, or refused.
    fed: u32,
    /// The last line that is known to be refused, and how many are.
    last_refused: u32,
    refused: u32,
    /// Which are, as long as there are lines to issue: what was refused stays so.
    refused_lines: HashSet<u32>,
    /// The newest event of the stream of lines.
    newest: Revision,
    /// Each ends when its ticket has nothing left to do.
    open: FuturesUnordered<LocalBoxFuture<'static, ()>>,
}

/// What a line came to.
enum Fed {
    Ticket {
        ticket: TicketId,
        /// Whether it begins later, and so takes up no room now.
        is_scheduled: bool,
    },
    Refused(RefusedLine),
    /// The batch was cancelled before it was issued.
    Left,
}

impl Feeder {
    /// A feeder that has not looked yet how far the batch is; `None` where there is nothing to feed.
    fn of(batches: &Batches, id: BatchId, turns: Arc<Semaphore>) -> Option<Self> {
        let entry = batches.0.book.get(id)?;
        let chunks = entry.state.sealed.as_ref()?.chunks;
        Some(Self {
            batches: batches.clone(),
            id,
            state: entry.state,
            chunks,
            wake: entry.wake,
            turns,
            turn: None,
            fed: 0,
            last_refused: 0,
            refused: 0,
            refused_lines: HashSet::new(),
            newest: Revision(chunks.saturating_sub(1)),
            open: FuturesUnordered::new(),
        })
    }

    /// Looks how far the batch is.
    async fn resume(&mut self) -> Result<(), BatchError> {
        self.find_refusals().await?;
        let last_ticket = self.last_ticket().await?;
        let known = last_ticket.max(self.last_refused);
        self.fed = known.saturating_sub(AT_ONCE);
        let now = self.batches.0.tickets.now();
        for ticket in self.at_work(PAGE, Some(now)).await? {
            self.watch(ticket);
        }
        Ok(())
    }

    /// Waits until it is this batch's turn to issue lines, which it is not while its tenant is
    /// suspended. A cancelled one issues none, and needs none.
    async fn take_turn(&mut self) {
        while !self.is_cancelled() {
            if self.is_suspended() {
                self.turn = None;
                tokio::select! {
                    () = tokio::time::sleep(*LOOK_AGAIN.start()) => {}
                    () = self.wake.notified() => {}
                }
                continue;
            }
            if self.turn.is_some() {
                return;
            }
            tokio::select! {
                turn = Arc::clone(&self.turns).acquire_owned() => self.turn = turn.ok(),
                () = self.wake.notified() => {}
            }
        }
    }

    async fn run(&mut self) -> Result<(), BatchError> {
        self.take_turn().await;
        self.resume().await?;
        for chunk in 0..self.chunks {
            if self.is_cancelled() {
                break;
            }
            let store = Arc::clone(&self.batches.0.store);
            let read = event(store.as_ref(), self.id, Revision(chunk)).await?;
            let Some(BatchLinesEvent::BatchLines(lines)) = read else {
                let reason = format!("chunk {chunk} cannot be found");
                return Err(BatchError::Unavailable(reason));
            };
            let is_due = |line: &RequestLine| {
                line.line > self.fed && !self.refused_lines.contains(&line.line)
            };
            let due: Vec<_> = lines.accepted.into_iter().filter(is_due).collect();
            for group in groups(&due) {
                self.issue(group).await?;
            }
        }
        self.turn = None;
        self.refused_lines = HashSet::new();
        self.wait_for_the_end().await?;
        let finish = Command::Finish {
            refused: self.refused,
            act: self.batches.act(Author::Runtime),
        };
        self.batches.execute(self.id, finish).await.map(drop)
    }

    /// Issues some lines as soon as there is room for them.
    async fn issue(&mut self, lines: &[RequestLine]) -> Result<(), BatchError> {
        let window = self.batches.options().window.get();
        while self.open.len() + lines.len() > window.max(lines.len()) && !self.is_cancelled() {
            tokio::select! {
                _ = self.open.next() => {}
                () = self.wake.notified() => {}
            }
        }
        self.take_turn().await;
        if self.is_cancelled() {
            return Ok(());
        }
        let issuing = lines.iter().map(|line| self.issue_line(line));
        let mut refused = Vec::new();
        for fed in join_all(issuing).await {
            match fed {
                Fed::Ticket {
                    ticket,
                    is_scheduled: false,
                } => self.watch(ticket),
                Fed::Ticket { .. } | Fed::Left => {}
                Fed::Refused(line) => refused.push(line),
            }
        }
        self.record(refused).await
    }

    /// Issues a line, and gives way as long as no more tickets are taken.
    async fn issue_line(&self, line: &RequestLine) -> Fed {
        let ticket = self.id.ticket(line.line);
        let tickets = &self.batches.0.tickets;
        loop {
            if self.is_cancelled() {
                return Fed::Left;
            }
            let wait = match tickets.issue_line(ticket, self.request(line)).await {
                Ok(issued) => {
                    let now = tickets.now();
                    let is_scheduled = issued.news.state.not_before().is_some_and(|at| at > now);
                    return Fed::Ticket {
                        ticket,
                        is_scheduled,
                    };
                }
                Err(error) => match refusal(line, error) {
                    Ok(refused) => return Fed::Refused(refused),
                    Err(wait) => wait,
                },
            };
            metrics::counter!("batch_back_offs_total").increment(1);
            tokio::time::sleep(wait.clamp(*BACK_OFF.start(), *BACK_OFF.end())).await;
        }
    }

    fn request(&self, line: &RequestLine) -> Issue {
        Issue {
            tenant: self.state.begun.tenant.clone(),
            task: line.task.clone(),
            label: line.label.clone(),
            user: line.user.clone(),
            input: Arc::clone(&line.input),
            metadata: line.metadata.clone(),
            // Whatever else the tenant wants goes first.
            priority: Priority::Low,
            not_before: line.not_before,
            deadline: line.deadline,
            batch: Some(BatchLine {
                batch: self.id,
                line: line.line,
            }),
            conversation: None,
            idempotency: None,
            traceparent: None,
        }
    }

    fn watch(&self, ticket: TicketId) {
        let tickets = self.batches.0.tickets.clone();
        self.open.push(Box::pin(has_ended(tickets, ticket)));
    }

    fn is_suspended(&self) -> bool {
        let tenant = self.batches.0.tenants.tenant(&self.state.begun.tenant);
        tenant.is_some_and(|tenant| tenant.suspended.is_some())
    }

    fn is_cancelled(&self) -> bool {
        let state = self.batches.state(self.id);
        state.is_some_and(|state| state.phase != Phase::Running)
    }

    /// Waits until nothing of the batch is at work any more; ends what is, once it is cancelled.
    async fn wait_for_the_end(&mut self) -> Result<(), BatchError> {
        let mut look_again = *LOOK_AGAIN.start();
        loop {
            while !self.open.is_empty() && !self.is_cancelled() {
                tokio::select! {
                    _ = self.open.next() => {}
                    () = self.wake.notified() => {}
                }
            }
            if self.is_cancelled() {
                self.open.clear();
                self.cancel_open().await?;
            }
            if self.at_work(1, None).await?.is_empty() {
                return Ok(());
            }
            tokio::select! {
                () = tokio::time::sleep(look_again) => {}
                () = self.wake.notified() => {}
            }
            look_again = (look_again * 2).min(*LOOK_AGAIN.end());
        }
    }

    async fn cancel_open(&self) -> Result<(), BatchError> {
        let by = match self.state_now().cancelled.map(|act| act.by) {
            Some(Author::Key { prefix, .. }) => prefix,
            Some(Author::Configuration | Author::Runtime) | None => "punchcard".to_owned(),
        };
        loop {
            let open = self.at_work(PAGE, None).await?;
            if open.is_empty() {
                return Ok(());
            }
            for ticket in open {
                let tickets = &self.batches.0.tickets;
                match tickets.cancel(ticket, CancelMode::Void, by.clone()).await {
                    Ok(_) | Err(TicketError::Rejected(_) | TicketError::NotFound) => {}
                    Err(error) => return Err(BatchError::Unavailable(error.to_string())),
                }
            }
        }
    }

    fn state_now(&self) -> BatchState {
        let state = self.batches.state(self.id);
        state.unwrap_or_else(|| self.state.clone())
    }

    /// Up to `limit` of the batch's tickets that are at work, in the order of their lines; only those
    /// whose time had come by `begun_by`, where that is given.
    async fn at_work(
        &self,
        limit: usize,
        begun_by: Option<Timestamp>,
    ) -> Result<Vec<TicketId>, BatchError> {
        let (first, last) = self.id.tickets();
        let filter = TicketFilter {
            tenant: Some(self.state.begun.tenant.clone()),
            states: AT_WORK.to_vec(),
            begun_by,
            ..TicketFilter::default()
        };
        let index = self.batches.0.tickets.index();
        let page = index
            .list(&filter, Order::OldestFirst, Some(first), limit)
            .await?;
        let ids = page.into_iter().map(|line| line.id);
        let ours = ids.take_while(|id| *id <= last);
        Ok(ours.filter(|id| self.id.line_of(*id).is_some()).collect())
    }

    /// The line of the batch's newest ticket; 0 before the first.
    async fn last_ticket(&self) -> Result<u32, BatchError> {
        let (first, last) = self.id.tickets();
        let filter = TicketFilter {
            tenant: Some(self.state.begun.tenant.clone()),
            ..TicketFilter::default()
        };
        let index = self.batches.0.tickets.index();
        let page = index
            .list(&filter, Order::NewestFirst, Some(last), PAGE)
            .await?;
        let ids = page.into_iter().map(|line| line.id);
        let mut ours = ids.take_while(|id| *id >= first);
        Ok(ours.find_map(|id| self.id.line_of(id)).unwrap_or(0))
    }

    /// Counts the lines that an earlier run saw refused.
    async fn find_refusals(&mut self) -> Result<(), BatchError> {
        let store = Arc::clone(&self.batches.0.store);
        loop {
            let next = Revision(self.chunks.max(self.newest.0 + 1));
            let Some(BatchLinesEvent::BatchLinesRefused(refused)) =
                event(store.as_ref(), self.id, next).await?
            else {
                break;
            };
            self.newest = next;
            self.count(&refused.lines);
        }
        self.batches.0.book.refused(self.id, self.refused);
        Ok(())
    }

    fn count(&mut self, lines: &[RefusedLine]) {
        self.refused += u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let numbers = lines.iter().map(|line| line.line);
        self.last_refused = numbers.clone().fold(self.last_refused, u32::max);
        self.refused_lines.extend(numbers);
    }

    async fn record(&mut self, lines: Vec<RefusedLine>) -> Result<(), BatchError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.count(&lines);
        let event = BatchLinesEvent::BatchLinesRefused(BatchLinesRefused { lines });
        let kind = (event.kind(), event.schema_version());
        let tenant = &self.state.begun.tenant;
        let stored = self
            .batches
            .envelope(self.id, tenant, kind, event.encode())?;
        let store = self.batches.0.store.as_ref();
        let expected = ExpectedRevision::Exact(self.newest);
        self.newest = append(store, &self.id.lines_stream(), expected, stored).await?;
        self.batches.0.book.refused(self.id, self.refused);
        Ok(())
    }
}

/// The lines that are issued together. By number, not by count: empty and rejected lines have numbers
/// too, and a group that spans more than [`AT_ONCE`] of them would be begun again in its middle.
fn groups(lines: &[RequestLine]) -> impl Iterator<Item = &[RequestLine]> {
    lines.chunk_by(|one, next| one.line / AT_ONCE == next.line / AT_ONCE)
}

/// Waits until nothing is left to do for a ticket but its delivery.
pub(crate) async fn has_ended(tickets: Tickets, ticket: TicketId) {
    let is_at_work = |state: StateName| AT_WORK.contains(&state);
    let watch = tickets.watch_ticket(ticket);
    loop {
        // Watched first, looked at second: nothing can fall in between.
        if let Ok(Some(news)) = tickets.look(ticket).await
            && !is_at_work(news.state.name())
        {
            return;
        }
        let heard = async {
            loop {
                let Taken::News(all) = watch.inbox().take().await else {
                    continue;
                };
                if all.iter().any(|news| !is_at_work(news.state.name())) {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, heard).await.is_ok() {
            return;
        }
    }
}

/// What an error means for a line: it is refused for good, or it is tried again after a while.
fn refusal(line: &RequestLine, error: IssueError) -> Result<RefusedLine, Duration> {
    let refused = |code: &str, message: String, field: Option<String>| {
        Ok(RefusedLine {
            line: line.line,
            custom_id: line.custom_id.clone(),
            code: code.to_owned(),
            message,
            field,
        })
    };
    match error {
        IssueError::Refused(refusal) => {
            let message = refusal.to_string();
            match refusal {
                InputRefusal::UnknownTask(_) => refused("unknown_task", message, None),
                InputRefusal::NotDeployed { .. } => refused("task_not_deployed", message, None),
                InputRefusal::Retired(_) => refused("task_retired", message, None),
                InputRefusal::InvalidInput { field, .. } => {
                    refused("invalid_input", message, Some(field))
                }
                InputRefusal::InputTooLarge { .. } => refused("input_too_large", message, None),
                InputRefusal::Broken(_) | InputRefusal::Unavailable(_) => Err(AGAIN),
            }
        }
        IssueError::BadTime(bad) => {
            refused("deadline_exceeded", bad.rule, Some(bad.field.to_owned()))
        }
        // No new period has room for it.
        IssueError::BudgetExhausted { exceeded, .. } if exceeded.never => {
            let message = format!("This line alone may use more than {} is.", exceeded.limit);
            refused("budget_exhausted", message, None)
        }
        IssueError::Overloaded { retry_after, .. }
        | IssueError::BudgetExhausted { retry_after, .. } => Err(retry_after),
        IssueError::KeyReused
        | IssueError::KeyInFlight
        | IssueError::StillCounting
        | IssueError::Unavailable(_)
        | IssueError::Stopping => Err(AGAIN),
    }
}

#[cfg(test)]
mod tests;
