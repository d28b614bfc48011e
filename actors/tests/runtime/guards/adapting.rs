//! A concurrency that nobody configured.

use std::collections::HashMap;

use punchcard_actors::guards::Concurrency;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::in_paused_time;
use punchcard_events::ticket::{AttemptErrorKind, StateName};

use super::{await_all, issue_many, model_gate, slow_world};

#[test]
fn an_adaptive_concurrency_grows_with_success_and_gives_way_to_overload() {
    in_paused_time(async {
        let mut world = slow_world();
        world.options.llm.max_concurrency =
            HashMap::from([("small".to_owned(), Concurrency::Adaptive)]);
        let run = world.start().await;
        let tickets = issue_many(&run, "review", 200).await;
        assert_eq!(model_gate(&run).await.in_use, 8, "where it starts");
        await_all(&run, &tickets, StateName::Persisted).await;
        let grown = model_gate(&run).await.limit;
        assert!(grown > 32, "{grown}");
        assert!(world.model.counts().most_in_flight > 32);

        world
            .model
            .next(Script::refuses(AttemptErrorKind::RateLimited));
        let told = run.issue("review").await;
        run.await_state(told, StateName::Persisted).await;
        let lowered = model_gate(&run).await.limit;
        assert!(lowered <= grown / 2, "{grown} and then {lowered}");
        run.teardown().await;
    });
}
