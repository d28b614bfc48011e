//! Following the store.

use std::time::Duration;

use futures_util::StreamExt as _;
use punchcard_events::{Recorded, Revision};

use super::Store;
use super::fixtures::{plain, stream};
use crate::ports::{ExpectedRevision, Subscription};

/// Far longer than any store needs; a subscription that stalls fails its test and does not hang.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn take(subscription: &mut Subscription, count: usize) -> Vec<Recorded> {
    let mut taken = Vec::with_capacity(count);
    while taken.len() < count {
        let next = tokio::time::timeout(PATIENCE, subscription.next()).await;
        let next = next.expect("the subscription stalled");
        taken.push(next.expect("the subscription ended").unwrap());
    }
    taken
}

pub(super) async fn fill(store: &impl Store, name: &str, from: u64, count: u64) {
    let s = stream(name);
    for number in from..from + count {
        let expected = match number.checked_sub(1) {
            None => ExpectedRevision::NoStream,
            Some(last) => ExpectedRevision::Exact(Revision(last)),
        };
        store.append(&s, expected, &[plain(number)]).await.unwrap();
    }
}

/// A subscription gives what is stored, then what comes while others append, each event once.
pub async fn a_subscription_catches_up_and_goes_on_without_gap_or_repeat(store: impl Store) {
    const WRITERS: u64 = 4;
    const EACH: u64 = 60;
    fill(&store, "before-1", 0, 20).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { fill(&store, &format!("live-{n}"), 0, EACH).await })
        })
        .collect();
    let mut subscription = store.subscribe(None);
    let total = usize::try_from(20 + WRITERS * EACH).unwrap();
    let seen = take(&mut subscription, total).await;
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(seen, store.read_all(None, total + 1).await.unwrap());
}

/// A subscription starts right after its position, also when that is the newest.
pub async fn a_subscription_starts_after_its_position(store: impl Store) {
    fill(&store, "order-1", 0, 5).await;
    let all = store.read_all(None, 10).await.unwrap();
    let mut third = store.subscribe(Some(all[2].position));
    assert_eq!(take(&mut third, 2).await, all[3..]);
    let mut newest = store.subscribe(Some(all[4].position));
    fill(&store, "order-1", 5, 1).await;
    let next = take(&mut newest, 1).await;
    assert_eq!(next[0].revision, Revision(5));
    assert_eq!(take(&mut third, 1).await, next);
}
