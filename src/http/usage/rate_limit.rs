//! The header fields `RateLimit-Policy` and `RateLimit`, as
//! [draft-ietf-httpapi-ratelimit-headers-11](https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-11)
//! has them: lists of structured fields (RFC 9651), one member for each limit that can refuse a
//! ticket. What only makes tickets wait is not told: nobody need come back later for it.

use actix_web::HttpResponseBuilder;
use actix_web::http::header::HeaderName;
use punchcard_actors::tickets::{LimitStandings, Tickets};
use punchcard_actors::usage::{Standing, Unit};
use punchcard_events::{TaskName, TenantId, Timestamp};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// The largest integer of a structured field (RFC 9651, section 3.3.1).
const MOST: u64 = 999_999_999_999_999;

/// The two fields. There is at least one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct RateLimits {
    policy: String,
    limit: String,
}

impl RateLimits {
    /// How the limits of a task's tickets stand, or, where it is not known yet, of all of the tenant's;
    /// `None` where there is none.
    pub(in crate::http) fn of(
        tickets: &Tickets,
        tenant: &TenantId,
        task: Option<&TaskName>,
    ) -> Option<Self> {
        let standings = tickets.limit_standings(tenant, task);
        Self::new(&standings, tickets.now())
    }

    fn new(standings: &LimitStandings, now: Timestamp) -> Option<Self> {
        let concurrent = [
            ("concurrent_tickets", standings.concurrent),
            ("task_concurrent_tickets", standings.task_concurrent),
        ];
        let concurrent = concurrent.into_iter().filter_map(|(name, limit)| {
            let (limit, open) = limit?;
            let left = u64::from(limit).saturating_sub(open as u64);
            Some((
                format!("\"{name}\";q={limit};qu=\"concurrent-requests\""),
                format!("\"{name}\";r={left}"),
            ))
        });
        let budgets = standings
            .budgets
            .iter()
            .map(|standing| budget(standing, now));
        let (policy, limit): (Vec<_>, Vec<_>) = budgets.chain(concurrent).unzip();
        (!policy.is_empty()).then(|| Self {
            policy: policy.join(", "),
            limit: limit.join(", "),
        })
    }

    /// Writes the fields into a response.
    pub(in crate::http) fn write(&self, response: &mut HttpResponseBuilder) {
        response.insert_header((POLICY, self.policy.as_str()));
        response.insert_header((LIMIT, self.limit.as_str()));
    }
}

/// A budget's policy, and how it stands.
fn budget(standing: &Standing, now: Timestamp) -> (String, String) {
    let name = standing.limit.word();
    let unit = match standing.limit.unit {
        Unit::Tokens => "tokens",
        Unit::MicroUsd => "micro-usd",
    };
    let quota = standing.quota.min(MOST);
    let window = standing.ends_at.since(standing.began_at).as_secs();
    let left = standing.left().min(MOST);
    let renewed = standing.ends_at.since(now).as_secs();
    (
        format!("\"{name}\";q={quota};qu=\"{unit}\";w={window}"),
        format!("\"{name}\";r={left};t={renewed}"),
    )
}

#[cfg(test)]
mod tests {
    use punchcard_actors::usage::{Calendar, LimitName, Period, Scope};

    use super::*;

    #[test]
    fn each_limit_is_a_member_of_both_fields() {
        let now: Timestamp = "2026-11-23T23:59:00Z".parse().expect("a time");
        let calendar = Calendar::at(now);
        let standings = LimitStandings {
            budgets: vec![Standing {
                limit: LimitName {
                    scope: Scope::Tenant,
                    period: Period::Day,
                    unit: Unit::Tokens,
                },
                quota: u64::MAX,
                used: 10,
                reserved: 5,
                began_at: calendar.day.begins(),
                ends_at: calendar.day_ends,
            }],
            concurrent: None,
            task_concurrent: Some((4, 5)),
        };
        let limits = RateLimits::new(&standings, now).expect("limits");
        assert_eq!(
            limits.policy,
            "\"daily_tokens\";q=999999999999999;qu=\"tokens\";w=86400, \
             \"task_concurrent_tickets\";q=4;qu=\"concurrent-requests\""
        );
        assert_eq!(
            limits.limit,
            "\"daily_tokens\";r=999999999999999;t=60, \"task_concurrent_tickets\";r=0"
        );
        let none = LimitStandings {
            budgets: vec![],
            concurrent: None,
            task_concurrent: None,
        };
        assert_eq!(RateLimits::new(&none, now), None);
    }
}
