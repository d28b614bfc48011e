//! What an operator reads when something is refused.

use std::collections::BTreeSet;

use punchcard_events::tenant::Rejection;

/// One for each variant: a new one needs its sample below.
const COUNT: usize = 22;

fn refusals() -> Vec<Rejection> {
    let text = || "x".to_owned();
    let problem = "is empty";
    let what = "a name";
    vec![
        Rejection::NoTenant,
        Rejection::TenantExists,
        Rejection::BadText { what },
        Rejection::TooLong {
            what,
            bytes: 9,
            max: 8,
        },
        Rejection::TooMany {
            what: "origins",
            max: 8,
        },
        Rejection::PrefixTaken(text()),
        Rejection::NoSuchKey(text()),
        Rejection::KeyRevoked(text()),
        Rejection::KeyExpired(text()),
        Rejection::KeyReplaced {
            prefix: text(),
            by: text(),
        },
        Rejection::OverlapTooLong,
        Rejection::BornExpired,
        Rejection::NoRoles,
        Rejection::BadKey { what: "the hash" },
        Rejection::BadOrigin(text()),
        Rejection::BadCallback { problem },
        Rejection::BadHook {
            path: text(),
            problem,
        },
        Rejection::NoCallback,
        Rejection::HooksRemain { tasks: 2 },
        Rejection::ZeroLimit {
            limit: "daily.tokens",
        },
        Rejection::WeightOutOfRange(0),
        Rejection::RetentionOutOfRange(0),
    ]
}

#[test]
fn every_refusal_has_a_code_of_its_own_a_sentence_and_a_remedy() {
    let mut codes = BTreeSet::new();
    for refusal in refusals() {
        let (code, remedy) = (refusal.code(), refusal.remedy());
        assert!(codes.insert(code), "{code} twice");
        assert!(
            code.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            "{code}"
        );
        assert!(remedy.ends_with('.'), "{code}: {remedy:?}");
        assert!(!refusal.to_string().is_empty(), "{code}");
    }
    assert_eq!(codes.len(), COUNT);
}

#[test]
fn a_refusal_says_what_is_wrong_and_what_to_do_next() {
    let weight = Rejection::WeightOutOfRange(0);
    assert_eq!(weight.to_string(), "a weight is 1 to 1000, not 0");
    let zero = Rejection::ZeroLimit {
        limit: "daily.tokens",
    };
    assert_eq!(zero.to_string(), "the limit `daily.tokens` is zero");
    let long = Rejection::TooLong {
        what: "a name",
        bytes: 201,
        max: 200,
    };
    assert_eq!(
        long.to_string(),
        "a name may have at most 200 bytes, but this one has 201"
    );
    assert_eq!(long.remedy(), "Shorten it to 200 bytes.");
}
