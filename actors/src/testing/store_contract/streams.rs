//! Appends and reads.

use std::borrow::Cow;
use std::collections::BTreeSet;

use punchcard_events::{EventId, NewEvent, Position, Recorded, Revision};
use uuid::Uuid;

use super::Store;
use super::fixtures::{at, plain, stream, tenant};
use crate::ports::{AppendError, Direction, ExpectedRevision};

const NO_STREAM: ExpectedRevision = ExpectedRevision::NoStream;

fn exact(revision: u64) -> ExpectedRevision {
    ExpectedRevision::Exact(Revision(revision))
}

fn conflict(actual: Option<u64>) -> AppendError {
    AppendError::Conflict {
        actual: actual.map(Revision),
    }
}

fn plain_events(count: u64) -> Vec<NewEvent> {
    (0..count).map(plain).collect()
}

fn ids<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> Vec<EventId> {
    events.into_iter().map(|e| e.event.id).collect()
}

/// `NoStream` starts a stream, once.
pub async fn a_stream_is_started_once(store: impl Store) {
    let s = stream("order-1");
    let landed = store.append(&s, NO_STREAM, &[plain(0)]).await.unwrap();
    assert_eq!(landed.revision, Revision::FIRST);
    let again = store.append(&s, NO_STREAM, &[plain(1)]).await;
    assert_eq!(again, Err(conflict(Some(0))));
    let other = stream("order-2");
    let elsewhere = store.append(&other, NO_STREAM, &[plain(2)]).await;
    assert!(elsewhere.unwrap().position > landed.position);
}

/// An exact revision is met, or the append is refused with the actual one.
pub async fn an_append_goes_to_its_exact_revision_or_nowhere(store: impl Store) {
    let s = stream("order-1");
    let early = store.append(&s, exact(0), &[plain(0)]).await;
    assert_eq!(early, Err(conflict(None)));
    store.append(&s, NO_STREAM, &plain_events(3)).await.unwrap();
    for (wrong, newest) in [(0, 2), (1, 2), (3, 2), (u64::MAX, 2)] {
        let refused = store.append(&s, exact(wrong), &[plain(9)]).await;
        assert_eq!(refused, Err(conflict(Some(newest))), "expected {wrong}");
    }
    let landed = store.append(&s, exact(2), &plain_events(2)).await.unwrap();
    assert_eq!(landed.revision, Revision(4));
}

/// A refused append leaves no event of it behind, and uses up no revision.
pub async fn an_append_is_all_or_none(store: impl Store) {
    let s = stream("order-1");
    let first = plain_events(2);
    store.append(&s, NO_STREAM, &first).await.unwrap();
    let refused = store.append(&s, exact(0), &plain_events(3)).await;
    assert_eq!(refused, Err(conflict(Some(1))));
    let all = store.read_all(None, 100).await.unwrap();
    assert_eq!(ids(&all), [first[0].id, first[1].id]);
}

/// The same ids at the same revisions are the same append, also when the stream has moved on.
pub async fn a_repeated_append_is_the_same_append(store: impl Store) {
    let s = stream("order-1");
    let (first, second) = (plain_events(2), plain_events(2));
    let one = store.append(&s, NO_STREAM, &first).await.unwrap();
    assert_eq!(store.append(&s, NO_STREAM, &first).await, Ok(one));
    let two = store.append(&s, exact(1), &second).await.unwrap();
    assert_eq!(store.append(&s, NO_STREAM, &first).await, Ok(one));
    assert_eq!(store.append(&s, exact(1), &second).await, Ok(two));
    let stored = store.read_all(None, 100).await.unwrap();
    assert_eq!(stored.len(), 4, "a repeat was stored again");
}

/// A repeat of only some of an append's events is another append, and conflicts.
pub async fn a_partial_repeat_is_a_conflict(store: impl Store) {
    let s = stream("order-1");
    let stored = plain_events(2);
    store.append(&s, NO_STREAM, &stored).await.unwrap();
    let [a, b] = [stored[0].clone(), stored[1].clone()];
    for partial in [
        vec![a.clone(), plain(8)],
        vec![plain(8), b.clone()],
        vec![b.clone(), a.clone()],
        vec![a, b, plain(8)],
    ] {
        let refused = store.append(&s, NO_STREAM, &partial).await;
        assert_eq!(refused, Err(conflict(Some(1))));
    }
    let elsewhere = store.append(&s, exact(0), &stored).await;
    assert_eq!(elsewhere, Err(conflict(Some(1))), "other revisions");
    assert_eq!(store.read_all(None, 100).await.unwrap().len(), 2);
}

/// An append of nothing has no revision to answer with, and is refused.
pub async fn an_append_without_events_is_refused(store: impl Store) {
    let s = stream("order-1");
    assert_eq!(store.append(&s, NO_STREAM, &[]).await, Err(conflict(None)));
    store.append(&s, NO_STREAM, &[plain(0)]).await.unwrap();
    let refused = store.append(&s, exact(0), &[]).await;
    assert_eq!(refused, Err(conflict(Some(0))));
}

/// Of appends that race for a revision exactly one wins, and the losers are told.
pub async fn racing_appends_have_one_winner_per_revision(store: impl Store) {
    const RACERS: u64 = 8;
    const WINS: u64 = 12;
    let race = |racer: u64| {
        let store = store.clone();
        async move {
            let s = stream("race-1");
            let (mut expected, mut won) = (NO_STREAM, Vec::new());
            while (won.len() as u64) < WINS {
                // A store that answers at once would let each racer run alone.
                tokio::task::yield_now().await;
                match store.append(&s, expected, &[plain(racer)]).await {
                    Ok(landed) => {
                        won.push(landed.revision);
                        expected = ExpectedRevision::Exact(landed.revision);
                    }
                    Err(AppendError::Conflict { actual }) => {
                        expected = actual.map_or(NO_STREAM, ExpectedRevision::Exact);
                    }
                    Err(other) => unreachable!("{other}"),
                }
            }
            won
        }
    };
    let racers: Vec<_> = (0..RACERS).map(|n| tokio::spawn(race(n))).collect();
    let mut won = BTreeSet::new();
    for racer in racers {
        for revision in racer.await.unwrap() {
            assert!(won.insert(revision), "{revision:?} was won twice");
        }
    }
    let expected: BTreeSet<_> = (0..RACERS * WINS).map(Revision).collect();
    assert_eq!(won, expected);
    let limit = won.len() + 1;
    let s = stream("race-1");
    let stored = store.read_stream(&s, None, Direction::Forwards, limit);
    assert_eq!(stored.await.unwrap().len(), won.len());
}

/// A stream is read in both directions, from any revision, in pages of any size.
pub async fn a_stream_is_read_from_any_revision_in_both_directions(store: impl Store) {
    let (s, events) = (stream("order-1"), plain_events(5));
    store.append(&s, NO_STREAM, &events).await.unwrap();
    store
        .append(&stream("order-10"), NO_STREAM, &[plain(99)])
        .await
        .unwrap();
    let cases: [(Option<u64>, Direction, usize, &[u64]); 9] = [
        (None, Direction::Forwards, 100, &[0, 1, 2, 3, 4]),
        (None, Direction::Forwards, 2, &[0, 1]),
        (Some(3), Direction::Forwards, 100, &[3, 4]),
        (Some(5), Direction::Forwards, 100, &[]),
        (None, Direction::Backwards, 100, &[4, 3, 2, 1, 0]),
        (None, Direction::Backwards, 1, &[4]),
        (Some(2), Direction::Backwards, 2, &[2, 1]),
        (Some(99), Direction::Backwards, 1, &[4]),
        (None, Direction::Forwards, 0, &[]),
    ];
    for (from, direction, limit, wanted) in cases {
        let read = store.read_stream(&s, from.map(Revision), direction, limit);
        let read = read.await.unwrap();
        let revisions: Vec<_> = read.iter().map(|e| e.revision.0).collect();
        assert_eq!(revisions, wanted, "{from:?} {direction:?} {limit}");
        let wanted = wanted
            .iter()
            .map(|&r| events[usize::try_from(r).unwrap()].id);
        assert_eq!(ids(&read), wanted.collect::<Vec<_>>());
    }
}

/// What is read is what was appended, field by field.
pub async fn an_event_is_read_as_it_was_appended(store: impl Store) {
    let event = NewEvent {
        id: EventId(Uuid::from_u128(1)),
        kind: Cow::Borrowed("한글Happened"),
        schema_version: u16::MAX,
        tenant: tenant("another-tenant"),
        correlation_id: Uuid::from_u128(u128::MAX),
        causation_id: Some(EventId(Uuid::from_u128(3))),
        recorded_at: at(86_400),
        data: "{\"text\":\"\\u0000 학생 \u{1f393} '; DROP TABLE events --\"}".to_owned(),
    };
    let s = stream("order-1");
    let landed = store
        .append(&s, NO_STREAM, std::slice::from_ref(&event))
        .await
        .unwrap();
    let read = store.read_stream(&s, None, Direction::Forwards, 1);
    let whole = Recorded {
        stream: s.clone(),
        revision: landed.revision,
        position: landed.position,
        event,
    };
    assert_eq!(read.await, Ok(vec![whole.clone()]));
    assert_eq!(store.read_all(None, 10).await, Ok(vec![whole]));
}

/// A stream that nobody started is empty, not an error.
pub async fn an_unknown_stream_is_empty(store: impl Store) {
    let nobody = stream("nobody-1");
    for direction in [Direction::Forwards, Direction::Backwards] {
        let read = store.read_stream(&nobody, None, direction, 10);
        assert_eq!(read.await, Ok(vec![]));
    }
    assert_eq!(store.read_all(None, 10).await, Ok(vec![]));
}

/// All streams are read in the order of positions, and pages join without gap or repeat.
pub async fn all_events_are_read_in_the_order_of_positions(store: impl Store) {
    let mut appended = Vec::new();
    let (a, b) = (stream("order-a"), stream("order-b"));
    for round in 0..10 {
        for s in [&a, &b] {
            let expected = match round {
                0 => NO_STREAM,
                _ => exact(round - 1),
            };
            let event = plain(round);
            appended.push(event.id);
            store.append(s, expected, &[event]).await.unwrap();
        }
    }
    let all = store.read_all(None, 1_000).await.unwrap();
    assert_eq!(ids(&all), appended);
    assert!(all.windows(2).all(|w| w[0].position < w[1].position));
    let (mut paged, mut after): (Vec<Recorded>, Option<Position>) = (Vec::new(), None);
    loop {
        let page = store.read_all(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        paged.extend(page);
    }
    assert_eq!(paged, all);
}
