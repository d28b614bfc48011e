//! What an author started from: entity tags and preconditions (RFC 9110, sections 8.8.3 and 13.1).
//!
//! Whatever is edited has a number that rises with every change; its entity tag is that number in
//! quotes. A change says which number its author saw, or that there was nothing. One that says
//! neither is refused with 428 (RFC 6585), because it could overwrite what nobody looked at.

use actix_web::http::header::{self, HeaderMap, HeaderName};

use crate::http::errors::{Code, Problem};

/// The entity tag of what has this number.
pub(super) fn tag(number: u32) -> (HeaderName, String) {
    (header::ETAG, format!("\"{number}\""))
}

/// The entity tag of what has this text for a tag, without its quotes.
pub(in crate::http) fn text_tag(text: &str) -> (HeaderName, String) {
    (header::ETAG, format!("\"{text}\""))
}

/// The number that the author started from; `None`: there was nothing.
pub(super) fn seen(headers: &HeaderMap) -> Result<Option<u32>, Problem> {
    let matching = one(headers, &header::IF_MATCH)?;
    let none_matching = one(headers, &header::IF_NONE_MATCH)?;
    match (matching, none_matching) {
        (Some(tag), None) => number(tag).map(Some),
        (None, Some("*")) => Ok(None),
        (None, Some(_)) => Err(wrong(
            &header::IF_NONE_MATCH,
            "Send `*`, for something that was not there.",
        )),
        (Some(_), Some(_)) => Err(wrong(
            &header::IF_MATCH,
            "Send this header or If-None-Match, not both.",
        )),
        (None, None) => Err(missing()),
    }
}

/// The number that the author saw of something that must be there to be changed.
pub(super) fn seen_number(headers: &HeaderMap) -> Result<u32, Problem> {
    one(headers, &header::IF_MATCH)?
        .ok_or_else(missing)
        .and_then(number)
}

/// The same, where the tag is a text.
pub(in crate::http) fn seen_text(headers: &HeaderMap) -> Result<&str, Problem> {
    let tag = one(headers, &header::IF_MATCH)?.ok_or_else(missing)?;
    let text = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    let text = text.filter(|text| !text.is_empty() && !text.contains('"'));
    text.ok_or_else(|| wrong(&header::IF_MATCH, SEND_TAG))
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut all = headers.get_all(name);
    let Some(first) = all.next() else {
        return Ok(None);
    };
    let text = first.to_str().ok().map(str::trim);
    match (text, all.next()) {
        (Some(text), None) => Ok(Some(text)),
        (_, _) => Err(wrong(name, "Send this header once.")),
    }
}

/// A strong tag of ours. A weak one never matches a precondition (RFC 9110, section 13.1.1), and
/// `*` would match whatever somebody else has saved.
fn number(tag: &str) -> Result<u32, Problem> {
    let digits = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| wrong(&header::IF_MATCH, SEND_TAG))
}

const SEND_TAG: &str = "Send the ETag of what you looked at, such as `\"3\"`.";

fn wrong(name: &HeaderName, rule: &str) -> Problem {
    let field = match *name {
        header::IF_MATCH => "If-Match",
        _ => "If-None-Match",
    };
    let detail = format!("The header {field} is not what this route takes.");
    Problem::new(Code::InvalidParameter, detail)
        .remedy(rule)
        .field(field)
}

fn missing() -> Problem {
    let detail = "Nothing says what you started from, so this might overwrite somebody's work.";
    Problem::new(Code::PreconditionRequired, detail).remedy(
        "Send `If-Match` with the ETag of what you looked at, or `If-None-Match: *` if there was \
         nothing.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn headers(all: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn an_author_says_what_was_there_or_that_nothing_was() {
        use header::{IF_MATCH, IF_NONE_MATCH};
        let read = |all: &[(HeaderName, &'static str)]| {
            seen(&headers(all)).map_err(|problem| problem.code())
        };
        assert_eq!(read(&[(IF_MATCH, "\"3\"")]), Ok(Some(3)));
        assert_eq!(read(&[(IF_NONE_MATCH, "*")]), Ok(None));
        assert_eq!(read(&[]), Err(Code::PreconditionRequired));
        for wrong in [
            &[(IF_MATCH, "*")][..],
            &[(IF_MATCH, "3")],
            &[(IF_MATCH, "W/\"3\"")],
            &[(IF_MATCH, "\"3\", \"4\"")],
            &[(IF_MATCH, "\"\"")],
            &[(IF_MATCH, "\"+3\"")],
            &[(IF_MATCH, "\"99999999999\"")],
            &[(IF_MATCH, "\"3\""), (IF_MATCH, "\"3\"")],
            &[(IF_MATCH, "\"3\""), (IF_NONE_MATCH, "*")],
            &[(IF_NONE_MATCH, "\"3\"")],
        ] {
            assert_eq!(read(wrong), Err(Code::InvalidParameter), "{wrong:?}");
        }
    }

    #[test]
    fn what_must_be_there_is_named_by_its_tag() {
        let none = headers(&[(header::IF_NONE_MATCH, "*")]);
        let refused = seen_number(&none).expect_err("nothing is named");
        assert_eq!(refused.code(), Code::PreconditionRequired);
        let (name, value) = tag(7);
        assert_eq!((name, value.as_str()), (header::ETAG, "\"7\""));
    }
}
