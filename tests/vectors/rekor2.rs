//! sigstore-conformance's cases for Rekor v2: each part of a bundle is judged alone, and exactly those fail that the
//! case is about.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tlogistry::dsse::pae;
use tlogistry::key::PublicKey;
use tlogistry::tlog::body::EntryBody;
use tlogistry::tlog::{Fault, LogEntry, LogKeys, TransparencyLogEntry};
use tlogistry::trusted_material::TrustedRoot;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// `None` if the part is to be refused.
type Judge = fn(&Case) -> Option<()>;

/// Parts of a bundle, by the names in `index.tsv`.
const PARTS: [(&str, Judge); 5] = [
    ("body", body),
    ("checkpoint", checkpoint),
    ("inclusion", inclusion),
    ("signature", signature),
    ("timestamp", timestamp),
];

struct Case {
    bundle: Value,
    root: TrustedRoot,
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/rekor-v2").join(name)
}

fn read(folder: &str, name: &str) -> Vec<u8> {
    std::fs::read(path(&format!("{folder}/{name}.json"))).unwrap()
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    // `base64` writes lines.
    BASE64_STANDARD.decode(value.as_str()?.replace('\n', "")).ok()
}

impl Case {
    fn entry(&self) -> &Value {
        &self.bundle["verificationMaterial"]["tlogEntries"][0]
    }

    /// The signature over the artifact or the envelope: what is stamped.
    fn signature(&self) -> Option<Vec<u8>> {
        let envelope = &self.bundle["dsseEnvelope"]["signatures"][0]["sig"];
        bytes(if envelope.is_null() { &self.bundle["messageSignature"]["signature"] } else { envelope })
    }

    /// The signed bytes, if the bundle holds them, and their hash.
    fn signed(&self) -> Option<(Option<Vec<u8>>, Vec<u8>)> {
        let envelope = &self.bundle["dsseEnvelope"];
        if envelope.is_null() {
            return Some((None, bytes(&self.bundle["messageSignature"]["messageDigest"]["digest"])?));
        }
        let signed = pae(envelope["payloadType"].as_str()?, &bytes(&envelope["payload"])?);
        let hash = Sha256::digest(&signed).to_vec();
        Some((Some(signed), hash))
    }

    fn certificate(&self) -> Option<Vec<u8>> {
        bytes(&self.bundle["verificationMaterial"]["certificate"]["rawBytes"])
    }

    fn key(&self) -> Option<PublicKey> {
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            BASE64_STANDARD.encode(self.certificate()?)
        );
        PublicKey::from_pem(&pem).ok()
    }

    /// The log's entry as a client reads it, and the faults that it has with the trusted root's keys.
    fn judged(&self) -> Option<(LogEntry, Vec<Fault>)> {
        let entry: TransparencyLogEntry = serde_json::from_value(self.entry().clone()).ok()?;
        let keys = self.root.logs().iter().map(|log| log.log_key().unwrap()).collect();
        let (entry, keys) = (entry.entry().ok()?, LogKeys::new(keys)?);
        let faults = entry.clone().verify(&keys).err().unwrap_or_default();
        Some((entry, faults))
    }
}

/// The certificate's key signed what the bundle holds. An artifact is not in its bundle.
fn signature(case: &Case) -> Option<()> {
    let (signed, _) = case.signed()?;
    signed.is_none_or(|signed| case.key().unwrap().verifies(&signed, &case.signature().unwrap())).then_some(())
}

/// The log's entry is canonical JSON, and of this signature by this certificate over this hash.
fn body(case: &Case) -> Option<()> {
    let (entry, _) = case.judged()?;
    let EntryBody::SignedDigest(signed) = entry.body() else { return None };
    let leaf = bytes(&case.entry()["canonicalizedBody"])?;
    let canonical = serde_json_canonicalizer::to_vec(&serde_json::from_slice::<Value>(&leaf).ok()?).ok()?;
    let is_right = canonical == leaf
        && signed.sha256?[..] == case.signed()?.1
        && signed.signature == case.signature()?
        && signed.key.is(&case.key()?);
    is_right.then_some(())
}

/// The log signed a checkpoint.
fn checkpoint(case: &Case) -> Option<()> {
    const FAULTS: [Fault; 6] = [
        Fault::NoInclusionProof,
        Fault::NoCheckpoint,
        Fault::CheckpointForm,
        Fault::CheckpointSignature,
        Fault::CheckpointKeyHint,
        Fault::CheckpointOrigin,
    ];
    let (_, faults) = case.judged()?;
    (!faults.iter().any(|fault| FAULTS.contains(fault))).then_some(())
}

/// The entry is in a tree of this log, of which a checkpoint that can be read is.
fn inclusion(case: &Case) -> Option<()> {
    const FAULTS: [Fault; 5] =
        [Fault::NoInclusionProof, Fault::InclusionProof, Fault::CheckpointRoot, Fault::LogId, Fault::LogIndex];
    let (_, faults) = case.judged()?;
    (!faults.iter().any(|fault| FAULTS.contains(fault))).then_some(())
}

/// A time stamp of the signature, of a time in which the certificate was valid.
fn timestamp(case: &Case) -> Option<()> {
    let tokens = &case.bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"];
    let token = bytes(&tokens[0]["signedTimestamp"])?;
    let stamped = case.root.authorities().verify(&token, &case.signature()?).ok()?;
    let certificate = Certificate::from_der(&case.certificate()?).ok()?;
    let valid = certificate.tbs_certificate().validity();
    let seconds = |time: &x509_cert::time::Time| time.to_unix_duration().as_secs();
    (seconds(&valid.not_before)..=seconds(&valid.not_after)).contains(&stamped.seconds()).then_some(())
}

#[test]
fn a_bundle_of_rekor_v2_fails_where_sigstore_conformance_says_so_and_for_that_reason() {
    let index = std::fs::read_to_string(path("index.tsv")).unwrap();
    let (mut names, mut refused) = (BTreeSet::new(), 0);
    for line in index.lines() {
        let [name, root, parts] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let bundle = serde_json::from_slice(&read("bundles", name)).unwrap();
        let root = TrustedRoot::parse(&read("trusted-roots", root)).unwrap();
        assert!(root.skipped().is_empty(), "{:?}", root.skipped());
        assert!(root.logs().iter().all(|log| log.log_key().unwrap().id() == log.id()), "{name}");
        let case = Case { bundle, root };
        let expected: BTreeSet<&str> = parts.split(' ').filter(|part| *part != "-").collect();
        let failed = PARTS.iter().filter(|(_, holds)| holds(&case).is_none()).map(|(part, _)| *part).collect();
        assert_eq!(expected, failed, "{name}");
        assert_eq!(name.ends_with("_fail"), !expected.is_empty(), "{name}");
        refused += usize::from(!expected.is_empty());
        names.insert(format!("{name}.json"));
    }
    let files = std::fs::read_dir(path("bundles")).unwrap();
    let files: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, files);
    assert_eq!((names.len(), refused), (26, 16));
}
