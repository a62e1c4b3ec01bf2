//! The refusal of a pull by the pinned name whose recorded manifest the registry no longer has.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::sighting::{Sighting, SightingTime};

/// The facts about a recorded manifest that is gone.
#[derive(Debug)]
pub(super) struct Gone {
    pub sighting: Arc<Sighting>,
    pub entry_url: String,
}

impl Gone {
    pub(super) fn message(&self) -> String {
        let (tag, digest, entry) = (self.sighting.tag(), self.sighting.digest(), self.sighting.entry());
        format!(
            "what was recorded of {tag} is gone: it was recorded as {digest}{} (Rekor log index {}), and {} no longer \
             has that manifest; nothing else is served by the pinned name",
            SightingTime::clause(self.sighting.time()),
            entry.log_index(),
            tag.repository().registry()
        )
    }

    pub(super) fn detail(&self) -> Value {
        let entry = self.sighting.entry();
        let mut detail = json!({
            "tag": self.sighting.tag().canonical(),
            "recorded": self.sighting.digest().as_str(),
            // A string: Go's clients show a number of this size as 1e+09.
            "logIndex": entry.log_index().to_string(),
            "entry": self.entry_url,
        });
        if let Some(time) = self.sighting.time() {
            detail["integratedTime"] = time.rfc3339().into();
        }
        detail
    }
}
