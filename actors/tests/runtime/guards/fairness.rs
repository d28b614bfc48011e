//! A model's tokens, among tenants, through the whole runtime.

use std::collections::HashMap;

use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{TestRuntime, World, in_paused_time, issue, time_passes};
use punchcard_events::tenant::TenantLimits;
use punchcard_events::ticket::Priority;
use punchcard_events::{TenantId, TicketId};
use tokio::time::Instant;

use super::{SECOND, issue_for, issue_many, model_gate, slow_world};

/// Tickets of the flood.
const FLOOD: usize = 3_000;

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("a valid tenant")
}

/// Whose tickets the model was asked for, and when.
async fn calls(world: &World, run: &TestRuntime) -> Vec<(TenantId, Instant, TicketId)> {
    let mut calls = vec![];
    for (call, at) in world.model.calls().iter().zip(world.model.call_times()) {
        let look = run.tickets().look(call.ticket).await;
        let look = look.expect("read").expect("a ticket");
        let request = look.state.request().expect("requested");
        calls.push((request.tenant.clone(), at, call.ticket));
    }
    calls
}

#[test]
fn behind_a_flood_nine_tenants_that_issue_one_a_second_wait_for_a_permit_and_no_longer() {
    in_paused_time(async {
        let mut world = slow_world();
        world.options.llm.default_max_concurrency = 16;
        let run = world.start().await;
        issue_many(&run, "review", FLOOD).await;
        let quiet: Vec<_> = ["b", "c", "d", "e", "f", "g", "h", "i", "j"]
            .map(tenant)
            .to_vec();
        let mut issued = HashMap::new();
        for _ in 0..20 {
            for tenant in &quiet {
                let at = Instant::now();
                issued.insert(issue_for(&run, tenant, "review").await, at);
                time_passes(SECOND / 9).await;
            }
        }
        time_passes(3 * SECOND).await;
        let mut waits = vec![];
        for (_, at, ticket) in calls(&world, &run).await {
            if let Some(issued) = issued.get(&ticket) {
                waits.push(at - *issued);
            }
        }
        assert_eq!(waits.len(), issued.len(), "all of them went");
        let longest = waits.iter().max().expect("some went");
        // The flood's calls of a second each run in step: that long until a permit comes free.
        assert!(*longest <= SECOND + SECOND / 10, "{longest:?}");
        assert!(model_gate(&run).await.waiting > FLOOD / 2);
    });
}

#[test]
fn tokens_are_shared_as_the_weights_whatever_the_calls_take_and_however_wrong_the_estimates() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.llm.default_max_concurrency = 40;
        // What is measured is the line: calls of the same length would meet the bulkhead.
        world.options.llm.guard.max_share = 1.0;
        let run = world.start().await;
        // Weight, tokens of a call in truth. The estimate is the same for all, above 2,000.
        let tenants = [
            ("a", 1_u16, 100_u64),
            ("b", 2, 1_600),
            ("c", 4, 400),
            ("d", 5, 5_000),
        ];
        let mut all = vec![];
        for (name, weight, tokens) in tenants {
            let tenant = tenant(name);
            world.limits.set(
                &tenant,
                TenantLimits {
                    weight: Some(weight),
                    ..TenantLimits::default()
                },
            );
            // As much work for each as it gets through.
            for _ in 0..(u64::from(weight) * 250_000 / tokens).min(4_000) {
                all.push((tenant.clone(), tokens));
            }
        }
        // Whoever has many comes first: the order of coming must not matter.
        for (tenant, tokens) in &all {
            let script = |tokens| {
                Script::default()
                    .wait(SECOND)
                    .text(["ok"])
                    .complete_using(tokens / 2, tokens / 2)
            };
            // Nothing runs before a ticket is at rest, so the script is there in time.
            let ticket = issue_for(&run, tenant, "review").await;
            world.model.on(ticket, 1, script(*tokens));
        }
        time_passes(45 * SECOND).await;
        let of: HashMap<_, _> = tenants
            .iter()
            .map(|(name, _, tokens)| (tenant(name), *tokens))
            .collect();
        let mut served: HashMap<TenantId, u64> = HashMap::new();
        for (tenant, ..) in calls(&world, &run).await {
            *served.entry(tenant.clone()).or_default() += of[&tenant];
        }
        let sum: u64 = served.values().sum();
        let weights: u16 = tenants.iter().map(|(_, weight, _)| weight).sum();
        for (name, weight, _) in tenants {
            let share = served[&tenant(name)] as f64 / sum as f64;
            let due = f64::from(weight) / f64::from(weights);
            assert!(
                (share / due - 1.0).abs() < 0.05,
                "{name}: {share:.3} of {due:.3}; {served:?}"
            );
        }
    });
}

#[test]
fn a_tenants_urgent_ticket_goes_before_its_batch_and_the_batch_is_not_starved() {
    in_paused_time(async {
        let mut world = slow_world();
        world.options.llm.default_max_concurrency = 1;
        let run = world.start().await;
        let of = |priority| punchcard_actors::tickets::Issue {
            priority,
            ..issue("review")
        };
        run.issue("review").await;
        for _ in 0..30 {
            run.tickets()
                .issue(of(Priority::Low))
                .await
                .expect("issued");
        }
        time_passes(SECOND / 2).await;
        let urgent = run
            .tickets()
            .issue(of(Priority::High))
            .await
            .expect("issued");
        time_passes(SECOND).await;
        let calls = world.model.calls();
        assert_eq!(calls.last().expect("a call").ticket, urgent.ticket);
        // More urgent ones than the one place gets through: the batch still goes on.
        let before = world.model.calls().len();
        for _ in 0..40 {
            run.tickets()
                .issue(of(Priority::High))
                .await
                .expect("issued");
            time_passes(SECOND).await;
        }
        let mut lows = 0;
        for call in &world.model.calls()[before..] {
            let look = run.tickets().look(call.ticket).await;
            let look = look.expect("read").expect("a ticket");
            let request = look.state.request().expect("requested");
            lows += usize::from(request.priority == Priority::Low);
        }
        // Every sixteenth turn at the latest, and otherwise when no urgent one waits.
        assert!((2..=5).contains(&lows), "{lows}");
    });
}
