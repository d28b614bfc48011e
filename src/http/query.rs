//! The parameters of the ticket list.

use punchcard_actors::ports::{TicketFilter, WhichForks};
use punchcard_events::ticket::{Stage, StateName};
use punchcard_events::{TenantId, TicketId};
use url::form_urlencoded;

use super::cursor;
use super::errors::{Code, Problem};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// What to list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ListQuery {
    pub(super) filter: TicketFilter,
    pub(super) after: Option<TicketId>,
    pub(super) limit: usize,
}

/// Reads a query string. Every parameter may be given once; `state` may also be a comma list.
pub(super) fn parse(query: &str, tenant: TenantId) -> Result<ListQuery, Problem> {
    let mut filter = TicketFilter {
        tenant: Some(tenant),
        ..TicketFilter::default()
    };
    let (mut limit, mut cursor, mut seen) = (DEFAULT_LIMIT, None, Vec::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if seen.contains(&name) {
            return Err(invalid(&name, "Give this parameter once."));
        }
        let wrong = |rule: &str| invalid(&name, rule);
        match name.as_ref() {
            "state" => filter.states = states(&value)?,
            "task" => filter.task = Some(value.parse().map_err(|_| wrong("Use a task's name."))?),
            "user" => filter.user = Some(value.parse().map_err(|_| wrong("Use a user's id."))?),
            "from" => filter.requested_from = Some(value.parse().map_err(|_| wrong(TIME))?),
            "before" => filter.requested_before = Some(value.parse().map_err(|_| wrong(TIME))?),
            "stage" => filter.stage = Some(Stage::parse(&value).ok_or_else(|| wrong(STAGE))?),
            "code" => filter.code = Some(code(&value).ok_or_else(|| wrong(CODE))?),
            "failed_from" => filter.failed_from = Some(value.parse().map_err(|_| wrong(TIME))?),
            "failed_before" => filter.failed_before = Some(value.parse().map_err(|_| wrong(TIME))?),
            "forks" => filter.forks = forks(&value).ok_or_else(|| wrong(FORKS))?,
            "limit" => limit = page_limit(&value)?,
            "cursor" => cursor = Some(value.into_owned()),
            _ => return Err(wrong(NO_PARAMETER)),
        }
        seen.push(name);
    }
    ListQuery::of(filter, cursor.as_deref(), limit)
}

/// Reads the query string of a list whose filter is told by its path.
pub(super) fn parse_page(query: &str, filter: TicketFilter) -> Result<ListQuery, Problem> {
    let (mut limit, mut cursor) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let twice = match name.as_ref() {
            "limit" => limit.replace(page_limit(&value)?).is_some(),
            "cursor" => cursor.replace(value.into_owned()).is_some(),
            _ => return Err(invalid(&name, NO_PARAMETER)),
        };
        if twice {
            return Err(invalid(&name, "Give this parameter once."));
        }
    }
    ListQuery::of(filter, cursor.as_deref(), limit.unwrap_or(DEFAULT_LIMIT))
}

impl ListQuery {
    fn of(filter: TicketFilter, cursor: Option<&str>, limit: usize) -> Result<Self, Problem> {
        let after = cursor.map(|text| cursor::decode(text, &filter));
        Ok(Self {
            after: after.transpose()?,
            filter,
            limit,
        })
    }
}

fn page_limit(value: &str) -> Result<usize, Problem> {
    let given = value.parse().ok().filter(|n| (1..=MAX_LIMIT).contains(n));
    given.ok_or_else(|| invalid("limit", "Use a number from 1 to 200."))
}

const NO_PARAMETER: &str = "There is no such parameter.";

const FORKS: &str = "Use `with` to list forks too, or `only` to list nothing else.";

fn forks(value: &str) -> Option<WhichForks> {
    match value {
        "with" => Some(WhichForks::With),
        "only" => Some(WhichForks::Only),
        _ => None,
    }
}

const TIME: &str = "Use an RFC 3339 time in UTC, such as 2026-11-23T10:44:30Z.";

const STAGE: &str = "Use pre_process, model, persist or deliver.";

const CODE: &str = "Use a failure's code, such as deadline_exceeded.";

/// The longest code of a failure that is looked for.
const MAX_CODE_BYTES: usize = 64;

/// A failure's code: a word of small letters, digits and `_`.
pub(super) fn code(value: &str) -> Option<String> {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let fits = (1..=MAX_CODE_BYTES).contains(&value.len()) && value.bytes().all(known);
    fits.then(|| value.to_owned())
}

fn states(value: &str) -> Result<Vec<StateName>, Problem> {
    let wrong = || invalid("state", "Use the names of states, separated by commas.");
    let mut states = (value.split(','))
        .map(|name| StateName::parse(name).ok_or_else(wrong))
        .collect::<Result<Vec<_>, _>>()?;
    states.sort_unstable();
    states.dedup();
    Ok(states)
}

fn invalid(name: &str, rule: &str) -> Problem {
    let name: String = name.chars().take(64).collect();
    Problem::new(Code::InvalidParameter, rule).field(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tenant() -> TenantId {
        TenantId::new("onehour").expect("a name")
    }

    #[test]
    fn parameters_become_a_filter_of_the_callers_tenant() {
        let query = parse("state=sent,failed&limit=2&user=a%20b", tenant()).expect("valid");
        assert_eq!(query.filter.tenant, Some(tenant()));
        assert_eq!(query.filter.states, [StateName::Sent, StateName::Failed]);
        assert_eq!(query.limit, 2);
        assert_eq!(query.filter.forks, WhichForks::Without);
        let query = parse("forks=only", tenant()).expect("valid");
        assert_eq!(query.filter.forks, WhichForks::Only);
        let query = parse("stage=model&code=attempts_exhausted", tenant()).expect("valid");
        assert_eq!(query.filter.stage, Some(Stage::Model));
        assert_eq!(query.filter.code.as_deref(), Some("attempts_exhausted"));
        for bad in [
            "stage=lunch",
            "code=",
            "code=%27--",
            "failed_from=yesterday",
            "tenant=x",
            "limit=0",
            "limit=201",
            "state=open",
            "from=now",
            "limit=1&limit=2",
            "forks=yes",
        ] {
            let refused = parse(bad, tenant()).expect_err(bad);
            assert_eq!(refused.code(), Code::InvalidParameter);
        }
        let refused = parse("cursor=x", tenant()).expect_err("a bad cursor");
        assert_eq!(refused.code(), Code::InvalidCursor);
    }

    #[test]
    fn a_list_told_by_its_path_takes_a_page_and_nothing_else() {
        let page = |query| parse_page(query, TicketFilter::default());
        assert_eq!(page("limit=7").expect("valid").limit, 7);
        for bad in ["limit=0", "state=sent", "limit=1&limit=1"] {
            let refused = page(bad).expect_err(bad);
            assert_eq!(refused.code(), Code::InvalidParameter);
        }
        let refused = page("cursor=x").expect_err("a bad cursor");
        assert_eq!(refused.code(), Code::InvalidCursor);
    }

    proptest! {
        #[test]
        fn no_query_makes_it_panic(query in ".{0,80}") {
            let _ = parse(&query, tenant());
        }
    }

    #[test]
    fn mutants_of_queries_stay_within_the_callers_tenant() {
        crate::fuzz::run_text("list-query", |text| {
            if let Ok(query) = parse(text, tenant()) {
                assert_eq!(query.filter.tenant, Some(tenant()));
            }
        });
    }
}
