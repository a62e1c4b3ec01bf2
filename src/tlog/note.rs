//! Signed notes: a text, a blank line, and one line for each signature.
//!
//! ```text
//! <text>
//!
//! — <name> base64(<key hint, 4 bytes> || <signature>)
//! ```
//!
//! Format: <https://github.com/C2SP/C2SP/blob/main/signed-note.md>.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::foreign::is_unsafe;

/// Go's `note` package, which Rekor uses, refuses more.
const MAX_SIGNATURES: usize = 100;
const HINT_LENGTH: usize = 4;

/// The first bytes of a key's id: the key that a signature claims to be by.
pub(crate) type KeyHint = [u8; HINT_LENGTH];

/// A signed note. No signature is verified yet.
#[derive(Debug, Clone)]
pub(crate) struct SignedNote {
    /// The note as it came: the text and the signatures.
    note: String,
    /// Bytes of `note` that the signatures cover.
    signed: usize,
    signatures: Vec<NoteSignature>,
}

#[derive(Debug, Clone)]
pub(super) struct NoteSignature {
    pub name: String,
    pub hint: KeyHint,
    pub signature: Vec<u8>,
}

impl SignedNote {
    /// `None` if `note` is not a signed note.
    pub(super) fn parse(note: &str) -> Option<Self> {
        if note.chars().any(|c| is_unsafe(c) && c != '\n') {
            return None;
        }
        let split = note.rfind("\n\n")?;
        let signatures = note[split + 2..].strip_suffix('\n')?;
        if signatures.split('\n').count() > MAX_SIGNATURES {
            return None;
        }
        let signatures = signatures.split('\n').map(NoteSignature::parse).collect::<Option<_>>()?;
        Some(Self { note: note.to_owned(), signed: split + 1, signatures })
    }

    /// A note with one signature. `text` ends with a line feed, and `name` has no white space and no plus sign.
    pub(crate) fn new(text: &str, name: &str, hint: KeyHint, signature: Vec<u8>) -> Self {
        let encoded = BASE64_STANDARD.encode([&hint[..], &signature].concat());
        let signature = NoteSignature { name: name.to_owned(), hint, signature };
        Self { note: format!("{text}\n— {name} {encoded}\n"), signed: text.len(), signatures: vec![signature] }
    }

    /// The text and the signatures, as they came.
    pub(crate) fn as_str(&self) -> &str {
        &self.note
    }

    /// The text, which the signatures cover.
    pub(super) fn text(&self) -> &str {
        &self.note[..self.signed]
    }

    pub(super) fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '+') {
            return None;
        }
        let bytes = BASE64_STANDARD.decode(encoded).ok()?;
        let (hint, signature) = bytes.split_first_chunk::<HINT_LENGTH>()?;
        if signature.is_empty() {
            return None;
        }
        Some(Self { name: name.to_owned(), hint: *hint, signature: signature.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_has_a_hundred_signatures_at_most() {
        let signed = |count| SignedNote::parse(&format!("text\n\n{}", "— name AAAAAAA=\n".repeat(count)));
        assert_eq!(signed(100).unwrap().signatures().len(), 100);
        assert!(signed(101).is_none());
    }
}
