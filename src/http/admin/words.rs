//! Texts for people, and times, as bodies write them.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::invisible;

/// A name or a reason. How long it may be is the aggregate's to say; what nobody would see in it is
/// refused here: with that, one tenant's name could be made to look like another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words(pub(super) String);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        if invisible::hidden(&text).next().is_some() {
            return Err(de::Error::custom(
                "bad text: use characters that can be seen",
            ));
        }
        Ok(Self(text))
    }
}

/// A length of time as people write it, such as `24h`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        let rule = "bad time: use a number with a unit, such as \"24h\" or \"7d\"";
        let span = humantime::parse_duration(&text);
        span.map(Self).map_err(|_| de::Error::custom(rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::parse;

    #[test]
    fn words_can_be_seen_and_times_have_a_unit() {
        assert!(parse::<Words>("\"김미나 (기획)\"".as_bytes()).is_ok());
        for hidden in ["\"ac\u{200b}me\"", "\"\u{202e}emca\"", "\"acme\u{3164}\""] {
            let refused = parse::<Words>(hidden.as_bytes()).expect_err(hidden);
            assert_eq!(refused.detail(), "Use characters that can be seen.");
        }
        let day = parse::<Span>(b"\"24h\"");
        assert_eq!(day, Ok(Span(Duration::from_secs(86_400))));
        for bad in ["\"\"", "\"24\"", "\"soon\"", "24", "\"-1h\"", "null"] {
            assert!(parse::<Span>(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
