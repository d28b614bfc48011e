//! Nothing crosses tenants, and nothing confidential is logged: both tenants live every kind of life at
//! a time, each with canaries in everything, and then everybody's papers are searched.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{http, send};
use crate::canaries::{assert_clean, canary};
use crate::fake_backend::{Behaviour, Gate};
use crate::pair::{Pair, Tenant};
use crate::scripted_model::{Step, Turn, saying};
use crate::session::Session;

/// What a tenant was given, and the tickets it has.
#[derive(Default)]
struct Papers {
    tickets: Vec<String>,
    heard: String,
}

impl Papers {
    fn keep(&mut self, what: impl std::fmt::Display) {
        self.heard.push_str(&format!("{what}\n"));
    }
}

#[tokio::test]
async fn no_canary_is_seen_by_the_other_tenant_or_gets_into_a_log_metric_or_problem() {
    let pair = Pair::start(&[]).await;
    let [alpha, beta] = &pair.tenants;
    let (mut of_alpha, mut of_beta) = tokio::join!(live(alpha), live(beta));
    pry(alpha, &mut of_alpha, &of_beta.tickets).await;
    pry(beta, &mut of_beta, &of_alpha.tickets).await;
    let admin = pair.server.admin();
    let mut public = String::new();
    for url in ["/metrics", "/readyz", "/livez"].map(|path| format!("{admin}{path}")) {
        let shown = http().get(url).send().await.unwrap().text().await.unwrap();
        public.push_str(&shown);
    }
    assert!(public.contains("ticket_events_total"), "{public}");

    for (own, papers, other) in [(alpha, &of_alpha, beta), (beta, &of_beta, alpha)] {
        check_reach(own, papers, other);
        assert_clean("a metric or a health report", &public, &own.secrets());
    }
    let log = pair.log();
    assert!(log.contains("TRACE"), "the log says all there is to say");
    for (tenant, papers) in [(alpha, &of_alpha), (beta, &of_beta)] {
        assert!(papers.tickets.iter().all(|ticket| log.contains(ticket)));
        assert_clean("the log", &log, &tenant.secrets());
    }
}

/// Everything that `own` was given, its backend was sent and its model was asked: its own canaries are
/// in there, the other tenant's are not.
#[track_caller]
fn check_reach(own: &Tenant, papers: &Papers, other: &Tenant) {
    let deliveries = own.backend.deliveries();
    assert!(deliveries.iter().all(|delivery| delivery.signature.is_ok()));
    let called: String = deliveries
        .iter()
        .map(|delivery| format!("{:?} {}\n", delivery.headers, delivery.json()))
        .collect();
    let calls = own.model.calls();
    let asked: String = calls
        .iter()
        .map(|call| format!("{} {}\n", call.authorization, call.body))
        .collect();
    let seen: [(&str, &str, &[&str]); 3] = [
        ("the API", &papers.heard, &["answer", "user", "metadata"]),
        ("the callbacks", &called, &["input", "answer", "user"]),
        (
            "the model calls",
            &asked,
            &["prompt", "input", "replaced", "model-key"],
        ),
    ];
    for (what, text, kinds) in seen {
        for kind in kinds {
            let known = canary(own.name, kind);
            assert!(text.contains(&known), "{known} is not in {what}: {text}");
        }
        assert_clean(&format!("{what} of {}", own.name), text, &other.secrets());
    }
}

/// Lives every kind of life and keeps what was shown of it.
async fn live(tenant: &Tenant) -> Papers {
    let mut papers = Papers::default();
    let mut session = tenant.session().await;
    let ended = [
        delivered(tenant, &mut session).await,
        tried_again(tenant, &mut papers).await,
        refused_by_the_backend(tenant).await,
        refused_by_the_model(tenant).await,
        stopped(tenant, &mut session).await,
    ];
    papers.tickets = ended.into();
    for ticket in papers.tickets.clone() {
        papers.keep(tenant.api.ticket(&ticket).await);
        papers.keep(json!(tenant.api.history(&ticket).await));
    }
    papers.keep(tenant.api.get("/v1/tickets").await.text);
    papers.keep(&session.welcome);
    papers.keep(format!("{:?}", session.cut()));
    for problem in problems(tenant).await {
        assert_clean("a problem", &problem, &tenant.secrets());
        papers.keep(problem);
    }
    papers
}

/// The whole path, with a replaced input and a persist that is tried twice.
async fn delivered(tenant: &Tenant, session: &mut Session) -> String {
    let replaced = json!({ "input": { "word": canary(tenant.name, "replaced") } });
    let broken = json!({ "error": canary(tenant.name, "error-body") });
    let backend = &tenant.backend;
    backend.script("/prepare", [Behaviour::json(200, &replaced)]);
    backend.script("/persist", [Behaviour::json(500, &broken)]);
    let ticket = tenant.issue("review", "delivered").await;
    session.until(&ticket, "answer").await;
    session.ack(&ticket).await;
    tenant.api.until_event(&ticket, "TicketDelivered").await;
    let types = tenant.api.event_types(&ticket).await;
    assert!(types.contains(&"CallbackFailed".to_owned()), "{types:?}");
    ticket
}

/// An answer that breaks off once, read from the event stream.
async fn tried_again(tenant: &Tenant, papers: &mut Papers) -> String {
    let answer = canary(tenant.name, "answer");
    let broken: Turn = vec![Step::say(&answer), Step::Cut];
    tenant
        .model
        .script("again", [broken, saying(&[&answer, " again"])]);
    let ticket = tenant.issue("say", "again").await;
    let stream = format!("/v1/tickets/{ticket}/stream");
    papers.keep(tenant.api.get(&stream).await.text);
    let types = tenant.api.event_types(&ticket).await;
    assert!(types.contains(&"AttemptFailed".to_owned()), "{types:?}");
    ticket
}

/// A ticket that the pre-process refuses.
async fn refused_by_the_backend(tenant: &Tenant) -> String {
    let refusal = json!({ "reason": canary(tenant.name, "error-body") });
    let refusal = Behaviour::json(422, &refusal);
    tenant.backend.script("/prepare", [refusal]);
    let ticket = tenant.issue("review", "unwanted").await;
    tenant.api.until_event(&ticket, "TicketFailed").await;
    ticket
}

/// A ticket that the model's server refuses, quoting what it was sent.
async fn refused_by_the_model(tenant: &Tenant) -> String {
    let said = format!(
        "{} {} {}",
        canary(tenant.name, "error-body"),
        canary(tenant.name, "prompt"),
        canary(tenant.name, "model-key")
    );
    let body = json!({ "error": { "message": said, "code": said } }).to_string();
    let refusal = Step::Refuse(400, body.leak());
    tenant.model.script("forbidden", [vec![refusal]]);
    let ticket = tenant.issue("say", "forbidden").await;
    tenant.api.until_event(&ticket, "TicketFailed").await;
    ticket
}

/// A ticket that is stopped in the middle of its text.
async fn stopped(tenant: &Tenant, session: &mut Session) -> String {
    let gate = Gate::closed();
    let held: Turn = vec![
        Step::say(&canary(tenant.name, "answer")),
        Step::Wait(gate.clone()),
        Step::Finish,
    ];
    tenant.model.script("stopped", [held]);
    let ticket = tenant.issue("say", "stopped").await;
    session.until(&ticket, "text").await;
    tenant.api.cancel(&ticket, "stop").await.expect(200);
    tenant.api.until_event(&ticket, "TicketCancelled").await;
    gate.open();
    ticket
}

/// What comes back for requests with canaries where they do not fit.
async fn problems(tenant: &Tenant) -> Vec<String> {
    let api = &tenant.api;
    let word = canary(tenant.name, "input");
    let post = |body: String| {
        let request = api.request(Method::POST, "/v1/tickets");
        send(
            request
                .header("content-type", "application/json")
                .body(body),
        )
    };
    let mut texts = Vec::new();
    for (body, status) in [
        (json!({ "task": "say", "input": word }).to_string(), 422),
        (
            json!({ "task": "say", "input": { "word": 1, "more": word } }).to_string(),
            422,
        ),
        (json!({ "task": 1, "input": word }).to_string(), 400),
        (
            json!({ "task": "say", "input": {}, "tenant": word }).to_string(),
            400,
        ),
        (
            format!("{{\"task\":\"say\",\"input\":{{\"word\":\"{word}\"}}"),
            400,
        ),
        (format!("{{\"task\":\"say\",\"input\":{word}}}"), 400),
    ] {
        let answer = post(body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        texts.push(answer.text);
    }
    let cursor = format!("/v1/tickets?cursor={}", canary(tenant.name, "user"));
    texts.push(api.get(&cursor).await.text);
    // A key that is mistyped is not told back, and neither is one that is no key.
    let mistyped = format!("{}0", api.key());
    for key in [mistyped.as_str(), &canary(tenant.name, "model-key")] {
        let refused = api.with_key(key).get("/v1/tickets").await;
        refused.expect_problem(401, "unauthorized");
        texts.push(refused.text);
    }
    texts
}

/// Asks for the other tenant's tickets in every way there is.
async fn pry(tenant: &Tenant, papers: &mut Papers, foreign: &[String]) {
    assert!(!foreign.is_empty());
    let mut session = tenant.session().await;
    for ticket in foreign {
        for path in ["", "/events", "/stream"] {
            let answer = tenant.api.get(&format!("/v1/tickets/{ticket}{path}")).await;
            answer.expect_problem(404, "not_found");
            papers.keep(answer.text);
        }
        let cancelled = tenant.api.cancel(ticket, "void").await;
        cancelled.expect_problem(404, "not_found");
        session.cancel(ticket, "void").await;
        let refused: Value = session.until(ticket, "error").await;
        papers.keep(refused);
    }
    let listed = tenant.api.get("/v1/tickets").await.text;
    assert!(foreign.iter().all(|ticket| !listed.contains(ticket)));
    papers.keep(listed);
}

#[tokio::test]
async fn the_same_idempotency_key_of_two_tenants_is_two_tickets() {
    let pair = Pair::start(&[]).await;
    let mut tickets = Vec::new();
    for tenant in &pair.tenants {
        let request = tenant.api.request(Method::POST, "/v1/tickets");
        // The same bytes from both: nothing in them says whose they are.
        let body = json!({ "task": "say", "input": { "word": "x" } });
        let answer = send(request.header("idempotency-key", "shared").json(&body)).await;
        tickets.push(answer.expect(202)["id"].clone());
    }
    assert_ne!(tickets[0], tickets[1]);
}
