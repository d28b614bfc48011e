//! Failed tickets opened again, one and many.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::admission::AdmissionOptions;
use punchcard_actors::ports::EventStore;
use punchcard_actors::redrives::{NewRedrive, Redrives, RedrivesError};
use punchcard_actors::tenants::Directory;
use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::memory_store::Fault;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{
    TestRuntime, World, in_paused_time, task, tenant, time_passes,
};
use punchcard_actors::tickets::{IssueError, Redrive, RedriveError, TicketError};
use punchcard_events::TicketId;
use punchcard_events::act::{Act, Author};
use punchcard_events::redrive::{Outcomes, Phase, RedriveFilter, RedriveState};
use punchcard_events::tenant::{Suspended, TenantLimits, TenantState};
use punchcard_events::ticket::{
    AttemptErrorKind, CallbackErrorKind, RedriveFrom, Rejection, Stage, StateName, TicketEvent,
};
use uuid::Uuid;

fn asked(from: Option<RedriveFrom>) -> Redrive {
    Redrive {
        by: "pk_live_0aB1cD2e".to_owned(),
        from,
        redrive: None,
    }
}

/// A ticket of `review` that its model refused.
async fn refused(world: &World, run: &TestRuntime) -> TicketId {
    world
        .model
        .next(Script::refuses(AttemptErrorKind::QuotaExceeded));
    let ticket = run.issue("review").await;
    run.await_state(ticket, StateName::Failed).await;
    ticket
}

#[test]
fn a_failed_ticket_goes_on_from_the_step_it_failed_in_with_as_much_time_as_at_first() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let ticket = refused(&world, &run).await;
        let first = run.tickets().look(ticket).await.expect("read");
        let first = first.expect("there").state.request().expect("it").clone();
        time_passes(Duration::from_mins(30)).await;
        let held = world.model.hold_next();
        let news = run.tickets().redrive(ticket, asked(None)).await;
        let now = world.now();
        let news = news.expect("it is opened again");
        let again = &news.state.request().expect("a request").terms.deadlines;
        let old = &first.terms.deadlines;
        let length = old.answer_by.since(first.requested_at);
        assert!(now.plus(length).since(again.answer_by) < Duration::from_secs(1));
        assert_eq!(
            again.deliver_by.since(again.answer_by),
            old.deliver_by.since(old.answer_by)
        );
        held.complete();
        run.await_state(ticket, StateName::Persisted).await;
        let kinds = world.store.kinds_of(ticket);
        let wanted = [
            "TicketFailed",
            "TicketRedriven",
            "TicketSent",
            "TicketAnswered",
            "TicketPersisted",
        ];
        assert_eq!(kinds[kinds.len() - 5..], wanted);
        assert_eq!(world.model.attempts_of(ticket), [1, 2]);
        run.teardown().await;
    });
}

#[test]
fn a_ticket_redriven_from_its_request_is_prepared_anew_and_its_callbacks_are_new_ones() {
    in_paused_time(async {
        let world = World::new();
        world
            .callbacks
            .next_post_process(Reply::Fails(CallbackErrorKind::Gone));
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        run.await_state(ticket, StateName::Failed).await;
        let from = Some(RedriveFrom::Requested);
        let news = run.tickets().redrive(ticket, asked(from)).await;
        assert!(news.is_ok(), "{news:?}");
        let news = run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(news.state.attempt(), 2);
        assert_eq!(world.model.attempts_of(ticket), [1, 2]);
        let prepared = world.callbacks.pre_process_calls().into_iter();
        let persisted = world.callbacks.post_process_calls().into_iter();
        let calls: Vec<_> = prepared.map(|call| call.prepared_again).collect();
        assert_eq!(calls, [0, 1]);
        let calls: Vec<_> = persisted.map(|call| call.prepared_again).collect();
        assert_eq!(calls, [0, 1]);
        run.teardown().await;
    });
}

#[test]
fn only_a_failed_ticket_is_opened_and_an_unknown_one_is_not_found() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        run.await_state(ticket, StateName::Persisted).await;
        let refused = run.tickets().redrive(ticket, asked(None)).await;
        let not_failed = Rejection::NotFailed(StateName::Persisted);
        assert_eq!(
            refused.map(drop),
            Err(RedriveError::Ticket(TicketError::Rejected(not_failed)))
        );
        let nobody = TicketId(Uuid::from_u128(1));
        let refused = run.tickets().redrive(nobody, asked(None)).await;
        assert_eq!(
            refused.map(drop),
            Err(RedriveError::Ticket(TicketError::NotFound))
        );
        run.teardown().await;
    });
}

#[test]
fn a_redrive_needs_a_place_like_a_new_ticket() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.admission = AdmissionOptions::of(1);
        let run = world.start().await;
        let ticket = refused(&world, &run).await;
        time_passes(Duration::from_secs(1)).await;
        let held = world.model.hold_next();
        let other = run.issue("review").await;
        let refused = run.tickets().redrive(ticket, asked(None)).await;
        let full = matches!(
            refused,
            Err(RedriveError::Refused(IssueError::Overloaded { .. }))
        );
        assert!(full, "{refused:?}");
        held.complete();
        run.await_state(other, StateName::Persisted).await;
        time_passes(Duration::from_mins(2)).await;
        let opened = run.tickets().redrive(ticket, asked(None)).await;
        assert!(opened.is_ok(), "{opened:?}");
        run.await_state(ticket, StateName::Persisted).await;
        run.teardown().await;
    });
}

async fn redrives(world: &World, run: &TestRuntime) -> Redrives {
    redrives_of(world, run, Directory::default()).await
}

async fn redrives_of(world: &World, run: &TestRuntime, tenants: Directory) -> Redrives {
    let store: Arc<dyn EventStore> = Arc::new(world.store.clone());
    let opened = Redrives::open(store, run.tickets().clone(), tenants);
    opened.await.expect("the store is read")
}

fn new(filter: RedriveFilter, per_second: u32) -> NewRedrive {
    NewRedrive {
        tenant: tenant(),
        filter,
        from: None,
        limit: None,
        per_second: Some(per_second),
        by: Author::Key {
            prefix: "pk_live_0aB1cD2e".to_owned(),
            name: None,
        },
    }
}

async fn ended(redrives: &Redrives, id: Uuid) -> Arc<RedriveState> {
    let mut seen = None;
    for _ in 0..600 {
        let state = redrives.get(id).expect("it was started");
        if !state.is_at_work() {
            return state;
        }
        seen = Some(state);
        time_passes(Duration::from_millis(100)).await;
    }
    unreachable!("it has not ended after a minute: {seen:?}")
}

/// How often this redrive has opened the ticket.
fn opened_by(world: &World, ticket: TicketId, redrive: Uuid) -> usize {
    let stored = world.store.all_events().into_iter();
    let own = stored.filter(|recorded| recorded.stream == ticket.stream());
    let redriven = own.filter_map(|recorded| {
        let event = recorded.event;
        match TicketEvent::decode(&event.kind, event.schema_version, &event.data) {
            Ok(TicketEvent::TicketRedriven(redriven)) => redriven.redrive,
            Ok(_) | Err(_) => None,
        }
    });
    redriven.filter(|of| *of == redrive).count()
}

#[test]
fn a_redrive_opens_what_its_filter_means_once_and_leaves_what_fails_later() {
    in_paused_time(async {
        let world = World::new();
        world.task("other", |_| ());
        let run = world.start().await;
        let mut ours = Vec::new();
        for _ in 0..70 {
            ours.push(refused(&world, &run).await);
        }
        world
            .model
            .next(Script::refuses(AttemptErrorKind::ContentFiltered));
        let filtered = run.issue("review").await;
        run.await_state(filtered, StateName::Failed).await;
        time_passes(Duration::from_secs(1)).await;
        let redrives = redrives(&world, &run).await;
        let filter = RedriveFilter {
            task: Some(task("review")),
            stage: Some(Stage::Model),
            code: Some("model_quota_exceeded".to_owned()),
            ..RedriveFilter::default()
        };
        let preview = redrives.preview(&tenant(), &filter, None).await;
        assert_eq!(preview.expect("a count").would_redrive, 70);
        // They fail again, all but the first: that is after the start.
        world.model.next(Script::says(["Fine."]));
        world
            .model
            .always(Script::refuses(AttemptErrorKind::QuotaExceeded));
        let started = redrives.start(new(filter.clone(), 100)).await;
        let (id, state) = started.expect("it starts");
        assert_eq!(state.started.as_ref().expect("it").total, 70);
        let second = redrives.start(new(filter, 100)).await;
        assert_eq!(second.map(drop), Err(RedrivesError::Running(id)));
        let state = ended(&redrives, id).await;
        assert!(matches!(state.phase, Phase::Finished(_)));
        let all = Outcomes {
            redriven: 70,
            ..Outcomes::default()
        };
        assert_eq!(state.outcomes, all);
        for ticket in &ours {
            assert_eq!(opened_by(&world, *ticket, id), 1);
            run.await_news(*ticket, |news| {
                [StateName::Failed, StateName::Persisted].contains(&news.state.name())
            })
            .await;
        }
        assert_eq!(opened_by(&world, filtered, id), 0);
        assert_eq!(world.model.attempts_of(ours[3]), [1, 2]);
        run.teardown().await;
    });
}

#[test]
fn a_redrive_keeps_its_pace_and_stops_where_it_is_told_to() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let mut ours = Vec::new();
        for _ in 0..30 {
            ours.push(refused(&world, &run).await);
        }
        time_passes(Duration::from_secs(1)).await;
        let redrives = redrives(&world, &run).await;
        let started = redrives.start(new(RedriveFilter::default(), 2)).await;
        let (id, _) = started.expect("it starts");
        time_passes(Duration::from_millis(5_100)).await;
        let by = Author::Runtime;
        let state = redrives.stop(id, by.clone()).await.expect("it stops");
        assert!(matches!(state.phase, Phase::Stopped(_)));
        let again = redrives.stop(id, by).await;
        assert!(again.is_ok(), "a second stop changes nothing");
        let state = ended(&redrives, id).await;
        let opened: usize = ours.iter().map(|id_of| opened_by(&world, *id_of, id)).sum();
        assert!((9..=12).contains(&opened), "{opened} in five seconds");
        assert_eq!(state.outcomes.redriven, opened as u64);
        time_passes(Duration::from_secs(30)).await;
        let later: usize = ours.iter().map(|id_of| opened_by(&world, *id_of, id)).sum();
        assert_eq!(later, opened, "it went on after its end");
        run.teardown().await;
    });
}

#[test]
fn a_redrive_goes_on_after_a_crash_and_opens_no_ticket_twice() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let mut ours = BTreeSet::new();
        for _ in 0..40 {
            ours.insert(refused(&world, &run).await);
        }
        time_passes(Duration::from_secs(1)).await;
        // What is opened fails again at once, so that nothing but the books tells what was done.
        world
            .model
            .always(Script::refuses(AttemptErrorKind::QuotaExceeded));
        let mut working = redrives(&world, &run).await;
        let started = working.start(new(RedriveFilter::default(), 10)).await;
        let (id, _) = started.expect("it starts");
        for _ in 0..5 {
            time_passes(Duration::from_millis(730)).await;
            // The runners die where they stand, in the middle of a batch.
            drop(working);
            working = redrives(&world, &run).await;
        }
        let state = ended(&working, id).await;
        assert!(matches!(state.phase, Phase::Finished(_)), "{state:?}");
        assert_eq!(state.outcomes.redriven, 40, "{:?}", state.outcomes);
        for ticket in &ours {
            assert_eq!(opened_by(&world, *ticket, id), 1, "{ticket}");
            assert_eq!(world.model.attempts_of(*ticket), [1, 2], "{ticket}");
        }
        run.teardown().await;
    });
}

#[test]
fn a_redrive_gets_over_a_store_that_does_not_say_what_it_stored() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let mut ours = Vec::new();
        for _ in 0..10 {
            ours.push(refused(&world, &run).await);
        }
        time_passes(Duration::from_secs(1)).await;
        let working = redrives(&world, &run).await;
        for kind in ["RedriveBatchBegun", "TicketRedriven", "RedriveBatchEnded"] {
            world.store.fail_kind(kind, Fault::UnknownWritten);
            world.store.fail_kind(kind, Fault::Unavailable);
        }
        let started = working.start(new(RedriveFilter::default(), 50)).await;
        let (id, _) = started.expect("it starts");
        let state = ended(&working, id).await;
        assert_eq!(world.store.faults_pending(), 0, "every fault fired");
        assert_eq!(state.outcomes.redriven, 10, "{:?}", state.outcomes);
        for ticket in &ours {
            assert_eq!(opened_by(&world, *ticket, id), 1);
        }
        run.teardown().await;
    });
}

#[test]
fn what_its_tenant_keeps_no_longer_is_neither_counted_nor_opened() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let old = refused(&world, &run).await;
        time_passes(Duration::from_hours(25)).await;
        let young = refused(&world, &run).await;
        time_passes(Duration::from_secs(1)).await;
        let limits = TenantLimits {
            retention_days: Some(1),
            ..TenantLimits::default()
        };
        world.limits.set(&tenant(), limits);
        let late = run.tickets().redrive(old, asked(None)).await;
        assert_eq!(late.map(drop), Err(RedriveError::Expired));
        let redrives = redrives(&world, &run).await;
        let all = RedriveFilter::default();
        let groups = redrives.dead_letters(&tenant(), &all).await;
        let counts: Vec<_> = groups.expect("a count").iter().map(|g| g.count).collect();
        assert_eq!(counts, [1]);
        let started = redrives.start(new(all, 10)).await;
        let (id, state) = started.expect("it starts");
        assert_eq!(state.started.as_ref().expect("it").total, 1);
        let state = ended(&redrives, id).await;
        assert_eq!(state.outcomes.count(), 1, "{:?}", state.outcomes);
        assert_eq!(opened_by(&world, old, id), 0);
        assert_eq!(opened_by(&world, young, id), 1);
        run.await_state(young, StateName::Persisted).await;
        run.teardown().await;
    });
}

#[test]
fn a_redrive_of_nothing_is_not_stored() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let redrives = redrives(&world, &run).await;
        let refused = redrives.start(new(RedriveFilter::default(), 10)).await;
        assert_eq!(refused.map(drop), Err(RedrivesError::NothingMatches));
        assert!(redrives.list(&tenant(), None, 10).is_empty());
        run.teardown().await;
    });
}

#[test]
fn no_ticket_of_a_suspended_tenant_is_opened_not_even_in_the_middle_of_a_batch() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let mut ours = Vec::new();
        for _ in 0..20 {
            ours.push(refused(&world, &run).await);
        }
        time_passes(Duration::from_secs(1)).await;
        let opened = |id| -> usize { ours.iter().map(|ours| opened_by(&world, *ours, id)).sum() };
        let working = redrives(&world, &run).await;
        let started = working.start(new(RedriveFilter::default(), 10)).await;
        let (id, _) = started.expect("it starts");
        time_passes(Duration::from_millis(450)).await;
        drop(working);
        let before = opened(id);
        assert!((1..20).contains(&before), "{before} in half a second");
        let state = TenantState {
            suspended: Some(Suspended {
                reason: "the invoice".to_owned(),
                act: Act {
                    at: world.now(),
                    by: Author::Runtime,
                },
            }),
            ..TenantState::default()
        };
        let tenants = Directory::of([(tenant(), state)]);
        let waiting = redrives_of(&world, &run, tenants).await;
        time_passes(Duration::from_mins(1)).await;
        assert_eq!(opened(id), before, "it went on while suspended");
        assert!(waiting.get(id).expect("it").is_at_work());
        drop(waiting);
        let working = redrives(&world, &run).await;
        let state = ended(&working, id).await;
        assert_eq!(state.outcomes.redriven, 20, "{:?}", state.outcomes);
        assert_eq!(opened(id), 20);
        run.teardown().await;
    });
}
