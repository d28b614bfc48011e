//! A ticket's life when nothing goes wrong.

use punchcard_actors::testing::model::{DEFAULT_ANSWER, Script};
use punchcard_actors::testing::world::{World, in_paused_time, in_real_time};
use punchcard_events::ticket::StateName;
use serde_json::json;

const WITHOUT_CALLBACKS: [&str; 5] = [
    "TicketRequested",
    "TicketPreProcessed",
    "TicketSent",
    "TicketAnswered",
    "TicketPersisted",
];

#[test]
fn a_ticket_without_callbacks_is_persisted_after_five_events_in_two_appends() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(
            news.state.final_answer().as_deref(),
            Some(&json!(DEFAULT_ANSWER))
        );
        assert_eq!(world.store.kinds_of(ticket), WITHOUT_CALLBACKS);
        assert_eq!(
            world.store.appends(),
            2,
            "what needs nobody outside is written at once"
        );
        assert_eq!(world.callbacks.counts().pre_process, 0);
        run.teardown().await;
    });
}

#[test]
fn actors_on_threads_of_their_own_live_the_same_life() {
    in_real_time(async {
        let world = World::new().threads();
        world.model.always(Script::says(["A ", "good ", "start."]));
        let run = world.start().await;
        let mut tickets = Vec::new();
        for _ in 0..20 {
            tickets.push(run.issue("review").await);
        }
        for ticket in tickets {
            let news = run.await_state(ticket, StateName::Persisted).await;
            assert_eq!(
                news.state.final_answer().as_deref(),
                Some(&json!("A good start."))
            );
            assert_eq!(world.store.kinds_of(ticket), WITHOUT_CALLBACKS);
        }
        run.teardown().await;
    });
}
