//! Budgets and limits of open tickets over the real runtime.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use punchcard_actors::admission::Bound;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::usage_table::MemoryUsage;
use punchcard_actors::testing::world::{World, in_paused_time, issue, task, tenant, time_passes};
use punchcard_actors::tickets::IssueError;
use punchcard_actors::usage::{Counting, Prices};
use punchcard_events::tenant::TenantLimits;
use punchcard_events::ticket::{AttemptErrorKind, Idempotency, StateName};

/// What a ticket of these tests reserves at least, and what its answer costs, are far apart.
const ROOMY: u64 = 1_000_000;

async fn counted(world: &mut World) -> (MemoryUsage, Counting) {
    let table = MemoryUsage::default();
    let (store, shared) = (Arc::new(world.store.clone()), Arc::new(table.clone()));
    let started = Counting::start(store, shared, Prices::default(), world.clock.as_ref()).await;
    let (meter, counting) = started.expect("an empty table");
    meter.ready().await;
    world.meter = meter;
    (table, counting)
}

fn daily(tokens: u64) -> TenantLimits {
    let mut limits = TenantLimits::default();
    limits.all.daily.tokens = Some(tokens);
    limits
}

#[test]
fn a_ticket_over_budget_is_refused_and_nothing_is_written() {
    in_paused_time(async {
        let mut world = World::new();
        let (_table, _counting) = counted(&mut world).await;
        world.limits.set(&tenant(), daily(10));
        let run = world.start().await;
        let before = world.store.all_events().len();
        let refused = run
            .tickets()
            .issue(issue("review"))
            .await
            .expect_err("over budget");
        let IssueError::BudgetExhausted {
            exceeded,
            retry_after,
        } = refused
        else {
            panic!("{refused:?}");
        };
        assert_eq!(exceeded.limit.word(), "daily_tokens");
        assert!(retry_after <= Duration::from_hours(1) && !retry_after.is_zero());
        assert_eq!(world.store.all_events().len(), before);
        world.limits.set(&tenant(), daily(ROOMY));
        let issued = run.tickets().issue(issue("review")).await;
        assert!(
            issued.is_ok(),
            "limits are read at each decision: {issued:?}"
        );
    });
}

#[test]
fn a_repeat_finds_its_ticket_though_the_budget_is_used_up() {
    in_paused_time(async {
        let mut world = World::new();
        let (_table, _counting) = counted(&mut world).await;
        world.limits.set(&tenant(), daily(ROOMY));
        let run = world.start().await;
        let mut keyed = issue("review");
        keyed.idempotency = Some(Idempotency {
            key: "k".to_owned(),
            fingerprint: "a".to_owned(),
        });
        let first = run.tickets().issue(keyed.clone()).await.expect("issued");
        world.limits.set(&tenant(), daily(1));
        let again = run
            .tickets()
            .issue(keyed.clone())
            .await
            .expect("the same ticket");
        assert_eq!((again.ticket, again.repeated), (first.ticket, true));
        keyed.idempotency = None;
        assert!(run.tickets().issue(keyed).await.is_err());
    });
}

#[test]
fn an_attempt_that_no_longer_fits_fails_its_ticket_before_the_call() {
    in_paused_time(async {
        let mut world = World::new();
        let (_table, _counting) = counted(&mut world).await;
        world.limits.set(&tenant(), daily(ROOMY));
        world.model.next(Script::refuses(AttemptErrorKind::Server));
        let run = world.start().await;
        let issued = run.tickets().issue(issue("review")).await.expect("issued");
        // Before the retry is due.
        world.limits.set(&tenant(), daily(1));
        time_passes(Duration::from_secs(60)).await;
        let news = run
            .tickets()
            .look(issued.ticket)
            .await
            .expect("a store")
            .expect("a ticket");
        assert_eq!(news.state.name(), StateName::Failed);
        let history = run
            .tickets()
            .history(issued.ticket)
            .await
            .expect("a history");
        let last = &history.last().expect("events").event;
        assert!(last.data.contains("budget_exhausted"), "{}", last.data);
        assert_eq!(world.model.calls().len(), 1);
    });
}

#[test]
fn under_many_concurrent_tickets_the_budget_is_not_passed_beyond_the_reservations() {
    in_paused_time(async {
        let mut world = World::new();
        let (table, _counting) = counted(&mut world).await;
        let budget = 60_000;
        world.limits.set(&tenant(), daily(budget));
        let run = world.start().await;
        let all = join_all((0..1_000).map(|_| run.tickets().issue(issue("review")))).await;
        let taken = all.iter().filter(|issued| issued.is_ok()).count();
        assert!(taken > 10 && taken < 1_000, "{taken} were taken");
        time_passes(Duration::from_secs(120)).await;
        let used = table.total().tokens();
        assert!(used > 0 && used <= budget, "{used} of {budget}");
        let standing = run.tickets().budgets(&tenant(), None);
        assert_eq!(
            (standing[0].used, standing[0].reserved),
            (used, 0),
            "nothing is held for ever"
        );
        let more = run.tickets().issue(issue("review")).await;
        assert!(
            more.is_ok(),
            "what was reserved and not used is free again: {more:?}"
        );
    });
}

#[test]
fn more_tickets_than_may_be_open_are_refused_by_the_limit_of_tenant_or_task() {
    in_paused_time(async {
        let world = World::new();
        let mut limits = TenantLimits::default();
        limits.all.concurrent_tickets = Some(2);
        let own = limits.tasks.entry(task("essay")).or_default();
        own.concurrent_tickets = Some(1);
        world.limits.set(&tenant(), limits);
        world.model.always(Script::hangs());
        let run = world.start().await;
        run.tickets().issue(issue("essay")).await.expect("room");
        let bound = |refused: IssueError| match refused {
            IssueError::Overloaded { bound, .. } => bound,
            other => panic!("{other:?}"),
        };
        let refused = run.tickets().issue(issue("essay")).await.expect_err("full");
        assert_eq!(bound(refused), Bound::TaskConcurrent);
        run.tickets().issue(issue("review")).await.expect("room");
        let refused = run
            .tickets()
            .issue(issue("review"))
            .await
            .expect_err("full");
        assert_eq!(bound(refused), Bound::TenantConcurrent);
    });
}
