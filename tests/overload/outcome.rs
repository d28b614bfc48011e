//! What became of the requests of one phase.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::generator::Sample;
use crate::machine::percentile;

/// The refusals among `samples`, by their code. Each must be a problem with a time to come back.
pub(crate) fn refusals(samples: &[Sample]) -> BTreeMap<(u16, String), usize> {
    let mut refusals = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.ticket().is_none()) {
        let reply = &sample.reply;
        assert!(matches!(reply.status, 429 | 503), "{sample:?}");
        assert_eq!(reply.kind, "application/problem+json");
        assert_eq!(reply.body["status"], reply.status);
        let seconds = reply.retry_after.expect("a time to come back");
        assert!((1..=120).contains(&seconds), "{sample:?}");
        assert!(reply.kept, "a refusal costs no connection: {sample:?}");
        let code = sample.code().to_owned();
        *refusals.entry((reply.status, code)).or_default() += 1;
    }
    refusals
}

/// The p95 latency in the usual half second: the median of the half seconds' own. `latencies` came
/// `rate` a second, each with its number in the schedule. A queue in front of the answers shows in
/// every half second; a machine that gives its time to somebody else for a moment, only in some.
pub(crate) fn usual_p95(rate: u32, latencies: impl Iterator<Item = (u32, Duration)>) -> Duration {
    let mut halves: BTreeMap<u32, Vec<Duration>> = BTreeMap::new();
    for (number, latency) in latencies {
        halves.entry(number * 2 / rate).or_default().push(latency);
    }
    let each = halves.into_values().map(|all| percentile(all, 95));
    percentile(each.collect(), 50)
}
