use punchcard_actors::ports::UsageGroup;
use punchcard_actors::usage::{Counts, Estimate, OpenTicket, RowKey};
use punchcard_events::tenant::MicroUsd;
use punchcard_events::{EventId, Position, TenantId, TicketId};
use uuid::Uuid;

use super::*;

fn day(text: &str) -> Day {
    text.parse().expect("a day")
}

fn counts(number: u64) -> Counts {
    Counts {
        tickets: 1,
        attempts: 1,
        prompt_tokens: number,
        completion_tokens: 2,
        estimated_tokens: 3,
        cost_micro_usd: MicroUsd(4),
    }
}

fn row(on: &str, tenant: &str, model: &str) -> RowKey {
    RowKey {
        day: day(on),
        tenant: TenantId::new(tenant).expect("a tenant"),
        task: "review".parse().expect("a task"),
        version: 2,
        model: model.to_owned(),
    }
}

fn batch(position: u64, rows: Vec<(RowKey, Counts)>) -> UsageBatch {
    UsageBatch {
        counted: (
            Position(position),
            EventId(Uuid::from_u128(u128::from(position))),
        ),
        rows,
        open: vec![],
    }
}

fn query(tenant: &str, by: &[UsageGroup]) -> UsageQuery {
    UsageQuery {
        tenant: Some(TenantId::new(tenant).expect("a tenant")),
        from: day("2026-11-01"),
        to: day("2026-11-30"),
        by: by.to_vec(),
        limit: 10,
    }
}

#[tokio::test]
async fn rows_are_added_up_and_read_back_by_what_is_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = UsageSqlite::open(dir.path()).expect("a new table");
    let rows = vec![
        (row("2026-11-22", "onehour", "a"), counts(10)),
        (row("2026-11-23", "onehour", "a"), counts(20)),
        (row("2026-11-23", "onehour", "b"), counts(40)),
        (row("2026-11-23", "another", "a"), counts(80)),
        (row("2026-10-31", "onehour", "a"), counts(160)),
    ];
    table.save(batch(7, rows.clone())).await.expect("saved");
    table.save(batch(9, rows)).await.expect("saved");
    drop(table);
    let table = UsageSqlite::open(dir.path()).expect("the same table");
    let found = table
        .rows(query("onehour", &[UsageGroup::Model]))
        .await
        .expect("rows");
    let found: Vec<_> = found
        .iter()
        .map(|row| {
            (
                row.model.as_deref(),
                row.counts.prompt_tokens,
                row.counts.tickets,
            )
        })
        .collect();
    assert_eq!(found, [(Some("a"), 60, 4), (Some("b"), 80, 2)]);
    let all = table.rows(query("onehour", &[])).await.expect("one row");
    assert_eq!(
        (all.len(), all[0].counts.tokens()),
        (1, 140 + 6 * 2 + 6 * 3)
    );
    let nothing = table
        .rows(query("nobody", &[UsageGroup::Day]))
        .await
        .expect("no rows");
    assert_eq!(nothing, []);
    let loaded = table.load(day("2026-11-01")).await.expect("loaded");
    assert_eq!(
        loaded.counted.map(|(position, _)| position),
        Some(Position(9))
    );
    assert_eq!(
        loaded.sums.len(),
        3,
        "by day, tenant and task; October is over"
    );
    table.clear().await.expect("cleared");
    let loaded = table.load(day("2026-11-01")).await.expect("loaded");
    assert_eq!((loaded.counted, loaded.sums.len()), (None, 0));
}

#[tokio::test]
async fn open_tickets_are_kept_until_they_are_open_no_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = UsageSqlite::open(dir.path()).expect("a new table");
    let open = OpenTicket {
        tenant: TenantId::new("onehour").expect("a tenant"),
        task: "review".parse().expect("a task"),
        version: 3,
        model: "small".to_owned(),
        attempt: 2,
        in_flight: true,
        estimate: Estimate {
            prompt_tokens: 5,
            completion_tokens: 6,
        },
    };
    let id = TicketId(Uuid::from_u128(1));
    let mut saved = batch(1, vec![]);
    saved.open = vec![(id, Some(open.clone()))];
    table.save(saved.clone()).await.expect("saved");
    let loaded = table.load(Day::default()).await.expect("loaded");
    assert_eq!(loaded.open, [(id, open)]);
    saved.open = vec![(id, None)];
    table.save(saved).await.expect("saved");
    assert_eq!(table.load(Day::default()).await.expect("loaded").open, []);
}

#[tokio::test]
async fn a_file_that_is_no_usage_table_is_made_again() {
    let dir = tempfile::tempdir().expect("a directory");
    for junk in [
        &b"not a database, but long enough to look at"[..],
        &[0; 8_192],
    ] {
        std::fs::write(dir.path().join(FILE), junk).expect("written");
        let table = UsageSqlite::open(dir.path()).expect("made again");
        let loaded = table.load(Day::default()).await.expect("loaded");
        assert_eq!(loaded.counted, None);
    }
    let other = Connection::open(dir.path().join("other.sqlite")).expect("a database");
    other
        .execute_batch("CREATE TABLE usage (day INTEGER)")
        .expect("a table");
    drop(other);
    std::fs::rename(dir.path().join("other.sqlite"), dir.path().join(FILE)).expect("moved");
    let table = UsageSqlite::open(dir.path()).expect("made again");
    table.save(batch(1, vec![])).await.expect("saved");
}
