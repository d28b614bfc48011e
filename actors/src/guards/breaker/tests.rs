//! The breaker over time: examples first, then any history.

use std::num::NonZeroUsize;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn options() -> BreakerOptions {
    let count = |n| NonZeroUsize::new(n).unwrap();
    BreakerOptions {
        window: 10 * SECOND,
        window_calls: count(20),
        min_calls: count(4),
        failure_ratio: 0.5,
        open_for: 4 * SECOND,
        max_open_for: 12 * SECOND,
        probes: count(2),
    }
}

/// A breaker and a time that the test moves.
struct Bench {
    breaker: Breaker,
    now: Instant,
    jitter: Jitter,
}

impl Bench {
    fn new() -> Self {
        Self::of(options())
    }

    fn of(options: BreakerOptions) -> Self {
        Self {
            breaker: Breaker::new(options),
            now: Instant::now(),
            jitter: Jitter::MAX,
        }
    }

    fn end(&mut self, epoch: Epoch, health: Health) {
        let jitter = self.jitter;
        self.breaker.record(epoch, health, self.now, || jitter);
    }

    fn call(&mut self, health: Health) {
        assert_eq!(self.breaker.ready(self.now), Ready::Now);
        let epoch = self.breaker.pass();
        self.end(epoch, health);
    }

    fn calls(&mut self, health: Health, count: usize) {
        for _ in 0..count {
            self.call(health);
        }
    }

    fn state(&self) -> BreakerState {
        self.breaker.state()
    }

    /// How long it stays open, from now on.
    fn open_for(&self) -> Duration {
        match self.breaker.ready(self.now) {
            Ready::At(at) => at - self.now,
            other => unreachable!("not open: {other:?}"),
        }
    }
}

#[test]
fn it_opens_at_the_ratio_and_not_before_enough_calls_are_known() {
    let mut bench = Bench::new();
    bench.calls(Health::Bad, 3);
    assert_eq!(bench.state(), BreakerState::Closed, "three say nothing yet");
    bench.call(Health::Bad);
    assert_eq!(bench.state(), BreakerState::Open);

    let mut bench = Bench::new();
    bench.calls(Health::Good, 5);
    bench.calls(Health::Bad, 4);
    assert_eq!(
        bench.state(),
        BreakerState::Closed,
        "four of nine are below the half"
    );
    bench.call(Health::Bad);
    assert_eq!(
        bench.state(),
        BreakerState::Open,
        "five of ten are the half"
    );
}

#[test]
fn what_is_too_old_or_one_of_too_many_is_forgotten() {
    let mut bench = Bench::new();
    bench.calls(Health::Bad, 3);
    bench.now += 11 * SECOND;
    bench.call(Health::Bad);
    assert_eq!(
        bench.state(),
        BreakerState::Closed,
        "the old three are forgotten"
    );

    let mut bench = Bench::new();
    bench.calls(Health::Good, 100);
    bench.calls(Health::Bad, 9);
    assert_eq!(
        bench.state(),
        BreakerState::Closed,
        "nine of the last twenty"
    );
    bench.call(Health::Bad);
    assert_eq!(bench.state(), BreakerState::Open, "ten of the last twenty");
}

#[test]
fn calls_that_say_nothing_change_nothing() {
    let mut bench = Bench::new();
    bench.calls(Health::Bad, 3);
    bench.calls(Health::Unknown, 100);
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.call(Health::Bad);
    assert_eq!(bench.state(), BreakerState::Open);
}

#[test]
fn it_lets_only_the_probes_through_when_its_time_is_over_and_closes_when_all_succeed() {
    let mut bench = Bench::new();
    bench.calls(Health::Bad, 4);
    assert_eq!(bench.open_for(), 4 * SECOND);
    bench.now += 4 * SECOND;
    let first = bench.breaker.pass();
    assert_eq!(bench.state(), BreakerState::HalfOpen);
    let second = bench.breaker.pass();
    assert_eq!(
        bench.breaker.ready(bench.now),
        Ready::AfterACall,
        "both probes are out"
    );
    bench.end(first, Health::Good);
    assert_eq!(
        bench.breaker.ready(bench.now),
        Ready::AfterACall,
        "one succeeded, one is out"
    );
    bench.end(second, Health::Unknown);
    assert_eq!(
        bench.breaker.ready(bench.now),
        Ready::Now,
        "a probe that says nothing is replaced"
    );
    bench.call(Health::Good);
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.calls(Health::Bad, 3);
    assert_eq!(
        bench.state(),
        BreakerState::Closed,
        "it begins with an empty window"
    );
}

#[test]
fn a_probe_that_fails_opens_it_again_for_twice_as_long_up_to_the_ceiling() {
    let mut bench = Bench::new();
    bench.calls(Health::Bad, 4);
    let mut times = vec![bench.open_for()];
    for _ in 0..3 {
        bench.now += bench.open_for();
        bench.call(Health::Bad);
        times.push(bench.open_for());
    }
    assert_eq!(times, [4 * SECOND, 8 * SECOND, 12 * SECOND, 12 * SECOND]);
}

#[test]
fn one_that_opens_again_soon_goes_on_doubling_and_one_that_stayed_closed_starts_anew() {
    for (calm, then) in [(11 * SECOND, 8 * SECOND), (12 * SECOND, 4 * SECOND)] {
        let mut bench = Bench::new();
        bench.calls(Health::Bad, 4);
        bench.now += bench.open_for();
        bench.calls(Health::Good, 2);
        bench.now += calm;
        bench.calls(Health::Bad, 4);
        assert_eq!(bench.open_for(), then, "after {calm:?}");
    }
}

#[test]
fn the_time_it_stays_open_is_jittered_in_its_upper_half() {
    let mut bench = Bench::new();
    bench.jitter = Jitter::MIN;
    bench.calls(Health::Bad, 4);
    assert_eq!(bench.open_for(), 2 * SECOND);
}

#[test]
fn calls_that_began_before_a_change_count_for_nothing_after_it() {
    let mut bench = Bench::new();
    let (early, late) = (bench.breaker.pass(), bench.breaker.pass());
    bench.calls(Health::Bad, 4);
    bench.end(early, Health::Good);
    assert_eq!(bench.state(), BreakerState::Open);
    bench.now += bench.open_for();
    bench.call(Health::Good);
    bench.end(late, Health::Bad);
    assert_eq!(bench.state(), BreakerState::HalfOpen, "it is no probe");
    bench.call(Health::Good);
    assert_eq!(bench.state(), BreakerState::Closed);
}

#[test]
fn a_window_smaller_than_the_minimum_does_not_keep_it_closed_for_ever() {
    let mut bench = Bench::of(BreakerOptions {
        window_calls: NonZeroUsize::new(2).unwrap(),
        ..options()
    });
    bench.calls(Health::Bad, 2);
    assert_eq!(bench.state(), BreakerState::Open);
}

#[derive(Debug, Clone)]
enum Step {
    Begin,
    End(usize, u8),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Begin),
        3 => (any::<usize>(), 0..3_u8).prop_map(|(which, health)| Step::End(which, health)),
        1 => (1..5_000_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// While it is open nothing goes, in half-open never more than the probes run, and once calls
    /// succeed it always closes again: no history locks it.
    #[test]
    fn no_history_lets_more_through_than_it_may_or_locks_it(
        steps in proptest::collection::vec(step(), 1..300),
    ) {
        let mut bench = Bench::new();
        let mut running = vec![];
        for step in steps {
            match step {
                Step::Begin => {
                    if bench.breaker.ready(bench.now) == Ready::Now {
                        running.push(bench.breaker.pass());
                        prop_assert_ne!(bench.state(), BreakerState::Open);
                    }
                }
                Step::End(which, health) if !running.is_empty() => {
                    let which = which % running.len();
                    let epoch = running.swap_remove(which);
                    let health = [Health::Good, Health::Bad, Health::Unknown][usize::from(health)];
                    bench.end(epoch, health);
                }
                Step::End(..) => {}
                Step::Pass(ms) => bench.now += Duration::from_millis(ms),
            }
            if bench.state() == BreakerState::HalfOpen {
                let now = Epoch(bench.breaker.epoch);
                let probes = running.iter().filter(|epoch| **epoch == now).count();
                prop_assert!(probes <= 2, "{} probes", probes);
            }
        }
        for epoch in running {
            bench.end(epoch, Health::Unknown);
        }
        for _ in 0..3 {
            if let Ready::At(at) = bench.breaker.ready(bench.now) {
                bench.now = at;
            }
            prop_assert_eq!(bench.breaker.ready(bench.now), Ready::Now);
            bench.call(Health::Good);
        }
        prop_assert_eq!(bench.state(), BreakerState::Closed);
    }
}
