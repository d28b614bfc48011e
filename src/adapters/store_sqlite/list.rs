//! Queries over the ticket list.
//!
//! The index is named in the query: each filter has one that serves it in the order of ids, and
//! SQLite without statistics would guess.

use punchcard_actors::ports::{Due, FailureGroup, Order, ReadError, TicketFilter, WhichForks};
use punchcard_events::ticket::{Stage, StateName, TicketSummary};
use punchcard_events::{TaskName, TenantId, TicketId, Timestamp, UserId};
use rusqlite::types::Value;
use rusqlite::{Connection, Params, params, params_from_iter};

use super::row::{self, read_error, signed};

/// One page of the list.
pub(super) fn page(
    conn: &Connection,
    filter: &TicketFilter,
    order: Order,
    after: Option<TicketId>,
    limit: usize,
) -> Result<Vec<TicketSummary>, ReadError> {
    let (sql, values) = query(filter, order, after, limit);
    let read = || -> rusqlite::Result<Vec<_>> {
        let mut select = conn.prepare_cached(&sql)?;
        let rows = select.query_map(params_from_iter(values), row::ticket)?;
        rows.collect()
    };
    read().map_err(|error| read_error(&error))
}

/// How many tickets are in each state.
pub(super) fn count_by_state(conn: &Connection) -> Result<Vec<(StateName, u64)>, ReadError> {
    let sql = "SELECT state, count(*) FROM tickets INDEXED BY tickets_ended \
               WHERE deadline_ms IS NULL GROUP BY state \
               UNION ALL \
               SELECT state, count(*) FROM tickets INDEXED BY tickets_open \
               WHERE deadline_ms IS NOT NULL GROUP BY state";
    counts(conn, sql, [])
}

/// How many open tickets each tenant has in each state.
pub(super) fn count_open(conn: &Connection) -> Result<Vec<(TenantId, StateName, u64)>, ReadError> {
    let read = || -> rusqlite::Result<Vec<_>> {
        let mut select = conn.prepare_cached(
            "SELECT tenant, state, count(*) FROM tickets INDEXED BY tickets_open \
             WHERE deadline_ms IS NOT NULL GROUP BY tenant, state",
        )?;
        let counts = select.query_map([], row::count_of_tenant_and_state)?;
        counts.collect()
    };
    read().map_err(|error| read_error(&error))
}

/// How many of a tenant's tickets between two ids are in each state.
pub(super) fn count_between(
    conn: &Connection,
    tenant: &TenantId,
    first: TicketId,
    last: TicketId,
) -> Result<Vec<(StateName, u64)>, ReadError> {
    // The table itself is in the order of ids.
    let sql = "SELECT state, count(*) FROM tickets NOT INDEXED \
               WHERE id >= ?2 AND id <= ?3 AND tenant = ?1 GROUP BY state";
    let (first, last) = (first.to_string(), last.to_string());
    counts(conn, sql, params![tenant.as_str(), first, last])
}

fn counts(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<(StateName, u64)>, ReadError> {
    let read = || -> rusqlite::Result<Vec<_>> {
        let mut select = conn.prepare_cached(sql)?;
        let rows = select.query_map(params, |row| {
            let state = row.get_ref(0)?.as_str().map(StateName::parse)?;
            Ok((state, row::unsigned(row, 1)?))
        })?;
        rows.collect()
    };
    let counts: Vec<_> = read().map_err(|error| read_error(&error))?;
    let known = |(state, count): (Option<StateName>, u64)| match state {
        Some(state) => Ok((state, count)),
        None => Err(ReadError::Damaged(
            "the ticket list holds a state that no ticket has".to_owned(),
        )),
    };
    let mut counts: Vec<_> = counts.into_iter().map(known).collect::<Result<_, _>>()?;
    counts.sort_unstable();
    Ok(counts)
}

/// Scheduled tickets in the order of their times: the walk along an index that holds no others.
pub(super) fn due(
    conn: &Connection,
    after: Option<Due>,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<Due>, ReadError> {
    let read = || -> rusqlite::Result<Vec<_>> {
        let mut select = conn.prepare_cached(
            "SELECT not_before_ms, id FROM tickets INDEXED BY tickets_scheduled \
             WHERE not_before_ms IS NOT NULL AND not_before_ms <= ?1 \
             AND (not_before_ms, id) > (?2, ?3) ORDER BY not_before_ms, id LIMIT ?4",
        )?;
        let (at, ticket) = after.map_or((-1, String::new()), |after| {
            (signed(after.at.as_millis()), after.ticket.to_string())
        });
        let values = params![signed(until.as_millis()), at, ticket, row::limit(limit)];
        select.query_map(values, row::due)?.collect()
    };
    read().map_err(|error| read_error(&error))
}

/// How many tickets each tenant has scheduled for after `now`.
pub(super) fn count_scheduled(
    conn: &Connection,
    now: Timestamp,
) -> Result<Vec<(TenantId, u64)>, ReadError> {
    let read = || -> rusqlite::Result<Vec<_>> {
        let mut select = conn.prepare_cached(
            "SELECT tenant, count(*) FROM tickets INDEXED BY tickets_scheduled \
             WHERE not_before_ms IS NOT NULL AND not_before_ms > ?1 GROUP BY tenant",
        )?;
        let counts = select.query_map([signed(now.as_millis())], row::count_of_tenant)?;
        counts.collect()
    };
    read().map_err(|error| read_error(&error))
}

/// Failed tickets by task and reason: a walk along the index that holds no others.
pub(super) fn failures(
    conn: &Connection,
    filter: &TicketFilter,
) -> Result<Vec<FailureGroup>, ReadError> {
    let mut terms = Terms::of(filter);
    terms.plain("failed_stage IS NOT NULL");
    let indexed = match filter.tenant {
        Some(_) => "INDEXED BY tickets_failed",
        None => "",
    };
    let sql = format!(
        "SELECT task, failed_stage, failure_code, count(*), min(updated_at_ms), \
         max(updated_at_ms) FROM tickets {indexed} {} \
         GROUP BY task, failed_stage, failure_code",
        terms.filtered(),
    );
    let read = || -> rusqlite::Result<Vec<_>> {
        let mut select = conn.prepare_cached(&sql)?;
        let groups = select.query_map(params_from_iter(terms.values), row::failure_group)?;
        groups.collect()
    };
    read().map_err(|error| read_error(&error))
}

/// The query and the values it is run with. Nothing from outside is ever part of the text.
fn query(
    filter: &TicketFilter,
    order: Order,
    after: Option<TicketId>,
    limit: usize,
) -> (String, Vec<Value>) {
    let mut terms = Terms::of(filter);
    let (direction, beyond) = match order {
        Order::OldestFirst => ("ASC", "id >"),
        Order::NewestFirst => ("DESC", "id <"),
    };
    if let Some(after) = after {
        terms.bound(beyond, Value::Text(after.to_string()));
    }
    let indexed = index_for(filter).map_or_else(String::new, |name| format!("INDEXED BY {name}"));
    let filtered = terms.filtered();
    let mut values = terms.values;
    values.push(Value::Integer(row::limit(limit)));
    let sql = format!(
        "SELECT {} FROM tickets {indexed} {filtered} ORDER BY id {direction} LIMIT ?{}",
        row::TICKET_COLUMNS,
        values.len()
    );
    (sql, values)
}

/// The conditions of a query, and the values that they are bound to.
#[derive(Default)]
struct Terms {
    terms: Vec<String>,
    values: Vec<Value>,
}

impl Terms {
    /// What `filter` asks for.
    fn of(filter: &TicketFilter) -> Self {
        let mut terms = Self::default();
        terms.texts(filter);
        terms.times(filter);
        terms.states(filter);
        terms.forks(filter.forks);
        terms
    }

    fn bound(&mut self, text: &str, value: Value) {
        self.values.push(value);
        self.terms.push(format!("{text} ?{}", self.values.len()));
    }

    fn plain(&mut self, text: &str) {
        self.terms.push(text.to_owned());
    }

    fn filtered(&self) -> String {
        if self.terms.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", self.terms.join(" AND "))
        }
    }

    fn texts(&mut self, filter: &TicketFilter) {
        let texts = [
            ("tenant =", filter.tenant.as_ref().map(TenantId::as_str)),
            ("user =", filter.user.as_ref().map(UserId::as_str)),
            ("task =", filter.task.as_ref().map(TaskName::as_str)),
            ("failed_stage =", filter.stage.map(Stage::as_str)),
            ("failure_code =", filter.code.as_deref()),
        ];
        for (text, value) in texts {
            if let Some(value) = value {
                self.bound(text, Value::Text(value.to_owned()));
            }
        }
    }

    fn times(&mut self, filter: &TicketFilter) {
        for (text, at) in [
            ("deadline_ms <=", filter.overdue_at),
            ("coalesce(not_before_ms, 0) <=", filter.begun_by),
            ("requested_at_ms >=", filter.requested_from),
            ("requested_at_ms <", filter.requested_before),
            // Nothing is recorded of a failed ticket after its failure.
            ("updated_at_ms >=", filter.failed_from),
            ("updated_at_ms <", filter.failed_before),
        ] {
            if let Some(at) = at {
                self.bound(text, Value::Integer(signed(at.as_millis())));
            }
        }
    }

    fn states(&mut self, filter: &TicketFilter) {
        let states = &filter.states;
        if !states.is_empty() {
            // A state's name is our own word, never a caller's text.
            let names: Vec<_> = states.iter().map(|s| format!("'{}'", s.as_str())).collect();
            self.plain(&format!("state IN ({})", names.join(", ")));
        }
        if only_open(states) {
            self.plain("deadline_ms IS NOT NULL");
        }
        if only_ended(states) {
            self.plain("deadline_ms IS NULL");
        }
        if filter.is_of_failures() {
            self.plain("failed_stage IS NOT NULL");
        }
    }

    fn forks(&mut self, forks: WhichForks) {
        match forks {
            WhichForks::Without => self.plain("fork_of IS NULL"),
            WhichForks::With => {}
            WhichForks::Only => self.plain("fork_of IS NOT NULL"),
            WhichForks::Of(parent) => {
                self.plain("fork_of IS NOT NULL");
                self.bound("fork_of =", Value::Text(parent.to_string()));
            }
        }
    }
}

/// The index that serves a filter; `None` walks all tickets in the order of their ids.
fn index_for(filter: &TicketFilter) -> Option<&'static str> {
    let one_state = filter.states.len() == 1;
    match filter.tenant {
        _ if matches!(filter.forks, WhichForks::Of(_)) => Some("tickets_forks_of"),
        _ if filter.overdue_at.is_some() => Some("tickets_open"),
        Some(_) if filter.is_of_failures() => Some("tickets_failed"),
        Some(_) if filter.forks == WhichForks::Only => Some("tickets_forks"),
        Some(_) if filter.user.is_some() => Some("tickets_by_user"),
        Some(_) if one_state && only_ended(&filter.states) => Some("tickets_ended"),
        _ if only_open(&filter.states) => Some("tickets_open"),
        Some(_) if filter.task.is_some() => Some("tickets_by_task"),
        Some(_) => Some("tickets_by_tenant"),
        None => None,
    }
}

fn only_open(states: &[StateName]) -> bool {
    let open = |state: &StateName| !state.is_terminal() && *state != StateName::Unrequested;
    !states.is_empty() && states.iter().all(open)
}

fn only_ended(states: &[StateName]) -> bool {
    !states.is_empty() && states.iter().all(|state| state.is_terminal())
}

/// How SQLite would run a query.
#[cfg(test)]
pub(super) fn explain(conn: &Connection, filter: &TicketFilter, order: Order) -> String {
    let (sql, values) = query(filter, order, None, 10);
    let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let rows = explain.query_map(params_from_iter(values), |row| row.get::<_, String>(3));
    rows.unwrap()
        .map(Result::unwrap)
        .collect::<Vec<_>>()
        .join("; ")
}
