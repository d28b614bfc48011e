//! What becomes of messages in the log.

use punchcard_actors::ports::{DeliveryState, Made};
use punchcard_events::delivery::{self, DeliveryAttempted, DeliveryFailure, Next};
use punchcard_events::endpoint::EventType;
use punchcard_events::{Revision, TenantId, TicketId};
use uuid::Uuid;

use super::*;

const NOW: u64 = 1_795_430_670_000;
const OPTIONS: Options = Options {
    max_queued: 3,
    resend_per_second: 2,
    keep_ms: 86_400_000,
};

const fn endpoint(number: u128) -> EndpointId {
    EndpointId(Uuid::from_u128(number))
}

const fn at(after_ms: u64) -> Timestamp {
    Timestamp::from_millis(NOW + after_ms)
}

/// The `number`-th event, for an endpoint.
fn made(of: u128, number: u64) -> Made {
    let event = EventId(Uuid::from_u128(u128::from(number)));
    Made {
        id: delivery::id(event, endpoint(of)),
        endpoint: endpoint(of),
        tenant: TenantId::new("onehour").unwrap(),
        event_type: EventType::TicketPersisted,
        ticket: Some(TicketId(Uuid::from_u128(9))),
        revision: Revision(4),
        position: Position(number),
        at: at(number),
        send: true,
    }
}

fn attempted(
    of: u128,
    attempt: u32,
    failure: Option<DeliveryFailure>,
    next: Next,
) -> DeliveryAttempted {
    DeliveryAttempted {
        endpoint: endpoint(of),
        event_type: EventType::TicketPersisted,
        ticket: None,
        attempt,
        started_at: at(100),
        duration_ms: 5,
        status: Some(if failure.is_none() { 204 } else { 500 }),
        failure,
        next,
    }
}

struct Log {
    log: Arc<WebhookLog>,
    _directory: tempfile::TempDir,
}

impl Log {
    fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = Arc::new(WebhookLog::open(directory.path(), OPTIONS).unwrap());
        Self {
            log,
            _directory: directory,
        }
    }

    async fn apply(&self, changes: Vec<Change>) {
        let place = (Position(77), EventId(Uuid::from_u128(77)));
        self.log.apply(changes, place).await.unwrap();
    }

    async fn stands(&self, made: &Made) -> (DeliveryState, Option<u64>, u32, u32) {
        let found = self.log.get(made.id).await.unwrap().unwrap();
        let due = found.due.map(|due| due.as_millis() - NOW);
        (found.state, due, found.attempts, found.round)
    }
}

#[tokio::test]
async fn a_message_waits_is_tried_and_ends() {
    let log = Log::open();
    let (one, two) = (made(1, 1), made(1, 2));
    log.apply(vec![Change::Made(one.clone()), Change::Made(two.clone())])
        .await;
    // Twice the same is once.
    log.apply(vec![Change::Made(one.clone())]).await;
    assert_eq!(log.log.standing(endpoint(1)).await.unwrap().queued, 2);
    let head = Head {
        endpoint: endpoint(1),
        due: at(1),
    };
    assert_eq!(log.log.heads().await.unwrap(), [head]);
    let due = log.log.due(endpoint(1), at(1), 10).await.unwrap();
    assert_eq!(due.iter().map(|due| &due.made).collect::<Vec<_>>(), [&one]);
    let failed = attempted(
        1,
        1,
        Some(DeliveryFailure::Status),
        Next::Retry { at: at(5_000) },
    );
    log.apply(vec![Change::Attempted(one.id, failed)]).await;
    assert_eq!(
        log.stands(&one).await,
        (DeliveryState::Queued, Some(5_000), 1, 1)
    );
    let taken = attempted(1, 2, None, Next::Done);
    log.apply(vec![Change::Attempted(one.id, taken)]).await;
    assert_eq!(
        log.stands(&one).await,
        (DeliveryState::Acknowledged, None, 2, 2)
    );
    let standing = log.log.standing(endpoint(1)).await.unwrap();
    assert_eq!((standing.queued, standing.last_success), (1, Some(at(105))));
    let place = log.log.place().await.unwrap();
    assert_eq!(place.map(|(position, _)| position), Some(Position(77)));
}

#[tokio::test]
async fn an_endpoint_has_so_many_waiting_and_the_rest_can_be_sent_later() {
    let log = Log::open();
    let all: Vec<Made> = (1..=5).map(|number| made(1, number)).collect();
    log.apply(all.iter().cloned().map(Change::Made).collect())
        .await;
    let skipped = LogFilter {
        state: Some(DeliveryState::Skipped),
    };
    let listed = log.log.list(endpoint(1), skipped, None, 10).await.unwrap();
    let positions: Vec<_> = listed.iter().map(|one| one.made.position.0).collect();
    assert_eq!(positions, [5, 4], "the newest first");
    let which = Resend::Range {
        from: at(0),
        until: at(6),
        acknowledged_too: false,
        limit: 100,
    };
    let counted = log.log.count_resend(endpoint(1), which, at(1_000)).await;
    assert_eq!(counted.unwrap(), 2, "those that wait are not sent twice");
    log.apply(vec![Change::Resent {
        endpoint: endpoint(1),
        which,
        at: at(1_000),
    }])
    .await;
    // Two a second.
    assert_eq!(
        log.stands(&all[3]).await,
        (DeliveryState::Queued, Some(1_000), 0, 0)
    );
    assert_eq!(
        log.stands(&all[4]).await,
        (DeliveryState::Queued, Some(1_500), 0, 0)
    );
    assert_eq!(log.log.standing(endpoint(1)).await.unwrap().queued, 5);
}

#[tokio::test]
async fn a_message_that_was_given_up_is_sent_again_from_the_start_of_its_schedule() {
    let log = Log::open();
    let one = made(1, 1);
    let gave_up = attempted(1, 1, Some(DeliveryFailure::Timeout), Next::GivenUp);
    log.apply(vec![
        Change::Made(one.clone()),
        Change::Attempted(one.id, gave_up),
    ])
    .await;
    assert_eq!(log.stands(&one).await, (DeliveryState::GivenUp, None, 1, 1));
    let which = Resend::One { delivery: one.id };
    let other = Change::Resent {
        endpoint: endpoint(2),
        which,
        at: at(9),
    };
    log.apply(vec![other]).await;
    assert_eq!(
        log.stands(&one).await.0,
        DeliveryState::GivenUp,
        "not another endpoint's"
    );
    log.apply(vec![Change::Resent {
        endpoint: endpoint(1),
        which,
        at: at(9_000),
    }])
    .await;
    assert_eq!(
        log.stands(&one).await,
        (DeliveryState::Queued, Some(9_000), 1, 0)
    );
    let found = log.log.get(one.id).await.unwrap().unwrap();
    assert_eq!((found.queued_at, found.revisions), (at(9_000), 1));
}

#[tokio::test]
async fn too_old_an_event_is_not_sent_again() {
    let log = Log::open();
    let one = Made {
        send: false,
        ..made(1, 1)
    };
    log.apply(vec![Change::Made(one)]).await;
    let which = Resend::Range {
        from: at(0),
        until: at(100),
        acknowledged_too: true,
        limit: 10,
    };
    let count = |late| log.log.count_resend(endpoint(1), which, at(late));
    assert_eq!(count(86_400_001).await.unwrap(), 1);
    assert_eq!(count(86_400_002).await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_gone_waits_for_nothing_and_what_ended_is_forgotten_in_time() {
    let log = Log::open();
    let (one, other) = (made(1, 1), made(2, 2));
    log.apply(vec![Change::Made(one.clone()), Change::Made(other.clone())])
        .await;
    log.apply(vec![Change::Closed(endpoint(1), at(50))]).await;
    assert_eq!(log.stands(&one).await.0, DeliveryState::Cancelled);
    let late = attempted(
        1,
        1,
        Some(DeliveryFailure::Status),
        Next::Retry { at: at(500) },
    );
    log.apply(vec![Change::Attempted(one.id, late)]).await;
    assert_eq!(
        log.stands(&one).await,
        (DeliveryState::Cancelled, None, 1, 1)
    );
    assert_eq!(log.log.heads().await.unwrap().len(), 1);
    assert_eq!(log.log.prune(at(10_000), 10).await.unwrap(), 1);
    assert!(log.log.get(one.id).await.unwrap().is_none());
    assert!(
        log.log.get(other.id).await.unwrap().is_some(),
        "it still waits"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_put_aside() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join(FILE),
        "no database at all, but long enough",
    )
    .unwrap();
    let log = WebhookLog::open(directory.path(), OPTIONS).unwrap();
    assert_eq!(log.place().await.unwrap(), None);
    log.close();
    assert!(directory.path().join("webhooks.sqlite.unusable").exists());
}
