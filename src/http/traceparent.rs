//! The W3C `traceparent` header.

use actix_web::http::header::{HeaderMap, HeaderName};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The request's trace context, if it has exactly one valid one. As the recommendation has it, an
/// invalid one is ignored.
pub(super) fn of(headers: &HeaderMap) -> Option<String> {
    let mut all = headers.get_all(TRACEPARENT);
    let (first, second) = (all.next()?.to_str().ok()?, all.next());
    (second.is_none() && is_valid(first)).then(|| first.to_owned())
}

/// `version-trace-parent-flags` in lower-case hexadecimal (Trace Context, section 3.2). A later version may
/// add fields behind; version `ff` and ids of zeros are invalid.
fn is_valid(text: &str) -> bool {
    let mut fields = text.split('-');
    let mut field = |length: usize| {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (fields.next()).filter(|f| f.len() == length && f.bytes().all(hex))
    };
    let (Some(version), Some(trace), Some(parent), Some(_flags)) =
        (field(2), field(32), field(16), field(2))
    else {
        return false;
    };
    let zeros = |id: &str| id.bytes().all(|b| b == b'0');
    let length_fits = if version == "00" {
        text.len() == 55
    } else {
        text.len() <= 256
    };
    let printable = text.bytes().all(|b| b.is_ascii_graphic());
    version != "ff" && !zeros(trace) && !zeros(parent) && length_fits && printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_recommendation_calls_valid_is_passed_on() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let parent = "00f067aa0ba902b7";
        assert!(is_valid(&format!("00-{trace}-{parent}-01")));
        assert!(is_valid(&format!(
            "cc-{trace}-{parent}-01-what-comes-later"
        )));
        for bad in [
            String::new(),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{trace}-{parent}-01-more"),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{trace}-{parent}"),
        ] {
            assert!(!is_valid(&bad), "{bad}");
        }
    }

    #[test]
    fn mutants_that_pass_have_the_parts_of_a_trace_context() {
        crate::fuzz::run_text("traceparent", |text| {
            assert!(!is_valid(text) || text.is_ascii() && text.split('-').count() >= 4);
        });
    }
}
