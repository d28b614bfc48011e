//! One tenant's trouble is not another's.

use punchcard_actors::guards::Concurrency;
use std::time::Duration;

use punchcard_actors::guards::BreakerState;
use punchcard_actors::testing::world::{World, in_paused_time, tenant, time_passes};
use punchcard_events::TenantId;
use punchcard_events::ticket::{CallbackErrorKind, StateName};
use tokio::time::Instant;

use super::{SECOND, issue_for, issue_many, model_gate, slow_world};

/// Tickets that wait, unless `PUNCHCARD_GUARDS_WAITING` says otherwise.
const WAITING: usize = 5_000;

fn waiting() -> usize {
    let set = std::env::var("PUNCHCARD_GUARDS_WAITING").ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(WAITING)
}

fn quiet() -> TenantId {
    TenantId::new("quiet").expect("a valid tenant")
}

#[test]
fn thousands_of_one_tenants_tickets_in_line_do_not_delay_anothers_first() {
    in_paused_time(async {
        let mut world = slow_world();
        world.options.llm.default_max_concurrency = 4;
        let run = world.start().await;
        issue_many(&run, "review", waiting()).await;
        time_passes(SECOND / 2).await;
        let gate = model_gate(&run).await;
        assert!(
            gate.in_use == 4 && gate.waiting > waiting() - 100,
            "{gate:?}"
        );
        for _ in 0..3 {
            let issued = Instant::now();
            let ticket = issue_for(&run, &quiet(), "review").await;
            run.await_state(ticket, StateName::Persisted).await;
            let took = issued.elapsed();
            assert!(
                took <= SECOND * 21 / 10,
                "a wait and a call of a second: {took:?}"
            );
        }
        assert!(model_gate(&run).await.waiting > waiting() - 100);
        // What waits is dropped with the world, as in a crash.
    });
}

#[test]
fn a_tenant_holds_no_more_than_its_share_of_a_model_while_another_waits() {
    in_paused_time(async {
        let mut world = slow_world();
        world.options.llm.default_max_concurrency = 8;
        let run = world.start().await;
        issue_many(&run, "review", 100).await;
        for _ in 0..20 {
            issue_for(&run, &quiet(), "review").await;
        }
        time_passes(SECOND * 3 / 2).await;
        let calls = world.model.calls();
        assert_eq!(calls.len(), 16);
        let loud = run.tickets().clone();
        let mut second_round = 0;
        for call in &calls[8..] {
            let look = loud
                .look(call.ticket)
                .await
                .expect("read")
                .expect("a ticket");
            let whose = look.state.request().map(|request| request.tenant.clone());
            second_round += usize::from(whose == Some(quiet()));
        }
        assert_eq!(second_round, 4, "half of the second round");
    });
}

#[test]
fn a_tenant_whose_api_is_out_holds_up_nobody_else() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.llm.default_max_concurrency = 2;
        world.options.callbacks.default_max_concurrency = Concurrency::fixed(4);
        world.callbacks.take(SECOND / 10);
        world
            .callbacks
            .outage(&tenant(), Some(CallbackErrorKind::Timeout));
        let run = world.start().await;
        issue_many(&run, "essay", 1_000).await;
        time_passes(10 * SECOND).await;
        let issued = Instant::now();
        let ticket = issue_for(&run, &quiet(), "essay").await;
        run.await_state(ticket, StateName::Persisted).await;
        assert!(
            issued.elapsed() < Duration::from_millis(250),
            "{:?}",
            issued.elapsed()
        );
        let gates = run.callback_gates().await;
        let states: Vec<_> = gates
            .iter()
            .map(|gate| (gate.name.as_str(), gate.breaker))
            .collect();
        assert_eq!(states[1], ("quiet", BreakerState::Closed));
        assert!(
            gates[0].waiting > 900 && states[0].1 != BreakerState::Closed,
            "{gates:?}"
        );
    });
}
