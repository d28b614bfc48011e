use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake};

use futures_util::StreamExt as _;
use punchcard_actors::ports::{EventStore, ExpectedRevision, Place, ReadError};
use punchcard_actors::prompts::{NotEffective, Prompts};
use punchcard_actors::testing::clock::TestClock;
use punchcard_actors::testing::prompts::{PlainCheck, content};
use punchcard_actors::testing::store_contract::fixtures::{plain, stream};
use punchcard_events::prompt::{Author, Command};
use punchcard_events::{Position, TaskName, TenantId};

use super::pages::{logged, root_of};
use super::{deliver, open, raw};
use crate::adapters::store_sqlite::category::{self, Category};
use crate::adapters::store_sqlite::{Options, SqliteStore, reads, row, verify};

async fn add(store: &SqliteStore, name: &str) {
    let landed = store
        .append(&stream(name), ExpectedRevision::NoStream, &[plain(1)])
        .await;
    landed.unwrap();
}

fn plan(category: &str, conn: &rusqlite::Connection) -> String {
    let sql = reads::category_sql(row::EVENT_COLUMNS, &Category::new(category));
    let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    for parameter in 1..=explain.parameter_count() {
        explain.raw_bind_parameter(parameter, 1).unwrap();
    }
    let mut rows = explain.raw_query();
    let row = rows.next().unwrap().unwrap();
    let step: String = row.get(3).unwrap();
    assert!(rows.next().unwrap().is_none(), "a sort or a second search");
    step
}

#[tokio::test]
async fn a_small_category_is_read_by_its_index_and_a_large_one_along_the_log() {
    let (_store, dir) = open().await;
    let conn = raw(dir.path());
    for small in ["prompt", "partials", "test-run", "nobody"] {
        let step = plan(small, &conn);
        let index = "SEARCH events USING INDEX events_by_category (<expr>=? AND rowid>?)";
        assert_eq!(step, index, "{small}");
    }
    for large in ["ticket", "idempotency"] {
        let step = plan(large, &conn);
        assert_eq!(step, "SEARCH events USING INTEGER PRIMARY KEY (rowid>?)");
    }
}

#[tokio::test]
async fn the_index_holds_what_is_read_from_it() {
    let (store, dir) = open().await;
    let names = [
        "ticket",
        "ticket-1",
        "ticket-a-b",
        "tickets-1",
        "idempotency-1",
        "idempotency",
        "-",
        "-a",
        "prompt-a.b",
        "test-run-1",
        "a",
        "Ticket-1",
        "ticket.",
        "ticket.1",
    ];
    for name in names {
        add(&store, name).await;
    }
    let conn = raw(dir.path());
    let sql = "SELECT stream FROM events INDEXED BY events_by_category \
         WHERE NOT (stream >= 'ticket-' AND stream < 'ticket.') \
           AND NOT (stream >= 'idempotency-' AND stream < 'idempotency.') \
         ORDER BY position";
    let mut select = conn.prepare(sql).unwrap();
    let held = select.query_map([], |row| row.get(0)).unwrap();
    let held: Vec<String> = held.collect::<Result<_, _>>().unwrap();
    let expected = names.into_iter().filter(|name| category::is_indexed(name));
    assert!(held.iter().eq(expected), "{held:?}");
    assert_eq!(held.len(), names.len() - 3);
}

#[tokio::test]
async fn a_ticket_writes_no_page_of_the_index_of_categories() {
    let (store, dir) = open().await;
    let index = root_of(dir.path(), "events_by_category") as u32;
    let before = logged(dir.path()).len();
    for number in 1..=20 {
        deliver(&store, number).await;
    }
    let written = logged(dir.path()).split_off(before);
    assert!(!written.is_empty());
    assert!(!written.contains(&index), "{written:?}");
    // So it would be seen.
    let before = logged(dir.path()).len();
    add(&store, "prompt-a.b").await;
    assert!(logged(dir.path()).split_off(before).contains(&index));
}

/// Counts how often somebody who waits is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn tickets_wake_nobody_who_follows_another_category() {
    let (store, _dir) = open().await;
    add(&store, "prompt-a.b").await;
    let mut prompts = store.subscribe_category("prompt", None);
    assert!(prompts.next().await.unwrap().is_ok());
    let woken = Arc::new(Woken::default());
    let waker = Arc::clone(&woken).into();
    let mut context = Context::from_waker(&waker);
    assert!(prompts.poll_next_unpin(&mut context).is_pending());
    for number in 1..=3 {
        deliver(&store, number).await;
    }
    assert_eq!(woken.0.load(Ordering::SeqCst), 0);
    add(&store, "prompt-a.c").await;
    assert!(woken.0.load(Ordering::SeqCst) > 0);
    let next = prompts.next().await.unwrap().unwrap();
    assert_eq!(next.stream.as_str(), "prompt-a.c");
}

#[tokio::test]
async fn a_repeated_append_hides_nothing_from_a_later_subscription() {
    let (store, _dir) = open().await;
    let (first, event) = (stream("prompt-a.b"), [plain(1)]);
    let begun = store
        .append(&first, ExpectedRevision::NoStream, &event)
        .await;
    let begun = begun.unwrap();
    add(&store, "prompt-a.c").await;
    let again = store
        .append(&first, ExpectedRevision::NoStream, &event)
        .await;
    assert_eq!(again, Ok(begun));
    let mut prompts = store.subscribe_category("prompt", Some(begun.position));
    let next = prompts.next().await.unwrap().unwrap();
    assert_eq!(next.stream.as_str(), "prompt-a.c");
}

#[tokio::test]
async fn a_damaged_event_of_a_category_is_not_served_and_ends_its_subscription() {
    let (store, dir) = open().await;
    add(&store, "prompt-a.b").await;
    let flipped = raw(dir.path()).execute("UPDATE events SET data = '{}'", []);
    assert_eq!(flipped, Ok(1));
    let read = store.read_category("prompt", None, 10).await;
    assert!(matches!(read, Err(ReadError::Damaged(_))), "{read:?}");
    let mut prompts = store.subscribe_category("prompt", None);
    let next = prompts.next().await.unwrap();
    assert!(matches!(next, Err(ReadError::Damaged(_))), "{next:?}");
    assert!(prompts.next().await.is_none());
}

#[tokio::test]
async fn a_reader_finds_its_way_past_a_damaged_event_without_reading_it() {
    let (store, dir) = open().await;
    for name in ["prompt-a.b", "ticket-x", "prompt-a.c", "partials-a"] {
        add(&store, name).await;
    }
    let flip = "UPDATE events SET data = '{}', tenant = '' WHERE stream = 'prompt-a.b'";
    assert_eq!(raw(dir.path()).execute(flip, []), Ok(1));
    let place = |position, name: &str| Place {
        position: Position(position),
        stream: Some(stream(name)),
    };
    let next = |category: Option<&'static str>, after: u64| {
        let (store, after) = (store.clone(), (after > 0).then_some(Position(after)));
        async move { store.next_place(category, after).await }
    };
    assert_eq!(
        next(Some("prompt"), 0).await,
        Ok(Some(place(1, "prompt-a.b")))
    );
    assert_eq!(
        next(Some("prompt"), 1).await,
        Ok(Some(place(3, "prompt-a.c")))
    );
    assert_eq!(next(Some("prompt"), 3).await, Ok(None));
    assert_eq!(next(None, 0).await, Ok(Some(place(1, "prompt-a.b"))));
    assert_eq!(next(None, 1).await, Ok(Some(place(2, "ticket-x"))));
    let rest = store.read_category("prompt", Some(Position(1)), 10).await;
    assert_eq!(rest.map(|rest| rest.len()), Ok(1));
}

#[tokio::test]
async fn a_prompt_with_a_flipped_bit_is_out_of_service_and_the_server_starts_with_the_others() {
    let (store, dir) = open().await;
    let office = || {
        Prompts::open(
            Arc::new(store.clone()),
            Arc::new(TestClock::new()),
            Arc::new(PlainCheck),
        )
    };
    let tenant: TenantId = "onehour".parse().unwrap();
    let tasks: [TaskName; 3] = ["a", "b", "c"].map(|name| name.parse().unwrap());
    let (prompts, _following) = office().await.unwrap();
    for task in &tasks {
        let command = Command::Adopt {
            content: content(task.as_str()),
            act: prompts.act(Author::Configuration),
        };
        prompts.execute(&tenant, task, command).await.unwrap();
    }
    let flip = "UPDATE events SET data = replace(data, 'small', 'smell') \
                WHERE stream = 'prompt-onehour.b'";
    assert!(raw(dir.path()).execute(flip, []).unwrap() > 0);
    let (prompts, _following) = office().await.unwrap();
    let in_effect = tasks.each_ref().map(|task| {
        let effective = prompts.book().effective(&tenant, task, None, None);
        effective.map(|effective| effective.version)
    });
    assert_eq!(in_effect, [Ok(1), Err(NotEffective::Broken), Ok(1)]);
}

#[tokio::test]
async fn a_store_of_version_3_gets_its_categories_at_the_upgrade() {
    let (store, dir) = open().await;
    add(&store, "prompt-a.b").await;
    deliver(&store, 1).await;
    add(&store, "test-run-1").await;
    let prompts = store.read_category("prompt", None, 10).await;
    store.close();
    raw(dir.path())
        .execute_batch(
            "DROP INDEX events_by_category; DROP INDEX tickets_scheduled; \
             ALTER TABLE tickets DROP COLUMN not_before_ms; DROP INDEX tickets_failed; \
             DROP INDEX tickets_forks; DROP INDEX tickets_forks_of; \
             ALTER TABLE tickets DROP COLUMN fork_of; PRAGMA user_version = 3",
        )
        .unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    assert_eq!(store.read_category("prompt", None, 10).await, prompts);
    let runs = store.read_category("test-run", None, 10).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert!(verify(dir.path()).unwrap().is_clean());
}
