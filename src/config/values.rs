//! How single values are written: durations with units, URLs, secrets, JSON Schemas.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::guards::Concurrency;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::secret::Secret;

/// The longest duration that may be configured: enough for every wait, and far from overflow.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

struct DurationText;

impl Visitor<'_> for DurationText {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration with a unit, such as \"250ms\", \"30s\" or \"24h\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        let duration = humantime::parse_duration(text)
            .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))?;
        if duration > LONGEST {
            return Err(E::custom(format!("`{text}` is longer than ten years")));
        }
        Ok(duration)
    }
}

/// Any duration, zero included.
pub(super) fn duration<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    input.deserialize_str(DurationText)
}

/// A duration above zero: a wait of nothing is never meant.
pub(super) fn positive<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let duration = duration(input)?;
    if duration.is_zero() {
        return Err(de::Error::custom("must be longer than zero"));
    }
    Ok(duration)
}

/// The most pauses of a schedule.
const MAX_PAUSES: usize = 30;

/// A list of durations above zero.
pub(super) fn schedule<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Duration>, D::Error> {
    let texts = Vec::<String>::deserialize(input)?;
    if texts.len() > MAX_PAUSES {
        let message = format!("has {} durations; at most {MAX_PAUSES}", texts.len());
        return Err(de::Error::custom(message));
    }
    let durations = texts.iter().map(|text| DurationText.visit_str(text));
    let durations: Vec<Duration> = durations.collect::<Result<_, D::Error>>()?;
    if durations.iter().any(Duration::is_zero) {
        return Err(de::Error::custom("every duration must be longer than zero"));
    }
    Ok(durations)
}

struct ConcurrencyWord;

impl Visitor<'_> for ConcurrencyWord {
    type Value = Concurrency;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of calls above zero, or \"adaptive\"")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Concurrency, E> {
        let limit = usize::try_from(number).ok().and_then(NonZeroUsize::new);
        limit
            .map(Concurrency::Fixed)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Concurrency, E> {
        // A number over the word is text when it comes from the environment.
        let number = || word.parse().ok().map(Concurrency::Fixed);
        (word == "adaptive")
            .then_some(Concurrency::Adaptive)
            .or_else(number)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(word), &self))
    }
}

/// How many calls may run at once: a number, or `"adaptive"`.
pub(super) fn concurrency<'de, D: Deserializer<'de>>(input: D) -> Result<Concurrency, D::Error> {
    input.deserialize_any(ConcurrencyWord)
}

/// A part of a whole: above 0, and up to 1.
pub(super) fn part<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    let part = f64::deserialize(input)?;
    if part > 0.0 && part <= 1.0 {
        return Ok(part);
    }
    Err(de::Error::custom("must be above 0 and at most 1"))
}

/// A number per second, above 0.
pub(super) fn per_second<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    let rate = f64::deserialize(input)?;
    // Below, a wait for one call would be longer than any ticket's; above, a rate is none.
    if (1e-3..=1e9).contains(&rate) {
        return Ok(rate);
    }
    Err(de::Error::custom(
        "must be from 0.001 to 1000000000 per second",
    ))
}

/// A duration above zero, where there may be none.
pub(super) fn optional_duration<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<Duration>, D::Error> {
    positive(input).map(Some)
}

/// An absolute `http` or `https` URL.
pub(super) fn url<'de, D: Deserializer<'de>>(input: D) -> Result<Url, D::Error> {
    url_of(input, ["http", "https"])
}

/// The same, where it may be left out.
pub(super) fn optional_url<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Url>, D::Error> {
    url(input).map(Some)
}

/// An absolute `ws` or `wss` URL, where it may be left out.
pub(super) fn optional_socket_url<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<Url>, D::Error> {
    url_of(input, ["ws", "wss"]).map(Some)
}

fn url_of<'de, D: Deserializer<'de>>(input: D, schemes: [&str; 2]) -> Result<Url, D::Error> {
    let text = String::deserialize(input)?;
    let url = Url::parse(&text)
        .map_err(|error| de::Error::custom(format!("`{text}` is not a URL: {error}")))?;
    let refusal = if !schemes.contains(&url.scheme()) {
        let [plain, secure] = schemes;
        return Err(de::Error::custom(format!(
            "must start with {plain}:// or {secure}://"
        )));
    } else if !url.username().is_empty() || url.password().is_some() {
        "must not hold a user name or password; use the key or secret settings"
    } else if url.query().is_some() || url.fragment().is_some() {
        "must not have a query or a fragment; paths are added to it"
    } else {
        return Ok(url);
    };
    Err(de::Error::custom(refusal))
}

/// Secrets stand in the tree as text by now, whatever they were written as.
fn secret_text<'de, D: Deserializer<'de>>(input: D) -> Result<Secret, D::Error> {
    String::deserialize(input).map(Secret::new)
}

pub(super) fn optional_secret<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<Secret>, D::Error> {
    secret_text(input).map(Some)
}

pub(super) fn secrets<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Secret>, D::Error> {
    let texts = Vec::<String>::deserialize(input)?;
    Ok(texts.into_iter().map(Secret::new).collect())
}

/// A JSON Schema. It stands in the tree as JSON text by now, wherever it was written.
pub(super) fn schema<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<Arc<serde_json::Value>>, D::Error> {
    let text = String::deserialize(input)?;
    serde_json::from_str(&text)
        .map(|schema| Some(Arc::new(schema)))
        .map_err(de::Error::custom)
}

/// Whether the program guards real users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Secrets only by reference.
    Production,
    /// Literal secrets are accepted, and so is plain HTTP to a tenant.
    Development,
}
