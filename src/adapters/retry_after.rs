//! How long a server asks to be left alone, in every form that is in the field.
//!
//! | form | where from | used |
//! |---|---|---|
//! | `Retry-After: 7`, also `1.5` | RFC 9110, section 10.2.3 | by both |
//! | `Retry-After: Sun, 06 Nov 1994 08:49:37 GMT`, and the two older date forms | the same | by both |
//! | `retry-after-ms: 250` | OpenAI and Azure, finer than seconds | for models, before the above |
//! | `x-ratelimit-reset-requests: 6m0s`, `…-tokens: 120ms` | OpenAI's rate limit headers | for models, where nothing else is said |
//!
//! A text that is none of these (a sign, an exponent, `soon`) says nothing, and the next form is
//! asked. Where one is given several times the longest wait is meant: too late is safe, too early
//! is another refusal. A date counts from the response's own `Date`, so that no clock need agree
//! with another.
//!
//! What is asked is not cut down to what a ticket has time for: a wait past its deadline ends it
//! (or sends it to its next model), which is recorded as `no_time_for_retry`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use punchcard_events::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Longer than any deadline, and far from overflow: what asks for more means "never".
pub(super) const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Longer texts are no time.
const MAX_TEXT: usize = 64;

const RETRY_AFTER_MS: &str = "retry-after-ms";
/// What of a budget is left, and when all of it is back.
const BUDGETS: [(&str, &str); 2] = [
    (
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
];

/// What `Retry-After` says, in milliseconds. `now` stands in for a `Date` that is not there.
pub(super) fn standard_ms(headers: &HeaderMap, now: Option<Timestamp>) -> Option<u64> {
    standard(headers, now).map(millis)
}

/// What a model's server says, by whichever header, in milliseconds.
pub(super) fn of_model_server_ms(headers: &HeaderMap) -> Option<u64> {
    let exact = longest(headers, RETRY_AFTER_MS, |text| {
        seconds(text).map(|number| number / 1_000)
    });
    exact
        .or_else(|| standard(headers, None))
        .or_else(|| budgets_back(headers))
        .map(millis)
}

fn standard(headers: &HeaderMap, now: Option<Timestamp>) -> Option<Duration> {
    let sent = texts(headers, DATE.as_str()).find_map(|text| httpdate::parse_http_date(text).ok());
    let now = sent.or_else(|| now.map(system_time));
    longest(headers, RETRY_AFTER.as_str(), |text| {
        // Proxies join repeated headers by commas, which a date has too.
        let joined = || text.split(',').map(|one| seconds(one.trim()));
        let date = || {
            let at = httpdate::parse_http_date(text).ok()?;
            Some(at.duration_since(now?).unwrap_or_default().min(LONGEST))
        };
        joined()
            .collect::<Option<Vec<_>>>()
            .map_or_else(date, |waits| waits.into_iter().max())
    })
}

/// The longest wait for a budget that is used up. Where none is said to be, the shortest there is:
/// these headers say when a budget is whole again, and much less may be enough.
fn budgets_back(headers: &HeaderMap) -> Option<Duration> {
    let waits = |used_up: bool| {
        BUDGETS.iter().filter_map(move |(left, back)| {
            let empty = texts(headers, left).any(|text| text == "0");
            (empty || !used_up).then(|| longest(headers, back, span))?
        })
    };
    waits(true).max().or_else(|| waits(false).min())
}

/// The longest wait that a header's values say.
fn longest(
    headers: &HeaderMap,
    name: &str,
    read: impl Fn(&str) -> Option<Duration>,
) -> Option<Duration> {
    texts(headers, name).filter_map(read).max()
}

fn texts<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    let texts = values.filter_map(|value| str::from_utf8(value.as_bytes()).ok());
    texts.map(str::trim).filter(|text| text.len() <= MAX_TEXT)
}

/// A number of seconds, with or without a fraction.
fn seconds(text: &str) -> Option<Duration> {
    let digit = text.starts_with(|c: char| c.is_ascii_digit());
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = (digit && plain).then(|| text.parse().ok())??;
    Some(Duration::from_secs_f64(number.min(LONGEST.as_secs_f64())))
}

/// A span of time as Go writes it (`1h2m3.5s`, `120ms`), which is what these servers do; also a
/// bare number, of seconds.
fn span(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut whole = Duration::ZERO;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, after) = rest.split_at_checked(unit_at.unwrap_or(rest.len()))?;
        let unit_end = after.find(|c: char| c.is_ascii_digit());
        let (unit, next) = after.split_at_checked(unit_end.unwrap_or(after.len()))?;
        let number = seconds(number)?;
        let part = match unit {
            "ns" => number / 1_000_000_000,
            "us" | "µs" | "μs" => number / 1_000_000,
            "ms" => number / 1_000,
            "s" => number,
            "" if whole.is_zero() && next.is_empty() => number,
            "m" => number.saturating_mul(60),
            "h" => number.saturating_mul(3_600),
            "d" => number.saturating_mul(86_400),
            _ => return None,
        };
        whole = whole.saturating_add(part).min(LONGEST);
        rest = next;
    }
    (!text.is_empty()).then_some(whole)
}

fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.as_millis())
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.min(LONGEST).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    const NEVER: u64 = 366 * 24 * 60 * 60 * 1_000;
    const DATE_SENT: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:30 GMT");

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |&(name, value): &(&str, &str)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    fn model(pairs: &[(&str, &str)]) -> Option<u64> {
        of_model_server_ms(&headers(pairs))
    }

    #[test]
    fn seconds_are_read_and_nothing_that_only_looks_like_them() {
        for (text, expected) in [
            ("7", Some(7_000)),
            (" 0 ", Some(0)),
            ("007", Some(7_000)),
            ("1.5", Some(1_500)),
            ("99999999999999999999999", Some(NEVER)),
            ("31622401", Some(NEVER)),
            ("-1", None),
            ("-0", None),
            ("+7", None),
            ("1e3", None),
            ("inf", None),
            ("NaN", None),
            (".5", None),
            ("1.2.3", None),
            ("0x10", None),
            ("7s", None),
            ("", None),
            ("soon", None),
            ("٧", None),
        ] {
            assert_eq!(model(&[("retry-after", text)]), expected, "{text}");
        }
        let endless = "9".repeat(MAX_TEXT + 1);
        assert_eq!(model(&[("retry-after", &endless)]), None);
    }

    #[test]
    fn a_date_in_each_of_its_three_forms_counts_from_the_responses_own_date() {
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(
                model(&[DATE_SENT, ("retry-after", date)]),
                Some(7_000),
                "{date}"
            );
            let alone = headers(&[("retry-after", date)]);
            assert_eq!(of_model_server_ms(&alone), None, "from when?");
            let now = "1994-11-06T08:49:32.500Z".parse().unwrap();
            assert_eq!(standard_ms(&alone, Some(now)), Some(4_500));
            // The server's own clock is the one it means.
            let both = headers(&[DATE_SENT, ("retry-after", date)]);
            assert_eq!(standard_ms(&both, Some(now)), Some(7_000));
        }
        let past = "Sun, 06 Nov 1994 08:49:29 GMT";
        assert_eq!(model(&[DATE_SENT, ("retry-after", past)]), Some(0));
        let end = "Fri, 31 Dec 9999 23:59:59 GMT";
        assert_eq!(model(&[DATE_SENT, ("retry-after", end)]), Some(NEVER));
        let no_such = "Sun, 31 Feb 1994 08:49:37 GMT";
        assert_eq!(model(&[DATE_SENT, ("retry-after", no_such)]), None);
    }

    #[test]
    fn milliseconds_go_before_seconds_where_they_are_a_number() {
        let seconds = ("retry-after", "7");
        for (text, expected) in [("250", 250), ("0.9", 0), ("soon", 7_000), ("-5", 7_000)] {
            assert_eq!(model(&[("retry-after-ms", text), seconds]), Some(expected));
        }
        let only = headers(&[("retry-after-ms", "250")]);
        assert_eq!(
            standard_ms(&only, None),
            None,
            "a tenant's API has no such header"
        );
    }

    #[test]
    fn of_several_the_longest_is_meant() {
        let twice = [
            ("retry-after", "5"),
            ("retry-after", "9"),
            ("retry-after", "x"),
        ];
        assert_eq!(model(&twice), Some(9_000));
        assert_eq!(model(&[("retry-after", "5, 9")]), Some(9_000));
        assert_eq!(model(&[("retry-after", "5, x")]), None);
    }

    #[test]
    fn a_budgets_return_is_read_as_go_writes_it() {
        for (text, expected) in [
            ("6m0s", Some(360_000)),
            ("120ms", Some(120)),
            ("1s", Some(1_000)),
            ("2m59.56s", Some(179_560)),
            ("1h0m0.5s", Some(3_600_500)),
            ("17µs", Some(0)),
            ("900us", Some(0)),
            ("5ns", Some(0)),
            ("1d", Some(86_400_000)),
            ("0s", Some(0)),
            ("3", Some(3_000)),
            ("99999999h", Some(NEVER)),
            ("1h3", None),
            ("-6m", None),
            ("m", None),
            ("6 m", None),
            ("6x", None),
            ("", None),
        ] {
            assert_eq!(
                model(&[("x-ratelimit-reset-tokens", text)]),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn the_budget_that_is_used_up_says_when_and_only_where_nothing_else_does() {
        let reset = [
            ("x-ratelimit-reset-requests", "6m0s"),
            ("x-ratelimit-reset-tokens", "120ms"),
        ];
        let with = |more: &[(&str, &str)]| model(&[&reset, more].concat());
        assert_eq!(with(&[]), Some(120));
        assert_eq!(
            with(&[("x-ratelimit-remaining-requests", "0")]),
            Some(360_000)
        );
        assert_eq!(with(&[("x-ratelimit-remaining-tokens", "0")]), Some(120));
        let both = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-remaining-tokens", "0"),
        ];
        assert_eq!(with(&both), Some(360_000));
        assert_eq!(with(&[("retry-after", "2")]), Some(2_000));
        assert_eq!(with(&[("retry-after", "soon")]), Some(120));
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reading_panic_or_asks_for_more_than_the_longest(
            values in prop::collection::vec((0_usize..7, any::<Vec<u8>>()), 0..6),
            texts in prop::collection::vec((0_usize..7, "[-+0-9.,:hmsµdneE xGMT]{0,24}"), 0..6),
            now in any::<Option<u64>>(),
        ) {
            let names = [
                "retry-after", "retry-after-ms", "date", "x-ratelimit-reset-requests",
                "x-ratelimit-reset-tokens", "x-ratelimit-remaining-requests",
                "x-ratelimit-remaining-tokens",
            ];
            let texts = texts.into_iter().map(|(name, text)| (name, text.into_bytes()));
            let mut headers = HeaderMap::new();
            for (name, value) in values.into_iter().chain(texts) {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(names[name], value);
                }
            }
            let now = now.map(Timestamp::from_millis);
            for wait in [of_model_server_ms(&headers), standard_ms(&headers, now)] {
                prop_assert!(wait.is_none_or(|ms| ms <= NEVER), "{wait:?}");
            }
        }

        #[test]
        fn any_date_within_ten_centuries_is_read_to_the_second(
            sent in 0_u64..32_000_000_000, wait in 0_u64..40_000_000,
        ) {
            let date = |seconds| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
            let asked = headers(&[("date", &date(sent)), ("retry-after", &date(sent + wait))]);
            prop_assert_eq!(of_model_server_ms(&asked), Some((wait * 1_000).min(NEVER)));
        }
    }
}
