//! What stands between tickets and the outside: breakers, budgets, ramps and turns, at work.

mod adapting;
mod fairness;
mod fallbacks;
mod outages;
mod overload;
mod paces;
mod rates;
mod storms;
mod tenants;

use std::time::Duration;

use punchcard_actors::guards::GateStatus;
use punchcard_actors::testing::world::{TestRuntime, World, issue};
use punchcard_events::ticket::StateName;
use punchcard_events::{TenantId, TicketId};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Issues that many tickets at once.
async fn issue_many(run: &TestRuntime, task: &str, count: usize) -> Vec<TicketId> {
    let mut tickets = Vec::with_capacity(count);
    for _ in 0..count {
        tickets.push(run.issue(task).await);
    }
    tickets
}

/// Issues a ticket for that tenant.
async fn issue_for(run: &TestRuntime, tenant: &TenantId, task: &str) -> TicketId {
    let mut issue = issue(task);
    issue.tenant = tenant.clone();
    let issued = run.tickets().issue(issue).await;
    issued.expect("the ticket is issued").ticket
}

async fn await_all(run: &TestRuntime, tickets: &[TicketId], state: StateName) {
    for ticket in tickets {
        run.await_state(*ticket, state).await;
    }
}

/// How the guard of the one model stands.
async fn model_gate(run: &TestRuntime) -> GateStatus {
    let mut gates = run.model_gates().await;
    assert_eq!(gates.len(), 1);
    gates.remove(0)
}

/// Most calls by `after` the start of a ramp: three probes and one in flight, and the ramp's
/// integral, of a rate that begins at 5/s and doubles every 5 s.
fn most_by(after: Duration) -> f64 {
    let doublings = after.as_secs_f64() / 5.0;
    5.0 * 5.0 / std::f64::consts::LN_2 * (doublings.exp2() - 1.0) + 5.0
}

/// Fails when the calls from the first on come faster than a ramp lets them.
fn assert_ramp(times: &[Instant]) {
    let begun = times[0];
    for (n, at) in times.iter().enumerate() {
        let after = *at - begun;
        if after < 30 * SECOND {
            let seen = n + 1;
            assert!((seen as f64) <= most_by(after), "{seen} calls in {after:?}");
        }
    }
}

/// A world in which a call of the model takes a second.
fn slow_world() -> World {
    use punchcard_actors::testing::model::Script;
    let world = World::new();
    let slow = Script::default().wait(SECOND).text(["ok"]).complete();
    world.model.always(slow);
    world
}
