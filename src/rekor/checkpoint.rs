//! Checkpoints: signed tree heads, as signed notes.
//!
//! ```text
//! rekor.sigstore.dev - 1193050959916656506        origin: <host name> - <decimal tree id>
//! 52399914                                        tree size
//! LmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=    root hash
//! [any further lines, signed too]
//!
//! — rekor.sigstore.dev wNI9ajBE…                  name, base64(key hint (4 bytes) || signature)
//! ```
//!
//! Formats: <https://github.com/C2SP/C2SP/blob/main/signed-note.md> and `tlog-checkpoint.md` beside it. Rekor's key
//! hint is the start of the key's sha256 (`key.id()`), without the name.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::foreign::is_unsafe;
use crate::key::PublicKey;

use super::verify::Fault;

/// Go's `note` package, which Rekor uses, refuses more.
const MAX_SIGNATURES: usize = 100;
const HINT_LENGTH: usize = 4;

/// A parsed checkpoint. It can only be made by parsing, so the fields agree with the exact bytes that the signatures
/// cover.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// As it came: the signed lines and the signatures.
    note: String,
    /// Bytes of `note` that the signatures cover.
    signed: usize,
    host: String,
    tree_id: u64,
    size: u64,
    root: [u8; 32],
    signatures: Vec<NoteSignature>,
}

#[derive(Debug, Clone)]
struct NoteSignature {
    name: String,
    hint: [u8; HINT_LENGTH],
    signature: Vec<u8>,
}

impl Checkpoint {
    /// `None` if the text is not a signed note with a checkpoint of Rekor v1 in it.
    pub fn parse(note: &str) -> Option<Self> {
        if note.chars().any(|c| is_unsafe(c) && c != '\n') {
            return None;
        }
        let split = note.rfind("\n\n")?;
        let (signed, signatures) = (&note[..=split], &note[split + 2..]);
        let lines: Vec<&str> = signatures.strip_suffix('\n')?.split('\n').collect();
        if lines.len() > MAX_SIGNATURES {
            return None;
        }
        let signatures = lines.into_iter().map(NoteSignature::parse).collect::<Option<Vec<_>>>()?;

        let mut lines = signed.split('\n');
        let (host, tree_id) = lines.next()?.rsplit_once(" - ")?;
        if host.is_empty() {
            return None;
        }
        let (tree_id, size) = (parse_decimal(tree_id)?, parse_decimal(lines.next()?)?);
        let root = BASE64_STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        Some(Self {
            note: note.to_owned(),
            signed: signed.len(),
            host: host.to_owned(),
            tree_id,
            size,
            root,
            signatures,
        })
    }

    /// The signed note, as it came.
    pub fn note(&self) -> &str {
        &self.note
    }

    pub fn tree_id(&self) -> u64 {
        self.tree_id
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn root(&self) -> &[u8; 32] {
        &self.root
    }

    /// Checks that one signature line is by `key`: its name the origin's, its hint the key's, its signature valid.
    /// Lines by others, such as witnesses, do not matter.
    pub fn verify(&self, key: &PublicKey) -> Result<(), Vec<Fault>> {
        let hint = &key.id()[..HINT_LENGTH];
        let by_key: Vec<bool> = self
            .signatures
            .iter()
            .map(|line| key.verifies(&self.note.as_bytes()[..self.signed], &line.signature))
            .collect();
        let complete = |(line, by_key): (&NoteSignature, &bool)| *by_key && line.hint == hint && line.name == self.host;
        if self.signatures.iter().zip(&by_key).any(complete) {
            return Ok(());
        }
        let mut faults = Vec::new();
        if !self.signatures.iter().any(|line| line.hint == hint) {
            faults.push(Fault::CheckpointKeyHint);
        }
        if !self.signatures.iter().any(|line| line.name == self.host) {
            faults.push(Fault::CheckpointOrigin);
        }
        if faults.is_empty() || !by_key.contains(&true) {
            faults.push(Fault::CheckpointSignature);
        }
        Err(faults)
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

/// Decimal digits without a sign or leading zeros.
fn parse_decimal(digits: &str) -> Option<u64> {
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::Checkpoint;

    const NOTE: &str = "log.example - 7\n3\nLmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=\n\n— log.example wNI9ajBE\n";

    #[test]
    fn a_note_is_parsed_into_its_lines() {
        let checkpoint = Checkpoint::parse(NOTE).unwrap();
        assert_eq!((checkpoint.tree_id(), checkpoint.size()), (7, 3));
        assert_eq!(checkpoint.host, "log.example");
        assert_eq!(checkpoint.note[..checkpoint.signed].lines().count(), 3);
    }

    #[test]
    fn what_is_not_a_signed_note_is_refused() {
        let cases = [
            ("no final newline", NOTE.trim_end().to_owned()),
            ("no blank line", NOTE.replace("\n\n", "\n")),
            ("no signature", NOTE.split("— ").next().unwrap().to_owned()),
            ("signature without hint", NOTE.replace("wNI9ajBE", "wNI=")),
            ("signature of nothing", NOTE.replace("wNI9ajBE", "wNI9ag==")),
            ("hyphen for dash", NOTE.replace("— ", "- ")),
            ("name with a plus", NOTE.replace("— log.example", "— log+example")),
            ("sized in hex", NOTE.replace("\n3\n", "\n0x3\n")),
            ("leading zero", NOTE.replace("\n3\n", "\n03\n")),
            ("signed size", NOTE.replace("\n3\n", "\n+3\n")),
            ("short root", NOTE.replace("LmgRG9rq", "")),
            ("no tree id", NOTE.replace(" - 7", "")),
            ("no host", NOTE.replace("log.example - 7", " - 7")),
            ("carriage return", NOTE.replace("\n3\n", "\r\n3\n")),
            ("empty", String::new()),
        ];
        for (fault, note) in cases {
            assert!(Checkpoint::parse(&note).is_none(), "{fault}");
        }
    }
}
