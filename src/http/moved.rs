//! The refusal of a tag that moved.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::Service;
use super::difference::Difference;
use crate::deadline::Deadline;
use crate::image::{Digest, Reference, Tag};
use crate::moves::{Current, RecordedAs};
use crate::rate_limit::Source;
use crate::sighting::{Sighting, SightingTime};
use crate::upstream::Manifest;

/// The time that a refusal waits for the recorded manifest, to say what changed. Without it, it says less.
const COMPARISON_TIME: Duration = Duration::from_millis(1500);

/// The facts about a tag that moved.
#[derive(Debug)]
pub(super) struct Moved {
    pub tag: Tag,
    /// `None` if the log has lost the statement. Then it is only known to differ from `current`.
    pub recorded: Option<Digest>,
    pub current: Digest,
    pub log_index: u64,
    pub time: Option<SightingTime>,
    pub entry_url: String,
    /// The pinned name, as the client would write it. `None` if it cannot be written.
    pub pinned: Option<String>,
    /// `None` if the manifests cannot be compared.
    pub difference: Option<Box<Difference>>,
}

impl Service {
    /// The difference between the recorded manifest and the current one. The recorded one comes from memory or, for a request
    /// whose answer has a body, from the registry by its digest.
    pub(super) async fn difference(
        &self,
        method: &Method,
        tag: &Tag,
        recorded: &Digest,
        current: &Manifest,
        deadline: Deadline,
    ) -> Option<Box<Difference>> {
        let repository = tag.repository();
        let recorded = match self.upstream.cached(repository, recorded) {
            Some(recorded) => recorded,
            None if method == Method::HEAD => return None,
            None => {
                let deadline = deadline.within(COMPARISON_TIME);
                let reference = Reference::Digest(repository.clone(), recorded.clone());
                let fetched = deadline.bound(self.upstream.manifest(&reference, deadline)).await.ok()?;
                fetched.inspect_err(|error| tracing::debug!(%tag, %error, "no comparison")).ok()?
            }
        };
        Difference::between(&recorded, current).map(Box::new)
    }

    /// Has the move remembered, beside the refusal. Only a manifest's own bytes show a move: a registry can say anything in
    /// answer to a HEAD.
    pub(super) fn remember_move(&self, tag: &Tag, sighting: &Sighting, current: &Manifest, source: Option<Source>) {
        let record = RecordedAs {
            digest: sighting.digest().clone(),
            log_index: sighting.entry().log_index(),
            time: sighting.time(),
            entry_url: self.verdicts.entry_url(sighting.entry()),
        };
        let Manifest { bytes, media_type, digest } = current;
        let current = Current { digest: digest.clone(), media_type, size: bytes.len() as u64 };
        self.moves.remember(tag, record, current, source);
    }
}

impl Moved {
    pub(super) fn message(&self) -> String {
        let Self { tag, current, log_index, .. } = self;
        let time = SightingTime::clause(self.time);
        let recorded = match &self.recorded {
            Some(recorded) => format!("it was recorded as {recorded}"),
            None => "it was recorded with another digest, which the log has lost,".to_owned(),
        };
        let difference =
            self.difference.as_ref().map(|difference| format!(" ({})", difference.clause())).unwrap_or_default();
        let by_digest = match &self.recorded {
            Some(recorded) => {
                let pinned = self.pinned.as_ref().map(|pinned| format!(" or {pinned}")).unwrap_or_default();
                format!("; if you trust what was recorded, pull {}@{recorded}{pinned}", tag.repository())
            }
            None => String::new(),
        };
        format!(
            "the tag {tag} has moved and is refused: {recorded}{time} (Rekor log index {log_index}), but \
             the registry now serves {current}{difference}{by_digest}"
        )
    }

    pub(super) fn detail(&self) -> Value {
        let mut detail = json!({
            "tag": self.tag.canonical(),
            "recorded": self.recorded.as_ref().map(Digest::as_str),
            "current": self.current.as_str(),
            // A string: Go's clients show a number of this size as 1e+09.
            "logIndex": self.log_index.to_string(),
            "entry": self.entry_url,
        });
        if let Some(time) = self.time {
            detail["integratedTime"] = time.rfc3339().into();
        }
        if let Some(difference) = &self.difference {
            detail["difference"] = difference.detail();
        }
        detail
    }
}
