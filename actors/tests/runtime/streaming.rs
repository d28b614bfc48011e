//! Text on its way: announced soon, but not for every token.

use std::time::Duration;

use punchcard_actors::feed::{Taken, Watch};
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time};
use punchcard_events::ticket::StateName;
use tokio::time::Instant;

/// The times, in milliseconds from now, at which news came, until the ticket is persisted, with the
/// length of the live text.
async fn announcements(watch: &Watch) -> Vec<(u128, usize)> {
    let begun = Instant::now();
    let mut came = Vec::new();
    loop {
        let Taken::News(all) = watch.inbox().take().await else {
            unreachable!("one ticket does not overflow");
        };
        for news in all {
            if let Some(live) = &news.live {
                came.push((begun.elapsed().as_millis(), live.content().len()));
            }
            if news.state.name() == StateName::Persisted {
                return came;
            }
        }
    }
}

#[test]
fn the_first_text_is_announced_at_once_and_later_text_once_per_interval() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.text_interval = Duration::from_millis(50);
        let mut script = Script::default().wait(Duration::from_millis(200));
        for _ in 0..40 {
            script = script.text(["x"]).wait(Duration::from_millis(10));
        }
        world.model.next(script.complete());
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let watch = run.tickets().watch_ticket(ticket);
        let came = announcements(&watch).await;
        let (first, length) = came[0];
        assert_eq!(length, 1, "the first token is not kept waiting");
        assert!((200..205).contains(&first), "it came at {first} ms");
        for pair in came.windows(2) {
            assert!(pair[1].0 - pair[0].0 >= 50, "{came:?}");
        }
        assert!((8..=10).contains(&came.len()), "{came:?}");
        assert!(
            came.last().is_some_and(|(_, length)| *length >= 36),
            "{came:?}"
        );
        run.teardown().await;
    });
}

#[test]
fn text_after_which_the_model_falls_silent_is_announced_all_the_same() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let held = world.model.hold_next();
        let ticket = run.issue("review").await;
        let watch = run.tickets().watch_ticket(ticket);
        held.text("a");
        held.text("b");
        held.text("c");
        let begun = Instant::now();
        loop {
            let Taken::News(all) = watch.inbox().take().await else {
                unreachable!("one ticket does not overflow");
            };
            let whole =
                |live: &std::sync::Arc<punchcard_actors::feed::LiveText>| live.content() == "abc";
            if all.iter().any(|news| news.live.as_ref().is_some_and(whole)) {
                break;
            }
        }
        assert!(begun.elapsed() <= world.options.text_interval * 2);
        held.complete();
        run.await_state(ticket, StateName::Persisted).await;
        run.teardown().await;
    });
}
