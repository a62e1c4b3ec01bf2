//! The Sigstore bundle, v0.3: the signed statement and the log's entry in one file.
//!
//! Source: `protos/sigstore_bundle.proto` of sigstore/protobuf-specs v0.5, in its JSON form.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::wire::{Envelope, PublicKeyHint, Signature, VerificationMaterial};
use crate::dsse;
use crate::foreign::shown;
use crate::image::Tag;
use crate::key::PublicKey;
use crate::sighting::{Sighting, parse_statement, statement};
use crate::timestamp::TimestampVerificationData;
use crate::tlog::{EntryError, Fault, Faults, LogEntry, LogKeys, TransparencyLogEntry};

/// The media type of the bundle, and the artifact type of an attestation's manifest.
pub const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A bundle that does not show that a tag was seen.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file is not JSON, or lacks a field of a bundle with a key.
    #[error("not a Sigstore bundle: {}", shown(&.0.to_string()))]
    Json(#[from] serde_json::Error),
    /// Carries the `mediaType`. Bundles of other versions are not read.
    #[error("its type is '{}', not {BUNDLE_TYPE}", shown(.0))]
    Type(String),
    /// Several could contradict each other.
    #[error("it has {0} log entries and {1} signatures, not one of each")]
    Count(usize, usize),
    /// The payload is not base64, or differs by a byte from the statement that an instance writes.
    #[error("its statement is not one of tlogistry's")]
    Statement,
    /// The bundle may be genuine. Carries the tag that it is about.
    #[error("it is about another tag: {0}")]
    OtherTag(Tag),
    /// A field of the log entry has the wrong form.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The entry was changed, or is from a log with other keys. Carries all that does not hold.
    #[error("its log entry does not verify: {}", Faults(.0))]
    LogUnverifiable(Vec<Fault>),
    /// Comes from another instance, or from a bundle put together from parts of two.
    #[error("its log entry does not record the statement with a signature by a trusted key")]
    NotSigned,
}

/// The order of the fields is the order in which they are written: equal sightings are equal bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    media_type: String,
    verification_material: VerificationMaterial,
    dsse_envelope: Envelope,
}

impl Bundle {
    /// Makes the bundle of a sighting. Needs no key and no call.
    pub fn new(sighting: &Sighting) -> Self {
        let signed = sighting.statement();
        Self {
            media_type: BUNDLE_TYPE.to_owned(),
            verification_material: VerificationMaterial {
                // cosign's own: it names the key, and proves nothing.
                public_key: PublicKeyHint { hint: BASE64_STANDARD.encode(signed.key().id()) },
                tlog_entries: vec![TransparencyLogEntry::of_sighting(sighting.entry())],
                timestamp_verification_data: sighting.stamped().map(TimestampVerificationData::new),
            },
            dsse_envelope: Envelope {
                payload: BASE64_STANDARD.encode(statement(sighting.tag(), sighting.digest())),
                payload_type: dsse::IN_TOTO.to_owned(),
                signatures: vec![Signature { sig: BASE64_STANDARD.encode(signed.signature()) }],
            },
        }
    }

    /// Writes the JSON without white space.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("structs of strings always serialise")
    }

    /// Reads the JSON of a bundle and checks nothing but its type ([`Bundle::verify`]).
    pub fn parse(json: &[u8]) -> Result<Self, BundleError> {
        let bundle: Self = serde_json::from_slice(json)?;
        if bundle.media_type == BUNDLE_TYPE { Ok(bundle) } else { Err(BundleError::Type(bundle.media_type)) }
    }

    /// The sighting that the bundle shows, of whatever tag, checked with the log's keys and with the key that the entry names.
    /// Trust in that key is left to the reader.
    pub fn verify_by_its_own_key(&self, log_keys: &LogKeys) -> Result<Sighting, BundleError> {
        let payload = BASE64_STANDARD.decode(&self.dsse_envelope.payload).map_err(|_| BundleError::Statement)?;
        let (tag, _) = parse_statement(&payload).ok_or(BundleError::Statement)?;
        let [entry] = &self.verification_material.tlog_entries[..] else {
            let entries = self.verification_material.tlog_entries.len();
            return Err(BundleError::Count(entries, self.dsse_envelope.signatures.len()));
        };
        let entry = entry.entry()?;
        let keys = entry.body().keys();
        // No sighting counts by a key that cannot be used.
        let keys: Vec<PublicKey> = keys.iter().filter_map(|key| PublicKey::from_der(key.der()).ok()).collect();
        self.verify(&tag, log_keys, &keys)
    }

    /// The sighting of `tag` that the bundle shows, checked with the log's keys and the `trusted` signers'.
    pub fn verify(&self, tag: &Tag, log_keys: &LogKeys, trusted: &[PublicKey]) -> Result<Sighting, BundleError> {
        let (entries, envelope) = (&self.verification_material.tlog_entries, &self.dsse_envelope);
        let ([entry], [signature]) = (&entries[..], &envelope.signatures[..]) else {
            return Err(BundleError::Count(entries.len(), envelope.signatures.len()));
        };
        let payload = BASE64_STANDARD.decode(&envelope.payload).map_err(|_| BundleError::Statement)?;
        let (about, digest) = parse_statement(&payload).ok_or(BundleError::Statement)?;
        if about != *tag {
            return Err(BundleError::OtherTag(about));
        }
        let entry: LogEntry = entry.entry()?;
        let entry = entry.verify(log_keys).map_err(BundleError::LogUnverifiable)?;
        let sighting = Sighting::check(entry, about, digest, trusted).ok_or(BundleError::NotSigned)?;
        // The envelope's own signature is what other tools check: it must be the one that the log holds.
        let same = BASE64_STANDARD.encode(sighting.statement().signature()) == signature.sig;
        if !same || envelope.payload_type != dsse::IN_TOTO {
            return Err(BundleError::NotSigned);
        }
        let stamps = self.verification_material.timestamp_verification_data.as_ref();
        let stamped =
            stamps.and_then(|stamps| stamps.verified(sighting.statement().signature(), log_keys.authorities()));
        Ok(sighting.with_stamp(stamped))
    }
}
