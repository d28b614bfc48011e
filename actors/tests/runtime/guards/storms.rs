//! Retries, when there are many.

use std::num::{NonZeroU32, NonZeroUsize};

use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, time_passes};
use punchcard_events::ticket::{AttemptErrorKind, StateName};
use tokio::time::Instant;

use super::{SECOND, issue_many, model_gate};

#[test]
fn in_a_storm_of_failures_retries_are_a_tenth_of_the_calls_beyond_the_floor_and_none_is_lost() {
    in_paused_time(async {
        let mut world = World::new();
        // The breaker would end this at once; here it is the budget that has to.
        let breaker = &mut world.options.llm.guard.breaker;
        breaker.min_calls = NonZeroUsize::new(100_000).expect("above zero");
        breaker.window_calls = breaker.min_calls;
        world.task("review", |task| task.model_retry.max_tries = 6);
        world
            .model
            .always(Script::refuses(AttemptErrorKind::Server));
        let run = world.start().await;
        let begun = Instant::now();
        let mut tickets = vec![];
        for _ in 0..40 {
            tickets.extend(issue_many(&run, "review", 25).await);
            time_passes(SECOND).await;
        }
        let gate = model_gate(&run).await;
        assert!(gate.waiting > 500, "{} retries stand back", gate.waiting);
        let (mut firsts, mut retries) = (0.0, 0.0);
        for (call, at) in world.model.calls().iter().zip(world.model.call_times()) {
            if call.attempt == 1 {
                firsts += 1.0;
            } else {
                retries += 1.0;
            }
            let most = 0.1 * firsts + (at - begun).as_secs_f64() + 10.0;
            assert!(
                retries <= most + 1e-6,
                "{retries} retries after {firsts} first calls"
            );
        }
        assert_eq!(firsts as usize, 1_000, "no first call waits for a retry");
        assert!(retries > 60.0, "the budget is used: {retries}");

        world.model.always(Script::says(["ok"]));
        for ticket in tickets {
            let ended = |state| matches!(state, StateName::Persisted | StateName::Failed);
            run.await_news(ticket, |news| ended(news.state.name()))
                .await;
        }
        assert_eq!(model_gate(&run).await.waiting, 0);
        run.teardown().await;
    });
}

#[test]
fn attempts_that_our_own_stop_interrupted_are_no_retries() {
    let store = MemoryStore::new();
    let start = punchcard_actors::testing::clock::START;
    let tickets = in_paused_time(async {
        let world = World::over(store.clone(), start);
        world.model.always(Script::hangs());
        let run = world.start().await;
        let tickets = issue_many(&run, "review", 60).await;
        world.model.until(|counts| counts.in_flight == 60).await;
        tickets
    });
    in_paused_time(async {
        let world = World::over(store.clone(), start);
        let run = world.start().await;
        let begun = Instant::now();
        run.runtime().recover(NonZeroU32::MAX).await;
        for ticket in tickets {
            let news = run.await_state(ticket, StateName::Persisted).await;
            assert_eq!(news.state.attempt(), 2);
        }
        assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
        assert_eq!(model_gate(&run).await.retries, 0);
        run.teardown().await;
    });
}
