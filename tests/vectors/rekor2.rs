//! sigstore-conformance's cases for Rekor v2: each part of a bundle is judged alone, and exactly those fail that the case is
//! about.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tlogistry::dsse::pae;
use tlogistry::key::PublicKey;
use tlogistry::tlog::{Head, is_included};
use tlogistry::trusted_material::{TrustedLog, TrustedRoot};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// `None` if the part is to be refused.
type Judge = fn(&Case) -> Option<()>;

/// Parts of a bundle, by the names in `index.tsv`.
const PARTS: [(&str, Judge); 5] = [
    ("body", body),
    ("checkpoint", |case| checkpoint(case).map(drop)),
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

    /// What is signed, if the bundle holds it, and its hash.
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

    fn log(&self) -> Option<&TrustedLog> {
        let id = bytes(&self.entry()["logId"]["keyId"])?;
        self.root.logs().iter().find(|log| log.id() == id)
    }
}

/// The certificate's key signed what the bundle holds. An artifact is not in its bundle.
fn signature(case: &Case) -> Option<()> {
    let (signed, _) = case.signed()?;
    signed.is_none_or(|signed| case.key().unwrap().verifies(&signed, &case.signature().unwrap())).then_some(())
}

/// The log's entry is canonical JSON, and of this signature by this certificate over this hash.
fn body(case: &Case) -> Option<()> {
    let body = bytes(&case.entry()["canonicalizedBody"])?;
    let entry: Value = serde_json::from_slice(&body).ok()?;
    let canonical = serde_json_canonicalizer::to_vec(&entry).ok()?;
    let (spec, kind) = (&entry["spec"]["hashedRekordV002"], &case.entry()["kindVersion"]);
    let is_right = canonical == body
        && (&entry["kind"], &entry["apiVersion"]) == (&kind["kind"], &kind["version"])
        && (entry["kind"] == "hashedrekord" && entry["apiVersion"] == "0.0.2")
        && spec["data"]["algorithm"] == "SHA2_256"
        && bytes(&spec["data"]["digest"])? == case.signed()?.1
        && bytes(&spec["signature"]["content"])? == case.signature()?
        && bytes(&spec["signature"]["verifier"]["x509Certificate"]["rawBytes"])? == case.certificate()?;
    is_right.then_some(())
}

/// The log's checkpoint: its origin is the log's host, and one of its signatures is the log's.
fn checkpoint(case: &Case) -> Option<Head> {
    let log = case.log()?;
    let note = case.entry()["inclusionProof"]["checkpoint"]["envelope"].as_str()?;
    let (text, signatures) = note.split_at(note.rfind("\n\n")? + 1);
    let mut lines = text.split('\n');
    let origin = lines.next()?;
    let head =
        Head { size: lines.next()?.parse().ok()?, root: BASE64_STANDARD.decode(lines.next()?).ok()?.try_into().ok()? };
    let is_the_logs = |line: &str| {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        let signature = BASE64_STANDARD.decode(encoded).ok()?;
        let (hint, signature) = signature.split_at_checked(4)?;
        (name == origin && log.id().starts_with(hint) && log.key().verifies(text.as_bytes(), signature)).then_some(())
    };
    (origin == log.host() && signatures.lines().any(|line| is_the_logs(line).is_some())).then_some(head)
}

/// The entry is in the tree that the checkpoint is of.
fn inclusion(case: &Case) -> Option<()> {
    let proof = &case.entry()["inclusionProof"];
    // A tree is named beside the checkpoint; a broken checkpoint is its own fault.
    let size = proof["treeSize"].as_str()?.parse().ok()?;
    let head = Head { size, root: bytes(&proof["rootHash"])?.try_into().ok()? };
    let is_same = checkpoint(case).is_none_or(|signed| (signed.size, signed.root) == (head.size, head.root));
    let mut leaf = vec![0];
    leaf.extend(bytes(&case.entry()["canonicalizedBody"])?);
    let hashes =
        proof["hashes"].as_array()?.iter().map(|hash| bytes(hash)?.try_into().ok()).collect::<Option<Vec<_>>>()?;
    let index = proof["logIndex"].as_str()?.parse().ok()?;
    (is_same && is_included(&Sha256::digest(&leaf).into(), index, head, &hashes)).then_some(())
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
