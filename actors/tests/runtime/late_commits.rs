//! A store that lands an append after everybody has given it up, dies over one, or holds damage.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use punchcard_actors::admission::{AdmissionOptions, Places};
use punchcard_actors::ports::{
    AppendError, Appended, Direction, EventStore, ExpectedRevision, PreProcessReply, ReadError,
    Subscription,
};
use punchcard_actors::runtime::Ports;
use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::memory_store::{Fault, MemoryStore};
use punchcard_actors::testing::world::{
    TestRuntime, World, in_paused_time, issue, tenant, time_passes,
};
use punchcard_actors::tickets::{Issue, IssueError, TicketError};
use punchcard_events::ticket::{CancelMode, Idempotency, StateName};
use punchcard_events::{EventId, NewEvent, Position, Recorded, Revision, StreamName, TicketId};
use uuid::Uuid;

/// A store whose next append of a new ticket goes as [`Odd`] says. It counts the reads of streams.
struct OddStore {
    store: MemoryStore,
    next: Mutex<Option<Odd>>,
    /// What was taken and is not visible yet.
    taken: Mutex<Option<(StreamName, Vec<NewEvent>)>>,
    fired: AtomicUsize,
    reads: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Odd {
    /// It says nothing of it from now on, and commits it when told to.
    Late,
    /// It is written, and the actor dies before it knows.
    Panics,
}

impl OddStore {
    fn over(world: &World) -> Arc<Self> {
        Arc::new(Self {
            store: world.store.clone(),
            next: Mutex::default(),
            taken: Mutex::default(),
            fired: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
        })
    }

    fn next(&self, odd: Odd) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(odd);
    }

    fn fired(&self) -> usize {
        self.fired.load(Ordering::SeqCst)
    }

    /// The disk goes on.
    async fn commit(&self) -> TicketId {
        let taken = self
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let (stream, events) = taken.expect("an append was taken");
        let landed = self
            .store
            .append(&stream, ExpectedRevision::NoStream, &events)
            .await;
        landed.expect("nobody else wrote there");
        stream.ticket().expect("a ticket's stream")
    }
}

#[async_trait]
impl EventStore for OddStore {
    async fn append(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Result<Appended, AppendError> {
        let unsaid = || AppendError::OutcomeUnknown("injected".to_owned());
        let odd = {
            let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            if taken.as_ref().is_some_and(|(taken, _)| taken == stream) {
                return Err(unsaid());
            }
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            stream.ticket().and_then(|_| next.take())
        };
        let Some(odd) = odd else {
            return self.store.append(stream, expected, events).await;
        };
        self.fired.fetch_add(1, Ordering::SeqCst);
        match odd {
            Odd::Late => {
                let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                *taken = Some((stream.clone(), events.to_vec()));
                Err(unsaid())
            }
            Odd::Panics => {
                let appended = self.store.append(stream, expected, events).await;
                assert!(appended.is_err(), "injected: {stream} is written");
                appended
            }
        }
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.store.read_stream(stream, from, direction, limit).await
    }

    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.store.read_all(after, limit).await
    }

    fn subscribe(&self, after: Option<Position>) -> Subscription {
        self.store.subscribe(after)
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        self.store.read_category(category, after, limit).await
    }

    fn subscribe_category(&self, category: &str, after: Option<Position>) -> Subscription {
        self.store.subscribe_category(category, after)
    }
}

async fn start(world: &World, store: &Arc<OddStore>) -> TestRuntime {
    let ports = Ports {
        store: Arc::<OddStore>::clone(store),
        ..world.ports()
    };
    world.start_over(ports).await
}

fn keyed() -> Issue {
    Issue {
        idempotency: Some(Idempotency {
            key: "k".to_owned(),
            fingerprint: "a".to_owned(),
        }),
        ..issue("review")
    }
}

/// A ticket that lands only after its issuer was refused and its actors have read an empty history.
async fn orphan(run: &TestRuntime, store: &OddStore, request: Issue) -> TicketId {
    store.next(Odd::Late);
    let refused = run.tickets().issue(request).await;
    assert!(
        matches!(refused, Err(IssueError::Unavailable(_))),
        "{refused:?}"
    );
    time_passes(Duration::from_secs(30)).await;
    assert_eq!(run.runtime().active_tickets(), 0, "nobody works on it");
    assert_eq!(store.fired(), 1);
    store.commit().await
}

#[test]
fn a_ticket_that_lands_after_its_actor_gave_up_ends_at_its_deadline_and_not_never() {
    in_paused_time(async {
        let world = World::new();
        let store = OddStore::over(&world);
        let run = start(&world, &store).await;
        let ticket = orphan(&run, &store, issue("review")).await;
        run.await_state(ticket, StateName::Failed).await;
        time_passes(Duration::from_secs(1)).await;
        assert_eq!(run.runtime().active_tickets(), 0);
        run.teardown().await;
    });
}

#[test]
fn a_repeat_of_a_request_whose_ticket_landed_late_sets_it_going() {
    in_paused_time(async {
        let world = World::new();
        let store = OddStore::over(&world);
        let run = start(&world, &store).await;
        let ticket = orphan(&run, &store, keyed()).await;
        let repeat = run.tickets().issue(keyed()).await.expect("answered");
        assert!(repeat.repeated);
        assert_eq!(repeat.ticket, ticket);
        let begun = world.now();
        run.await_state(ticket, StateName::Persisted).await;
        assert!(
            world.now().since(begun) < Duration::from_secs(10),
            "at once"
        );
        run.teardown().await;
    });
}

fn narrow_door(world: &mut World) {
    world.options.admission = AdmissionOptions {
        open: Places::new(100, 100),
        accepting: Places::new(1, 1),
    };
}

#[test]
fn a_ticket_that_gave_way_to_the_store_does_not_stand_in_the_door() {
    in_paused_time(async {
        let mut world = World::new();
        narrow_door(&mut world);
        world.options.store_patience = Duration::from_millis(1);
        let run = world.start().await;
        world
            .store
            .fail_kind("TicketRequested", Fault::UnknownWritten);
        let first = run.tickets().issue(issue("review")).await;
        assert!(
            matches!(first, Err(IssueError::Unavailable(_))),
            "{first:?}"
        );
        assert_eq!(world.store.faults_fired().unknown_written, 1);
        time_passes(Duration::from_millis(1)).await;
        run.tickets()
            .issue(issue("review"))
            .await
            .expect("the door is free");
        time_passes(Duration::from_mins(1)).await;
        run.teardown().await;
    });
}

#[test]
fn a_ticket_whose_actor_died_over_its_first_append_does_not_stand_in_the_door() {
    in_paused_time(async {
        let mut world = World::new();
        narrow_door(&mut world);
        let unchanged = Reply::Gives(PreProcessReply::Unchanged);
        let held = world.callbacks.hold_pre_process(unchanged);
        let store = OddStore::over(&world);
        let run = start(&world, &store).await;
        store.next(Odd::Panics);
        let first = run.tickets().issue(issue("essay")).await;
        assert!(
            matches!(first, Err(IssueError::Unavailable(_))),
            "{first:?}"
        );
        assert_eq!(store.fired(), 1);
        time_passes(Duration::from_millis(1)).await;
        assert_eq!(
            run.runtime().active_tickets(),
            1,
            "its successor is at work"
        );
        run.tickets()
            .issue(issue("review"))
            .await
            .expect("the door is free");
        held.open();
        time_passes(Duration::from_mins(1)).await;
        run.teardown().await;
    });
}

/// Puts an event into the history of `ticket` that nobody can read.
async fn damage(store: &MemoryStore, ticket: TicketId) {
    let revision = store.kinds_of(ticket).len() as u64 - 1;
    let unreadable = NewEvent {
        id: EventId(Uuid::now_v7()),
        kind: Cow::Borrowed("TicketEaten"),
        schema_version: 1,
        tenant: tenant(),
        correlation_id: ticket.0,
        causation_id: None,
        recorded_at: punchcard_actors::testing::clock::START,
        data: "{}".to_owned(),
    };
    let expected = ExpectedRevision::Exact(Revision(revision));
    let written = store
        .append(&ticket.stream(), expected, &[unreadable])
        .await;
    written.expect("written");
}

#[test]
fn questions_to_a_damaged_ticket_leave_one_retry_and_not_one_each() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.passivate_after = Duration::from_secs(1);
        world.task("review", |task| {
            task.deliver_within = Duration::from_mins(5);
        });
        let store = OddStore::over(&world);
        let run = start(&world, &store).await;
        let ticket = run.issue("review").await;
        run.await_state(ticket, StateName::Persisted).await;
        time_passes(Duration::from_secs(2)).await;
        damage(&world.store, ticket).await;
        for _ in 0..20 {
            let by = "key".to_owned();
            let asked = run.tickets().cancel(ticket, CancelMode::Stop, by).await;
            assert!(
                matches!(asked, Err(TicketError::Unavailable(_))),
                "{asked:?}"
            );
            time_passes(Duration::from_millis(1)).await;
        }
        let before = store.reads.load(Ordering::SeqCst);
        assert!(before >= 20, "every question is answered by an actor");
        // Past its deadline too, from when on the sweeper asks about it.
        time_passes(Duration::from_mins(6)).await;
        let until = world.now();
        let reads = store.reads.load(Ordering::SeqCst);
        time_passes(Duration::from_mins(60)).await;
        let minutes = world.now().since(until).as_secs() / 60;
        let more = store.reads.load(Ordering::SeqCst) - reads;
        // Jitter brings a retry once in half a minute on average, each of them one or two reads.
        assert!(more >= 1, "it is still tried");
        assert!(
            more as u64 <= 4 * minutes,
            "{more} reads in {minutes} minutes"
        );
        drop(run);
    });
}
