//! The follower: what each end of an attempt counts for, and what a restart finds.

use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::ports::{EventStore as _, ExpectedRevision, UsageTable as _};
use punchcard_actors::testing::clock::TestClock;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::store_contract::fixtures::*;
use punchcard_actors::testing::usage_table::MemoryUsage;
use punchcard_actors::testing::world::in_paused_time;
use punchcard_actors::usage::{Counting, Counts, Meter, Price, Prices};
use punchcard_events::tenant::{MicroUsd, TenantLimits};
use punchcard_events::ticket::{
    AttemptError, AttemptErrorKind, AttemptFailed, CancelMode, TicketCancelled, TicketEvent, Usage,
};
use punchcard_events::{EventId, NewEvent, Position, Revision, TicketId};
use uuid::Uuid;

/// Longer than between two saves.
const A_WHILE: Duration = Duration::from_secs(3);

fn prices() -> Prices {
    let price = Price::per_million(1.0, 2.0);
    [("small".to_owned(), price)].into_iter().collect()
}

async fn count(store: &MemoryStore, table: &MemoryUsage) -> (Meter, Counting) {
    let (store, table) = (Arc::new(store.clone()), Arc::new(table.clone()));
    let started = Counting::start(store, table, prices(), &TestClock::new()).await;
    let (meter, counting) = started.expect("an open table");
    meter.ready().await;
    (meter, counting)
}

/// Appends to a ticket's stream, from revision `first` on.
async fn append(store: &MemoryStore, id: TicketId, first: u64, events: &[TicketEvent]) {
    let events: Vec<NewEvent> = events
        .iter()
        .map(|event| recorded(id, event, NOON))
        .collect();
    let expected = match first.checked_sub(1) {
        None => ExpectedRevision::NoStream,
        Some(last) => ExpectedRevision::Exact(Revision(last)),
    };
    let appended = store.append(&id.stream(), expected, &events).await;
    appended.expect("a store that takes events");
}

/// Everything counted of a ticket whose last event is `end`, after its first attempt has begun.
async fn counted(end: TicketEvent) -> (Counts, u64) {
    let (store, table) = (MemoryStore::new(), MemoryUsage::default());
    let life = [
        request("onehour", "review", None, NOON),
        pre_processed(),
        sent(1),
        end,
    ];
    append(&store, ticket(1), 0, &life).await;
    let (meter, _counting) = count(&store, &table).await;
    let mut limits = TenantLimits::default();
    limits.all.daily.tokens = Some(u64::MAX);
    let standing = meter.standings(&tenant("onehour"), None, &limits, NOON);
    (table.total(), standing[0].used)
}

fn failed(kind: AttemptErrorKind, usage: Option<Usage>, answer_bytes: u64) -> TicketEvent {
    TicketEvent::AttemptFailed(AttemptFailed {
        attempt: 1,
        error: AttemptError {
            kind,
            message: "no".to_owned(),
            retry_after_ms: None,
        },
        retry_at: Some(NOON),
        next_model: None,
        usage,
        answer_bytes,
    })
}

#[test]
fn an_answer_counts_what_the_server_counted_and_what_it_cost() {
    in_paused_time(async {
        let (counts, used) = counted(answered(1)).await;
        let wanted = Counts {
            tickets: 1,
            attempts: 1,
            prompt_tokens: 200,
            completion_tokens: 150,
            estimated_tokens: 0,
            cost_micro_usd: MicroUsd(500),
        };
        assert_eq!((counts, used), (wanted, 350));
    });
}

#[test]
fn an_answer_without_a_count_is_estimated_from_its_length_and_marked() {
    in_paused_time(async {
        let TicketEvent::TicketAnswered(mut answer) = answered(1) else {
            panic!("an answer");
        };
        answer.usage = None;
        let (counts, used) = counted(TicketEvent::TicketAnswered(answer)).await;
        assert_eq!((counts.prompt_tokens, counts.completion_tokens), (0, 0));
        assert!(counts.estimated_tokens > 200, "{counts:?}");
        assert!(counts.cost_micro_usd > MicroUsd(0));
        assert_eq!(used, counts.estimated_tokens);
    });
}

#[test]
fn a_failed_attempt_counts_what_it_used_or_may_have_used() {
    use AttemptErrorKind as Kind;
    in_paused_time(async {
        let usage = Usage {
            prompt_tokens: 7,
            completion_tokens: 2,
        };
        let (counts, _) = counted(failed(Kind::SchemaViolation, Some(usage), 9)).await;
        assert_eq!((counts.prompt_tokens, counts.completion_tokens), (7, 2));
        assert_eq!((counts.attempts, counts.estimated_tokens), (1, 0));
        for kind in [
            Kind::Connection,
            Kind::RateLimited,
            Kind::Server,
            Kind::Unauthorized,
        ] {
            let (counts, used) = counted(failed(kind, None, 0)).await;
            assert_eq!(
                (counts.attempts, used),
                (1, 0),
                "{kind:?}: no model was at work"
            );
        }
        let (whole, _) = counted(failed(Kind::Interrupted, None, 0)).await;
        let (late, _) = counted(failed(Kind::Timeout, None, 30)).await;
        let (cut, _) = counted(failed(Kind::Server, None, 30)).await;
        assert_eq!(
            whole.estimated_tokens, late.estimated_tokens,
            "the whole estimate"
        );
        assert!(cut.estimated_tokens > 10 && cut.estimated_tokens < whole.estimated_tokens);
    });
}

#[test]
fn a_call_that_was_cancelled_or_given_up_counts_at_its_estimate() {
    in_paused_time(async {
        let cancelled = |text: Option<&str>| {
            TicketEvent::TicketCancelled(TicketCancelled {
                mode: CancelMode::Stop,
                by: "somebody".to_owned(),
                text: text.map(Into::into),
            })
        };
        let (whole, _) = counted(cancelled(None)).await;
        let (some, _) = counted(cancelled(Some("A good start"))).await;
        assert!(some.estimated_tokens > 0 && some.estimated_tokens < whole.estimated_tokens);
        let (failed, _) = counted(failed_in_the_middle()).await;
        assert_eq!(failed.estimated_tokens, whole.estimated_tokens);
    });
}

fn failed_in_the_middle() -> TicketEvent {
    use punchcard_events::ticket::{Failure, Stage, TicketFailed};
    TicketEvent::TicketFailed(TicketFailed {
        failure: Failure {
            stage: Stage::Model,
            code: "deadline_passed".to_owned(),
            message: "late".to_owned(),
        },
    })
}

#[test]
fn a_restart_goes_on_where_the_table_ends_and_counts_nothing_twice() {
    in_paused_time(async {
        let (store, table) = (MemoryStore::new(), MemoryUsage::default());
        let begun = [
            request("onehour", "review", None, NOON),
            pre_processed(),
            sent(1),
        ];
        append(&store, ticket(1), 0, &begun).await;
        let first = count(&store, &table).await;
        append(&store, ticket(1), 3, &[attempt_failed(1), sent(2)]).await;
        tokio::time::sleep(A_WHILE).await;
        assert_eq!((table.total().attempts, table.open()), (1, 1));
        drop(first);
        // Stored while nobody counted, as after a crash.
        append(&store, ticket(1), 5, &[answered(2)]).await;
        let (meter, _counting) = count(&store, &table).await;
        assert_eq!((table.total().attempts, table.open()), (2, 0));
        assert_eq!(
            (table.total().tickets, table.total().prompt_tokens),
            (1, 200)
        );
        let mut limits = TenantLimits::default();
        limits.all.daily.tokens = Some(1_000);
        let standing = meter.standings(&tenant("onehour"), None, &limits, NOON);
        assert_eq!((standing[0].used, standing[0].reserved), (350, 0));
    });
}

#[test]
fn a_table_that_does_not_fit_the_store_is_rebuilt() {
    in_paused_time(async {
        let (store, table) = (MemoryStore::new(), MemoryUsage::default());
        let life = [
            request("onehour", "review", None, NOON),
            pre_processed(),
            sent(1),
            answered(1),
        ];
        append(&store, ticket(1), 0, &life).await;
        drop(count(&store, &table).await);
        let wanted = table.total();
        for wrong in [
            (Position(99), EventId(Uuid::now_v7())),
            (table.counted().expect("counted"), EventId(Uuid::now_v7())),
        ] {
            table.set_counted(wrong);
            drop(count(&store, &table).await);
            assert_eq!(table.total(), wanted, "counted once, from the beginning");
        }
        table.clear().await.expect("an empty table");
        drop(count(&store, &table).await);
        assert_eq!(table.total(), wanted);
    });
}

#[test]
fn what_cannot_be_saved_is_saved_later() {
    in_paused_time(async {
        let (store, table) = (MemoryStore::new(), MemoryUsage::default());
        table.refuse(true);
        let _counting = count(&store, &table).await;
        let life = [
            request("onehour", "review", None, NOON),
            pre_processed(),
            sent(1),
            answered(1),
        ];
        append(&store, ticket(1), 0, &life).await;
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(table.total().attempts, 0);
        table.refuse(false);
        append(&store, ticket(2), 0, &life).await;
        tokio::time::sleep(A_WHILE).await;
        assert_eq!((table.total().attempts, table.total().tickets), (2, 2));
    });
}

#[test]
fn a_redriven_ticket_counts_its_further_attempts_and_is_no_second_ticket() {
    in_paused_time(async {
        let (store, table) = (MemoryStore::new(), MemoryUsage::default());
        let _counting = count(&store, &table).await;
        let life = [
            request("onehour", "review", None, NOON),
            pre_processed(),
            sent(1),
        ];
        append(&store, ticket(1), 0, &life).await;
        append(
            &store,
            ticket(1),
            3,
            &[attempt_failed(1), failed_in_the_middle()],
        )
        .await;
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(table.open(), 0);
        append(
            &store,
            ticket(1),
            5,
            &[redriven(at(10)), sent(2), answered(2)],
        )
        .await;
        tokio::time::sleep(A_WHILE).await;
        let total = table.total();
        assert_eq!(
            (total.tickets, total.attempts, total.prompt_tokens),
            (1, 2, 200)
        );
    });
}
