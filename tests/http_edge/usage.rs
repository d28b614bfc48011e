//! Budgets and limits over HTTP: what is refused and how it is told, and the report of what was used.

use std::time::Duration;

use punchcard_events::TenantId;
use punchcard_events::tenant::{MicroUsd, TenantLimits};
use serde_json::{Value, json};

use crate::edge::{Edge, KEY, OTHER_KEY, Reply, working_as};

/// More than a ticket of these tests may use, and less than two may.
const FOR_ONE: u64 = 4_000;

fn limit(edge: &Edge, change: impl FnOnce(&mut TenantLimits)) {
    let mut limits = TenantLimits::default();
    change(&mut limits);
    let tenant = TenantId::new("onehour").expect("a tenant");
    edge.limits.set(&tenant, limits);
}

async fn ask(edge: &Edge) -> Reply {
    let body = json!({"task": "echo", "input": {"x": 1}});
    edge.post("/v1/tickets", "", &body).await
}

async fn report(edge: &Edge, key: &str, query: &str) -> Value {
    let viewer = working_as(key, "viewer");
    let reply = edge.get(&viewer, &format!("/v1/usage{query}")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

/// The report once `attempts` are counted: they are saved once a second.
async fn counted(edge: &Edge, attempts: u64) -> Value {
    for _ in 0..100 {
        let report = report(edge, KEY, "?group_by=task,model").await;
        if report["total"]["attempts"] == attempts {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{attempts} attempts are not counted");
}

#[tokio::test]
async fn over_budget_a_ticket_is_refused_with_the_limits_name_and_when_to_come_back() {
    let edge = Edge::start();
    let free = ask(&edge).await;
    assert_eq!(
        (free.status, free.header("ratelimit")),
        (202, None),
        "nothing limits it"
    );
    limit(&edge, |limits| {
        limits.all.daily.tokens = Some(FOR_ONE);
        limits.all.monthly.cost_micro_usd = Some(MicroUsd(1_000_000));
        limits.all.concurrent_tickets = Some(1_000);
    });
    // The first ticket's reservation goes when its end is counted.
    counted(&edge, 1).await;
    let _unanswered = edge.model.script();
    let taken = ask(&edge).await;
    assert_eq!(taken.status, 202, "{taken:?}");
    let policy = taken
        .header("ratelimit-policy")
        .expect("policies")
        .to_owned();
    for member in [
        "\"daily_tokens\";q=4000;qu=\"tokens\";w=86400",
        "\"monthly_cost\";q=1000000;qu=\"micro-usd\";w=",
        "\"concurrent_tickets\";q=1000;qu=\"concurrent-requests\"",
    ] {
        assert!(policy.contains(member), "{policy}");
    }
    let refused = ask(&edge).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "budget_exhausted")
    );
    let problem = refused.json();
    assert_eq!(problem["limit"], "daily_tokens");
    assert!(
        problem["renewed_at"]
            .as_str()
            .is_some_and(|at| at.ends_with("T00:00:00.000Z"))
    );
    let seconds: u64 = refused
        .header("retry-after")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!((1..=3_600).contains(&seconds), "{seconds}");
    assert!(
        refused
            .header("ratelimit")
            .is_some_and(|limit| limit.contains("\"daily_tokens\";r="))
    );
    assert_eq!(refused.header("ratelimit-policy"), Some(policy.as_str()));
}

#[tokio::test]
async fn a_task_has_its_own_limit_of_open_tickets() {
    let edge = Edge::start();
    let _unanswered = edge.model.script();
    limit(&edge, |limits| {
        let task = "echo".parse().expect("a task");
        limits.tasks.entry(task).or_default().concurrent_tickets = Some(1);
    });
    assert_eq!(ask(&edge).await.status, 202);
    let refused = ask(&edge).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "too_many_open_tickets")
    );
    assert_eq!(refused.json()["limit"], "task_concurrent_tickets");
    assert_eq!(
        refused.header("ratelimit"),
        Some("\"task_concurrent_tickets\";r=0")
    );
}

#[tokio::test]
async fn a_report_shows_ones_own_usage_and_how_the_budgets_stand() {
    let edge = Edge::start();
    limit(&edge, |limits| limits.all.daily.tokens = Some(1_000_000));
    for _ in 0..3 {
        edge.issue(None).await;
    }
    let shown = counted(&edge, 3).await;
    let row = &shown["rows"][0];
    assert_eq!(
        (&row["task"], &row["model"]),
        (&json!("echo"), &json!("scripted"))
    );
    assert_eq!((&row["tickets"], &row["day"]), (&json!(3), &Value::Null));
    assert_eq!(shown["total"]["total_tokens"], row["total_tokens"]);
    assert_eq!(shown["complete"], true);
    let budget = &shown["budgets"][0];
    assert_eq!(
        (&budget["name"], &budget["period"]),
        (&json!("daily_tokens"), &json!("day"))
    );
    assert_eq!(budget["used"], shown["total"]["total_tokens"]);
    assert_eq!(budget["reserved"], 0);
    let days = report(&edge, KEY, "").await;
    assert_eq!(days["rows"].as_array().map(Vec::len), Some(1));
    assert_eq!(days["rows"][0]["day"], days["to"]);
    let stranger = report(&edge, OTHER_KEY, "").await;
    assert_eq!(
        (&stranger["rows"], &stranger["budgets"]),
        (&json!([]), &json!([]))
    );
}

#[tokio::test]
async fn a_report_comes_as_csv_to_who_asks_for_it() {
    let edge = Edge::start();
    edge.issue(None).await;
    counted(&edge, 1).await;
    let viewer = working_as(KEY, "viewer");
    let path = "/v1/usage?group_by=task,version&format=csv";
    let reply = edge.get(&viewer, path).await;
    let kind = "text/csv; charset=utf-8; header=present";
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some(kind))
    );
    let mut lines = reply.body.lines();
    let names = "task,version,tickets,attempts,prompt_tokens,completion_tokens,estimated_tokens,cost_micro_usd";
    assert_eq!(lines.next(), Some(names));
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("echo,1,1,1,")),
        "{}",
        reply.body
    );
    let accepted = edge
        .send("GET", &viewer, "/v1/usage", "Accept: text/csv\r\n", "")
        .await;
    assert_eq!(accepted.header("content-type"), Some(kind));
}

#[tokio::test]
async fn what_cannot_be_reported_is_refused() {
    let edge = Edge::start();
    let viewer = working_as(KEY, "viewer");
    for query in [
        "?tenant=another",
        "?from=2020-01-01",
        "?group_by=user",
        "?format=xml",
    ] {
        let reply = edge.get(&viewer, &format!("/v1/usage{query}")).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (400, "invalid_parameter"),
            "{query}"
        );
    }
}
