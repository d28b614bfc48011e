use punchcard_actors::ports::{
    Direction, EventStore, ExpectedRevision, Order, ReadError, TicketFilter, TicketIndex,
};
use punchcard_actors::testing::store_contract::fixtures::{plain, pre_processed, stream, ticket};
use punchcard_events::{Position, Revision};
use tempfile::TempDir;

use super::{at, delivered, fill, issue, open, raw, recorded, request};
use crate::adapters::store_sqlite::{
    FindingKind, Options, Report, SqliteStore, accept_loss, start::TAIL, verify,
};

/// A full store that somebody ran `sql` on, and what the check says.
async fn after(sql: &str) -> (Report, TempDir) {
    let (store, dir) = open().await;
    fill(&store).await;
    drop(store);
    let changed = raw(dir.path()).execute(sql, []).unwrap();
    assert_eq!(changed, 1, "the fault did not fire");
    (verify(dir.path()).unwrap(), dir)
}

fn kinds(report: &Report) -> Vec<FindingKind> {
    report.findings.iter().map(|finding| finding.kind).collect()
}

#[tokio::test]
async fn a_sound_store_verifies_clean_also_while_it_is_open() {
    let (store, dir) = open().await;
    fill(&store).await;
    let report = verify(dir.path()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.events, report.streams, report.tickets), (33, 6, 5));
}

#[tokio::test]
async fn a_flipped_character_is_one_finding_and_is_never_served() {
    let flip = "UPDATE events SET data = replace(data, 'summer', 'sumner') WHERE position = 7";
    let (report, dir) = after(flip).await;
    assert_eq!(kinds(&report), [FindingKind::BrokenChain], "{report:?}");
    assert_eq!(report.findings[0].revision, Some(0));
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    let s = ticket(2).stream();
    let whole = store.read_stream(&s, None, Direction::Forwards, 10).await;
    assert!(matches!(whole, Err(ReadError::Damaged(_))), "{whole:?}");
    let page = store.read_all(Some(Position(4)), 5).await;
    assert!(matches!(page, Err(ReadError::Damaged(_))), "{page:?}");
    let sound = store.read_stream(&s, Some(Revision(3)), Direction::Forwards, 10);
    assert_eq!(sound.await.unwrap().len(), 3);
}

#[tokio::test]
async fn every_column_of_an_event_is_covered() {
    for change in [
        "position = 1000",
        "stream = 'prompt-offhour'",
        "revision = 5",
        "id = '00000000-0000-0000-0000-000000000001'",
        "kind = 'SomethingElse'",
        "schema_version = 2",
        "tenant = 'another'",
        "correlation_id = '00000000-0000-0000-0000-000000000001'",
        "causation_id = '00000000-0000-0000-0000-000000000001'",
        "recorded_at_ms = 1",
        "hash = zeroblob(32)",
        "data = '{}'",
        "tenant = 'NOT A TENANT'",
    ] {
        let sql = format!("UPDATE events SET {change} WHERE position = 33");
        let (report, _dir) = after(&sql).await;
        assert!(!report.is_clean(), "{change} was not found");
    }
}

#[tokio::test]
async fn a_lost_tail_is_found_and_its_positions_are_not_given_again() {
    let (report, dir) = after("DELETE FROM events WHERE position = 33").await;
    assert_eq!(kinds(&report), [FindingKind::LostEvents], "{report:?}");
    let options = Options::new(dir.path());
    let refused = SqliteStore::open(options.clone()).unwrap_err().to_string();
    assert!(refused.contains("lost are 1 event"), "{refused}");
    accept_loss(&options, true, 9).unwrap();
    let store = SqliteStore::open(options).unwrap();
    super::deliver(&store, 6).await;
    let all = store.read_all(Some(Position(32)), 1).await.unwrap();
    assert_eq!(all[0].position, Position(34));
}

#[tokio::test]
async fn a_lost_tail_of_a_ticket_is_named() {
    let (report, _dir) = after("DELETE FROM events WHERE position = 12").await;
    let stream = Some(ticket(2).stream().to_string());
    let named = report.findings.iter().find(|f| f.stream == stream);
    assert_eq!(
        named.map(|f| f.kind),
        Some(FindingKind::LostEvents),
        "{report:?}"
    );
}

#[tokio::test]
async fn an_event_lost_in_the_middle_is_found_and_not_read_over() {
    let (report, dir) = after("DELETE FROM events WHERE position = 32").await;
    assert!(
        kinds(&report).contains(&FindingKind::LostEvents),
        "{report:?}"
    );
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    let s = stream("prompt-onehour");
    for direction in [Direction::Forwards, Direction::Backwards] {
        let read = store.read_stream(&s, None, direction, 10).await;
        assert!(matches!(read, Err(ReadError::Damaged(_))), "{read:?}");
    }
}

#[tokio::test]
async fn a_history_that_no_ticket_can_have_is_found() {
    let (store, dir) = open().await;
    let id = ticket(1);
    let life = [request("onehour", "questions", None, at(0)), delivered()];
    let life = life.map(|event| recorded(id, &event, at(0)));
    let first = ExpectedRevision::NoStream;
    store.append(&id.stream(), first, &life).await.unwrap();
    let report = verify(dir.path()).unwrap();
    assert_eq!(kinds(&report), [FindingKind::IllegalHistory], "{report:?}");
}

#[tokio::test]
async fn a_wrong_ticket_list_is_found_and_a_rebuild_repairs_it() {
    for wrong in [
        "UPDATE tickets SET state = 'failed' WHERE attempt = 1 AND id LIKE '%3'",
        "UPDATE tickets SET deadline_ms = 1 WHERE id LIKE '%3'",
        "DELETE FROM tickets WHERE id LIKE '%3'",
    ] {
        let (report, dir) = after(wrong).await;
        assert_eq!(kinds(&report), [FindingKind::StaleIndex], "{report:?}");
        let store = SqliteStore::open(Options::new(dir.path())).unwrap();
        assert_eq!(store.rebuild_index().await, Ok(5));
        assert!(verify(dir.path()).unwrap().is_clean());
    }
}

#[tokio::test]
async fn a_rebuilt_list_equals_the_one_that_was_kept() {
    let (store, dir) = open().await;
    fill(&store).await;
    let everything = TicketFilter::default();
    let kept = store.list(&everything, Order::OldestFirst, None, 100).await;
    raw(dir.path()).execute("DELETE FROM tickets", []).unwrap();
    let lost = store.list(&everything, Order::OldestFirst, None, 100).await;
    assert_eq!(lost, Ok(vec![]));
    assert_eq!(store.rebuild_index().await, Ok(5));
    let rebuilt = store.list(&everything, Order::OldestFirst, None, 100).await;
    assert_eq!(rebuilt, kept);
}

#[tokio::test]
async fn a_line_that_disagrees_is_made_anew_at_the_start() {
    for wrong in [
        "UPDATE tickets SET revision = 2 WHERE id LIKE '%6'",
        "UPDATE tickets SET user = 'somebody' WHERE id LIKE '%6'",
        "UPDATE tickets SET id = upper(id) || 'x' WHERE id LIKE '%6'",
        "DELETE FROM tickets WHERE id LIKE '%6'",
        "DELETE FROM tickets WHERE id LIKE '%2'",
    ] {
        let (store, dir) = open().await;
        fill(&store).await;
        issue(&store, 6).await;
        let everything = TicketFilter::default();
        let list = |store: SqliteStore| {
            let filter = everything.clone();
            async move { store.list(&filter, Order::OldestFirst, None, 100).await }
        };
        let sound = list(store.clone()).await;
        store.close();
        assert_eq!(raw(dir.path()).execute(wrong, []), Ok(1), "{wrong}");
        assert!(!verify(dir.path()).unwrap().is_clean(), "{wrong}");
        let store = SqliteStore::open(Options::new(dir.path())).unwrap();
        assert_eq!(list(store.clone()).await, sound, "{wrong}");
        assert!(verify(dir.path()).unwrap().is_clean(), "{wrong}");
    }
}

#[tokio::test]
async fn a_damaged_line_is_never_served_but_made_anew() {
    let (store, dir) = open().await;
    fill(&store).await;
    let everything = TicketFilter::default();
    let sound = store.list(&everything, Order::NewestFirst, None, 9).await;
    let wrong = "UPDATE tickets SET tenant = 'another' WHERE id LIKE '%3'";
    assert_eq!(raw(dir.path()).execute(wrong, []), Ok(1));
    let served = store.list(&everything, Order::NewestFirst, None, 9).await;
    assert_eq!(served, sound);
    assert!(verify(dir.path()).unwrap().is_clean());
}

#[tokio::test]
async fn an_append_makes_a_damaged_line_of_its_ticket_anew() {
    let (store, dir) = open().await;
    issue(&store, 6).await;
    // So many that a start does not look at that stream.
    let others: Vec<_> = (100..100 + TAIL).map(plain).collect();
    let first = ExpectedRevision::NoStream;
    let other = stream("other-1");
    store.append(&other, first, &others).await.unwrap();
    store.close();
    let wrong = "DELETE FROM tickets WHERE id LIKE '%6'";
    assert_eq!(raw(dir.path()).execute(wrong, []), Ok(1));
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    assert_eq!(verify(dir.path()).unwrap().findings_total, 1);
    let id = ticket(6);
    let next = recorded(id, &pre_processed(), at(7));
    let first = ExpectedRevision::Exact(Revision(0));
    store.append(&id.stream(), first, &[next]).await.unwrap();
    assert!(verify(dir.path()).unwrap().is_clean());
}
