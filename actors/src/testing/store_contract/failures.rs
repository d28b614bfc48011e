//! The ticket list by failures and by forks.

use std::sync::Arc;

use punchcard_events::Revision;
use punchcard_events::ticket::{Fork, ForkFrom, Stage, StateName, TicketEvent};

use super::Store;
use super::fixtures::{
    at, failed, pre_processed, recorded, redriven, request, sent, tenant, ticket,
};
use super::tickets::{append, expect, live, with};
use crate::ports::{FailureGroup, TicketFilter, WhichForks};

/// Failed tickets of two tasks, with their times and stages, one that was opened again, and one that
/// never failed.
async fn dead_letters(store: &impl Store) {
    let failures = [
        (1, "questions", Stage::Model, at(10)),
        (2, "writing-review", Stage::Model, at(20)),
        (3, "questions", Stage::Persist, at(30)),
        (4, "questions", Stage::Model, at(40)),
        (5, "questions", Stage::Model, at(50)),
    ];
    for (n, task, stage, when) in failures {
        let id = ticket(n);
        let of = if n == 5 { "other" } else { "onehour" };
        live(store, id, &[request(of, task, Some("a"), at(n))], at(n)).await;
        append(store, id, 1, recorded(id, &failed(stage), when)).await;
    }
    let id = ticket(6);
    let life = [
        request("onehour", "questions", Some("a"), at(6)),
        pre_processed(),
        sent(1),
        failed(Stage::Model),
        redriven(at(60)),
    ];
    live(store, id, &life, at(60)).await;
    let open = request("onehour", "questions", Some("a"), at(7));
    live(store, ticket(7), &[open], at(70)).await;
}

/// A failure's stage, code and time select failed tickets and no others.
pub async fn failed_tickets_are_listed_by_their_reason_and_time(store: impl Store) {
    dead_letters(&store).await;
    let late = || Some("deadline_exceeded".to_owned());
    let ours = |change: fn(&mut TicketFilter)| {
        with(|f| {
            f.tenant = Some(tenant("onehour"));
            change(f);
        })
    };
    let cases: Vec<(TicketFilter, &[u64])> = vec![
        (with(|f| f.stage = Some(Stage::Model)), &[1, 2, 4, 5]),
        (with(|f| f.stage = Some(Stage::Deliver)), &[]),
        (with(|f| f.code = late()), &[1, 2, 3, 4, 5]),
        (with(|f| f.code = Some("callback_gone".to_owned())), &[]),
        (with(|f| f.failed_from = Some(at(30))), &[3, 4, 5]),
        (with(|f| f.failed_before = Some(at(30))), &[1, 2]),
        (
            with(|f| (f.stage, f.states) = (Some(Stage::Model), vec![StateName::Sent])),
            &[],
        ),
        (ours(|f| f.stage = Some(Stage::Model)), &[1, 2, 4]),
        (
            ours(|f| (f.stage, f.failed_before) = (Some(Stage::Model), Some(at(40)))),
            &[1, 2],
        ),
        (
            ours(|f| {
                f.states = vec![StateName::Failed];
                f.task = "questions".parse().ok();
                f.stage = Some(Stage::Model);
                f.user = "a".parse().ok();
                f.requested_from = Some(at(2));
            }),
            &[4],
        ),
    ];
    expect(&store, cases).await;
    // Opened again, it is not failed any more.
    let id = ticket(4);
    append(&store, id, 2, recorded(id, &redriven(at(80)), at(80))).await;
    let model = ours(|f| f.stage = Some(Stage::Model));
    expect(&store, vec![(model, &[1, 2])]).await;
}

/// Groups of failures by task, stage and code, with their number and times.
pub async fn failed_tickets_are_counted_by_task_and_reason(store: impl Store) {
    dead_letters(&store).await;
    let group = |task: &str, stage, count, oldest, newest| FailureGroup {
        task: task.parse().unwrap(),
        stage,
        code: "deadline_exceeded".to_owned(),
        count,
        oldest: at(oldest),
        newest: at(newest),
    };
    let ours = with(|f| f.tenant = Some(tenant("onehour")));
    let wanted = vec![
        group("questions", Stage::Model, 2, 10, 40),
        group("questions", Stage::Persist, 1, 30, 30),
        group("writing-review", Stage::Model, 1, 20, 20),
    ];
    assert_eq!(store.failures(&ours).await, Ok(wanted));
    let early = with(|f| f.failed_before = Some(at(15)));
    let wanted = vec![group("questions", Stage::Model, 1, 10, 10)];
    assert_eq!(store.failures(&early).await, Ok(wanted));
    let nobody = with(|f| f.tenant = Some(tenant("nobody")));
    assert_eq!(store.failures(&nobody).await, Ok(vec![]));
}

/// A fork of ticket 1.
fn fork() -> TicketEvent {
    let (TicketEvent::TicketRequested(mut forked), TicketEvent::TicketPreProcessed(prepared)) = (
        request("onehour", "questions", None, at(5)),
        pre_processed(),
    ) else {
        unreachable!("as the fixtures make them");
    };
    forked.fork = Some(Arc::new(Fork {
        parent: ticket(1),
        parent_revision: Revision(1),
        from: ForkFrom::Requested,
        by: "pk_1".to_owned(),
        prepared,
        shadow: None,
    }));
    TicketEvent::TicketRequested(forked)
}

/// A list has no forks unless they are asked for.
pub async fn forks_are_listed_only_where_they_are_asked_for(store: impl Store) {
    for n in [1, 2] {
        let event = request("onehour", "questions", Some("a"), at(n));
        live(&store, ticket(n), &[event], at(n)).await;
    }
    for n in [3, 4] {
        live(&store, ticket(n), &[fork()], at(n)).await;
    }
    let id = ticket(4);
    append(&store, id, 1, recorded(id, &failed(Stage::Model), at(9))).await;
    let cases: Vec<(TicketFilter, &[u64])> = vec![
        (TicketFilter::default(), &[1, 2]),
        (with(|f| f.forks = WhichForks::With), &[1, 2, 3, 4]),
        (with(|f| f.forks = WhichForks::Only), &[3, 4]),
        (with(|f| f.forks = WhichForks::Of(ticket(1))), &[3, 4]),
        (with(|f| f.forks = WhichForks::Of(ticket(2))), &[]),
        (
            with(|f| {
                f.tenant = Some(tenant("onehour"));
                f.forks = WhichForks::Of(ticket(1));
                f.states = vec![StateName::Failed];
            }),
            &[4],
        ),
        (with(|f| f.stage = Some(Stage::Model)), &[]),
    ];
    expect(&store, cases).await;
    assert_eq!(store.failures(&TicketFilter::default()).await, Ok(vec![]));
}
