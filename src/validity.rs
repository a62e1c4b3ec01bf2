//! The time in which a key, a chain of certificates or a service counts, as Sigstore's files give it.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

/// The seconds of year 1, which is Go's time without a value. Sigstore's tools write it for an end that is not known.
const GO_ZERO_TIME: i64 = -62_135_596_800;

/// A period with both ends in it: `TimeRange` in `protos/sigstore_common.proto` of sigstore/protobuf-specs. An end that
/// is missing is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validity {
    /// Unix seconds, as `end`.
    start: Option<i64>,
    end: Option<i64>,
}

/// A text that is not a time of RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not a time of RFC 3339, such as 2026-01-01T00:00:00Z")]
pub struct NoTime;

impl Validity {
    /// All times.
    pub const ALWAYS: Self = Self { start: None, end: None };

    /// Parses both ends, each a time of RFC 3339. Parts of a second are cut off, so that the period never gets longer.
    pub fn parse(start: Option<&str>, end: Option<&str>) -> Result<Self, NoTime> {
        let whole = |time: DateTime<Utc>| time.timestamp() + i64::from(time.timestamp_subsec_nanos() > 0);
        let start = start.map(parse).transpose()?.map(whole).filter(|seconds| *seconds != GO_ZERO_TIME);
        let end = end.map(parse).transpose()?.map(|time| time.timestamp()).filter(|seconds| *seconds != GO_ZERO_TIME);
        Ok(Self { start, end })
    }

    /// `time` is in Unix seconds.
    pub fn contains(&self, time: u64) -> bool {
        !self.has_not_begun(time) && !self.has_ended(time)
    }

    /// True before the period.
    pub fn has_not_begun(&self, time: u64) -> bool {
        self.start.is_some_and(|start| signed(time) < start)
    }

    /// True after the period.
    pub fn has_ended(&self, time: u64) -> bool {
        self.end.is_some_and(|end| signed(time) > end)
    }

    /// The first second, in Unix seconds; `None` if it is open.
    pub fn start(&self) -> Option<i64> {
        self.start
    }

    /// The last second, in Unix seconds; `None` if it is open.
    pub fn end(&self) -> Option<i64> {
        self.end
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.start, self.end) {
            (None, None) => f.write_str("at any time"),
            (Some(start), None) => write!(f, "from {}", Rfc3339(start)),
            (None, Some(end)) => write!(f, "until {}", Rfc3339(end)),
            (Some(start), Some(end)) => write!(f, "from {} until {}", Rfc3339(start), Rfc3339(end)),
        }
    }
}

/// A time in Unix seconds, written for people.
pub(crate) struct Rfc3339(pub i64);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp(self.0, 0) {
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Secs, true)),
            None => write!(f, "{} seconds after 1970", self.0),
        }
    }
}

fn parse(text: &str) -> Result<DateTime<Utc>, NoTime> {
    DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).map_err(|_| NoTime)
}

fn signed(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_belong_to_the_period() {
        let period = Validity::parse(Some("2026-01-01T00:00:00Z"), Some("2026-01-02T00:00:00Z")).unwrap();
        let start = 1_767_225_600;
        assert_eq!(period.start(), Some(1_767_225_600));
        for (time, is_in) in [(start - 1, false), (start, true), (start + 86_400, true), (start + 86_401, false)] {
            assert_eq!(period.contains(time), is_in, "{time}");
        }
        assert!(period.has_not_begun(0) && period.has_ended(u64::MAX) && !period.contains(u64::MAX));
        assert!(Validity::ALWAYS.contains(0) && Validity::ALWAYS.contains(u64::MAX));
    }

    #[test]
    fn parts_of_a_second_make_no_period_longer() {
        let text = Some("2022-12-31T23:59:59.999Z");
        let period = Validity::parse(text, text).unwrap();
        assert_eq!((period.start(), period.end()), (Some(1_672_531_200), Some(1_672_531_199)));
    }

    #[test]
    fn the_time_that_go_writes_for_none_is_none() {
        let zero = Some("0001-01-01T00:00:00Z");
        assert_eq!(Validity::parse(zero, zero), Ok(Validity::ALWAYS));
        assert_eq!(Validity::parse(Some("2026-01-01T01:00:00+01:00"), zero).unwrap().start(), Some(1_767_225_600));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "2026", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "1767225600", "soon"] {
            assert_eq!(Validity::parse(Some(text), None), Err(NoTime), "{text}");
            assert_eq!(Validity::parse(None, Some(text)), Err(NoTime), "{text}");
        }
    }

    #[test]
    fn a_period_reads_as_text() {
        let (start, end) = (Some("2026-01-01T00:00:00Z"), Some("2027-01-01T00:00:00.5Z"));
        let text = |start, end| Validity::parse(start, end).unwrap().to_string();
        assert_eq!(text(None, None), "at any time");
        assert_eq!(text(start, None), "from 2026-01-01T00:00:00Z");
        assert_eq!(text(None, end), "until 2027-01-01T00:00:00Z");
        assert_eq!(text(start, end), "from 2026-01-01T00:00:00Z until 2027-01-01T00:00:00Z");
    }
}
