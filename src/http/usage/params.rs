//! The parameters of a usage report.

use actix_web::http::header::{self, HeaderMap};
use punchcard_actors::ports::{UsageGroup, UsageQuery};
use punchcard_actors::usage::Day;
use punchcard_events::TenantId;
use url::form_urlencoded;

use crate::http::errors::{Code, Problem};

/// The most days of one report.
const MAX_DAYS: u32 = 400;
/// The most rows of one report.
pub(super) const MAX_ROWS: usize = 5_000;

/// What to report, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) query: UsageQuery,
    pub(super) csv: bool,
}

/// Reads a query string. Without days, the report is of this month up to `today`.
pub(super) fn parse(
    query: &str,
    headers: &HeaderMap,
    tenant: TenantId,
    today: Day,
) -> Result<Asked, Problem> {
    let (mut from, mut to, mut by, mut csv) = (None, None, None, None);
    let mut seen = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if seen.contains(&name) {
            return Err(invalid(&name, "Give this parameter once."));
        }
        let day = || {
            let day = value.parse::<Day>();
            day.map_err(|_| invalid(&name, "Use a day of UTC, such as 2026-11-23."))
        };
        match name.as_ref() {
            "from" => from = Some(day()?),
            "to" => to = Some(day()?),
            "group_by" => by = Some(groups(&value)?),
            "format" => csv = Some(format(&value)?),
            _ => return Err(invalid(&name, "There is no such parameter.")),
        }
        seen.push(name);
    }
    let to = to.unwrap_or(today);
    let from = from.unwrap_or_else(|| to.month());
    if from > to {
        return Err(invalid("from", "The first day must not be after the last."));
    }
    if to.number() - from.number() >= MAX_DAYS {
        let rule = format!("Ask for at most {MAX_DAYS} days at a time.");
        return Err(invalid("from", &rule));
    }
    Ok(Asked {
        query: UsageQuery {
            tenant: Some(tenant),
            from,
            to,
            by: by.unwrap_or_else(|| vec![UsageGroup::Day]),
            // One more tells that there are too many.
            limit: MAX_ROWS + 1,
        },
        csv: csv.unwrap_or_else(|| wants_csv(headers)),
    })
}

const GROUPS: &str = "Use day, tenant, task, version and model, separated by commas.";

fn groups(value: &str) -> Result<Vec<UsageGroup>, Problem> {
    let mut groups = Vec::new();
    for word in value.split(',').filter(|_| !value.is_empty()) {
        let group = match word {
            "day" => UsageGroup::Day,
            "tenant" => UsageGroup::Tenant,
            "task" => UsageGroup::Task,
            "version" => UsageGroup::Version,
            "model" => UsageGroup::Model,
            _ => return Err(invalid("group_by", GROUPS)),
        };
        if groups.contains(&group) {
            return Err(invalid("group_by", GROUPS));
        }
        groups.push(group);
    }
    Ok(groups)
}

fn format(value: &str) -> Result<bool, Problem> {
    match value {
        "json" => Ok(false),
        "csv" => Ok(true),
        _ => Err(invalid("format", "Use json or csv.")),
    }
}

/// Whether the request asks for CSV and not for JSON.
fn wants_csv(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| {
        let mut types = accepted
            .split(',')
            .map(|one| one.split(';').next().unwrap_or(one).trim());
        let first = types.find(|one| matches!(*one, "text/csv" | "application/json" | "*/*"));
        first == Some("text/csv")
    })
}

fn invalid(name: &str, rule: &str) -> Problem {
    let name: String = name.chars().take(64).collect();
    Problem::new(Code::InvalidParameter, rule).field(name)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(query: &str) -> Result<Asked, Problem> {
        let tenant = TenantId::new("onehour").expect("a name");
        let today = "2026-11-23".parse().expect("a day");
        parse(query, &HeaderMap::new(), tenant, today)
    }

    #[test]
    fn without_days_a_report_is_of_this_month_so_far() {
        let asked = read("").expect("valid");
        assert_eq!(asked.query.from.to_string(), "2026-11-01");
        assert_eq!(asked.query.to.to_string(), "2026-11-23");
        assert_eq!(asked.query.by, [UsageGroup::Day]);
        let asked = read("to=2026-02-28&group_by=task,model").expect("valid");
        assert_eq!(asked.query.from.to_string(), "2026-02-01");
        assert_eq!(asked.query.by, [UsageGroup::Task, UsageGroup::Model]);
        assert_eq!(read("group_by=").expect("valid").query.by, []);
    }

    #[test]
    fn what_cannot_be_reported_is_refused_with_its_name() {
        for (bad, field) in [
            ("from=2026-11-24", "from"),
            ("from=2025-10-19", "from"),
            ("from=yesterday", "from"),
            ("to=2026-02-30", "to"),
            ("group_by=user", "group_by"),
            ("group_by=day,day", "group_by"),
            ("format=xml", "format"),
            ("tenant=other", "tenant"),
            ("format=csv&format=csv", "format"),
        ] {
            let refused = read(bad).expect_err(bad);
            assert_eq!(refused.code(), Code::InvalidParameter, "{bad}");
            assert_eq!(refused, refused.clone().field(field), "{bad}");
        }
    }

    #[test]
    fn csv_is_given_to_who_asks_for_it() {
        let asks = |accept: &'static str, query: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            let tenant = TenantId::new("onehour").expect("a name");
            parse(query, &headers, tenant, Day::from_number(20_000)).map(|asked| asked.csv)
        };
        assert_eq!(asks("text/csv", ""), Ok(true));
        assert_eq!(asks("text/csv;q=0.9, */*", ""), Ok(true));
        assert_eq!(asks("application/json, text/csv", ""), Ok(false));
        assert_eq!(asks("*/*", ""), Ok(false));
        assert_eq!(asks("text/csv", "format=json"), Ok(false));
        assert_eq!(asks("*/*", "format=csv"), Ok(true));
    }

    proptest! {
        #[test]
        fn no_query_makes_it_panic_or_leaves_the_tenant(query in ".{0,80}") {
            if let Ok(asked) = read(&query) {
                prop_assert_eq!(asked.query.tenant.map(|t| t.to_string()), Some("onehour".to_owned()));
            }
        }
    }
}
