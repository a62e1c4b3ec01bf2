//! The digests that a tag was refused at, as an instance shows them and the command line reads them.
//!
//! They are the instance's own word: the log holds none of this. A row may have been written by a stranger and an answer by
//! anybody, so both are checked before they are shown.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::image::Digest;
use crate::ledger::{Move, Moves};
use crate::oci::MANIFEST_TYPES;

/// Everything that a tag's row remembers of its moves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusedDigests {
    /// Oldest first.
    pub moves: Vec<RefusedDigest>,
    /// Moves beyond those that are kept.
    pub further_moves: u64,
}

/// A digest that a tag moved to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusedDigest {
    pub digest: String,
    /// The first refusal, RFC 3339.
    pub since: String,
    /// Of the manifest, like the size.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
}

impl RefusedDigests {
    /// Returns whether the tag was ever refused.
    pub(crate) fn is_empty(&self) -> bool {
        self.moves.is_empty() && self.further_moves == 0
    }

    /// Reads an instance's answer. `None` if it is not one, or holds what no instance writes.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let mut refused: Self = serde_json::from_slice(json).ok()?;
        refused.moves = refused.moves.into_iter().map(RefusedDigest::checked).collect::<Option<_>>()?;
        Some(refused)
    }
}

impl From<&Moves> for RefusedDigests {
    /// Leaves out what no instance writes.
    fn from(moves: &Moves) -> Self {
        let refused = moves.kept().iter().filter_map(RefusedDigest::of).filter_map(RefusedDigest::checked).collect();
        Self { moves: refused, further_moves: moves.further() }
    }
}

impl RefusedDigest {
    fn of(kept: &Move) -> Option<Self> {
        let Move { digest, time, media_type, size } = kept.clone();
        Some(Self { digest, since: time, media_type, size: size.parse().ok()? })
    }

    fn checked(self) -> Option<Self> {
        self.digest.parse::<Digest>().ok()?;
        let since: DateTime<Utc> = DateTime::parse_from_rfc3339(&self.since).ok()?.into();
        let known = MANIFEST_TYPES.contains(&self.media_type.as_str());
        known.then(|| Self { since: since.to_rfc3339_opts(SecondsFormat::Secs, true), ..self })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oci::OCI_INDEX;

    #[test]
    fn an_answer_that_no_instance_writes_is_not_read() {
        let digest = Digest::sha256(b"a").to_string();
        let one = json!({"digest": digest, "since": "2026-11-25T10:00:00.5Z", "mediaType": OCI_INDEX, "size": 7});
        let answer = |one: &serde_json::Value| json!({"moves": [one], "furtherMoves": 0, "later": 1}).to_string();
        let read = RefusedDigests::parse(answer(&one).as_bytes()).unwrap();
        assert_eq!(read.moves[0].since, "2026-11-25T10:00:00Z");
        let wrong = [
            ("digest", json!("sha256:0")),
            ("digest", json!(null)),
            ("since", json!("\u{1b}[31mnow")),
            ("since", json!("2026-11-25")),
            ("mediaType", json!("text/html")),
            ("size", json!("7")),
            ("size", json!(-1)),
        ];
        for (name, value) in wrong {
            let mut one = one.clone();
            one[name] = value.clone();
            assert_eq!(RefusedDigests::parse(answer(&one).as_bytes()), None, "{name}: {value}");
        }
        for answer in ["", "{}", "[]", r#"{"moves":[],"furtherMoves":"1"}"#, r#"{"moves":{},"furtherMoves":1}"#] {
            assert_eq!(RefusedDigests::parse(answer.as_bytes()), None, "{answer}");
        }
    }
}
