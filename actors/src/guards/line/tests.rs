//! Whose turn it is.

mod aside;
mod fairness;

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const ALL: usize = usize::MAX;

/// A plain line: everybody may go, every call counts one, no permit is scarce but for shares.
impl<T> Line<T> {
    fn stand(&mut self, tenant: &TenantId, repeat: bool, waiter: T) -> Spot {
        self.join(&plain(tenant, repeat), waiter)
    }

    fn next(&mut self, repeats: bool, share: usize) -> Option<Chosen<T, ()>> {
        let permits = share;
        let now = Instant::now();
        self.choose(repeats, Bulkhead { permits, share }, now, |_, _, _| Ok(()))
    }

    fn back(&mut self, charge: Charge) {
        self.give_back(charge, None);
    }
}

const fn plain(tenant: &TenantId, repeat: bool) -> Asker<'_> {
    Asker {
        tenant,
        task: None,
        repeat,
        priority: Priority::Normal,
        tokens: 1,
        weight: 1,
    }
}

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn numbered(n: usize) -> TenantId {
    tenant(&format!("t{n}"))
}

/// Takes everybody out, each giving its permit back at once.
fn drain(line: &mut Line<&'static str>, repeats: bool) -> Vec<&'static str> {
    let mut order = vec![];
    while let Some(chosen) = line.next(repeats, ALL) {
        order.push(chosen.waiter);
        line.back(chosen.charge);
    }
    order
}

#[test]
fn within_a_tenant_who_came_first_goes_first() {
    let mut line = Line::default();
    for name in ["1", "2", "3"] {
        line.stand(&tenant("a"), false, name);
    }
    assert_eq!(drain(&mut line, true), ["1", "2", "3"]);
    assert_eq!(line.waiting(), 0);
}

#[test]
fn tenants_take_turns() {
    let mut line = Line::default();
    for (who, name) in [
        ("a", "a1"),
        ("a", "a2"),
        ("a", "a3"),
        ("b", "b1"),
        ("b", "b2"),
        ("c", "c1"),
    ] {
        line.stand(&tenant(who), false, name);
    }
    assert_eq!(drain(&mut line, true), ["a1", "b1", "c1", "a2", "b2", "a3"]);
}

#[test]
fn the_first_ticket_of_a_quiet_tenant_goes_next_however_many_wait() {
    let mut line = Line::default();
    for _ in 0..20_000 {
        line.stand(&tenant("loud"), false, "loud");
    }
    for _ in 0..10 {
        let chosen = line.next(true, ALL).unwrap();
        line.back(chosen.charge);
    }
    line.stand(&tenant("quiet"), false, "quiet");
    let next = line.next(true, ALL).unwrap();
    assert_eq!(next.waiter, "quiet");
    line.back(next.charge);
    assert_eq!(line.next(true, ALL).unwrap().waiter, "loud");
}

#[test]
fn repeats_stand_back_while_they_may_not_go_and_keep_their_place() {
    let mut line = Line::default();
    line.stand(&tenant("a"), true, "repeat 1");
    line.stand(&tenant("a"), false, "first 1");
    line.stand(&tenant("a"), true, "repeat 2");
    line.stand(&tenant("b"), true, "repeat 3");
    line.stand(&tenant("b"), false, "first 2");
    assert_eq!(drain(&mut line, false), ["first 1", "first 2"]);
    assert!(line.next(false, ALL).is_none());
    assert!(line.has_repeats() && !line.has_first_calls());
    assert_eq!(drain(&mut line, true), ["repeat 1", "repeat 3", "repeat 2"]);
}

#[test]
fn a_repeat_that_may_go_and_came_first_goes_first() {
    let mut line = Line::default();
    line.stand(&tenant("a"), true, "repeat");
    line.stand(&tenant("a"), false, "first");
    assert_eq!(drain(&mut line, true), ["repeat", "first"]);
}

#[test]
fn one_who_holds_its_share_is_passed_over_while_others_wait_and_not_otherwise() {
    let mut line = Line::default();
    for name in ["a1", "a2", "a3", "a4"] {
        line.stand(&tenant("a"), false, name);
    }
    let held: Vec<_> = (0..2).map(|_| line.next(true, 2).unwrap()).collect();
    assert_eq!(
        line.next(true, 2).unwrap().waiter,
        "a3",
        "nobody else waits"
    );
    line.stand(&tenant("b"), false, "b1");
    line.stand(&tenant("b"), false, "b2");
    assert_eq!(line.next(true, 2).unwrap().waiter, "b1");
    assert_eq!(
        line.next(true, 2).unwrap().waiter,
        "b2",
        "it is not the turn that counts"
    );
    drop(held);
    assert_eq!(line.next(true, 2).unwrap().waiter, "a4");
}

#[test]
fn a_lane_that_gives_back_below_its_share_takes_turns_again() {
    let mut line = Line::default();
    let mine = line.pass_by(&plain(&tenant("a"), false));
    line.stand(&tenant("a"), false, "a1");
    line.stand(&tenant("b"), false, "b1");
    line.back(mine);
    let order = drain(&mut line, true);
    assert_eq!(order, ["b1", "a1"], "the permit that was had was a turn");
}

#[test]
fn who_leaves_is_not_chosen_and_leaves_once() {
    let mut line = Line::default();
    let first = line.stand(&tenant("a"), false, "1");
    let second = line.stand(&tenant("a"), false, "2");
    assert_eq!(line.leave(first), Some("1"));
    assert_eq!(line.leave(first), None);
    let chosen = line.next(true, ALL).unwrap();
    assert_eq!(chosen.waiter, "2");
    assert_eq!(line.leave(second), None, "its turn has come");
    assert!(line.next(true, ALL).is_none());
}

#[test]
fn tenants_that_come_and_go_leave_nothing_behind() {
    let mut line = Line::default();
    for n in 0..10_000 {
        let spot = line.stand(&numbered(n), n % 2 == 0, "x");
        if n % 3 == 0 {
            line.leave(spot);
        } else {
            let chosen = line.next(true, ALL).unwrap();
            line.back(chosen.charge);
        }
    }
    assert!(line.names.len() <= IDLE_LANES + 1, "{}", line.names.len());
    assert!(line.lanes.len() <= IDLE_LANES + 2, "{}", line.lanes.len());
    assert!(line.rings.iter().all(BTreeSet::is_empty) && line.weights == 0);
}

#[derive(Debug, Clone)]
enum Step {
    Join(usize, bool),
    Leave(usize),
    Choose(bool),
    GiveBack(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..100_usize, any::<bool>()).prop_map(|(who, repeat)| Step::Join(who, repeat)),
        1 => any::<usize>().prop_map(Step::Leave),
        3 => any::<bool>().prop_map(Step::Choose),
        2 => any::<usize>().prop_map(Step::GiveBack),
    ]
}

/// A waiter of the plain model of the line: its number, its tenant, whether it repeats.
type Plain = (usize, usize, bool);

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Against a plain list: nobody is lost or served twice, nobody is kept while somebody may go,
    /// each tenant's calls of a kind go in their order, a full tenant goes only if all others are.
    #[test]
    fn the_line_is_fair_and_loses_nobody(
        steps in proptest::collection::vec(step(), 1..400),
        share in 1..4_usize,
    ) {
        let mut line: Line<Plain> = Line::default();
        let mut plain: VecDeque<(Plain, Spot)> = VecDeque::new();
        let mut held: Vec<(usize, Charge)> = vec![];
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Join(who, repeat) => {
                    let waiter = (number, who, repeat);
                    plain.push_back((waiter, line.stand(&numbered(who), repeat, waiter)));
                }
                Step::Leave(which) if !plain.is_empty() => {
                    let (waiter, spot) = plain.remove(which % plain.len()).unwrap();
                    prop_assert_eq!(line.leave(spot), Some(waiter));
                }
                Step::Choose(repeats) => {
                    let may = |waiter: &Plain| repeats || !waiter.2;
                    let full = |who: usize| held.iter().filter(|(by, _)| *by == who).count() >= share;
                    let Some(chosen) = line.next(repeats, share) else {
                        prop_assert!(!plain.iter().any(|(waiter, _)| may(waiter)));
                        continue;
                    };
                    let (_, who, repeat) = chosen.waiter;
                    prop_assert!(may(&chosen.waiter) && repeat == chosen.repeat);
                    let first = plain.iter().position(|((_, by, kind), _)| (*by, *kind) == (who, repeat));
                    let (first, spot) = plain.remove(first.unwrap()).unwrap();
                    prop_assert_eq!(first, chosen.waiter);
                    prop_assert_eq!(line.leave(spot), None);
                    if full(who) {
                        let other = plain.iter().find(|(waiter, _)| may(waiter) && !full(waiter.1));
                        prop_assert!(other.is_none(), "{:?} was passed over", other);
                    }
                    held.push((who, chosen.charge));
                }
                Step::GiveBack(which) if !held.is_empty() => {
                    let (_, charge) = held.swap_remove(which % held.len());
                    line.back(charge);
                }
                Step::Leave(_) | Step::GiveBack(_) => {}
            }
            prop_assert_eq!(line.waiting(), plain.len());
            prop_assert_eq!(line.has_repeats(), plain.iter().any(|(waiter, _)| waiter.2));
            prop_assert_eq!(line.has_first_calls(), plain.iter().any(|(waiter, _)| !waiter.2));
        }
    }

    /// With everybody waiting all the time, no tenant's turns are two behind another's.
    #[test]
    fn turns_are_even(lengths in proptest::collection::vec(1..30_usize, 2..12)) {
        let mut line = Line::default();
        for (who, length) in lengths.iter().enumerate() {
            for _ in 0..*length {
                line.stand(&numbered(who), false, who);
            }
        }
        let mut turns = vec![0_usize; lengths.len()];
        while let Some(chosen) = line.next(true, ALL) {
            line.back(chosen.charge);
            turns[chosen.waiter] += 1;
            let waiting = |who: &usize| turns[*who] < lengths[*who];
            let behind = (0..lengths.len()).filter(waiting).map(|who| turns[who]).min();
            if let Some(behind) = behind {
                prop_assert!(turns[chosen.waiter] <= behind + 1, "{:?}", turns);
            }
        }
        prop_assert_eq!(turns, lengths);
    }
}
