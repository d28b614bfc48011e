//! Days and months of UTC, in which budgets count.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use punchcard_events::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MILLIS_OF_DAY: u64 = 24 * 60 * 60 * 1_000;
/// So many days after the first of a month it is the next month, whatever the month.
const INTO_NEXT_MONTH: u32 = 31;

/// A day of UTC, written as `2026-11-23`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Day(u32);

/// A text that is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a day is written as 2026-11-23")]
pub struct InvalidDay;

impl Day {
    /// The day that `time` is in.
    pub fn of(time: Timestamp) -> Self {
        // The last time that can be written is far below 2^32 days.
        Self(u32::try_from(time.as_millis() / MILLIS_OF_DAY).unwrap_or(u32::MAX))
    }

    /// The day so many days after 1970-01-01.
    pub const fn from_number(days: u32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Its first moment.
    pub const fn begins(self) -> Timestamp {
        Timestamp::from_millis(self.0 as u64 * MILLIS_OF_DAY)
    }

    /// The first day of its month.
    #[must_use]
    pub fn month(self) -> Self {
        let text = self.to_string();
        let of_month = text.get(8..).and_then(|day| day.parse::<u32>().ok());
        Self(
            self.0
                .saturating_sub(of_month.unwrap_or(1).saturating_sub(1)),
        )
    }

    /// So many days earlier, 1970-01-01 at the earliest.
    #[must_use]
    pub const fn earlier(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.begins().to_string();
        f.write_str(time.get(..10).unwrap_or(&time))
    }
}

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        if text.len() != 10 {
            return Err(InvalidDay);
        }
        let time = format!("{text}T00:00:00Z")
            .parse()
            .map_err(|_| InvalidDay)?;
        let day = Self::of(time);
        // What is not written back the same was no day, such as the 30th of February.
        (day.to_string() == text).then_some(day).ok_or(InvalidDay)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Day {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date", "examples": ["2026-11-23"] })
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The day and the month that count now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// Today.
    pub day: Day,
    /// The first day of this month.
    pub month: Day,
    /// When today is over.
    pub day_ends: Timestamp,
    /// When this month is over.
    pub month_ends: Timestamp,
}

impl Calendar {
    /// The calendar at `now`.
    pub fn at(now: Timestamp) -> Self {
        let day = Day::of(now);
        let month = day.month();
        let next_month = Day(month.0.saturating_add(INTO_NEXT_MONTH)).month();
        Self {
            day,
            month,
            day_ends: day.begins().plus(Duration::from_millis(MILLIS_OF_DAY)),
            month_ends: next_month.begins(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Calendar {
        Calendar::at(text.parse().expect("a time"))
    }

    #[test]
    fn a_day_and_a_month_end_at_midnight_utc() {
        for (now, day, month, day_ends, month_ends) in [
            (
                "2026-11-23T10:44:30Z",
                "2026-11-23",
                "2026-11-01",
                "2026-11-24",
                "2026-12-01",
            ),
            (
                "2026-12-31T23:59:59.999Z",
                "2026-12-31",
                "2026-12-01",
                "2027-01-01",
                "2027-01-01",
            ),
            (
                "2028-02-29T00:00:00Z",
                "2028-02-29",
                "2028-02-01",
                "2028-03-01",
                "2028-03-01",
            ),
            (
                "2027-01-31T12:00:00Z",
                "2027-01-31",
                "2027-01-01",
                "2027-02-01",
                "2027-02-01",
            ),
        ] {
            let calendar = at(now);
            assert_eq!(calendar.day.to_string(), day);
            assert_eq!(calendar.month.to_string(), month);
            assert_eq!(Day::of(calendar.day_ends).to_string(), day_ends);
            assert_eq!(Day::of(calendar.month_ends).to_string(), month_ends);
            assert_eq!(day.parse(), Ok(calendar.day));
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026-02-30",
            "2026-11-3",
            "today",
            "2026-11-23T",
            "20261-1-23",
            "2026-13-01",
        ] {
            assert_eq!(text.parse::<Day>(), Err(InvalidDay), "{text}");
        }
    }
}
