//! What the line promises of tokens, on a place of so many permits whose calls take what they take.

use std::collections::BinaryHeap;
use std::time::Duration;

use super::*;

/// A call as a test makes it up.
#[derive(Debug, Clone, Copy)]
struct Call {
    who: usize,
    estimate: u64,
    used: u64,
    /// How long it runs.
    ms: u64,
    /// When it came.
    at: u64,
}

/// A place with calls that run, and a time of its own in milliseconds.
struct Place {
    line: Line<Call>,
    weights: Vec<u16>,
    bulkhead: Bulkhead,
    now: u64,
    running: BinaryHeap<std::cmp::Reverse<(u64, u64)>>,
    calls: HashMap<u64, (Charge, Call)>,
    begun: u64,
    /// Tokens in truth, by tenant, of calls that ended.
    served: Vec<u64>,
    /// The longest wait of each tenant.
    longest: Vec<u64>,
}

impl Place {
    fn new(weights: &[u16], permits: usize, share: usize) -> Self {
        Self {
            line: Line::default(),
            weights: weights.to_vec(),
            bulkhead: Bulkhead { permits, share },
            now: 0,
            running: BinaryHeap::new(),
            calls: HashMap::new(),
            begun: 0,
            served: vec![0; weights.len()],
            longest: vec![0; weights.len()],
        }
    }

    fn ask(&mut self, call: Call) {
        let tenant = numbered(call.who);
        let asker = Asker {
            tokens: call.estimate,
            weight: self.weights[call.who],
            ..plain(&tenant, false)
        };
        self.line.join(&asker, call);
    }

    /// Lets go who may; gives whose calls began.
    fn go(&mut self) -> Vec<Call> {
        let mut went = vec![];
        while self.running.len() < self.bulkhead.permits {
            let now = Instant::now();
            let Some(chosen) = self.line.choose(true, self.bulkhead, now, |_, _, _| Ok(())) else {
                break;
            };
            let call = chosen.waiter;
            let longest = &mut self.longest[call.who];
            *longest = (*longest).max(self.now - call.at);
            self.begun += 1;
            self.running
                .push(std::cmp::Reverse((self.now + call.ms.max(1), self.begun)));
            self.calls.insert(self.begun, (chosen.charge, call));
            went.push(call);
        }
        went
    }

    /// When the next call ends.
    fn next_end(&self) -> Option<u64> {
        self.running.peek().map(|next| next.0.0)
    }

    /// Ends the next call.
    fn end(&mut self) {
        let Some(std::cmp::Reverse((at, number))) = self.running.pop() else {
            return;
        };
        self.now = at;
        let (charge, call) = self.calls.remove(&number).unwrap();
        self.served[call.who] += call.used;
        self.line.give_back(charge, Some(call.used));
    }

    /// Ends calls and lets others go until that time.
    fn run_until(&mut self, time: u64) {
        self.go();
        while self.next_end().is_some_and(|at| at <= time) {
            self.end();
            self.go();
        }
        self.now = time;
    }
}

/// Numbers that look like chance, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        // Xorshift (G. Marsaglia, 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

#[test]
fn behind_a_hundred_thousand_nobody_elses_ticket_waits_longer_than_for_a_permit() {
    const TENANTS: usize = 10;
    let mut dice = Dice(7);
    let mut place = Place::new(&[1; TENANTS], 16, 8);
    for _ in 0..100_000 {
        let (estimate, ms) = (1 + dice.roll(5_000), 50 + dice.roll(100));
        let used = 1 + dice.roll(estimate);
        place.ask(Call {
            who: 0,
            estimate,
            used,
            ms,
            at: 0,
        });
    }
    for second in 0..100 {
        for who in 1..TENANTS {
            // Spread over the second.
            let at = second * 1_000 + who as u64 * 97;
            place.run_until(at);
            let (estimate, used) = (1 + dice.roll(50_000), 1 + dice.roll(1_000));
            place.ask(Call {
                who,
                estimate,
                used,
                ms: 100,
                at,
            });
        }
    }
    place.run_until(200_000);
    // A permit of the sixteen comes free within a call's time at the latest, 150 ms.
    let longest = place.longest[1..].iter().max().unwrap();
    assert!(*longest <= 150, "{longest} ms");
    assert!(place.line.waiting() > 50_000, "the flood still waits");
}

#[test]
fn over_a_long_run_the_tokens_are_as_the_weights_whatever_the_sizes_and_estimates() {
    let weights = [1_u16, 2, 3, 4, 10, 100];
    // Of tokens: a few, many, wildly mixed; of estimates: far above, right, below.
    let sizes = [50, 20_000, 3_000, 400, 8_000, 900];
    let over = [20, 1, 5, 2, 1, 3];
    let mut dice = Dice(11);
    let mut place = Place::new(&weights, 32, usize::MAX);
    let mut ask = |place: &mut Place, who: usize| {
        let used = 1 + dice.roll(2 * sizes[who]);
        let estimate = if dice.roll(10) == 0 {
            used / 2
        } else {
            used * over[who]
        };
        let (ms, at) = (10 + dice.roll(1_000), place.now);
        place.ask(Call {
            who,
            estimate,
            used,
            ms,
            at,
        });
    };
    for who in 0..weights.len() {
        for _ in 0..100 {
            ask(&mut place, who);
        }
    }
    for _ in 0..200_000 {
        for call in place.go() {
            ask(&mut place, call.who);
        }
        place.end();
    }
    let all: u64 = place.served.iter().sum();
    let weight: u16 = weights.iter().sum();
    for (who, weight_of) in weights.iter().enumerate() {
        let share = place.served[who] as f64 / all as f64;
        let due = f64::from(*weight_of) / f64::from(weight);
        assert!((share / due - 1.0).abs() < 0.05, "{who}: {share} of {due}");
    }
}

#[test]
fn who_was_idle_has_saved_nothing_and_who_took_much_is_not_forgiven() {
    let mut place = Place::new(&[1, 1, 1], 1, usize::MAX);
    let call = |who, tokens| Call {
        who,
        estimate: tokens,
        used: tokens,
        ms: 1,
        at: 0,
    };
    for _ in 0..1_000 {
        place.ask(call(0, 100));
    }
    place.run_until(500);
    for _ in 0..20 {
        place.ask(call(1, 100));
    }
    let before = place.served.clone();
    place.run_until(520);
    let gain: Vec<_> = (0..3).map(|who| place.served[who] - before[who]).collect();
    assert_eq!(gain, [1_000, 1_000, 0], "the same for both from now on");

    place.ask(call(2, 2_000));
    place.run_until(530);
    assert_eq!(place.served[2], 2_000);
    let before = place.served.clone();
    place.ask(call(2, 100));
    place.run_until(550);
    assert_eq!(
        place.served[2], before[2],
        "it has had its part for a while"
    );
    place.run_until(590);
    assert_eq!(place.served[2], before[2] + 100, "and then it is its turn");
}

#[test]
fn what_an_estimate_was_too_high_by_is_given_back_but_not_to_before_one_came() {
    let (a, b) = (numbered(0), numbered(1));
    let asker = |tenant, tokens| Asker {
        tokens,
        ..plain(tenant, false)
    };
    let mut line: Line<u32> = Line::default();
    // Two calls of a: one taken for much too much, which ends when others have come further.
    let large = line.pass_by(&asker(&a, 50_000));
    let spot = line.join(&asker(&b, 60_000), 0);
    let b0 = line.next(true, ALL).unwrap();
    assert_eq!(line.leave(spot), None);
    for n in 0..3 {
        line.join(&asker(&b, 10), n);
        line.join(&asker(&a, 10), n);
    }
    line.give_back(large, Some(100));
    // It came back into line when all stood at 0, so it is at 100 now, and b at 60,000.
    let went: Vec<_> = std::iter::from_fn(|| line.next(true, ALL)).collect();
    assert_eq!(went.len(), 6);
    assert!(
        went[..3]
            .iter()
            .all(|chosen| chosen.charge.lane == large.lane)
    );
    line.give_back(b0.charge, None);
    for chosen in went {
        line.give_back(chosen.charge, None);
    }

    // Idle while b goes on: when it comes again it stands with b, and what it gets back then is of
    // before.
    let late = line.pass_by(&asker(&a, 1_000_000));
    let other = line.pass_by(&asker(&b, 2_000_000));
    let again = line.pass_by(&asker(&b, 10));
    line.join(&asker(&b, 10), 7);
    line.join(&asker(&a, 10), 8);
    line.give_back(late, Some(1));
    let first = line.next(true, ALL).unwrap();
    assert_eq!(
        first.waiter, 8,
        "it is behind by a little, not by a million"
    );
    let behind = line.newcomers_tag().tokens_since(Tag::default(), 1);
    assert!(behind >= 2_000_000, "{behind}");
    for charge in [other, again, first.charge] {
        line.give_back(charge, None);
    }
}

#[test]
fn when_nothing_runs_and_nobody_waits_all_start_even() {
    let (a, b) = (numbered(0), numbered(1));
    let mut line: Line<u32> = Line::default();
    let charge = line.pass_by(&Asker {
        tokens: 1_000_000,
        ..plain(&a, false)
    });
    line.give_back(charge, None);
    for n in 0..4 {
        line.stand(&a, false, n);
        line.stand(&b, false, 10 + n);
    }
    let order: Vec<_> = std::iter::from_fn(|| line.next(true, ALL))
        .map(|c| c.waiter)
        .collect();
    assert_eq!(order, [10, 0, 11, 1, 12, 2, 13, 3]);
}

#[test]
fn one_who_weighs_more_has_a_larger_share_of_the_permits() {
    let (light, heavy) = (numbered(0), numbered(1));
    let mut line: Line<u32> = Line::default();
    for n in 0..20 {
        line.join(&plain(&light, false), n);
        line.join(
            &Asker {
                weight: 4,
                ..plain(&heavy, false)
            },
            100 + n,
        );
    }
    let bulkhead = Bulkhead {
        permits: 10,
        share: 5,
    };
    let now = Instant::now();
    let held: Vec<_> = (0..10)
        .map(|_| {
            line.choose(true, bulkhead, now, |_, _, _| Ok(()))
                .unwrap()
                .waiter
        })
        .collect();
    assert_eq!(held.iter().filter(|n| **n >= 100).count(), 8, "{held:?}");
}

#[test]
fn who_held_its_share_and_was_stepped_over_has_saved_nothing_by_that() {
    let (slow, quick) = (numbered(0), numbered(1));
    let mut line: Line<u32> = Line::default();
    let mut held: Vec<_> = (0..2).map(|_| line.pass_by(&plain(&slow, false))).collect();
    let bulkhead = Bulkhead {
        permits: 4,
        share: 2,
    };
    for n in 0..1_000 {
        line.stand(&slow, false, n);
        line.stand(&quick, false, 10_000 + n);
    }
    let now = Instant::now();
    let next = |line: &mut Line<u32>| line.choose(true, bulkhead, now, |_, _, _| Ok(())).unwrap();
    for _ in 0..500 {
        let chosen = next(&mut line);
        assert!(chosen.waiter >= 10_000);
        line.back(chosen.charge);
    }
    line.back(held.pop().unwrap());
    line.back(held.pop().unwrap());
    let order: Vec<_> = (0..4)
        .map(|_| {
            let chosen = next(&mut line);
            line.back(chosen.charge);
            chosen.waiter >= 10_000
        })
        .collect();
    assert_eq!(order.iter().filter(|quick| **quick).count(), 2, "{order:?}");
}

#[test]
fn a_hundred_thousand_of_one_tenant_are_as_quick_to_join_pass_over_and_leave_as_a_few() {
    let begun = std::time::Instant::now();
    let (flood, other) = (numbered(0), numbered(1));
    let mut line: Line<u32> = Line::default();
    let spots: Vec<_> = (0..100_000).map(|n| line.stand(&flood, false, n)).collect();
    let (bulkhead, now) = (
        Bulkhead {
            permits: 9,
            share: 9,
        },
        Instant::now(),
    );
    // The flood's minute is used up: others go, and it is asked about once for all of it.
    let mut asked = 0;
    for n in 0..10_000 {
        line.stand(&other, false, n);
        let chosen = line.choose(true, bulkhead, now, |tenant, _, _| {
            if *tenant == flood {
                asked += 1;
                let until = now + Duration::from_secs(1);
                return Err(Blocked {
                    scope: Scope::Tenant,
                    until,
                });
            }
            Ok(())
        });
        line.back(chosen.unwrap().charge);
    }
    assert_eq!(asked, 1);
    assert_eq!(line.aside(), 100_000);
    for spot in spots {
        assert!(line.leave(spot).is_some());
    }
    assert_eq!(
        (line.waiting(), line.tokens_waiting(), line.aside()),
        (0, 0, 0)
    );
    assert!(line.next_aside().is_none());
    // Were any of this linear, it would be minutes.
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// The bound of SFQ(D): of two who always wait, what each was served over its weight differs by
    /// no more than what can run at a time, taken for the largest call.
    #[test]
    fn two_who_always_wait_are_served_as_they_weigh(
        tenants in proptest::collection::vec((1..20_u16, 1..2_000_u64, 1..10_u64), 2..6),
        permits in 1..8_usize,
        seed in 1..u64::MAX,
        calls in 50..600_usize,
    ) {
        let weights: Vec<_> = tenants.iter().map(|tenant| tenant.0).collect();
        let mut place = Place::new(&weights, permits, usize::MAX);
        let mut dice = Dice(seed);
        let mut ask = |place: &mut Place, who: usize| {
            let (_, size, over) = tenants[who];
            let used = 1 + dice.roll(size);
            let (estimate, ms, at) = (used * over, 1 + dice.roll(50), place.now);
            place.ask(Call { who, estimate, used, ms, at });
        };
        for who in 0..tenants.len() {
            for _ in 0..=permits {
                ask(&mut place, who);
            }
        }
        for _ in 0..calls {
            for call in place.go() {
                ask(&mut place, call.who);
            }
            place.end();
        }
        let part = |who: usize| place.served[who] as f64 / f64::from(weights[who]);
        let largest = |who: usize| (tenants[who].1 * tenants[who].2) as f64 / f64::from(weights[who]);
        for one in 0..tenants.len() {
            for two in 0..tenants.len() {
                let bound = (permits + 1) as f64 * (largest(one) + largest(two)) + 1.0;
                let apart = part(one) - part(two);
                prop_assert!(apart <= bound, "{} and {}: {} > {}", one, two, apart, bound);
            }
        }
    }

    /// Whoever comes goes before anybody's second call.
    #[test]
    fn a_newcomer_goes_before_any_tenants_second_call_from_then_on(
        others in proptest::collection::vec((1..30_usize, 1..3_000_u64, 1..9_u16), 1..12),
        already in 0..40_usize,
        own in 1..5_000_u64,
    ) {
        let mut line: Line<usize> = Line::default();
        for (who, (count, tokens, weight)) in others.iter().enumerate() {
            let tenant = numbered(who);
            for _ in 0..*count {
                let asker = Asker { tokens: *tokens, weight: *weight, ..plain(&tenant, false) };
                line.join(&asker, who);
            }
        }
        let held: Vec<_> = (0..already).map_while(|_| line.next(true, ALL)).collect();
        let newcomer = numbered(99);
        line.join(&Asker { tokens: own, ..plain(&newcomer, false) }, 99);
        let mut went = BTreeSet::new();
        loop {
            let next = line.next(true, ALL).unwrap().waiter;
            if next == 99 {
                break;
            }
            prop_assert!(went.insert(next), "{} went twice", next);
        }
        drop(held);
    }
}
