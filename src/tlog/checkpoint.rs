//! Checkpoints: signed tree heads, as signed notes.
//!
//! ```text
//! rekor.sigstore.dev - 1193050959916656506        origin: <host name> - <decimal tree id>
//! 52399914                                        tree size
//! LmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=    root hash
//! [any further lines, signed too]
//!
//! — rekor.sigstore.dev wNI9ajBE…                  the signature of the log
//! ```
//!
//! Format: <https://github.com/C2SP/C2SP/blob/main/tlog-checkpoint.md>. Two things are Rekor v1's own: the tree id in the
//! origin, and the key hint, which is the start of the key's sha256 (`key.id()`) without the name.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sigstore::errors::SigstoreError;

use super::fault::Fault;
use super::merkle::{Hash, Head};
use super::note::{KeyHint, NoteSignature, SignedNote};
use crate::key::PublicKey;
use crate::local_key::LocalKey;

/// A checkpoint. It can only be made by parsing or by signing, so the fields agree with the exact bytes that the signatures
/// cover.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    note: SignedNote,
    host: String,
    tree_id: u64,
    head: Head,
}

impl Checkpoint {
    /// `None` if `note` is not a signed note with a checkpoint of Rekor v1 in it.
    pub fn parse(note: &str) -> Option<Self> {
        let note = SignedNote::parse(note)?;
        let mut lines = note.text().split('\n');
        let (host, tree_id) = lines.next()?.rsplit_once(" - ")?;
        if host.is_empty() {
            return None;
        }
        let (host, tree_id) = (host.to_owned(), parse_decimal(tree_id)?);
        let size = parse_decimal(lines.next()?)?;
        let root = BASE64_STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        Some(Self { note, host, tree_id, head: Head { size, root } })
    }

    /// Signs the head of a tree. `host` has no white space and no plus sign.
    pub(crate) fn sign(host: &str, tree_id: u64, head: Head, key: &LocalKey) -> Result<Self, SigstoreError> {
        let text = format!("{host} - {tree_id}\n{}\n{}\n", head.size, BASE64_STANDARD.encode(head.root));
        let signature = key.sign(text.as_bytes())?;
        let note = SignedNote::new(&text, host, key_hint(key.public_key()), signature);
        Ok(Self { note, host: host.to_owned(), tree_id, head })
    }

    /// The signed note, as it came.
    pub fn note(&self) -> &str {
        self.note.as_str()
    }

    /// The id of the tree, from the origin.
    pub fn tree_id(&self) -> u64 {
        self.tree_id
    }

    /// Size and root hash.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.head.size
    }

    /// The root hash.
    pub fn root(&self) -> &Hash {
        &self.head.root
    }

    /// Checks that one signature line is by `key`: its name the origin's, its hint the key's, its signature valid. Lines by
    /// others, such as witnesses, do not matter.
    pub fn verify(&self, key: &PublicKey) -> Result<(), Vec<Fault>> {
        let (hint, text, lines) = (key_hint(key), self.note.text().as_bytes(), self.note.signatures());
        let by_key: Vec<bool> = lines.iter().map(|line| key.verifies(text, &line.signature)).collect();
        let complete = |(line, by_key): (&NoteSignature, &bool)| *by_key && line.hint == hint && line.name == self.host;
        if lines.iter().zip(&by_key).any(complete) {
            return Ok(());
        }
        let mut faults = Vec::new();
        if !lines.iter().any(|line| line.hint == hint) {
            faults.push(Fault::CheckpointKeyHint);
        }
        if !lines.iter().any(|line| line.name == self.host) {
            faults.push(Fault::CheckpointOrigin);
        }
        if faults.is_empty() || !by_key.contains(&true) {
            faults.push(Fault::CheckpointSignature);
        }
        Err(faults)
    }
}

fn key_hint(key: &PublicKey) -> KeyHint {
    let [a, b, c, d, ..] = key.id();
    [a, b, c, d]
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
        assert_eq!(checkpoint.note.text().lines().count(), 3);
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
