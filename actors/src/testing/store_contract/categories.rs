//! Reading and following the streams of one category.

use punchcard_events::{Recorded, Revision};

use super::Store;
use super::fixtures::{at, plain, recorded, request, stream, ticket};
use super::subscriptions::{fill, take};
use crate::ports::ExpectedRevision;

/// Tickets, prompts, and test runs, one after the other, `rounds` times.
async fn mix(store: &impl Store, rounds: u64) {
    for round in 0..rounds {
        let id = ticket(round);
        let asked = request("onehour", "writing-review", None, at(round));
        let (s, event) = (id.stream(), [recorded(id, &asked, at(round))]);
        let begun = store.append(&s, ExpectedRevision::NoStream, &event).await;
        begun.unwrap();
        fill(store, &format!("prompt-a.{round}"), 0, 2).await;
        fill(store, &format!("test-run-{round}"), 0, 1).await;
    }
}

async fn all_of(store: &impl Store, prefix: &str) -> Vec<Recorded> {
    let all = store.read_all(None, 10_000).await.unwrap();
    let of = |event: &Recorded| event.stream.as_str().starts_with(prefix);
    all.into_iter().filter(of).collect()
}

/// A category gives its own events and no others, in pages, in the order of positions.
pub async fn a_category_is_read_in_the_order_of_positions(store: impl Store) {
    mix(&store, 7).await;
    // An older stream that goes on stands behind newer ones.
    fill(&store, "prompt-b.0", 0, 1).await;
    let first = stream("prompt-a.0");
    let expected = ExpectedRevision::Exact(Revision(1));
    store.append(&first, expected, &[plain(2)]).await.unwrap();
    for (category, count) in [("prompt", 16), ("test-run", 7), ("ticket", 7)] {
        let whole = all_of(&store, &format!("{category}-")).await;
        assert_eq!(whole.len(), count, "{category}");
        let read = store.read_category(category, None, 1_000).await;
        assert_eq!(read.as_ref(), Ok(&whole), "{category}");
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = store.read_category(category, after, 3).await.unwrap();
            assert!(page.len() <= 3, "{category}");
            let Some(last) = page.last() else { break };
            after = Some(last.position);
            paged.extend(page);
        }
        assert_eq!(paged, whole, "{category}");
    }
    assert_eq!(store.read_category("prompt", None, 0).await, Ok(vec![]));
}

/// A category is what stands before a `-`, all of it, letter by letter.
pub async fn a_category_is_its_whole_name(store: impl Store) {
    let names = [
        "test-run-1",
        "test-2",
        "tests-3",
        "prompt-a",
        "Prompt-b",
        "promp-c",
        "prompt",
        "ticket-run-4",
    ];
    for name in names {
        fill(&store, name, 0, 1).await;
    }
    let of = async |category: &str| {
        let read = store.read_category(category, None, 100).await.unwrap();
        let names = read.iter().map(|e| e.stream.as_str().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(of("test-run").await, ["test-run-1"]);
    assert_eq!(of("test").await, ["test-run-1", "test-2"]);
    assert_eq!(of("prompt").await, ["prompt-a"]);
    assert_eq!(of("ticket").await, ["ticket-run-4"]);
    assert_eq!(of("ticket-run").await, ["ticket-run-4"]);
    for none in ["", "pro", "p%", "p_ompt", "*", "nobody", "no'body"] {
        assert_eq!(of(none).await, Vec::<String>::new(), "{none}");
    }
}

/// A subscription to a category gives what is stored, then what comes, each event once, whatever is
/// appended beside it.
pub async fn a_category_is_followed_past_everything_else(store: impl Store) {
    const WRITERS: u64 = 3;
    const EACH: u64 = 20;
    mix(&store, 5).await;
    let mut prompts = store.subscribe_category("prompt", None);
    let mut tickets = store.subscribe_category("ticket", None);
    assert_eq!(
        take(&mut prompts, 10).await,
        all_of(&store, "prompt-").await
    );
    assert_eq!(take(&mut tickets, 5).await, all_of(&store, "ticket-").await);
    let writers: Vec<_> = ["prompt-live", "ticket-live", "other-live"]
        .into_iter()
        .map(|kind| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0..WRITERS {
                    fill(&store, &format!("{kind}.{number}"), 0, EACH).await;
                }
            })
        })
        .collect();
    let total = usize::try_from(WRITERS * EACH).unwrap();
    let seen = take(&mut prompts, total).await;
    let beside = take(&mut tickets, total).await;
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(seen, all_of(&store, "prompt-live").await);
    assert_eq!(beside, all_of(&store, "ticket-live").await);
}

/// A subscription to a category starts right after its position, also where that is of another
/// category or the newest of all.
pub async fn a_category_is_followed_from_its_position_on(store: impl Store) {
    mix(&store, 3).await;
    let all = store.read_all(None, 100).await.unwrap();
    let prompts = all_of(&store, "prompt-").await;
    let mut second = store.subscribe_category("prompt", Some(prompts[1].position));
    assert_eq!(take(&mut second, 4).await, prompts[2..]);
    let newest = all.last().unwrap();
    assert!(newest.position > prompts[5].position);
    let mut live = store.subscribe_category("prompt", Some(newest.position));
    fill(&store, "other-1", 0, 3).await;
    fill(&store, "prompt-new.1", 0, 2).await;
    let new = all_of(&store, "prompt-new.1").await;
    assert_eq!(take(&mut live, 2).await, new);
    assert_eq!(take(&mut second, 2).await, new);
}
