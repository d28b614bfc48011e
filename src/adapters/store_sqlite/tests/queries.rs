use punchcard_actors::ports::{Order, TicketFilter, WhichForks};
use punchcard_actors::testing::store_contract::fixtures::{at, tenant, ticket};
use punchcard_events::ticket::{Stage, StateName};

use super::{open, raw};
use crate::adapters::store_sqlite::list;

/// Every filter there can be, by which parts it has.
fn every_filter() -> impl Iterator<Item = TicketFilter> {
    let states = [
        vec![],
        vec![StateName::Failed],
        vec![StateName::Requested],
        vec![StateName::Requested, StateName::Sent],
        vec![StateName::Requested, StateName::Failed],
        vec![StateName::Unrequested],
    ];
    states.into_iter().flat_map(|states| {
        // Each part is there or not, and each of the four ways to list forks.
        (0_u16..4_096).map(move |parts| {
            let has = |bit: u16| parts & (1 << bit) != 0;
            TicketFilter {
                tenant: has(0).then(|| tenant("onehour")),
                user: has(1).then(|| "a".parse().unwrap()),
                task: has(2).then(|| "questions".parse().unwrap()),
                states: states.clone(),
                requested_from: has(3).then(|| at(0)),
                requested_before: has(4).then(|| at(9)),
                overdue_at: has(5).then(|| at(9)),
                begun_by: has(6).then(|| at(9)),
                stage: has(7).then_some(Stage::Model),
                code: has(8).then(|| "deadline_exceeded".to_owned()),
                failed_from: has(9).then(|| at(0)),
                failed_before: has(9).then(|| at(9)),
                forks: match (has(10), has(11)) {
                    (false, false) => WhichForks::Without,
                    (true, false) => WhichForks::With,
                    (false, true) => WhichForks::Only,
                    (true, true) => WhichForks::Of(ticket(1)),
                },
            }
        })
    })
}

#[tokio::test]
async fn every_filter_order_and_cursor_is_a_valid_query() {
    let (_store, dir) = open().await;
    let conn = raw(dir.path());
    for filter in every_filter() {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            for after in [None, Some(ticket(3))] {
                let page = list::page(&conn, &filter, order, after, 10);
                assert_eq!(page, Ok(vec![]), "{filter:?}");
            }
        }
    }
}

#[tokio::test]
async fn lists_in_the_order_of_ids_are_not_sorted_first() {
    let (_store, dir) = open().await;
    let conn = raw(dir.path());
    for filter in every_filter().filter(|filter| filter.overdue_at.is_none()) {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let plan = list::explain(&conn, &filter, order);
            assert!(!plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
        }
    }
}
