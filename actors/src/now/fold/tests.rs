//! What is counted of which event, and whose it is.

use punchcard_events::{EventId, NewEvent, Position, Revision};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::now::series::{STEP_MS, STEPS};

const NOW: Timestamp = Timestamp::from_millis(1_795_430_670_000);

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("a name")
}

fn ago(millis: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() - millis)
}

/// An event of ticket `number`.
fn event(of: &str, number: u128, kind: &'static str, at: Timestamp, body: &Value) -> Recorded {
    let ticket = TicketId(Uuid::from_u128(number));
    Recorded {
        stream: ticket.stream(),
        revision: Revision(0),
        position: Position(1),
        event: NewEvent {
            id: EventId(Uuid::from_u128(1)),
            kind: kind.into(),
            schema_version: 1,
            tenant: tenant(of),
            correlation_id: ticket.0,
            causation_id: None,
            recorded_at: at,
            data: body.to_string(),
        },
    }
}

fn take(fold: &mut Fold, events: &[Recorded]) {
    for event in events {
        fold.take(event, NOW).expect("a body that can be read");
    }
}

fn sent(number: u128, model: &str) -> Recorded {
    let body = json!({"attempt": 1, "model": model});
    event("onehour", number, "TicketSent", NOW, &body)
}

fn answered(number: u128, total_ms: u64) -> Recorded {
    let body = json!({
        "attempt": 1, "content": "fine", "finish_reason": "stop",
        "usage": {"prompt_tokens": 5, "completion_tokens": 120},
        "timings": {"first_token_ms": 40, "total_ms": total_ms},
    });
    event("onehour", number, "TicketAnswered", NOW, &body)
}

fn attempt_failed(number: u128, kind: &str) -> Recorded {
    let body = json!({"attempt": 1, "error": {"kind": kind, "message": "no"}});
    event("onehour", number, "AttemptFailed", NOW, &body)
}

fn sum(counts: &[u64]) -> u64 {
    counts.iter().sum()
}

#[test]
fn tickets_are_counted_in_the_step_in_which_they_came_and_went() {
    let mut fold = Fold::default();
    let none = json!({});
    take(
        &mut fold,
        &[
            event("onehour", 1, "TicketRequested", ago(3 * STEP_MS), &none),
            event("onehour", 2, "TicketRequested", NOW, &none),
            event("onehour", 1, "TicketDelivered", NOW, &none),
            event("onehour", 2, "TicketFailed", NOW, &none),
            event("onehour", 3, "TicketCancelled", NOW, &none),
        ],
    );
    let flow = fold.flow(Some(&tenant("onehour")), NOW);
    assert_eq!(flow.issued[STEPS - 4..], [1, 0, 0, 1]);
    assert_eq!(flow.ended[STEPS - 1], 3);
    assert_eq!((sum(&flow.ended), sum(&flow.failed)), (3, 1));
}

#[test]
fn nothing_of_another_tenant_is_in_ones_figures_and_everything_in_those_of_all() {
    let mut fold = Fold::default();
    let none = json!({});
    take(
        &mut fold,
        &[
            event("onehour", 1, "TicketRequested", NOW, &none),
            event("another", 2, "TicketRequested", NOW, &none),
            event("another", 2, "CallbackFailed", NOW, &none),
            sent(1, "small"),
            answered(1, 100),
        ],
    );
    let another = tenant("another");
    assert_eq!(sum(&fold.flow(Some(&another), NOW).issued), 1);
    assert_eq!(fold.models(Some(&another), NOW), BTreeMap::new());
    let onehour = tenant("onehour");
    assert_eq!(fold.callbacks(Some(&onehour), NOW), BTreeMap::new());
    assert_eq!(fold.models(Some(&onehour), NOW).len(), 1);
    assert_eq!(sum(&fold.flow(None, NOW).issued), 2);
    assert_eq!(fold.callbacks(None, NOW).len(), 1);
    let stranger = tenant("stranger");
    assert_eq!(fold.flow(Some(&stranger), NOW), Flow::default());
}

#[test]
fn a_call_counts_for_the_model_that_it_was_sent_to() {
    let mut fold = Fold::default();
    take(
        &mut fold,
        &[
            sent(1, "small"),
            sent(2, "large"),
            answered(1, 100),
            attempt_failed(2, "server"),
            sent(2, "small"),
            answered(2, 300),
        ],
    );
    let mut models = fold.models(None, NOW);
    let small = models.get_mut("small").expect("it was called");
    assert_eq!((sum(&small.ends.calls), sum(&small.ends.errors)), (2, 0));
    assert_eq!(
        small.total_ms().map(|times| (times.p50, times.p95)),
        Some((100, 300))
    );
    assert_eq!(small.first_token_ms().map(|times| times.p50), Some(40));
    // 240 tokens of a minute.
    assert!((small.tokens_per_second() - 4.0).abs() < 1e-9);
    let large = models.get_mut("large").expect("it was called");
    assert!((large.ends.error_rate() - 1.0).abs() < 1e-9);
    assert_eq!(large.total_ms(), None);
}

#[test]
fn what_punchcard_broke_off_is_no_error_of_the_model() {
    let mut fold = Fold::default();
    take(
        &mut fold,
        &[sent(1, "small"), attempt_failed(1, "interrupted")],
    );
    assert_eq!(fold.models(None, NOW), BTreeMap::new());
}

#[test]
fn a_call_that_began_before_the_window_still_counts_when_it_ends() {
    let mut fold = Fold::default();
    let body = json!({"attempt": 1, "model": "slow"});
    let long_ago = ago(STEP_MS * STEPS as u64 * 2);
    take(
        &mut fold,
        &[
            event("onehour", 1, "TicketSent", long_ago, &body),
            event("onehour", 1, "TicketRequested", long_ago, &json!({})),
            answered(1, 600_000),
        ],
    );
    assert_eq!(sum(&fold.models(None, NOW)["slow"].ends.calls), 1);
    assert_eq!(sum(&fold.flow(None, NOW).issued), 0);
}

#[test]
fn only_callbacks_that_were_made_are_counted() {
    let mut fold = Fold::default();
    let (without, with) = (json!({"prompt": {}}), json!({"call": {"try": 1}}));
    take(
        &mut fold,
        &[
            event("onehour", 1, "TicketPreProcessed", NOW, &without),
            event("onehour", 2, "TicketPreProcessed", NOW, &with),
            event("onehour", 2, "TicketPersisted", NOW, &with),
            event("onehour", 3, "CallbackFailed", NOW, &json!({})),
        ],
    );
    let callbacks = fold.callbacks(None, NOW);
    let own = &callbacks[&tenant("onehour")];
    assert_eq!((sum(&own.calls), sum(&own.errors)), (3, 1));
}

#[test]
fn a_clock_that_runs_ahead_moves_no_window_and_what_cannot_be_read_counts_nothing() {
    let mut fold = Fold::default();
    let ahead = NOW.plus(std::time::Duration::from_secs(86_400));
    take(
        &mut fold,
        &[event("onehour", 1, "TicketRequested", ahead, &json!({}))],
    );
    let flow = fold.flow(None, NOW);
    assert_eq!(flow.issued.last(), Some(&1));
    let broken = event("onehour", 1, "TicketAnswered", NOW, &json!([]));
    assert!(fold.take(&broken, NOW).is_err());
    assert_eq!(fold.models(None, NOW), BTreeMap::new());
}

#[test]
fn who_is_quiet_for_the_whole_window_is_forgotten() {
    let mut fold = Fold::default();
    let none = json!({});
    take(
        &mut fold,
        &[event("onehour", 1, "TicketRequested", NOW, &none)],
    );
    let later = NOW.plus(std::time::Duration::from_millis(
        STEP_MS * (STEPS as u64 + 12),
    ));
    let other = event("another", 2, "TicketRequested", later, &none);
    fold.take(&other, later).expect("counted");
    assert_eq!(fold.tenants.len(), 1);
    assert!(fold.tenants.contains_key(&tenant("another")));
}

#[test]
fn tenants_past_the_bound_are_left_out_and_nobody_else_is() {
    let mut fold = Fold::default();
    let none = json!({});
    for number in 0..=MAX_TENANTS {
        let of = format!("t{number}");
        let event = event(&of, number as u128, "TicketRequested", NOW, &none);
        fold.take(&event, NOW).expect("counted");
    }
    assert_eq!(fold.tenants.len(), MAX_TENANTS);
    assert_eq!(sum(&fold.flow(None, NOW).issued), MAX_TENANTS as u64);
}
