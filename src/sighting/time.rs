//! The time of a sighting.

use chrono::{DateTime, SecondsFormat};

use crate::tlog::LogEntry;

/// A time that somebody signed, in seconds since the Unix epoch. The clock of an instance is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SightingTime {
    /// The log took the entry in then.
    Recorded(u64),
    /// Witnesses saw a checkpoint of the log with the entry in it then, so it was recorded no later. When it was is not
    /// known.
    Witnessed(u64),
    /// A time-stamping authority saw the signature then, so it was made no later. When it was recorded is not known.
    Signed(u64),
}

impl SightingTime {
    /// The time that an entry's log signed with it. Rekor v2 signs none.
    pub fn of_entry(entry: &LogEntry) -> Option<Self> {
        Some(entry.integrated_time()).filter(|seconds| *seconds != 0).map(Self::Recorded)
    }

    /// Seconds since the Unix epoch.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Recorded(seconds) | Self::Witnessed(seconds) | Self::Signed(seconds) => seconds,
        }
    }

    /// RFC 3339, in UTC.
    pub fn rfc3339(self) -> String {
        let seconds = self.seconds();
        let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        // A log's times are JSON's safe integers, and chrono's range is not much smaller.
        time.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_else(|| seconds.to_string())
    }

    /// The end of a clause such as 'it was recorded as …'. It claims no time where nobody signed one.
    pub(crate) fn clause(time: Option<Self>) -> String {
        match time {
            Some(time @ Self::Recorded(_)) => format!(" on {}", time.rfc3339()),
            Some(time @ Self::Witnessed(_)) => format!(", no later than {}", time.rfc3339()),
            Some(time @ Self::Signed(_)) => format!(", signed no later than {}", time.rfc3339()),
            None => String::new(),
        }
    }

    /// A line about a time, for people.
    pub(crate) fn shown(time: Option<Self>) -> String {
        match time {
            Some(time @ Self::Recorded(_)) => time.rfc3339(),
            Some(time @ Self::Witnessed(_)) => format!("no later than {}, as witnesses signed", time.rfc3339()),
            Some(time @ Self::Signed(_)) => format!("signed no later than {}", time.rfc3339()),
            None => "at a time that nobody signed".to_owned(),
        }
    }
}
