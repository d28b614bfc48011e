//! Points in time as data. Nothing here reads a clock.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: milliseconds since the Unix epoch, written as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

/// The last millisecond that RFC 3339's four-digit year can write.
const LAST_MILLISECOND: u64 = 253_402_300_799_999;

impl Timestamp {
    /// The point `millis` milliseconds after the Unix epoch, capped at the end of the year 9999.
    pub const fn from_millis(millis: u64) -> Self {
        Self(if millis > LAST_MILLISECOND {
            LAST_MILLISECOND
        } else {
            millis
        })
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This point moved forward, staying within what can be written.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// The time from `earlier` to this point; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = UNIX_EPOCH + Duration::from_millis(self.0);
        humantime::format_rfc3339_millis(time).fmt(f)
    }
}

/// A text that is not an RFC 3339 time in UTC between 1970 and 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no point in time: use RFC 3339 in UTC, such as 2026-11-23T10:44:30.000Z")]
pub struct InvalidTimestamp(pub String);

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidTimestamp(text.to_owned());
        let time = humantime::parse_rfc3339(text).map_err(|_| invalid())?;
        let since = time.duration_since(UNIX_EPOCH).map_err(|_| invalid())?;
        let millis = u64::try_from(since.as_millis()).map_err(|_| invalid())?;
        Ok(Self::from_millis(millis))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_rfc_3339_and_read_back() {
        let time = Timestamp::from_millis(1_795_430_670_123);
        assert_eq!(time.to_string(), "2026-11-23T10:44:30.123Z");
        assert_eq!(time.to_string().parse(), Ok(time));
    }

    #[test]
    fn the_far_future_is_capped_and_not_a_panic() {
        let end = Timestamp::from_millis(u64::MAX);
        assert_eq!(end.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(end.plus(Duration::MAX), end);
    }
}
