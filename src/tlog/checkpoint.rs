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
//! origin, and the key hint, which is the start of the key's sha256 without the name. In Rekor v2 the origin is the name
//! that the log signs under, and the hint is the start of the key's id for that name.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sigstore::errors::SigstoreError;

use super::fault::Fault;
use super::log_key::LogKey;
use super::merkle::{Hash, Head};
use super::note::{NoteSignature, SignedNote};
use crate::local_key::LocalKey;

/// A checkpoint. It can only be made by parsing or by signing, so the fields agree with the exact bytes that the signatures
/// cover.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    note: SignedNote,
    origin: String,
    head: Head,
}

impl Checkpoint {
    /// `None` if `note` is not a signed note with a checkpoint in it.
    pub fn parse(note: &str) -> Option<Self> {
        let note = SignedNote::parse(note)?;
        let mut lines = note.text().split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty())?.to_owned();
        let size = parse_decimal(lines.next()?)?;
        let root = BASE64_STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        Some(Self { note, origin, head: Head { size, root } })
    }

    /// Signs the head of a tree. `host` has no white space and no plus sign.
    pub(crate) fn sign(host: &str, tree_id: u64, head: Head, key: &LocalKey) -> Result<Self, SigstoreError> {
        let text = format!("{host} - {tree_id}\n{}\n{}\n", head.size, BASE64_STANDARD.encode(head.root));
        let signature = key.sign(text.as_bytes())?;
        let hint = LogKey::v1(key.public_key().clone()).hint();
        let note = SignedNote::new(&text, host, hint, signature);
        Ok(Self { note, origin: format!("{host} - {tree_id}"), head })
    }

    /// The signed note, as it came.
    pub fn note(&self) -> &str {
        self.note.as_str()
    }

    /// The signed note, in parts.
    pub(super) fn signed_note(&self) -> &SignedNote {
        &self.note
    }

    /// The first line, which names the log, and in Rekor v1 the tree too.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The id of the tree; `None` if the origin is not as Rekor v1 writes it.
    pub fn tree_id(&self) -> Option<u64> {
        self.host_and_tree().map(|(_, tree_id)| tree_id)
    }

    /// The tree's name for people.
    pub fn tree(&self) -> String {
        match self.tree_id() {
            Some(tree_id) => format!("tree {tree_id}"),
            None => format!("log {}", self.origin),
        }
    }

    fn host_and_tree(&self) -> Option<(&str, u64)> {
        let (host, tree_id) = self.origin.rsplit_once(" - ").filter(|(host, _)| !host.is_empty())?;
        Some((host, parse_decimal(tree_id)?))
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

    /// Checks that one signature line is by `key`: its name the log's, its hint the key's, its signature valid. Lines by
    /// others, such as witnesses, do not matter.
    pub fn verify(&self, key: &LogKey) -> Result<(), Vec<Fault>> {
        let name = match key.origin() {
            None => self.host_and_tree().map(|(host, _)| host).ok_or_else(|| vec![Fault::CheckpointForm])?,
            Some(origin) => origin,
        };
        let (hint, text, lines) = (key.hint(), self.note.text().as_bytes(), self.note.signatures());
        let by_key: Vec<bool> = lines.iter().map(|line| key.public_key().verifies(text, &line.signature)).collect();
        let complete = |(line, by_key): (&NoteSignature, &bool)| *by_key && line.hint == hint && line.name == name;
        if key.origin().is_some_and(|origin| origin != self.origin) {
            return Err(vec![Fault::CheckpointOrigin]);
        }
        if lines.iter().zip(&by_key).any(complete) {
            return Ok(());
        }
        let mut faults = Vec::new();
        if !lines.iter().any(|line| line.hint == hint) {
            faults.push(Fault::CheckpointKeyHint);
        }
        if !lines.iter().any(|line| line.name == name) {
            faults.push(Fault::CheckpointOrigin);
        }
        if faults.is_empty() || !by_key.contains(&true) {
            faults.push(Fault::CheckpointSignature);
        }
        Err(faults)
    }
}

/// Decimal digits without a sign or leading zeros.
pub(super) fn parse_decimal(digits: &str) -> Option<u64> {
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::super::log_key::LogKey;
    use super::{Checkpoint, Fault, Head};
    use crate::local_key::LocalKey;

    const NOTE: &str = "log.example - 7\n3\nLmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=\n\n— log.example wNI9ajBE\n";

    #[test]
    fn a_note_is_parsed_into_its_lines() {
        let checkpoint = Checkpoint::parse(NOTE).unwrap();
        assert_eq!((checkpoint.tree_id(), checkpoint.size()), (Some(7), 3));
        assert_eq!(checkpoint.origin(), "log.example - 7");
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
            ("no origin", NOTE.replace("log.example - 7", "")),
            ("carriage return", NOTE.replace("\n3\n", "\r\n3\n")),
            ("empty", String::new()),
        ];
        for (fault, note) in cases {
            assert!(Checkpoint::parse(&note).is_none(), "{fault}");
        }
    }

    #[test]
    fn a_tree_is_named_as_rekor_v1_does_or_not_at_all() {
        let tree_id = |origin: &str| Checkpoint::parse(&NOTE.replace("log.example - 7", origin)).unwrap().tree_id();
        assert_eq!(tree_id("a - b - 18446744073709551615"), Some(u64::MAX));
        for origin in
            ["log.example", " - 7", "log.example - ", "log.example - 07", "log.example - 18446744073709551616"]
        {
            assert_eq!(tree_id(origin), None, "{origin}");
        }
    }

    #[test]
    fn a_signature_line_is_by_the_key_under_its_hint_and_the_logs_name_and_each_fault_is_told_alone() {
        let (key, other) = (LocalKey::generate().unwrap(), LocalKey::generate().unwrap());
        let signed = Checkpoint::sign("log.example", 7, Head { size: 3, root: [5; 32] }, &key).unwrap();
        let faults = |note: &str, key: &LocalKey| {
            Checkpoint::parse(note).unwrap().verify(&LogKey::v1(key.public_key().clone())).err().unwrap_or_default()
        };
        assert_eq!(faults(signed.note(), &key), []);
        assert_eq!(faults(signed.note(), &other), [Fault::CheckpointKeyHint, Fault::CheckpointSignature]);
        let renamed = signed.note().replace("— log.example", "— other.example");
        assert_eq!(faults(&renamed, &key), [Fault::CheckpointOrigin]);
        let changed = signed.note().replace("\n3\n", "\n4\n");
        assert_eq!(faults(&changed, &key), [Fault::CheckpointSignature]);
    }
}
