//! What of the configuration reaches the guards.

use punchcard_actors::guards::Concurrency;

use super::*;

fn overridden(pairs: &[(&str, &str)]) -> RuntimeOptions {
    let pairs = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    runtime(&Config::demo(pairs).unwrap())
}

#[test]
fn every_model_and_every_tenant_has_its_configured_guard() {
    let options = overridden(&[
        ("PUNCHCARD__DEFAULTS__MODEL__MAX_CONCURRENCY", "adaptive"),
        ("PUNCHCARD__CALLBACKS__MAX_CONCURRENCY", "5"),
        ("PUNCHCARD__CALLBACKS__MAX_CALLS_PER_SECOND", "7"),
        ("PUNCHCARD__SUPERVISION__MODEL__BREAKER_OPEN_FOR", "9s"),
        ("PUNCHCARD__SUPERVISION__CALLBACK__RETRY_RATIO", "0.2"),
    ]);
    let (llm, callbacks) = (options.llm, options.callbacks);
    assert!(!llm.max_concurrency.is_empty());
    assert!(
        llm.max_concurrency
            .values()
            .all(|limit| *limit == Concurrency::Adaptive)
    );
    // Tenants come and go, so none is named.
    assert!(callbacks.max_concurrency.is_empty());
    assert_eq!(callbacks.default_max_concurrency, Concurrency::fixed(5));
    assert_eq!((llm.guard.rate, callbacks.guard.rate), (None, Some(7.0)));
    assert_eq!(llm.guard.breaker.open_for, Duration::from_secs(9));
    assert!((callbacks.guard.budget.ratio - 0.2).abs() < f64::EPSILON);
    assert_eq!(overridden(&[]).callbacks.guard.rate, None);
}
