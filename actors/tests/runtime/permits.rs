//! How many calls run at once.

use punchcard_actors::guards::Concurrency;
use std::time::Duration;

use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, in_real_time};
use punchcard_events::ticket::StateName;

#[test]
fn never_more_calls_than_allowed_run_at_once_and_first_come_is_first_served() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.llm.default_max_concurrency = 3;
        let slow = Script::default()
            .wait(Duration::from_secs(1))
            .text(["ok"])
            .complete();
        world.model.always(slow);
        let run = world.start().await;
        let mut tickets = Vec::new();
        for _ in 0..30 {
            tickets.push(run.issue("review").await);
        }
        for ticket in &tickets {
            run.await_state(*ticket, StateName::Persisted).await;
        }
        let counts = world.model.counts();
        assert_eq!((counts.begun, counts.most_in_flight), (30, 3));
        let served: Vec<_> = world.model.calls().iter().map(|call| call.ticket).collect();
        assert_eq!(served, tickets);
        run.teardown().await;
    });
}

#[test]
fn the_limit_holds_over_threads() {
    in_real_time(async {
        let mut world = World::new().threads();
        world.options.llm.default_max_concurrency = 2;
        let slow = Script::default()
            .wait(Duration::from_millis(2))
            .text(["ok"])
            .complete();
        world.model.always(slow);
        let run = world.start().await;
        let mut tickets = Vec::new();
        for _ in 0..40 {
            tickets.push(run.issue("review").await);
        }
        for ticket in tickets {
            run.await_state(ticket, StateName::Persisted).await;
        }
        assert_eq!(world.model.counts().most_in_flight, 2);
        run.teardown().await;
    });
}

#[test]
fn a_tenants_api_never_sees_more_calls_at_once_than_allowed() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.callbacks.default_max_concurrency = Concurrency::fixed(2);
        let gates: Vec<_> = (0..8)
            .map(|_| {
                let unchanged = punchcard_actors::ports::PreProcessReply::Unchanged;
                let reply = punchcard_actors::testing::callbacks::Reply::Gives(unchanged);
                world.callbacks.hold_pre_process(reply)
            })
            .collect();
        let run = world.start().await;
        let mut tickets = Vec::new();
        for _ in 0..8 {
            tickets.push(run.issue("essay").await);
        }
        for gate in gates {
            world
                .callbacks
                .until(|counts| counts.in_flight == 2 || counts.pre_process == 8)
                .await;
            gate.open();
        }
        for ticket in tickets {
            run.await_state(ticket, StateName::Persisted).await;
        }
        assert_eq!(world.callbacks.counts().most_in_flight, 2);
        run.teardown().await;
    });
}

#[test]
fn a_permit_comes_back_however_the_call_ends() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.llm.default_max_concurrency = 1;
        use punchcard_events::ticket::AttemptErrorKind as Kind;
        world.model.next(Script::refuses(Kind::QuotaExceeded));
        world
            .model
            .next(Script::default().text(["A"]).fail(Kind::ContentFiltered));
        world.model.next(Script::panics());
        world.model.next(Script::default().text(["A"]).panic());
        world.model.next(Script::default().text(["cut"]));
        let run = world.start().await;
        for _ in 0..6 {
            run.issue("review").await;
        }
        let last = run.issue("review").await;
        run.await_state(last, StateName::Persisted).await;
        world
            .model
            .until(|counts| counts.begun >= 10 && counts.in_flight == 0)
            .await;
        assert_eq!(world.model.counts().most_in_flight, 1);
        assert_eq!(world.model.counts().panics, 2);
        run.teardown().await;
    });
}
