//! More than the runtime takes: what is refused, and that nothing accepted ever is.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use punchcard_actors::admission::{AdmissionOptions, Bound, Places};
use punchcard_actors::ports::{
    AppendError, Appended, Direction, EventStore, ExpectedRevision, ReadError, Subscription,
};
use punchcard_actors::runtime::Ports;
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::{Fault, MemoryStore};
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, issue, time_passes};
use punchcard_actors::tickets::{Issue, IssueError, Issued};
use punchcard_events::ticket::{CancelMode, Idempotency, StateName};
use punchcard_events::{NewEvent, Position, Recorded, Revision, StreamName, TenantId};
use tokio::sync::watch;

fn of_tenant(name: &str) -> Issue {
    Issue {
        tenant: TenantId::new(name).expect("a valid tenant"),
        ..issue("review")
    }
}

fn keyed(key: &str, fingerprint: &str) -> Issue {
    Issue {
        idempotency: Some(Idempotency {
            key: key.to_owned(),
            fingerprint: fingerprint.to_owned(),
        }),
        ..issue("review")
    }
}

#[track_caller]
fn bound(refused: Result<Issued, IssueError>) -> Bound {
    match refused.expect_err("refused") {
        IssueError::Overloaded { bound, retry_after } => {
            assert!(retry_after >= Duration::from_secs(1));
            bound
        }
        other => unreachable!("refused for another reason: {other}"),
    }
}

#[test]
fn a_tenant_over_its_own_bound_leaves_room_for_the_others() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.admission = AdmissionOptions {
            open: Places::new(3, 2),
            accepting: Places::new(8, 8),
        };
        world.model.always(Script::hangs());
        let run = world.start().await;
        for _ in 0..2 {
            let issued = run.tickets().issue(of_tenant("loud")).await;
            issued.expect("room");
        }
        let refused = run.tickets().issue(of_tenant("loud")).await;
        assert_eq!(bound(refused), Bound::TenantOpen);
        let quiet = run.tickets().issue(of_tenant("quiet")).await;
        quiet.expect("room for another");
        let refused = run.tickets().issue(of_tenant("third")).await;
        assert_eq!(bound(refused), Bound::Open);
        drop(run);
    });
}

#[test]
fn a_hundred_requests_at_once_do_not_get_past_the_bound() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.admission = AdmissionOptions::of(7);
        world.model.always(Script::hangs());
        let run = world.start().await;
        let all = (0..100).map(|_| run.tickets().issue(issue("review")));
        let all = join_all(all).await;
        let accepted = all.iter().filter(|issued| issued.is_ok()).count();
        assert_eq!(accepted, 7);
        assert_eq!(run.runtime().active_tickets(), 7);
        drop(run);
    });
}

#[test]
fn a_repeat_of_an_accepted_ticket_is_answered_in_a_full_house() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.admission = AdmissionOptions {
            open: Places::new(1, 2),
            accepting: Places::new(4, 4),
        };
        world.model.always(Script::hangs());
        let run = world.start().await;
        let first = run.tickets().issue(keyed("k", "a")).await.expect("issued");
        let appends = world.store.appends();
        let repeat = run.tickets().issue(keyed("k", "a")).await;
        let repeat = repeat.expect("answered");
        assert!(repeat.repeated);
        assert_eq!(repeat.ticket, first.ticket);
        let reused = run.tickets().issue(keyed("k", "b")).await;
        assert_eq!(reused.expect_err("another request"), IssueError::KeyReused);
        let new = run.tickets().issue(keyed("new", "a")).await;
        assert_eq!(bound(new), Bound::Open);
        assert_eq!(world.store.appends(), appends, "a refusal writes nothing");
        drop(run);
    });
}

#[test]
fn a_place_goes_from_an_actor_that_crashed_or_gave_way_to_its_successor() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.admission = AdmissionOptions::of(1);
        world.options.store_patience = Duration::from_millis(1);
        world.model.next(Script::panics());
        world.model.next(Script::hangs());
        let run = world.start().await;
        let ticket = run.issue("review").await;
        world.model.until(|counts| counts.begun == 2).await;
        assert_eq!(world.model.counts().panics, 1, "the panic happened");
        let refused = run.tickets().issue(issue("review")).await;
        assert_eq!(bound(refused), Bound::Open, "its successor has the place");

        world.store.fail_next(Fault::Unavailable);
        let cancelled = run
            .tickets()
            .cancel(ticket, CancelMode::Void, "key".into())
            .await;
        cancelled.expect_err("the store is down");
        time_passes(Duration::from_millis(1)).await;
        assert_eq!(run.runtime().active_tickets(), 0, "it gave way");
        assert_eq!(world.store.faults_fired().unavailable, 1);
        let refused = run.tickets().issue(issue("review")).await;
        assert_eq!(bound(refused), Bound::Open, "it is open all the same");
        drop(run);
    });
}

#[test]
fn what_an_earlier_run_left_open_comes_in_over_the_bound_and_keeps_new_ones_out() {
    let store = MemoryStore::new();
    in_paused_time(async {
        let world = World::over(store.clone(), START);
        world.model.always(Script::hangs());
        let run = world.start().await;
        for _ in 0..5 {
            run.issue("review").await;
        }
        run.stop(Duration::ZERO).await;
    });
    in_paused_time(async {
        let mut world = World::over(store.clone(), START.plus(Duration::from_secs(5)));
        world.options.admission = AdmissionOptions::of(2);
        let mut calls: Vec<_> = (0..5).map(|_| world.model.hold_next()).collect();
        let run = world.start().await;
        assert_eq!(run.runtime().recover(NonZeroU32::MAX).await.tickets, 5);
        assert_eq!(run.runtime().active_tickets(), 5);
        for call in &mut calls {
            call.begun().await;
        }
        let refused = run.tickets().issue(issue("review")).await;
        assert_eq!(bound(refused), Bound::Open);
        for call in &calls {
            call.text("done");
            call.complete();
        }
        // In a house this full, nobody sits idly on a place for the usual minute.
        time_passes(Duration::from_secs(2)).await;
        assert_eq!(run.runtime().active_tickets(), 0);
        run.issue("review").await;
        run.teardown().await;
    });
}

#[test]
fn a_ticket_that_would_wait_too_long_for_its_model_is_refused_at_its_issue() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.llm.default_max_concurrency = 1;
        world.task("review", |task| task.max_wait = Duration::from_secs(10));
        // One call a second.
        let second = Script::default().wait(Duration::from_secs(1));
        world.model.always(second.text(["done"]).complete());
        let run = world.start().await;
        let mut accepted = vec![];
        for _ in 0..20 {
            accepted.push(run.issue("review").await);
        }
        // So far nobody knew the pace. Now it is known, and the line has ten left.
        time_passes(Duration::from_millis(9_500)).await;
        for _ in 0..2 {
            let issued = run.tickets().issue(issue("review")).await;
            accepted.extend(issued.ok().map(|issued| issued.ticket));
        }
        let refused = run.tickets().issue(issue("review")).await;
        assert_eq!(bound(refused), Bound::QueueWait);
        for ticket in accepted {
            run.await_state(ticket, StateName::Persisted).await;
        }
        run.issue("review").await;
        time_passes(Duration::from_secs(2)).await;
        run.teardown().await;
    });
}

/// A store whose appends wait while it is stalled.
struct Stalling {
    store: MemoryStore,
    stalled: watch::Receiver<bool>,
}

#[async_trait]
impl EventStore for Stalling {
    async fn append(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Result<Appended, AppendError> {
        let mut stalled = self.stalled.clone();
        // A sender that is gone stalls nobody.
        let _ = stalled.wait_for(|stalled| !stalled).await;
        self.store.append(stream, expected, events).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
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

#[test]
fn a_stalled_store_holds_no_more_requests_than_the_door_and_none_for_ever() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.admission = AdmissionOptions {
            open: Places::new(100, 100),
            accepting: Places::new(5, 3),
        };
        let stall = watch::Sender::new(true);
        let store = Arc::new(Stalling {
            store: world.store.clone(),
            stalled: stall.subscribe(),
        });
        let ports = Ports {
            store,
            ..world.ports()
        };
        let run = world.start_over(ports).await;
        let begun = world.now();
        let all = (0..20).map(|number| {
            let tenant = if number % 2 == 0 { "loud" } else { "quiet" };
            run.tickets().issue(of_tenant(tenant))
        });
        let all = join_all(all).await;
        let took = world.now().since(begun);
        assert_eq!(took.as_secs(), 15, "the stalled ones give up in the end");
        let count = |wanted: Option<Bound>| {
            let is = |issued: &&Result<Issued, IssueError>| match issued {
                Err(IssueError::Overloaded { bound, .. }) => wanted == Some(*bound),
                Err(IssueError::Unavailable(_)) => wanted.is_none(),
                Ok(_) | Err(_) => false,
            };
            all.iter().filter(is).count()
        };
        assert_eq!(count(None), 5, "{all:?}");
        let refused = [Bound::TenantAccepting, Bound::Accepting].map(|bound| count(Some(bound)));
        assert_eq!(refused.iter().sum::<usize>(), 15);
        assert!(refused.iter().all(|refused| *refused > 0), "{refused:?}");
        assert_eq!(run.runtime().active_tickets(), 5);
        stall.send_replace(false);
        time_passes(Duration::from_secs(1)).await;
        let again = run.tickets().issue(of_tenant("loud")).await;
        again.expect("the store is back");
        time_passes(Duration::from_secs(1)).await;
        run.teardown().await;
    });
}
