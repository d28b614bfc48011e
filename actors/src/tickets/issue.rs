//! Issuing a ticket: checked, claimed by its idempotency key, durable, and only then acknowledged.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use punchcard_events::claim::IdempotencyKeyClaimed;
use punchcard_events::retry::Jitter;
use punchcard_events::ticket::{
    BatchLine, Conversation, Idempotency, Priority, StateName, TicketRequested,
};
use punchcard_events::{
    EventId, LabelName, NewEvent, Revision, StreamName, TaskName, TenantId, TicketId, Timestamp,
    UserId,
};
use serde_json::Value;

use super::Tickets;
use crate::admission::{Bound, Line, Place, Refusal, spread};
use crate::errors::IssueError;
use crate::failpoint;
use crate::feed::News;
use crate::llm::Wish;
use crate::ports::{AppendError, Asked, Direction, ExpectedRevision, Lane, ReadError};
use crate::schedule::{self, FULL_RETRY};
use crate::usage::{Account, Estimate, NotReserved, Reservation};

/// How long a request is worked on. A store that takes longer has stalled; the ticket may come to
/// exist all the same, as after any lost answer.
pub(super) const ACCEPT_WITHIN: Duration = Duration::from_secs(15);

/// The longest that an issuer who is over a budget is told to wait.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);
/// Over how long those who come back after a budget's end are spread.
const RETRY_SPREAD: Duration = Duration::from_secs(10);

/// What an issuer asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Issue {
    /// Who asks.
    pub tenant: TenantId,
    /// What to run.
    pub task: TaskName,
    /// The label whose version is to run; `None`: `production`.
    pub label: Option<LabelName>,
    /// Whom the answer is for.
    pub user: Option<UserId>,
    /// The values of the prompt's variables.
    pub input: Arc<Value>,
    /// The issuer's own labels.
    pub metadata: BTreeMap<String, String>,
    /// How it stands among the tenant's own tickets.
    pub priority: Priority,
    /// Before this it owes nothing.
    pub not_before: Option<Timestamp>,
    /// It must be answered by then, where that is sooner than its task says.
    pub deadline: Option<Timestamp>,
    /// The batch it is a line of.
    pub batch: Option<BatchLine>,
    /// What is said beside the prompt, or in place of one.
    pub conversation: Option<Arc<Conversation>>,
    /// The issuer's idempotency key and the fingerprint of this request.
    pub idempotency: Option<Idempotency>,
    /// The W3C trace context.
    pub traceparent: Option<String>,
}

/// A ticket that exists.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The ticket.
    pub ticket: TicketId,
    /// What was asked first: the same for every repeat.
    pub request: Arc<TicketRequested>,
    /// How it stands now.
    pub news: News,
    /// Whether an earlier request with the same idempotency key issued it.
    pub repeated: bool,
}

impl Tickets {
    /// Whether a ticket of `tenant` would be taken now, as far as that can be said before its request
    /// is read. Only [`Self::issue`] makes it sure.
    ///
    /// # Errors
    /// [`IssueError::Stopping`] and [`IssueError::Overloaded`].
    pub fn has_room(&self, tenant: &TenantId) -> Result<(), IssueError> {
        if self.registry.is_stopping() {
            return Err(IssueError::Stopping);
        }
        let looked = self.admission.look(tenant, self.ports.clock.jitter());
        looked.map_err(refused)
    }

    /// Issues a ticket. When this returns, its first event is durable.
    ///
    /// # Errors
    /// See [`IssueError`]; on [`IssueError::Unavailable`] a repeat with the same idempotency key
    /// finds out whether the ticket exists.
    pub async fn issue(&self, issue: Issue) -> Result<Issued, IssueError> {
        if self.registry.is_stopping() {
            return Err(IssueError::Stopping);
        }
        self.accept_in_time(TicketId(self.ports.clock.id()), issue)
            .await
    }

    /// Issues a ticket whose id is known before: a line of a batch. A repeat finds the first.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub(crate) async fn issue_line(
        &self,
        ticket: TicketId,
        issue: Issue,
    ) -> Result<Issued, IssueError> {
        if let Some(issued) = self.issued_before(ticket).await? {
            return Ok(issued);
        }
        if self.registry.is_stopping() {
            return Err(IssueError::Stopping);
        }
        self.accept_in_time(ticket, issue).await
    }

    /// Whether a request fits its task, as far as that can be said without issuing it.
    ///
    /// # Errors
    /// [`IssueError::Refused`] and [`IssueError::BadTime`].
    pub fn check(&self, issue: &Issue) -> Result<(), IssueError> {
        let now = self.now();
        schedule::check(issue.not_before, issue.deadline, now)?;
        let tasks = &self.ports.tasks;
        tasks.accept(asked(issue), &issue.input, now)?;
        Ok(())
    }

    async fn accept_in_time(&self, ticket: TicketId, issue: Issue) -> Result<Issued, IssueError> {
        let accepted = tokio::time::timeout(ACCEPT_WITHIN, self.accept(ticket, issue)).await;
        accepted.unwrap_or_else(|_| {
            let reason = "the store did not take the ticket in time";
            Err(IssueError::Unavailable(reason.to_owned()))
        })
    }

    async fn accept(&self, ticket: TicketId, issue: Issue) -> Result<Issued, IssueError> {
        let (now, jitter) = (self.now(), self.ports.clock.jitter());
        let claim = Claim::of(&issue.tenant, issue.idempotency.as_ref());
        if let Err(bad) = schedule::check(issue.not_before, issue.deadline, now) {
            return self.earlier(claim, bad.into()).await;
        }
        let later = issue.not_before.filter(|at| *at > now);
        let lane = self.ports.tasks.lane(asked(&issue));
        // One that begins later waits in no line now.
        let line = lane
            .as_ref()
            .filter(|_| later.is_none())
            .and_then(|lane| self.line(lane, &issue.tenant, &issue.task, issue.priority));
        let limits = self.ports.limits.limits(&issue.tenant);
        let door = self
            .admission
            .door(&issue.tenant, jitter)
            .map_err(refused)?;
        let admitted = self
            .admission
            .admit(asked(&issue), &limits, line, door, jitter);
        let place = match admitted {
            Ok(place) => place,
            // Whoever stands at the door may ask for what was accepted before.
            Err((refusal, _door)) => return self.earlier(claim, refused(refusal)).await,
        };
        let account = Account {
            tenant: &issue.tenant,
            task: &issue.task,
            limits: &limits,
        };
        let model = first_model(&issue, lane.as_ref());
        let said = issue.conversation.as_deref();
        let call = (|| estimate(&issue.input, said), max_tokens(said));
        let reserved = self.reserve(ticket, account, model, call, jitter);
        let reservation = match reserved {
            Ok(reservation) => reservation,
            Err(refusal) => return self.earlier(claim, refusal).await,
        };
        if later.is_some() && !self.scheduled.take(&issue.tenant) {
            let refusal = Refusal {
                bound: Bound::TenantScheduled,
                retry_after: FULL_RETRY,
            };
            return self.earlier(claim, refused(refusal)).await;
        }
        let request = self.request(issue)?;
        self.issue_granted(ticket, request, Grant { place, reservation })
            .await
    }

    /// Issues what was granted, once for its idempotency key.
    pub(super) async fn issue_granted(
        &self,
        ticket: TicketId,
        request: TicketRequested,
        grant: Grant,
    ) -> Result<Issued, IssueError> {
        match request.idempotency.clone() {
            None => self.issue_as(ticket, request, grant).await,
            Some(key) => self.issue_once(ticket, request, key, grant).await,
        }
    }

    /// Where a new ticket would wait: at the first of its models that is not held up, as the ticket
    /// itself would choose.
    pub(super) fn line(
        &self,
        lane: &Lane,
        tenant: &TenantId,
        task: &TaskName,
        priority: Priority,
    ) -> Option<Line> {
        let usable = lane.models.iter().find(|model| !self.llm.is_open(model));
        let model = usable.or_else(|| lane.models.first())?;
        let wish = Wish {
            tenant,
            task,
            retry: false,
            priority,
            tokens: 1,
        };
        Some(Line {
            expected_wait: self.llm.expected_wait_of(model, &wish),
            max_wait: lane.max_wait,
        })
    }

    /// Reserves what the ticket may use, as far as that can be told before its prompt is known: an
    /// estimate of the call, and the longest answer where that is said.
    pub(super) fn reserve(
        &self,
        ticket: TicketId,
        account: Account<'_>,
        model: &str,
        (call, max_tokens): (impl FnOnce() -> Estimate, Option<u32>),
        jitter: Jitter,
    ) -> Result<Reservation, IssueError> {
        let now = self.now();
        let meter = &self.ports.meter;
        let reserved = meter.reserve(ticket, account, model, call, max_tokens, now);
        reserved.map_err(|error| not_reserved(error, now, jitter))
    }

    /// Checks what is asked for against its task.
    fn request(&self, issue: Issue) -> Result<TicketRequested, IssueError> {
        let now = self.now();
        let tasks = &self.ports.tasks;
        let begins = issue.not_before.map_or(now, |at| at.max(now));
        let mut terms = tasks.accept(asked(&issue), &issue.input, begins)?;
        if let Some(deadline) = issue.deadline {
            let answer_by = &mut terms.deadlines.answer_by;
            *answer_by = deadline.min(*answer_by);
        }
        Ok(TicketRequested {
            tenant: issue.tenant,
            task: issue.task,
            label: issue.label,
            user: issue.user,
            input: issue.input,
            metadata: issue.metadata,
            idempotency: issue.idempotency,
            traceparent: issue.traceparent,
            requested_at: now,
            priority: issue.priority,
            not_before: issue.not_before.filter(|at| *at > now),
            batch: issue.batch,
            conversation: issue.conversation,
            fork: None,
            terms,
        })
    }

    /// The ticket that an earlier request with the same idempotency key issued; without one, the
    /// refusal. This is all that an overloaded runtime does for a new request, and it only reads.
    pub(super) async fn earlier(
        &self,
        claim: Option<Claim<'_>>,
        refusal: IssueError,
    ) -> Result<Issued, IssueError> {
        let Some(Claim { tenant, key }) = claim else {
            return Err(refusal);
        };
        self.claimed(tenant, key).await?.ok_or(refusal)
    }

    /// The ticket that an earlier request with this idempotency key issued.
    pub(crate) async fn claimed(
        &self,
        tenant: &TenantId,
        key: &Idempotency,
    ) -> Result<Option<Issued>, IssueError> {
        let stream = IdempotencyKeyClaimed::stream(tenant, &key.key);
        let _in_flight = self
            .keys_in_flight
            .begin(&stream)
            .ok_or(IssueError::KeyInFlight)?;
        let Some(claim) = self.read_claim(&stream).await? else {
            return Ok(None);
        };
        if claim.fingerprint != key.fingerprint {
            return Err(IssueError::KeyReused);
        }
        self.issued_before(claim.ticket).await
    }

    /// The ticket with this id, as the answer to a repeated request; `None` where there is none yet.
    pub(crate) async fn issued_before(
        &self,
        ticket: TicketId,
    ) -> Result<Option<Issued>, IssueError> {
        match self.look(ticket).await.map_err(unreadable)? {
            Some(news) => self.repeated(ticket, news).await.map(Some),
            None => Ok(None),
        }
    }

    /// Answers a repeat with the ticket of the first request. What that ticket owes, somebody must be
    /// doing: its first event may have landed after its actor had given up.
    async fn repeated(&self, ticket: TicketId, news: News) -> Result<Issued, IssueError> {
        match news.state.name() {
            StateName::Requested
            | StateName::PreProcessed
            | StateName::Sent
            | StateName::Answered => self.registry.activate(&[ticket]).await,
            StateName::Unrequested
            | StateName::Persisted
            | StateName::Delivered
            | StateName::Failed
            | StateName::Cancelled => {}
        }
        issued(ticket, news, true)
    }

    async fn issue_as(
        &self,
        ticket: TicketId,
        request: TicketRequested,
        mut grant: Grant,
    ) -> Result<Issued, IssueError> {
        grant.reservation.rename(ticket);
        let news = self.begin(ticket, request, grant.place).await?;
        grant.reservation.keep();
        issued(ticket, news, false)
    }

    async fn issue_once(
        &self,
        candidate: TicketId,
        request: TicketRequested,
        key: Idempotency,
        grant: Grant,
    ) -> Result<Issued, IssueError> {
        let stream = IdempotencyKeyClaimed::stream(&request.tenant, &key.key);
        let _in_flight = self
            .keys_in_flight
            .begin(&stream)
            .ok_or(IssueError::KeyInFlight)?;
        let claim = IdempotencyKeyClaimed {
            ticket: candidate,
            fingerprint: key.fingerprint,
        };
        let Some(earlier) = self.claim(&stream, &claim, &request).await? else {
            return self.issue_as(candidate, request, grant).await;
        };
        if earlier.fingerprint != claim.fingerprint {
            return Err(IssueError::KeyReused);
        }
        let ticket = earlier.ticket;
        if let Some(issued) = self.issued_before(ticket).await? {
            return Ok(issued);
        }
        // The claim was stored and the ticket was not: the process stopped in between, or the store
        // failed. This request is the same one, so it completes what the first began.
        self.issue_as(ticket, request, grant).await
    }

    /// Claims a key. `None` when the claim is ours, else the earlier one.
    async fn claim(
        &self,
        stream: &StreamName,
        claim: &IdempotencyKeyClaimed,
        request: &TicketRequested,
    ) -> Result<Option<IdempotencyKeyClaimed>, IssueError> {
        let unavailable =
            |error: &dyn std::fmt::Display| IssueError::Unavailable(error.to_string());
        let event = NewEvent {
            id: EventId(self.ports.clock.id()),
            kind: Cow::Borrowed(IdempotencyKeyClaimed::KIND),
            schema_version: IdempotencyKeyClaimed::SCHEMA_VERSION,
            tenant: request.tenant.clone(),
            correlation_id: claim.ticket.0,
            causation_id: None,
            recorded_at: request.requested_at,
            data: serde_json::to_string(claim).map_err(|e| unavailable(&e))?,
        };
        failpoint!("ticket::{}::before_append", event.kind);
        match self
            .store()
            .append(stream, ExpectedRevision::NoStream, &[event])
            .await
        {
            Ok(_) => {
                failpoint!("ticket::{}::after_append", IdempotencyKeyClaimed::KIND);
                return Ok(None);
            }
            Err(AppendError::Conflict { .. }) => {}
            Err(error @ (AppendError::Unavailable(_) | AppendError::OutcomeUnknown(_))) => {
                return Err(unavailable(&error));
            }
        }
        let first = self.read_claim(stream).await?;
        first
            .map(Some)
            .ok_or_else(|| unavailable(&"the idempotency key's claim cannot be found"))
    }

    /// The claim of a key, if there is one.
    async fn read_claim(
        &self,
        stream: &StreamName,
    ) -> Result<Option<IdempotencyKeyClaimed>, IssueError> {
        let from = Some(Revision::FIRST);
        let first = self
            .store()
            .read_stream(stream, from, Direction::Forwards, 1)
            .await
            .map_err(unreadable)?;
        let Some(first) = first.first() else {
            return Ok(None);
        };
        let event = &first.event;
        IdempotencyKeyClaimed::decode(&event.kind, event.schema_version, &event.data)
            .map(Some)
            .map_err(|error| IssueError::Unavailable(error.to_string()))
    }
}

/// What a new ticket was granted before anything is written.
pub(super) struct Grant {
    pub(super) place: Place,
    pub(super) reservation: Reservation,
}

/// An idempotency key that came with a request.
#[derive(Clone, Copy)]
pub(super) struct Claim<'a> {
    tenant: &'a TenantId,
    key: &'a Idempotency,
}

impl<'a> Claim<'a> {
    pub(super) fn of(tenant: &'a TenantId, key: Option<&'a Idempotency>) -> Option<Self> {
        key.map(|key| Self { tenant, key })
    }
}

/// The model that will be asked first, as far as that can be told; a name of none costs nothing.
fn first_model<'a>(issue: &'a Issue, lane: Option<&'a Lane>) -> &'a str {
    let own = issue.conversation.as_deref();
    let own = own.and_then(|conversation| conversation.model.as_deref());
    let first = lane.and_then(|lane| lane.models.first());
    own.or_else(|| first.map(String::as_str))
        .unwrap_or_default()
}

/// What a ticket will use, told from the length of what is asked.
pub(super) fn estimate(input: &Value, conversation: Option<&Conversation>) -> Estimate {
    let said = conversation.map_or(0, |conversation| {
        let bytes = conversation
            .messages
            .iter()
            .map(|message| message.content.len());
        bytes.fold(0, usize::saturating_add)
    });
    let bytes = text_bytes(input).saturating_add(said as u64);
    Estimate::of_request(bytes, max_tokens(conversation))
}

/// The longest answer, where the request says one.
pub(super) fn max_tokens(conversation: Option<&Conversation>) -> Option<u32> {
    conversation?.parameters.max_tokens
}

/// Why nothing was reserved, as the issuer is told, counted where it is given.
fn not_reserved(error: NotReserved, now: Timestamp, jitter: Jitter) -> IssueError {
    match error {
        NotReserved::NotReady => IssueError::StillCounting,
        NotReserved::Exceeded(exceeded) => {
            let reason = exceeded.limit.word();
            metrics::counter!("tickets_refused_total", "reason" => reason).increment(1);
            IssueError::BudgetExhausted {
                retry_after: until(exceeded.ends_at, now, jitter),
                exceeded,
            }
        }
    }
}

/// The bytes of all texts in a value. It was parsed from a body, so its depth is bounded.
fn text_bytes(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(values) => values.iter().map(text_bytes).fold(0, u64::saturating_add),
        Value::Object(members) => members
            .values()
            .map(text_bytes)
            .fold(0, u64::saturating_add),
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

/// When to come back to a budget: when its period has ended, but not later than
/// [`LONGEST_RETRY_AFTER`], since reservations that were not used are given back meanwhile and a
/// budget may be raised. Spread, so that not all come at once.
fn until(ends_at: Timestamp, now: Timestamp, jitter: Jitter) -> Duration {
    let wait = ends_at.since(now);
    let spread = spread(RETRY_SPREAD, jitter);
    wait.saturating_add(spread).min(LONGEST_RETRY_AFTER)
}

/// What the issuer asks the book of tasks for.
fn asked(issue: &Issue) -> Asked<'_> {
    Asked {
        tenant: &issue.tenant,
        task: &issue.task,
        label: issue.label.as_ref(),
        conversation: issue.conversation.as_deref(),
    }
}

/// A refusal, counted where it is given.
pub(super) fn refused(refusal: Refusal) -> IssueError {
    metrics::counter!("tickets_refused_total", "reason" => refusal.bound.as_str()).increment(1);
    refusal.into()
}

fn issued(ticket: TicketId, news: News, repeated: bool) -> Result<Issued, IssueError> {
    let request = news.state.request().cloned();
    let request = request.ok_or_else(|| {
        IssueError::Unavailable("the ticket has no first event after all".to_owned())
    })?;
    Ok(Issued {
        ticket,
        request,
        news,
        repeated,
    })
}

fn unreadable(error: ReadError) -> IssueError {
    IssueError::Unavailable(error.to_string())
}

/// The idempotency keys whose first request this process is handling. Another node's are found by
/// their claims.
#[derive(Debug, Clone, Default)]
pub(super) struct KeysInFlight(Arc<Mutex<HashSet<StreamName>>>);

pub(super) struct KeyInFlight {
    keys: KeysInFlight,
    stream: StreamName,
}

impl KeysInFlight {
    fn begin(&self, stream: &StreamName) -> Option<KeyInFlight> {
        self.lock().insert(stream.clone()).then(|| KeyInFlight {
            keys: self.clone(),
            stream: stream.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<StreamName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for KeyInFlight {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.stream);
    }
}
