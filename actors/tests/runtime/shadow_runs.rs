//! Shadow runs: what bounds them, and what holds them up without losing them.

use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::forks::Forks;
use punchcard_actors::ports::Clock as _;
use punchcard_actors::prompts::{Following, Prompts};
use punchcard_actors::shadow_runs::{
    Likeness, NewShadowRun, RunView, ShadowRunError, ShadowRunOptions, ShadowRunParts, ShadowRuns,
    Shadowing,
};
use punchcard_actors::tenants::Tenants;
use punchcard_actors::testing::prompts::{PlainCheck, content};
use punchcard_actors::testing::usage_table::MemoryUsage;
use punchcard_actors::testing::world::{
    TestRuntime, World, in_paused_time, task, tenant, time_passes,
};
use punchcard_actors::usage::{Counting, Price, Prices};
use punchcard_events::act::{Act, Author};
use punchcard_events::prompt::Command;
use punchcard_events::shadow_run::{Choice, Phase, Share, StopReason, TicketPeriod};
use punchcard_events::tenant::{Command as TenantCommand, TenantLimits};
use punchcard_events::ticket::{Channel, StateName};

/// Longer than a runner, a case or a supervisor waits for anything.
const LONG: Duration = Duration::from_mins(5);

struct Alike;

impl Likeness for Alike {
    fn similarity(&self, before: &str, after: &str) -> f64 {
        f64::from(u8::from(before == after))
    }
}

/// Shadow runs over a runtime with a past.
struct Office {
    world: World,
    run: TestRuntime,
    tenants: Tenants,
    runs: ShadowRuns,
    _held: (Following, Following, Shadowing, Option<Counting>),
}

impl Office {
    /// With so many delivered tickets of `review`, and a second version of its prompt.
    async fn with(past: usize) -> Self {
        Self::over(World::new(), None, past).await
    }

    /// The same, where the scripted answer of 5 tokens costs half a dollar.
    async fn with_prices(past: usize) -> Self {
        let mut world = World::new();
        let (store, table) = (Arc::new(world.store.clone()), MemoryUsage::default());
        let price = Price::per_million(0.0, 100_000.0);
        let prices: Prices = [("small".to_owned(), price)].into_iter().collect();
        let counting = Counting::start(store, Arc::new(table), prices, world.clock.as_ref());
        let (meter, counting) = counting.await.expect("an empty table");
        meter.ready().await;
        world.meter = meter;
        Self::over(world, Some(counting), past).await
    }

    async fn over(world: World, counting: Option<Counting>, past: usize) -> Self {
        let store = || Arc::new(world.store.clone());
        let clock = || Arc::clone(&world.clock);
        let opened = Prompts::open(store(), clock(), Arc::new(PlainCheck)).await;
        let (prompts, following) = opened.expect("a store");
        let opened = Tenants::open(store(), clock()).await;
        let (tenants, joining) = opened.expect("a store");
        publish(&prompts).await;
        let run = world.start().await;
        for _ in 0..past {
            let ticket = run.issue("review").await;
            run.await_state(ticket, StateName::Persisted).await;
        }
        let parts = ShadowRunParts {
            store: store(),
            clock: clock(),
            tickets: run.tickets().clone(),
            forks: Forks::new(run.tickets().clone()),
            prompts,
            tenants: tenants.directory().clone(),
            likeness: Arc::new(Alike),
        };
        let opened = ShadowRuns::open(parts, ShadowRunOptions::default()).await;
        let (runs, shadowing) = opened.expect("a store");
        let office = Self {
            world,
            run,
            tenants,
            runs,
            _held: (following, joining, shadowing, counting),
        };
        let name = "One Hour".to_owned();
        let act = office.act();
        office.tell(TenantCommand::Create { name, act }).await;
        office
    }

    fn act(&self) -> Act {
        Act {
            at: self.world.clock.now(),
            by: Author::Configuration,
        }
    }

    async fn tell(&self, command: TenantCommand) {
        let told = self.tenants.execute(&tenant(), command).await;
        told.expect("it is done");
    }

    async fn start(&self, max_cost_usd: Option<f64>) -> RunView {
        let started = self.runs.start(wish(max_cost_usd)).await;
        started.expect("it starts")
    }

    async fn view(&self, run: &RunView) -> RunView {
        let view = self.runs.view(run.run).await.expect("a store");
        view.expect("a run")
    }

    async fn after_long(&self, run: &RunView) -> RunView {
        time_passes(LONG).await;
        self.view(run).await
    }

    /// How often the model was asked.
    fn asked(&self) -> usize {
        self.world.model.calls().len()
    }
}

fn wish(max_cost_usd: Option<f64>) -> NewShadowRun {
    NewShadowRun {
        tenant: tenant(),
        task: task("review"),
        version: 2,
        choice: Choice {
            filter: TicketPeriod::default(),
            sample: Share::ALL,
            seed: 7,
            limit: 100,
        },
        max_cost_usd,
        by: Author::Configuration,
    }
}

/// Two versions.
async fn publish(prompts: &Prompts) {
    let execute = async |command| {
        let done = prompts.execute(&tenant(), &task("review"), command).await;
        done.expect("it is done");
    };
    let act = || prompts.act(Author::Configuration);
    let (first, second) = (content("Review it."), content("Review it harshly."));
    execute(Command::Adopt {
        content: first,
        act: act(),
    })
    .await;
    execute(Command::SaveDraft {
        expected_edit: None,
        based_on: None,
        content: Arc::clone(&second),
        act: act(),
    })
    .await;
    let state = prompts.state(&tenant(), &task("review")).await;
    let state = state.expect("a store").expect("a prompt");
    execute(Command::Publish {
        expected_edit: state.last_edit,
        content: second,
        notes: String::new(),
        act: act(),
    })
    .await;
}

fn is_finished(run: &RunView) -> bool {
    matches!(run.phase, Phase::Finished(_))
}

#[test]
fn a_run_stops_before_it_costs_more_than_it_may_and_goes_on_with_a_higher_bound() {
    in_paused_time(async {
        let office = Office::with_prices(6).await;
        let run = office.start(Some(1.6)).await;
        assert_eq!(run.estimate.cost_usd, Some(3.0), "six halves of a dollar");
        let stopped = office.after_long(&run).await;
        let Phase::Stopped(why) = &stopped.phase else {
            panic!("{stopped:?}");
        };
        assert_eq!(why.reason, StopReason::MaxCost);
        assert_eq!(stopped.tally.cases, 3);
        assert_eq!(stopped.spent.cost_usd, Some(1.5));
        assert_eq!(office.asked(), 6 + 3);

        let resumed = office.runs.resume(run.run, Some(3.0), run.by.clone());
        resumed.await.expect("it goes on");
        let finished = office.after_long(&run).await;
        assert!(is_finished(&finished), "{finished:?}");
        assert_eq!(finished.spent.cost_usd, Some(3.0));
        assert_eq!(office.asked(), 6 + 6);
        office.run.teardown().await;
    });
}

#[test]
fn a_bound_of_a_cost_that_nobody_knows_is_refused() {
    in_paused_time(async {
        let office = Office::with(1).await;
        let refused = office.runs.start(wish(Some(1.0))).await;
        assert!(
            matches!(refused, Err(ShadowRunError::NoPrice)),
            "{refused:?}"
        );
        office.run.teardown().await;
    });
}

#[test]
fn a_run_waits_while_its_tenant_is_suspended_and_goes_on_by_itself_after() {
    in_paused_time(async {
        let office = Office::with(4).await;
        let (reason, act) = ("unpaid".to_owned(), office.act());
        office.tell(TenantCommand::Suspend { reason, act }).await;
        let run = office.start(None).await;
        let waiting = office.after_long(&run).await;
        assert_eq!(waiting.phase, Phase::Running);
        assert_eq!(waiting.tally.cases, 0);
        assert_eq!(office.asked(), 4, "nothing is asked for it");

        let act = office.act();
        office.tell(TenantCommand::Resume { act }).await;
        let finished = office.after_long(&run).await;
        assert!(is_finished(&finished), "{finished:?}");
        assert_eq!(finished.tally.cases, 4);
        assert_eq!(office.asked(), 4 + 4);
        office.run.teardown().await;
    });
}

#[test]
fn a_store_that_takes_nothing_for_a_while_loses_no_case_and_repeats_none() {
    in_paused_time(async {
        let office = Office::with(4).await;
        let run = office.start(None).await;
        office.world.store.set_down(true);
        let waiting = office.after_long(&run).await;
        assert_eq!(waiting.phase, Phase::Running);
        assert!(waiting.tally.cases < 4);

        office.world.store.set_down(false);
        let finished = office.after_long(&run).await;
        assert!(is_finished(&finished), "{finished:?}");
        assert_eq!((finished.tally.cases, finished.tally.failed), (4, 0));
        let begun = |kind: &str| {
            let events = office.world.store.all_events().into_iter();
            events.filter(|event| event.event.kind == kind).count()
        };
        assert_eq!(begun("ShadowCaseEnded"), 4);
        assert_eq!(begun("TicketRequested"), 4 + 4, "one ticket for each case");
        office.run.teardown().await;
    });
}

#[test]
fn tickets_whose_texts_are_not_kept_any_more_are_not_chosen() {
    in_paused_time(async {
        let office = Office::with(0).await;
        let old = office.run.issue("review").await;
        office.run.await_state(old, StateName::Persisted).await;
        let tickets = office.run.tickets();
        let delivered = tickets.acknowledge(old, Channel::Fetch, "key".to_owned());
        delivered.await.expect("it is delivered");
        let day = TenantLimits {
            retention_days: Some(1),
            ..TenantLimits::default()
        };
        office.world.limits.set(&tenant(), day);
        let plan = async || office.runs.plan(&wish(None)).await.expect("a plan");
        assert_eq!(*plan().await.tickets, [old], "it is kept still");
        time_passes(Duration::from_hours(25)).await;
        let new = office.run.issue("review").await;
        office.run.await_state(new, StateName::Persisted).await;
        let plan = plan().await;
        assert_eq!((plan.matched, &*plan.tickets), (1, [new].as_slice()));
        office.run.teardown().await;
    });
}
