//! Times as planners write and read them. All of them are UTC, and say so.

use punchcard_events::Timestamp;

const FORMS: &str = "write it as `2026-11-17 14:02` (UTC), `2026-11-17T14:02:00Z`, or `3h ago`";

/// A time on the command line: a point, or so long before now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// This point.
    Point(Timestamp),
    /// So many milliseconds ago.
    Ago(u64),
}

impl When {
    /// The point that is meant at the time `now`.
    pub(super) const fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Point(at) => at,
            Self::Ago(millis) => Timestamp::from_millis(now.as_millis().saturating_sub(millis)),
        }
    }
}

/// Reads a time.
pub(super) fn parse(text: &str) -> Result<When, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return Ok(When::Ago(0));
    }
    if let Some(long) = text.strip_suffix("ago") {
        let long = humantime::parse_duration(long.trim());
        let long = long.map_err(|_| format!("`{text}` is not a time; {FORMS}"))?;
        return Ok(When::Ago(
            u64::try_from(long.as_millis()).unwrap_or(u64::MAX),
        ));
    }
    point(text).ok_or_else(|| format!("`{text}` is not a time; {FORMS}"))
}

fn point(text: &str) -> Option<When> {
    let text = text.strip_suffix("UTC").unwrap_or(text).trim_end();
    let utc = text.trim_end_matches(['Z', 'z']);
    let (date, time) = utc.split_once([' ', 'T', 't']).unwrap_or((utc, "00:00:00"));
    let time = time.trim_start();
    let seconds = if time.matches(':').count() == 1 {
        ":00"
    } else {
        ""
    };
    let point = format!("{date}T{time}{seconds}Z").parse().ok()?;
    Some(When::Point(point))
}

/// A time in a sentence: `2026-11-17 14:02:30 UTC`.
pub(in crate::cli) fn said(at: Timestamp) -> String {
    format!("{} UTC", cell(at))
}

/// A time in a table whose header says that it is UTC: `2026-11-17 14:02:30`.
pub(in crate::cli) fn cell(at: Timestamp) -> String {
    let text = at.to_string().replace('T', " ");
    text.chars().take("2026-11-17 14:02:30".len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let wanted = When::Point("2026-11-17T14:02:00Z".parse().unwrap());
        for text in [
            "2026-11-17T14:02:00Z",
            "2026-11-17 14:02",
            "2026-11-17 14:02 UTC",
            "2026-11-17T14:02:00.000Z",
            " 2026-11-17 14:02:00 ",
        ] {
            assert_eq!(parse(text), Ok(wanted), "{text}");
        }
        assert_eq!(
            parse("2026-11-17"),
            Ok(When::Point("2026-11-17T00:00:00Z".parse().unwrap()))
        );
        let now = Timestamp::from_millis(10_000_000);
        assert_eq!(
            parse("90m ago").unwrap().resolve(now).as_millis(),
            4_600_000
        );
        assert_eq!(parse("9000h ago").unwrap().resolve(now).as_millis(), 0);
        assert_eq!(parse("now").unwrap().resolve(now), now);
    }

    #[test]
    fn other_texts_are_refused_with_the_forms_that_are_read() {
        for text in [
            "",
            "yesterday",
            "14:02",
            "2026-13-40 10:00",
            "-3h ago",
            "2026-11-17T14:02:00+09:00",
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains("3h ago"), "{text}: {refused}");
        }
    }

    #[test]
    fn a_time_says_that_it_is_utc() {
        let at = "2026-11-17T14:02:30.123Z".parse().unwrap();
        assert_eq!(said(at), "2026-11-17 14:02:30 UTC");
    }
}
