//! Instants and record versions. No clock: reading the time is [`crate::clock::Clock`]'s.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in UTC, in whole microseconds.
///
/// ```
/// use fluxcascade_core::Timestamp;
/// let t: Timestamp = "2026-03-01T14:05:00-06:00".parse().unwrap();
/// assert_eq!(t.to_string(), "2026-03-01T20:05:00Z");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text that is no RFC 3339 time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time like 2026-03-01T14:05:00Z")]
pub struct TimeError(String);

impl Timestamp {
    /// From microseconds since 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// From seconds since 1970-01-01T00:00:00Z.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The same instant, rounded down to a multiple of the granularity; unchanged for zero.
    #[must_use]
    pub fn floor_to(self, granularity: Duration) -> Self {
        match i64::try_from(granularity.as_micros()) {
            Ok(step) if step > 0 => Self(self.0.div_euclid(step) * step),
            _ => self,
        }
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// As chrono has it; `None` outside of chrono's range.
    pub fn to_chrono(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0)
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_micros())
    }
}

impl std::str::FromStr for Timestamp {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        DateTime::parse_from_rfc3339(text)
            .map(|t| Self(t.timestamp_micros()))
            .map_err(|_| TimeError(text.chars().take(40).collect()))
    }
}

/// RFC 3339 where people read it, a number of microseconds where space counts.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_chrono() {
            Some(time) => f.pad(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => write!(f, "{} µs", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, by: Duration) -> Timestamp {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;
    fn sub(self, by: Duration) -> Timestamp {
        Self(self.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// When a system says that a record was last changed, and how finely it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Modified {
    /// The system's own time.
    pub at: Timestamp,
    /// The step of the system's clock: two changes within it have one time.
    pub granularity: Duration,
}

/// What a system says of a record's version. Each part has one use, and may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Version {
    /// A number that grows with every change: decides which of two observations is the newer.
    pub order: Option<u64>,
    /// The record's time: the newer of two where there is no `order`, and `newest_wins`.
    pub modified: Option<Modified>,
    /// A validator for conditional writes (an ETag).
    pub tag: Option<Box<str>>,
}

impl Version {
    /// A version that is a time alone.
    pub fn modified(at: Timestamp, granularity: Duration) -> Self {
        Self { modified: Some(Modified { at, granularity }), ..Self::default() }
    }

    /// One that is older than any that a system gives: of a record that takes another one's place.
    pub(crate) fn oldest() -> Self {
        let modified =
            Modified { at: Timestamp::from_micros(i64::MIN), granularity: Duration::ZERO };
        Self { order: Some(0), modified: Some(modified), tag: None }
    }

    /// Whether it is that one: nothing is known of the record yet.
    pub(crate) fn is_oldest(&self) -> bool {
        *self == Self::oldest()
    }

    /// How this compares to another version of the same record and side; `None` if that cannot
    /// be said. Two times within one step of the system's clock cannot be told apart, and are
    /// `Equal` only if the time is all that either has.
    pub fn compare(&self, other: &Version) -> Option<Ordering> {
        if let (Some(mine), Some(theirs)) = (self.order, other.order) {
            return Some(mine.cmp(&theirs));
        }
        match (self.modified, other.modified) {
            (Some(mine), Some(theirs)) => Some(mine.at.cmp(&theirs.at)),
            _ => None,
        }
    }

    /// Whether this is known to be newer than the other.
    pub fn is_newer_than(&self, other: &Version) -> bool {
        self.compare(other) == Some(Ordering::Greater)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_without_a_common_part_cannot_be_compared() {
        let by_order = Version { order: Some(2), ..Version::default() };
        let by_time = Version::modified(Timestamp::from_secs(5), Duration::from_secs(1));
        assert_eq!(by_order.compare(&by_time), None);
        assert!(!by_order.is_newer_than(&by_time));
        assert_eq!(by_time.compare(&by_time), Some(Ordering::Equal));
    }

    #[test]
    fn a_time_is_floored_to_the_granularity_also_before_1970() {
        let second = Duration::from_secs(1);
        assert_eq!(Timestamp::from_millis(1_999).floor_to(second), Timestamp::from_secs(1));
        assert_eq!(Timestamp::from_millis(-1).floor_to(second), Timestamp::from_secs(-1));
    }
}
