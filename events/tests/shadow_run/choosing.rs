//! Which tickets are chosen, and which ids the cases have.

use std::collections::BTreeSet;

use proptest::prelude::*;
use punchcard_events::TicketId;
use punchcard_events::shadow_run::*;
use uuid::Uuid;

fn choose(seed: u32, share: f64, limit: u32, tickets: &[TicketId]) -> Vec<TicketId> {
    let share = Share::try_from(share).expect("a share");
    let mut choosing = Choosing::new(seed, share, limit);
    for ticket in tickets {
        choosing.offer(*ticket);
    }
    assert_eq!(choosing.matched() as usize, tickets.len());
    choosing.chosen()
}

fn tickets() -> impl Strategy<Value = Vec<TicketId>> {
    proptest::collection::btree_set(any::<u128>(), 0..200).prop_map(|ids| {
        ids.into_iter()
            .map(|id| TicketId(Uuid::from_u128(id)))
            .collect()
    })
}

/// As RFC 9562 lays a version 7 out.
fn run_ids() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(|random| {
        let id = random & !(0xf << 76) & !(0b11 << 62) | 0x7 << 76 | 0b10 << 62;
        Uuid::from_u128(id)
    })
}

proptest! {
    #[test]
    fn the_same_seed_chooses_the_same_tickets_in_whatever_order_they_are_seen(
        seed in any::<u32>(),
        share in 0.05..=1.0_f64,
        limit in 1..300_u32,
        tickets in tickets(),
    ) {
        let chosen = choose(seed, share, limit, &tickets);
        let backwards: Vec<_> = tickets.iter().rev().copied().collect();
        prop_assert_eq!(&chosen, &choose(seed, share, limit, &backwards));
        prop_assert!(chosen.len() <= limit as usize);
        let all: BTreeSet<_> = tickets.iter().collect();
        prop_assert!(chosen.iter().all(|ticket| all.contains(ticket)));
        prop_assert_eq!(chosen.iter().collect::<BTreeSet<_>>().len(), chosen.len());
    }

    #[test]
    fn whoever_asks_for_more_gets_all_of_what_less_would_be_and_some_besides(
        seed in any::<u32>(),
        (less, more) in (0.05..=1.0_f64, 0.05..=1.0_f64),
        (few, many) in (1..200_u32, 1..200_u32),
        tickets in tickets(),
    ) {
        let fewer = choose(seed, less.min(more), few.min(many), &tickets);
        let all = choose(seed, less.max(more), few.max(many), &tickets);
        prop_assert_eq!(&fewer[..], &all[..fewer.len()], "the first of them are the same");
    }

    #[test]
    fn a_case_has_one_ticket_and_no_two_cases_have_the_same(
        (run, other) in (run_ids(), run_ids()),
        case in 1..MAX_CASES,
    ) {
        let id = ticket(run, case);
        prop_assert_eq!(id, ticket(run, case), "always the same");
        prop_assert_eq!(id.0.get_version_num(), 7);
        prop_assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
        prop_assert!(id < ticket(run, case + 1));
        prop_assert!(run == other || ticket(other, case) != id);
        let batch = punchcard_events::BatchId(run);
        prop_assert_eq!(batch.line_of(id), None, "no batch takes it for a line");
        let (first, last) = batch.tickets();
        prop_assert!(!(first..=last).contains(&id));
        prop_assert_eq!(run_of_stream(&stream(run)), Some(run));
        prop_assert_eq!(run_of_stream(&cases_stream(run)), None);
    }
}

#[test]
fn a_share_of_many_tickets_is_about_that_share_of_them() {
    let tickets: Vec<_> = (0..10_000).map(|n| TicketId(Uuid::from_u128(n))).collect();
    for (share, fair) in [
        (0.1, 880..1_120),
        (0.5, 4_800..5_200),
        (1.0, 10_000..10_001),
    ] {
        let chosen = choose(1, share, 10_000, &tickets).len();
        assert!(fair.contains(&chosen), "{share}: {chosen}");
    }
}

#[test]
fn another_seed_chooses_others() {
    let tickets: Vec<_> = (0..1_000).map(|n| TicketId(Uuid::from_u128(n))).collect();
    let one: BTreeSet<_> = choose(1, 1.0, 100, &tickets).into_iter().collect();
    let other: BTreeSet<_> = choose(2, 1.0, 100, &tickets).into_iter().collect();
    let both = one.intersection(&other).count();
    assert!((1..=30).contains(&both), "10 are expected, {both} found");
}

#[test]
fn no_share_is_none_or_more_than_all() {
    for wrong in [0.0, -0.1, 1.000_001, f64::NAN, f64::INFINITY] {
        assert_eq!(Share::try_from(wrong), Err(InvalidShare), "{wrong}");
    }
    let read: Share = serde_json::from_str("0.25").expect("a share");
    assert_eq!(f64::from(read).to_bits(), 0.25_f64.to_bits());
    assert!(serde_json::from_str::<Share>("0").is_err());
}
