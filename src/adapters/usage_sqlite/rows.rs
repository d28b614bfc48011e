//! Reading and writing the rows.

use punchcard_actors::ports::{LoadedUsage, UsageBatch, UsageGroup, UsageQuery, UsageRow};
use punchcard_actors::usage::{Amount, Counts, Day, Estimate, OpenTicket};
use punchcard_events::tenant::MicroUsd;
use punchcard_events::{EventId, Position, TaskName, TenantId, TicketId};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use uuid::Uuid;

const COUNTS: [&str; 6] = [
    "tickets",
    "attempts",
    "prompt_tokens",
    "completion_tokens",
    "estimated_tokens",
    "cost_micro_usd",
];

pub(super) fn load(connection: &mut Connection, since: Day) -> rusqlite::Result<LoadedUsage> {
    let transaction = connection.transaction()?;
    let counted = transaction
        .query_row("SELECT position, event FROM progress", [], |row| {
            Ok((Position(number(row, 0)?), EventId(id(row, 1)?)))
        })
        .optional()?;
    let sums = {
        let sql = "SELECT day, tenant, task, \
             sum(prompt_tokens + completion_tokens + estimated_tokens), sum(cost_micro_usd) \
             FROM usage WHERE day >= ?1 GROUP BY day, tenant, task";
        let mut statement = transaction.prepare(sql)?;
        let sum = |row: &Row<'_>| {
            let used = Amount {
                tokens: number(row, 3)?,
                cost: MicroUsd(number(row, 4)?),
            };
            Ok((day(row, 0)?, tenant(row, 1)?, task(row, 2)?, used))
        };
        let sums = statement.query_map([since.number()], sum)?;
        sums.collect::<rusqlite::Result<Vec<_>>>()?
    };
    let open = {
        let sql = "SELECT ticket, tenant, task, version, model, attempt, in_flight, \
             prompt_tokens, completion_tokens FROM open_tickets";
        let mut statement = transaction.prepare(sql)?;
        let open = statement.query_map([], |row| Ok((TicketId(id(row, 0)?), open_ticket(row)?)))?;
        open.collect::<rusqlite::Result<Vec<_>>>()?
    };
    Ok(LoadedUsage {
        counted,
        sums,
        open,
    })
}

fn open_ticket(row: &Row<'_>) -> rusqlite::Result<OpenTicket> {
    Ok(OpenTicket {
        tenant: tenant(row, 1)?,
        task: task(row, 2)?,
        version: row.get(3)?,
        model: row.get(4)?,
        attempt: row.get(5)?,
        in_flight: row.get(6)?,
        estimate: Estimate {
            prompt_tokens: number(row, 7)?,
            completion_tokens: number(row, 8)?,
        },
    })
}

pub(super) fn save(connection: &mut Connection, batch: &UsageBatch) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut add = transaction.prepare_cached(
            "INSERT INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT DO UPDATE SET \
             tickets = tickets + excluded.tickets, \
             attempts = attempts + excluded.attempts, \
             prompt_tokens = prompt_tokens + excluded.prompt_tokens, \
             completion_tokens = completion_tokens + excluded.completion_tokens, \
             estimated_tokens = estimated_tokens + excluded.estimated_tokens, \
             cost_micro_usd = cost_micro_usd + excluded.cost_micro_usd",
        )?;
        for (key, counts) in &batch.rows {
            add.execute(params![
                key.tenant.as_str(),
                key.day.number(),
                key.task.as_str(),
                key.version,
                key.model,
                signed(counts.tickets),
                signed(counts.attempts),
                signed(counts.prompt_tokens),
                signed(counts.completion_tokens),
                signed(counts.estimated_tokens),
                signed(counts.cost_micro_usd.0),
            ])?;
        }
        let mut put = transaction.prepare_cached(
            "INSERT OR REPLACE INTO open_tickets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        let mut remove =
            transaction.prepare_cached("DELETE FROM open_tickets WHERE ticket = ?1")?;
        for (ticket, open) in &batch.open {
            let Some(open) = open else {
                remove.execute([ticket.0.as_bytes()])?;
                continue;
            };
            put.execute(params![
                ticket.0.as_bytes(),
                open.tenant.as_str(),
                open.task.as_str(),
                open.version,
                open.model,
                open.attempt,
                open.in_flight,
                signed(open.estimate.prompt_tokens),
                signed(open.estimate.completion_tokens),
            ])?;
        }
        let (position, event) = batch.counted;
        transaction.execute(
            "INSERT OR REPLACE INTO progress VALUES (1, ?1, ?2)",
            params![signed(position.0), event.0.as_bytes()],
        )?;
    }
    transaction.commit()
}

pub(super) fn clear(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "BEGIN; DELETE FROM usage; DELETE FROM open_tickets; DELETE FROM progress; COMMIT;",
    )
}

pub(super) fn select(
    connection: &mut Connection,
    query: &UsageQuery,
) -> rusqlite::Result<Vec<UsageRow>> {
    let groups: Vec<&str> = query.by.iter().map(|group| column(*group)).collect();
    let sums = COUNTS.map(|name| format!("coalesce(sum({name}), 0)"));
    let columns: Vec<String> = groups
        .iter()
        .map(|group| (*group).to_owned())
        .chain(sums)
        .collect();
    let mut sql = format!(
        "SELECT {} FROM usage WHERE day BETWEEN ?1 AND ?2",
        columns.join(", ")
    );
    let mut values = vec![
        rusqlite::types::Value::from(query.from.number()),
        query.to.number().into(),
    ];
    if let Some(tenant) = &query.tenant {
        sql.push_str(" AND tenant = ?3");
        values.push(tenant.as_str().to_owned().into());
    }
    if !groups.is_empty() {
        let by = groups.join(", ");
        sql.push_str(&format!(" GROUP BY {by} ORDER BY {by}"));
    }
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    sql.push_str(&format!(" LIMIT {limit}"));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| usage_row(row, &query.by))?;
    rows.collect()
}

const fn column(group: UsageGroup) -> &'static str {
    match group {
        UsageGroup::Day => "day",
        UsageGroup::Tenant => "tenant",
        UsageGroup::Task => "task",
        UsageGroup::Version => "version",
        UsageGroup::Model => "model",
    }
}

fn usage_row(row: &Row<'_>, by: &[UsageGroup]) -> rusqlite::Result<UsageRow> {
    let mut usage = UsageRow::default();
    for (place, group) in by.iter().enumerate() {
        match group {
            UsageGroup::Day => usage.day = Some(day(row, place)?),
            UsageGroup::Tenant => usage.tenant = Some(row.get(place)?),
            UsageGroup::Task => usage.task = Some(row.get(place)?),
            UsageGroup::Version => usage.version = Some(row.get(place)?),
            UsageGroup::Model => usage.model = Some(row.get(place)?),
        }
    }
    let count = |nth: usize| number(row, by.len() + nth);
    usage.counts = Counts {
        tickets: count(0)?,
        attempts: count(1)?,
        prompt_tokens: count(2)?,
        completion_tokens: count(3)?,
        estimated_tokens: count(4)?,
        cost_micro_usd: MicroUsd(count(5)?),
    };
    Ok(usage)
}

fn number(row: &Row<'_>, place: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(place)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(place, number))
}

fn id(row: &Row<'_>, place: usize) -> rusqlite::Result<Uuid> {
    row.get(place).map(Uuid::from_bytes)
}

fn day(row: &Row<'_>, place: usize) -> rusqlite::Result<Day> {
    row.get(place).map(Day::from_number)
}

fn tenant(row: &Row<'_>, place: usize) -> rusqlite::Result<TenantId> {
    let name: String = row.get(place)?;
    TenantId::new(&name).map_err(|_| no_name(place))
}

fn task(row: &Row<'_>, place: usize) -> rusqlite::Result<TaskName> {
    let name: String = row.get(place)?;
    TaskName::new(&name).map_err(|_| no_name(place))
}

fn no_name(place: usize) -> rusqlite::Error {
    let error = Box::new(FromSqlError::InvalidType);
    rusqlite::Error::FromSqlConversionFailure(place, Type::Text, error)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
