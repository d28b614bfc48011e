//! The ticket list.

use punchcard_events::ticket::{Stage, StateName, TicketEvent, TicketSummary};
use punchcard_events::{NewEvent, Revision, TicketId, Timestamp};

use super::Store;
use super::fixtures::{
    answered, at, attempt_failed, deadlines, delivered, failed, persisted, plain, pre_processed,
    recorded, redriven, request, sent, tenant, ticket,
};
use crate::ports::{ExpectedRevision, Order, TicketFilter};

pub(super) async fn append(store: &impl Store, id: TicketId, revision: u64, event: NewEvent) {
    let expected = match revision.checked_sub(1) {
        None => ExpectedRevision::NoStream,
        Some(last) => ExpectedRevision::Exact(Revision(last)),
    };
    store
        .append(&id.stream(), expected, &[event])
        .await
        .unwrap();
}

pub(super) async fn live(
    store: &impl Store,
    id: TicketId,
    events: &[TicketEvent],
    when: Timestamp,
) {
    let events: Vec<_> = events.iter().map(|e| recorded(id, e, when)).collect();
    let first = ExpectedRevision::NoStream;
    store.append(&id.stream(), first, &events).await.unwrap();
}

async fn all(store: &impl Store) -> Vec<TicketSummary> {
    let everything = TicketFilter::default();
    let listed = store.list(&everything, Order::OldestFirst, None, 10);
    listed.await.unwrap()
}

async fn only(store: &impl Store) -> TicketSummary {
    let mut listed = all(store).await;
    assert_eq!(listed.len(), 1);
    listed.remove(0)
}

/// The list shows each step of a life, a failure and a redrive included, right after its append.
pub async fn the_list_follows_a_whole_life(store: impl Store) {
    use StateName as S;
    let id = ticket(1);
    let life = [
        (
            request("onehour", "writing-review", Some("s-1"), at(0)),
            S::Requested,
            0,
        ),
        (pre_processed(), S::PreProcessed, 0),
        (sent(1), S::Sent, 1),
        (attempt_failed(1), S::Sent, 1),
        (sent(2), S::Sent, 2),
        (failed(Stage::Model), S::Failed, 2),
        (redriven(at(600)), S::Sent, 2),
        (sent(3), S::Sent, 3),
        (answered(3), S::Answered, 3),
        (persisted(), S::Persisted, 3),
        (delivered(), S::Delivered, 3),
    ];
    for (revision, (event, state, attempt)) in (0..).zip(life) {
        let when = at(revision);
        append(&store, id, revision, recorded(id, &event, when)).await;
        let shown = only(&store).await;
        assert_eq!((shown.state, shown.attempt), (state, attempt), "{revision}");
        assert_eq!(
            (shown.revision, shown.updated_at),
            (Revision(revision), when)
        );
        let failure = (state == S::Failed).then_some(Stage::Model);
        assert_eq!(shown.failed_stage, failure);
        assert_eq!(shown.failure_code.is_some(), state == S::Failed);
        let renewed = if revision < 6 { at(0) } else { at(600) };
        assert_eq!(shown.deadlines, deadlines(renewed));
        assert_eq!(shown.requested_at, at(0));
    }
    assert_eq!(only(&store).await.deadline(), None);
}

/// Five tickets of two tenants, one of them failed and one ready for the model.
async fn five(store: &impl Store) {
    let issue = |n: u64, t: &'static str, task: &'static str, user: Option<&'static str>| {
        (ticket(n), request(t, task, user, at(n * 100)))
    };
    let issued = [
        issue(1, "onehour", "writing-review", Some("a")),
        issue(2, "onehour", "writing-review", Some("b")),
        issue(3, "onehour", "questions", Some("a")),
        issue(4, "other", "writing-review", Some("a")),
        issue(5, "other", "questions", None),
    ];
    for (id, event) in issued {
        live(store, id, &[event], at(0)).await;
    }
    let changed = [(2, failed(Stage::PreProcess)), (3, pre_processed())];
    for (n, event) in changed {
        let event = recorded(ticket(n), &event, at(1));
        append(store, ticket(n), 1, event).await;
    }
}

pub(super) fn with(change: impl FnOnce(&mut TicketFilter)) -> TicketFilter {
    let mut filter = TicketFilter::default();
    change(&mut filter);
    filter
}

pub(super) async fn expect(store: &impl Store, cases: Vec<(TicketFilter, &[u64])>) {
    for (filter, wanted) in cases {
        let wanted: Vec<_> = wanted.iter().copied().map(ticket).collect();
        let listed = store.list(&filter, Order::OldestFirst, None, 100).await;
        let listed: Vec<_> = listed.unwrap().iter().map(|t| t.id).collect();
        assert_eq!(listed, wanted, "{filter:?}");
    }
}

const OPEN: [StateName; 3] = [
    StateName::Requested,
    StateName::PreProcessed,
    StateName::Sent,
];

/// Every part of a filter selects by itself.
pub async fn the_list_is_filtered_by_each_part_of_a_filter(store: impl Store) {
    five(&store).await;
    let failed_or_ready = vec![StateName::Failed, StateName::PreProcessed];
    let cases: Vec<(TicketFilter, &[u64])> = vec![
        (TicketFilter::default(), &[1, 2, 3, 4, 5]),
        (with(|f| f.tenant = Some(tenant("onehour"))), &[1, 2, 3]),
        (with(|f| f.tenant = Some(tenant("nobody"))), &[]),
        (with(|f| f.user = "a".parse().ok()), &[1, 3, 4]),
        (with(|f| f.task = "writing-review".parse().ok()), &[1, 2, 4]),
        (with(|f| f.states = vec![StateName::Failed]), &[2]),
        (with(|f| f.states = failed_or_ready), &[2, 3]),
        (with(|f| f.states = OPEN.to_vec()), &[1, 3, 4, 5]),
        (with(|f| f.requested_from = Some(at(300))), &[3, 4, 5]),
        (with(|f| f.requested_before = Some(at(300))), &[1, 2]),
        (with(|f| f.overdue_at = Some(at(160))), &[1]),
        (with(|f| f.overdue_at = Some(at(360))), &[1, 3]),
        (with(|f| f.overdue_at = Some(at(359))), &[1]),
    ];
    expect(&store, cases).await;
}

/// The parts of a filter select together.
pub async fn the_list_is_filtered_by_all_parts_of_a_filter_together(store: impl Store) {
    five(&store).await;
    let ours = |change: &dyn Fn(&mut TicketFilter)| {
        with(|f| {
            f.tenant = Some(tenant("onehour"));
            change(f);
        })
    };
    let everything = ours(&|f| {
        f.user = "a".parse().ok();
        f.task = "writing-review".parse().ok();
        f.states = OPEN.to_vec();
        f.requested_from = Some(at(100));
        f.requested_before = Some(at(101));
        f.overdue_at = Some(at(9_999));
    });
    let late_for_a = with(|f| (f.overdue_at, f.user) = (Some(at(9_999)), "a".parse().ok()));
    let late_and_failed =
        with(|f| (f.overdue_at, f.states) = (Some(at(9_999)), vec![StateName::Failed]));
    let cases: Vec<(TicketFilter, &[u64])> = vec![
        (ours(&|f| f.user = "a".parse().ok()), &[1, 3]),
        (ours(&|f| f.task = "writing-review".parse().ok()), &[1, 2]),
        (ours(&|f| f.states = OPEN.to_vec()), &[1, 3]),
        (ours(&|f| f.states = vec![StateName::Requested]), &[1]),
        (ours(&|f| f.requested_from = Some(at(300))), &[3]),
        (ours(&|f| f.overdue_at = Some(at(9_999))), &[1, 3]),
        (late_for_a, &[1, 3, 4]),
        (late_and_failed, &[]),
        (everything, &[1]),
    ];
    expect(&store, cases).await;
}

/// Pages join without gap or repeat in both orders, also while filtered.
pub async fn the_list_is_paged_in_both_orders(store: impl Store) {
    for n in [4, 1, 3, 2, 5, 7, 6] {
        let of = if n == 3 { "other" } else { "onehour" };
        live(
            &store,
            ticket(n),
            &[request(of, "questions", None, at(0))],
            at(0),
        )
        .await;
    }
    let filter = TicketFilter {
        tenant: Some(tenant("onehour")),
        ..TicketFilter::default()
    };
    let orders: [(Order, [u64; 6]); 2] = [
        (Order::OldestFirst, [1, 2, 4, 5, 6, 7]),
        (Order::NewestFirst, [7, 6, 5, 4, 2, 1]),
    ];
    for (order, wanted) in orders {
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = store.list(&filter, order, after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            paged.extend(page.into_iter().map(|t| t.id));
        }
        assert_eq!(paged, wanted.map(ticket));
    }
    let nothing = store.list(&filter, Order::OldestFirst, None, 0).await;
    assert_eq!(nothing, Ok(vec![]));
}

/// Tickets are counted by state over all tenants; a state without any is left out.
pub async fn tickets_are_counted_by_state(store: impl Store) {
    assert_eq!(store.count_by_state().await, Ok(vec![]));
    for n in 1..=3 {
        let of = if n == 1 { "other" } else { "onehour" };
        live(
            &store,
            ticket(n),
            &[request(of, "questions", None, at(0))],
            at(0),
        )
        .await;
    }
    append(
        &store,
        ticket(3),
        1,
        recorded(ticket(3), &pre_processed(), at(1)),
    )
    .await;
    let counted = store.count_by_state().await;
    let wanted = vec![(StateName::Requested, 2), (StateName::PreProcessed, 1)];
    assert_eq!(counted, Ok(wanted));
    let (onehour, other) = (tenant("onehour"), tenant("other"));
    let open = |other_has: &[u64]| {
        let mut open = vec![
            (onehour.clone(), StateName::Requested, 1),
            (onehour.clone(), StateName::PreProcessed, 1),
        ];
        let of_other = |count: &u64| (other.clone(), StateName::Requested, *count);
        open.extend(other_has.iter().map(of_other));
        open
    };
    let sorted = |counted: Result<Vec<_>, _>| {
        let mut counted = counted.expect("a count");
        counted.sort_unstable();
        counted
    };
    assert_eq!(sorted(store.count_open().await), open(&[1]));
    // What has ended is not open.
    let ended = recorded(ticket(1), &failed(Stage::Model), at(2));
    append(&store, ticket(1), 1, ended).await;
    assert_eq!(sorted(store.count_open().await), open(&[]));
}

/// An event that this build cannot decode is stored and served; its ticket stays in the list at
/// the new revision, and no other ticket notices.
pub async fn an_event_that_cannot_be_decoded_stops_nobody(store: impl Store) {
    let id = ticket(1);
    live(
        &store,
        id,
        &[request("onehour", "questions", None, at(0))],
        at(0),
    )
    .await;
    let mut newer = recorded(id, &sent(1), at(1));
    newer.schema_version = u16::MAX;
    append(&store, id, 1, newer).await;
    let mut garbled = recorded(
        ticket(2),
        &request("onehour", "questions", None, at(0)),
        at(2),
    );
    garbled.data = "{}".to_owned();
    append(&store, ticket(2), 0, garbled).await;
    append(&store, ticket(2), 1, plain(1)).await;
    live(
        &store,
        ticket(3),
        &[request("onehour", "questions", None, at(0))],
        at(3),
    )
    .await;
    let listed = all(&store).await;
    let shown: Vec<_> = listed.iter().map(|t| (t.id, t.revision, t.state)).collect();
    let requested = StateName::Requested;
    let wanted = [
        (id, Revision(1), requested),
        (ticket(3), Revision(0), requested),
    ];
    assert_eq!(shown, wanted);
    assert_eq!(store.read_all(None, 10).await.unwrap().len(), 5);
}
