//! Calls per second to a tenant's API.

use punchcard_actors::testing::world::{World, in_paused_time};
use punchcard_events::ticket::StateName;
use tokio::time::Instant;

use super::{await_all, issue_many};

#[test]
fn a_tenants_api_is_never_called_more_often_than_the_rate_and_its_burst() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.callbacks.guard.rate = Some(10.0);
        let run = world.start().await;
        let begun = Instant::now();
        let tickets = issue_many(&run, "essay", 100).await;
        await_all(&run, &tickets, StateName::Persisted).await;
        let times = world.callbacks.call_times();
        assert_eq!(times.len(), 200);
        for (n, (at, _)) in times.iter().enumerate() {
            let most = 10.0 * ((*at - begun).as_secs_f64() + 1.0) + 1.0;
            assert!(n as f64 <= most, "{n} calls in {:?}", *at - begun);
        }
        let took = begun.elapsed().as_secs_f64();
        assert!(
            (18.5..20.0).contains(&took),
            "no slower than it need be: {took}"
        );
        run.teardown().await;
    });
}
