//! Who stands aside, and the order within a tenant.

use std::time::Duration;

use super::super::queue::PATIENCE;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn task(name: &str) -> TaskName {
    TaskName::new(name).unwrap()
}

fn bulkhead() -> Bulkhead {
    Bulkhead {
        permits: 8,
        share: 8,
    }
}

#[test]
fn within_a_tenant_the_urgent_go_first_and_of_equals_who_came_first() {
    let a = tenant("a");
    let mut line = Line::default();
    let mut join = |priority, name| {
        line.join(
            &Asker {
                priority,
                ..plain(&a, false)
            },
            name,
        )
    };
    join(Priority::Low, "low 1");
    join(Priority::Normal, "normal 1");
    join(Priority::High, "high 1");
    join(Priority::Low, "low 2");
    join(Priority::High, "high 2");
    join(Priority::Normal, "normal 2");
    let order = drain(&mut line, true);
    assert_eq!(
        order,
        ["high 1", "high 2", "normal 1", "normal 2", "low 1", "low 2"]
    );
}

#[test]
fn a_tenants_urgent_tickets_do_not_go_before_anothers() {
    let (a, b) = (tenant("a"), tenant("b"));
    let mut line = Line::default();
    for name in ["a1", "a2"] {
        line.join(
            &Asker {
                priority: Priority::High,
                ..plain(&a, false)
            },
            name,
        );
    }
    for name in ["b1", "b2"] {
        line.join(
            &Asker {
                priority: Priority::Low,
                ..plain(&b, false)
            },
            name,
        );
    }
    assert_eq!(drain(&mut line, true), ["a1", "b1", "a2", "b2"]);
}

#[test]
fn behind_endless_urgent_ones_the_least_urgent_go_all_the_same() {
    let a = tenant("a");
    let mut line = Line::default();
    let high = Asker {
        priority: Priority::High,
        ..plain(&a, false)
    };
    let low = Asker {
        priority: Priority::Low,
        ..plain(&a, false)
    };
    line.join(&low, "low 1");
    line.join(&low, "low 2");
    let mut lows = vec![];
    for turn in 1..=100_u32 {
        line.join(&high, "high");
        line.join(&high, "high");
        let chosen = line.next(true, ALL).unwrap();
        if chosen.waiter != "high" {
            lows.push((turn, chosen.waiter));
        }
        line.back(chosen.charge);
    }
    let patience = PATIENCE + 1;
    assert_eq!(lows, [(patience, "low 1"), (2 * patience, "low 2")]);
}

#[test]
fn repeats_that_stand_back_do_not_make_the_urgent_wait() {
    let a = tenant("a");
    let mut line = Line::default();
    line.join(
        &Asker {
            repeat: true,
            ..plain(&a, true)
        },
        "repeat",
    );
    line.join(
        &Asker {
            priority: Priority::Low,
            ..plain(&a, false)
        },
        "low",
    );
    for _ in 0..PATIENCE {
        line.join(
            &Asker {
                priority: Priority::High,
                ..plain(&a, false)
            },
            "high",
        );
        let chosen = line.next(false, ALL).unwrap();
        assert_eq!(chosen.waiter, "high");
        line.back(chosen.charge);
    }
    line.join(
        &Asker {
            priority: Priority::High,
            ..plain(&a, false)
        },
        "high",
    );
    assert_eq!(line.next(false, ALL).unwrap().waiter, "low");
}

#[test]
fn a_task_stands_aside_alone_and_comes_back_by_time_or_when_a_call_of_it_ends() {
    let (a, x, y) = (tenant("a"), task("x"), task("y"));
    let now = Instant::now();
    let until = now + SECOND;
    let mut line = Line::default();
    for (task, name) in [(&x, "x1"), (&x, "x2"), (&y, "y1"), (&y, "y2")] {
        line.join(
            &Asker {
                task: Some(task),
                ..plain(&a, false)
            },
            name,
        );
    }
    let first = line
        .choose(true, bulkhead(), now, |_, _, _| Ok(()))
        .unwrap();
    assert_eq!(first.waiter, "x1");
    let not_x = |_: &TenantId, task: Option<&TaskName>, _| {
        let blocked = Blocked {
            scope: Scope::Task,
            until,
        };
        if task == Some(&x) {
            Err(blocked)
        } else {
            Ok(())
        }
    };
    let next = line.choose(true, bulkhead(), now, not_x).unwrap();
    assert_eq!((next.waiter, line.aside()), ("y1", 1));
    assert_eq!(line.next_aside(), Some(until));
    assert!(line.stands_aside(&Asker {
        task: Some(&x),
        ..plain(&a, false)
    }));
    assert!(!line.stands_aside(&Asker {
        task: Some(&y),
        ..plain(&a, false)
    }));
    line.give_back(first.charge, None);
    assert_eq!(line.aside(), 0, "what it did not use may do for the next");
    assert_eq!(
        line.choose(true, bulkhead(), now, not_x).unwrap().waiter,
        "y2"
    );
    assert!(line.choose(true, bulkhead(), now, not_x).is_none());
    let back = line
        .choose(true, bulkhead(), until, |_, _, _| Ok(()))
        .unwrap();
    assert_eq!(back.waiter, "x2");
}

#[test]
fn a_tenant_that_stood_aside_has_saved_nothing_by_that() {
    let (a, b) = (tenant("a"), tenant("b"));
    let now = Instant::now();
    let mut line = Line::default();
    for _ in 0..100 {
        line.stand(&a, false, "a");
        line.stand(&b, false, "b");
    }
    let not_a = |tenant: &TenantId, _: Option<&TaskName>, _| {
        let (scope, until) = (Scope::Tenant, now + SECOND);
        if *tenant == a {
            Err(Blocked { scope, until })
        } else {
            Ok(())
        }
    };
    for _ in 0..50 {
        let chosen = line.choose(true, bulkhead(), now, not_a).unwrap();
        assert_eq!(chosen.waiter, "b");
        line.back(chosen.charge);
    }
    let then = now + SECOND;
    let next = |_| {
        line.choose(true, bulkhead(), then, |_, _, _| Ok(()))
            .unwrap()
            .waiter
    };
    let order: Vec<_> = (0..6).map(next).collect();
    assert_eq!(order, ["a", "b", "a", "b", "a", "b"]);
}

#[derive(Debug, Clone)]
enum Step {
    Join(usize, usize, u8, bool),
    Leave(usize),
    Choose(bool),
    GiveBack(usize, Option<u64>),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6_usize, 0..3_usize, 0..3_u8, any::<bool>())
            .prop_map(|(who, task, priority, repeat)| Step::Join(who, task, priority, repeat)),
        1 => any::<usize>().prop_map(Step::Leave),
        4 => any::<bool>().prop_map(Step::Choose),
        2 => (any::<usize>(), proptest::option::of(0..500_u64))
            .prop_map(|(which, used)| Step::GiveBack(which, used)),
        1 => (1..1_500_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Against a plain list: the line chooses nobody only when nobody may go. Whom it may not let go
    /// (tenant 0 never, task 0 of tenant 1 never) it keeps, and nobody else waits for them.
    #[test]
    fn whoever_may_go_is_found(steps in proptest::collection::vec(step(), 1..300)) {
        let mut now = Instant::now();
        let tenants: Vec<_> = (0..6).map(numbered).collect();
        let tasks: Vec<_> = ["x", "y", "z"].map(task).to_vec();
        let barred = |who: usize, task: usize| who == 0 || (who, task) == (1, 0);
        let mut line: Line<usize> = Line::default();
        let mut plain_list: Vec<(usize, (usize, usize, bool), Spot)> = vec![];
        let mut held: Vec<Charge> = vec![];
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Join(who, task, priority, repeat) => {
                    let priorities = [Priority::Low, Priority::Normal, Priority::High];
                    let asker = Asker {
                        tenant: &tenants[who],
                        task: Some(&tasks[task]),
                        repeat,
                        priority: priorities[usize::from(priority)],
                        tokens: 1 + (n as u64 * 37) % 300,
                        weight: 1 + who as u16,
                    };
                    plain_list.push((n, (who, task, repeat), line.join(&asker, n)));
                }
                Step::Leave(which) if !plain_list.is_empty() => {
                    let (n, _, spot) = plain_list.swap_remove(which % plain_list.len());
                    prop_assert_eq!(line.leave(spot), Some(n));
                    prop_assert_eq!(line.leave(spot), None);
                }
                Step::Choose(repeats) => {
                    let until = now + SECOND;
                    let chosen = line.choose(repeats, bulkhead(), now, |tenant, task, _| {
                        if *tenant == tenants[0] {
                            return Err(Blocked { scope: Scope::Tenant, until });
                        }
                        if *tenant == tenants[1] && task == Some(&tasks[0]) {
                            return Err(Blocked { scope: Scope::Task, until });
                        }
                        Ok(())
                    });
                    let may = |(who, task, repeat): (usize, usize, bool)| {
                        !barred(who, task) && (repeats || !repeat)
                    };
                    let Some(chosen) = chosen else {
                        prop_assert!(!plain_list.iter().any(|(_, who, _)| may(*who)));
                        continue;
                    };
                    let at = plain_list.iter().position(|(n, ..)| *n == chosen.waiter);
                    let (_, who, spot) = plain_list.swap_remove(at.unwrap());
                    prop_assert!(may(who) && line.leave(spot).is_none());
                    held.push(chosen.charge);
                }
                Step::GiveBack(which, used) if !held.is_empty() => {
                    let charge = held.swap_remove(which % held.len());
                    line.give_back(charge, used);
                }
                Step::Leave(_) | Step::GiveBack(..) => {}
                Step::Pass(ms) => now += Duration::from_millis(ms),
            }
            prop_assert_eq!(line.waiting(), plain_list.len());
        }
        for (n, _, spot) in plain_list {
            prop_assert_eq!(line.leave(spot), Some(n));
        }
        prop_assert!(line.next_aside().is_none() && line.aside() == 0);
        prop_assert_eq!(line.tokens_waiting(), 0);
        prop_assert!(line.rings.iter().all(BTreeSet::is_empty));
    }
}
