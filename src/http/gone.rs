//! The refusal of a pull by the pinned name whose recorded manifest the registry no longer has.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::sighting::Sighting;

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
            "what was recorded of {tag} is gone: it was recorded as {digest} on {} (Rekor log index {}), and {} no longer \
             has that manifest; nothing else is served by the pinned name",
            entry.integrated_at(),
            entry.log_index(),
            tag.repository().registry()
        )
    }

    pub(super) fn detail(&self) -> Value {
        let entry = self.sighting.entry();
        json!({
            "tag": self.sighting.tag().canonical(),
            "recorded": self.sighting.digest().as_str(),
            // A string: Go's clients show a number of this size as 1e+09.
            "logIndex": entry.log_index().to_string(),
            "integratedTime": entry.integrated_at(),
            "entry": self.entry_url,
        })
    }
}
