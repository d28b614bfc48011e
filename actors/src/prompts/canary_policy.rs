//! When a canary is taken back: what counts against a version, and how much of it is too much.
//!
//! Pure. What the tickets went through is counted in `canary_tallies.rs`.

use punchcard_events::prompt::{CanaryBounds, CanaryTally};
use punchcard_events::ticket::AttemptErrorKind;

/// Whether the prompt may be to blame for a ticket whose last attempt failed so.
///
/// What it asks for shapes the answer: its schema, its length, what a filter makes of it, whether
/// the model takes the request at all. A model that is down, slow, overloaded or not paid for fails
/// every version alike, and taking one of them back would help nobody.
pub(super) const fn is_to_blame(kind: AttemptErrorKind) -> bool {
    match kind {
        AttemptErrorKind::SchemaViolation
        | AttemptErrorKind::TooLarge
        | AttemptErrorKind::InvalidRequest
        | AttemptErrorKind::ContentFiltered => true,
        AttemptErrorKind::Connection
        | AttemptErrorKind::Timeout
        | AttemptErrorKind::RateLimited
        | AttemptErrorKind::Server
        | AttemptErrorKind::Incomplete
        | AttemptErrorKind::Interrupted
        | AttemptErrorKind::Protocol
        | AttemptErrorKind::QuotaExceeded
        | AttemptErrorKind::Unauthorized => false,
    }
}

/// The sentence that says which bound was passed, if one was.
///
/// Shares are taken of the tickets that came to an end the prompt has to do with, answered or
/// failed, and of no fewer than `min_tickets`: until there are that many, the others are taken to
/// be good.
pub(super) fn passed_bound(tally: CanaryTally, bounds: CanaryBounds) -> Option<String> {
    let ended = tally.answered.saturating_add(tally.failed);
    let whole = u64::from(ended.max(bounds.min_tickets));
    let is_over = |count: u32, percent: u8| u64::from(count) * 100 > u64::from(percent) * whole;
    let of = |percent: u8| {
        let least = tickets(bounds.min_tickets);
        format!("the bound is {percent} % of the tickets, counted as at least {least}")
    };
    let (failed, percent) = (tally.failed, bounds.max_failed_percent);
    if is_over(failed, percent) {
        let (ended, of) = (tickets(ended), of(percent));
        return Some(format!(
            "Of {ended}, {failed} failed for reasons that the prompt may be to blame for; {of}."
        ));
    }
    let percent = bounds.max_schema_violation_percent;
    if is_over(tally.schema_violations, percent) {
        let (ended, of) = (tickets(ended), of(percent));
        let answers = match tally.schema_violations {
            1 => "1 answer".to_owned(),
            count => format!("{count} answers"),
        };
        return Some(format!(
            "With {ended} answered or failed, {answers} did not fit the answer schema; {of}."
        ));
    }
    None
}

fn tickets(count: u32) -> String {
    match count {
        1 => "1 ticket".to_owned(),
        count => format!("{count} tickets"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: CanaryBounds = CanaryBounds {
        max_failed_percent: 10,
        max_schema_violation_percent: 20,
        min_tickets: 20,
    };

    fn tally(answered: u32, failed: u32, schema_violations: u32) -> CanaryTally {
        CanaryTally {
            tickets: answered + failed,
            answered,
            failed,
            schema_violations,
        }
    }

    fn is_over(tally: CanaryTally) -> bool {
        passed_bound(tally, BOUNDS).is_some()
    }

    #[test]
    fn a_share_is_taken_of_at_least_the_least_number_of_tickets() {
        assert!(!is_over(tally(0, 1, 0)));
        assert!(
            !is_over(tally(0, 2, 0)),
            "2 of 20 are 10 %, which is allowed"
        );
        assert!(is_over(tally(0, 3, 0)));
        assert!(!is_over(tally(1, 0, 4)));
        assert!(is_over(tally(1, 0, 5)));
    }

    #[test]
    fn past_the_least_number_the_share_is_of_all_that_ended() {
        assert!(!is_over(tally(90, 10, 0)));
        assert!(is_over(tally(90, 11, 0)));
        assert!(!is_over(tally(100, 0, 20)));
        assert!(is_over(tally(100, 0, 21)));
    }

    #[test]
    fn a_bound_of_nothing_is_passed_by_one_and_a_bound_of_all_by_none() {
        let strict = CanaryBounds {
            max_failed_percent: 0,
            max_schema_violation_percent: 100,
            min_tickets: 1,
        };
        assert!(passed_bound(tally(1_000, 1, 0), strict).is_some());
        assert!(passed_bound(tally(10, 0, 10), strict).is_none());
        assert!(passed_bound(tally(u32::MAX, 0, u32::MAX), strict).is_none());
    }

    #[test]
    fn the_reason_is_a_sentence_with_the_numbers() {
        let failed = passed_bound(tally(5, 3, 0), BOUNDS);
        let sentence = "Of 8 tickets, 3 failed for reasons that the prompt may be to blame for; \
             the bound is 10 % of the tickets, counted as at least 20 tickets.";
        assert_eq!(failed.as_deref(), Some(sentence));
        let broken = passed_bound(tally(1, 0, 5), BOUNDS);
        let sentence = "With 1 ticket answered or failed, 5 answers did not fit the answer schema; \
             the bound is 20 % of the tickets, counted as at least 20 tickets.";
        assert_eq!(broken.as_deref(), Some(sentence));
    }
}
