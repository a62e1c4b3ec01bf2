//! The auditor's notebook: the state between runs, and the findings that are not told yet.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::alert::{Alert, Untold};
use super::bucket::{Bucket, BucketError, Version, Written};
use super::error::AuditorError;
use super::line;
use super::notification::Scene;
use super::told::{News, Told};
use super::topics::Topics;
use crate::audit::{AuditState, Issue, Position, StoredState, lines};
use crate::clock::since_epoch;
use crate::tlog::{HistoryConflict, LogKeys, Policy};

/// A run that is killed loses at most this much, and tells people no more often. Each time makes a version of the state.
const KEEP_EVERY: Duration = Duration::from_secs(60);

pub(super) struct Notebook<'a> {
    bucket: &'a Bucket,
    topics: &'a Topics,
    /// The same as the command line's: heads of the log, and the position.
    pub state: AuditState,
    own: Own,
    /// `None` if there was no state.
    version: Option<Version>,
    kept_at: Instant,
    untold: Untold,
}

/// The state as it is stored. `audit --state` reads it too, and passes over what is the auditor's alone.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    audit: StoredState,
    #[serde(default)]
    auditor: Own,
}

/// The auditor's part of the state.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Own {
    /// The beginning of the last audit, in seconds since 1970.
    began: u64,
    /// The list or table of the last audit that came to the end, and the number of its tags.
    ended: Option<(String, u64)>,
    told: Told,
}

/// The reason why a run ends at once.
pub(super) enum Halt {
    /// Another run has written the state.
    Overtaken,
    Error(AuditorError),
}

impl<E: Into<AuditorError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl<'a> Notebook<'a> {
    /// Reads the state. It begins with nothing if there never was one.
    pub(super) async fn open(bucket: &'a Bucket, topics: &'a Topics, keys: &LogKeys) -> Result<Self, AuditorError> {
        let read = bucket.state().await.map_err(|error| failed(bucket, error))?;
        let mut notebook = Self {
            bucket,
            topics,
            state: AuditState::default(),
            own: Own::default(),
            version: None,
            kept_at: Instant::now(),
            untold: Untold::default(),
        };
        let Some(object) = read else {
            notebook.untold.add(Alert::of_beginning(bucket.name()));
            return Ok(notebook);
        };
        let fault = |fault: String| AuditorError::State { bucket: bucket.name().to_owned(), fault };
        let stored: Stored = serde_json::from_slice(&object.bytes).map_err(|error| fault(error.to_string()))?;
        notebook.state = AuditState::verified(stored.audit, keys).map_err(|error| fault(error.to_string()))?;
        (notebook.own, notebook.version) = (stored.auditor, Some(object.version));
        Ok(notebook)
    }

    /// The position to go on from. `None` if no audit is under way, and none is due: `interval` has not passed since the
    /// last one began.
    ///
    /// A position in another list or table means nothing, nor one whose tags were not held against `policy`: there the audit
    /// starts over.
    pub(super) fn position(&self, source: &str, policy: Option<&Policy>, interval: Duration) -> Option<Position> {
        let start = || Position::start_of(source.to_owned()).under(policy);
        match &self.state.position {
            Some(position) if position.source == source && position.was_under(policy) => {
                Some(position.clone().under(policy))
            }
            Some(_) => Some(start()),
            None => {
                // A clock that was wrong must not put the next audit off.
                let since = since_epoch().checked_sub(Duration::from_secs(self.own.began));
                let is_due = since.is_none_or(|since| since >= interval);
                is_due.then(start)
            }
        }
    }

    /// Notes that an audit begins.
    pub(super) fn begin(&mut self) {
        self.own.began = since_epoch().as_secs();
    }

    /// Writes the lines of a tag's findings, and notes those to be told.
    pub(super) fn note_issues(&mut self, tag: &str, issues: &[Issue]) {
        for issue in issues {
            line::write(&lines::issue(tag, issue));
            if let Some(finding) = Alert::of_tag(tag, issue) {
                self.note(finding, tag, issue.kind.name());
            }
        }
    }

    /// Writes the line of a log that contradicts itself, and notes it.
    pub(super) fn note_conflict(&mut self, conflict: &HistoryConflict) {
        line::write(&lines::contradiction(conflict));
        // The earlier note stays the same as long as the log is not what it was.
        self.note(Alert::of_log(conflict), conflict.notes().0, "contradiction");
    }

    /// Notes that all tags were checked. Rows never go: a ledger with fewer than before was tampered with.
    pub(super) fn end_audit(&mut self, position: &Position, is_ledger: bool) {
        if let Some((source, before)) = &self.own.ended
            && is_ledger
            && *source == position.source
            && position.done < *before
        {
            let finding = Alert::of_lost_rows(*before, position.done);
            line::write(&line::of_error(&finding.text));
            self.untold.add(finding);
        }
        self.own.ended = Some((position.source.clone(), position.done));
        self.own.told.end_audit();
        self.state.position = None;
    }

    /// Returns whether it is time to tell and keep what there is.
    pub(super) fn is_due(&self) -> bool {
        self.kept_at.elapsed() >= KEEP_EVERY
    }

    /// Tells the findings, then writes the state. What could not be told is not remembered.
    pub(super) async fn tell_and_keep(&mut self, scene: &Scene<'_>) -> Result<(), Halt> {
        self.topics.tell(&self.untold, scene).await.map_err(AuditorError::Tell)?;
        self.untold = Untold::default();
        let written = self.bucket.write_state(self.json(), self.version.as_ref()).await;
        match written.map_err(|error| failed(self.bucket, error))? {
            Written::Now(version) => self.version = Some(version),
            Written::Overtaken => return Err(Halt::Overtaken),
        }
        self.kept_at = Instant::now();
        Ok(())
    }

    fn note(&mut self, finding: Alert, about: &str, kind: &str) {
        match self.own.told.remember(about, kind) {
            News::New => self.untold.add(finding),
            News::Known => {}
            News::BeyondMemory => self.untold.leave_out(finding.urgency),
        }
    }

    fn json(&mut self) -> Vec<u8> {
        let stored = Stored { audit: self.state.stored(), auditor: std::mem::take(&mut self.own) };
        // Text, numbers, and maps keyed by text: there is always a JSON for these.
        let json = serde_json::to_vec_pretty(&stored).expect("a state has a JSON form");
        self.own = stored.auditor;
        json
    }
}

fn failed(bucket: &Bucket, error: BucketError) -> AuditorError {
    AuditorError::Bucket { bucket: bucket.name().to_owned(), error }
}
