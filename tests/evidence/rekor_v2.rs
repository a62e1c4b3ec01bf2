//! A bundle with an entry of Rekor v2, made by rekor-tiles' own server: it verifies, and nothing can be changed in it.
//! `tests/data/rekor-v2/README.md` says where it comes from.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tlogistry::evidence::{Bundle, BundleError};
use tlogistry::image::Tag;
use tlogistry::key::PublicKey;
use tlogistry::sighting::Sighting;
use tlogistry::tlog::{Fault, LogKey, LogKeys};

const BUNDLE: &str = include_str!("../data/rekor-v2/ours/bundle-manifest-first.json");
const KEY: &str = include_str!("../data/rekor-v2/ours/key.pem");
const TAG: &str = include_str!("../data/rekor-v2/ours/tag.txt");
const TRUSTED_ROOT: &str = include_str!("../data/rekor-v2/ours/trusted-root.json");

fn tag() -> Tag {
    TAG.trim().parse().unwrap()
}

fn key() -> PublicKey {
    PublicKey::from_pem(KEY).unwrap()
}

fn log_key() -> PublicKey {
    let root: Value = serde_json::from_str(TRUSTED_ROOT).unwrap();
    let der = BASE64_STANDARD.decode(root["tlogs"][0]["publicKey"]["rawBytes"].as_str().unwrap()).unwrap();
    PublicKey::from_der(&der).unwrap()
}

fn log_keys(origin: &str) -> LogKeys {
    LogKeys::new(vec![LogKey::v2(log_key(), origin).unwrap()]).unwrap()
}

fn verify(bundle: &Value) -> Result<Sighting, BundleError> {
    Bundle::parse(bundle.to_string().as_bytes())?.verify(&tag(), &log_keys("localhost"), &[key()])
}

fn bundle() -> Value {
    serde_json::from_str(BUNDLE).unwrap()
}

fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

/// Applies a change to the entry's body.
fn change_body(bundle: &mut Value, change: impl FnOnce(String) -> String) {
    let body = &mut entry(bundle)["canonicalizedBody"];
    let text = String::from_utf8(BASE64_STANDARD.decode(body.as_str().unwrap()).unwrap()).unwrap();
    let changed = change(text.clone());
    assert_ne!(changed, text);
    *body = BASE64_STANDARD.encode(changed).into();
}

#[test]
fn a_bundle_of_rekor_v2_shows_the_sighting_and_no_time() {
    let sighting = verify(&bundle()).unwrap();
    assert_eq!(sighting.digest().to_string(), format!("sha256:{}", "a".repeat(64)));
    assert_eq!(sighting.time(), None);
    assert_eq!(sighting.entry().log_index(), 0);
    // The bundle that is made of it is the same, and can be read again.
    let made: Value = serde_json::from_str(&Bundle::new(&sighting).to_json()).unwrap();
    let mut genuine = bundle();
    entry(&mut genuine).as_object_mut().unwrap().remove("inclusionPromise");
    assert_eq!(made, genuine);
    assert!(verify(&made).is_ok());
}

#[test]
fn a_writer_of_protobuf_json_may_leave_out_what_is_zero() {
    let mut bundle = bundle();
    let fields = entry(&mut bundle).as_object_mut().unwrap();
    for name in ["logIndex", "integratedTime", "inclusionPromise"] {
        assert!(fields.remove(name).is_some(), "{name}");
    }
    let proof = fields["inclusionProof"].as_object_mut().unwrap();
    assert!(proof.remove("logIndex").is_some() && proof.remove("hashes").is_some());
    assert!(verify(&bundle).is_ok());
}

type Change = fn(&mut Value);
type ChangeNote = fn(&str) -> String;
type ChangeBody = fn(String) -> String;

#[test]
fn nothing_can_be_changed_in_its_entry() {
    let changes: &[(&str, Change, Fault)] = &[
        ("a time", |entry| entry["integratedTime"] = json!("1700000000"), Fault::UnsignedTime),
        (
            "a timestamp",
            |entry| entry["inclusionPromise"] = json!({"signedEntryTimestamp": "AA=="}),
            Fault::UnsignedTime,
        ),
        ("another index", |entry| entry["logIndex"] = json!("1"), Fault::LogIndex),
        ("another index in the proof", |entry| entry["inclusionProof"]["logIndex"] = json!("1"), Fault::InclusionProof),
        ("another size", |entry| entry["inclusionProof"]["treeSize"] = json!("2"), Fault::CheckpointRoot),
        (
            "another root",
            |entry| entry["inclusionProof"]["rootHash"] = json!(BASE64_STANDARD.encode([1; 32])),
            Fault::InclusionProof,
        ),
        (
            "a hash too many",
            |entry| entry["inclusionProof"]["hashes"] = json!([BASE64_STANDARD.encode([1; 32])]),
            Fault::InclusionProof,
        ),
        ("another log", |entry| entry["logId"]["keyId"] = json!(BASE64_STANDARD.encode([1; 32])), Fault::LogId),
        ("no proof", |entry| entry["inclusionProof"] = json!(null), Fault::NoInclusionProof),
        ("no checkpoint", |entry| entry["inclusionProof"]["checkpoint"] = json!(null), Fault::NoCheckpoint),
    ];
    for (name, change, fault) in changes {
        let mut changed = bundle();
        change(entry(&mut changed));
        match verify(&changed) {
            Err(BundleError::LogUnverifiable(faults)) => assert!(faults.contains(fault), "{name}: {faults:?}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

fn with_another_signature(note: &str) -> String {
    let (head, tail) = note.split_at(note.len() - 10);
    let other = if tail.starts_with('A') { "B" } else { "A" };
    format!("{head}{other}{}", &tail[1..])
}

#[test]
fn nothing_can_be_changed_in_its_checkpoint() {
    let changes: &[(&str, ChangeNote, Fault)] = &[
        ("no signature", |note| note.split("\u{2014} ").next().unwrap().to_owned(), Fault::CheckpointForm),
        ("another origin", |note| note.replacen("localhost", "other.test", 1), Fault::CheckpointOrigin),
        ("a tree of Rekor v1", |note| note.replacen("localhost", "localhost - 7", 1), Fault::CheckpointOrigin),
        (
            "another name beside the signature",
            |note| note.replace("\u{2014} localhost", "\u{2014} other.test"),
            Fault::CheckpointOrigin,
        ),
        ("another key id", |note| note.replace("W6COU", "X6COU"), Fault::CheckpointKeyHint),
        ("another signature", with_another_signature, Fault::CheckpointSignature),
        ("a line more", |note| note.replacen("\n\n", "\nmore\n\n", 1), Fault::CheckpointSignature),
    ];
    for (name, change, fault) in changes {
        let mut changed = bundle();
        let note = &mut entry(&mut changed)["inclusionProof"]["checkpoint"]["envelope"];
        let text = change(note.as_str().unwrap());
        assert_ne!(note.as_str().unwrap(), text, "{name}");
        *note = text.into();
        match verify(&changed) {
            Err(BundleError::LogUnverifiable(faults)) => assert!(faults.contains(fault), "{name}: {faults:?}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_body_in_any_other_form_is_refused() {
    let changes: &[(&str, ChangeBody)] = &[
        ("white space", |body| body.replacen(':', ": ", 1)),
        ("a field more", |body| body.replacen('{', "{\"a\":1,", 1)),
        ("a field twice", |body| body.replacen('{', "{\"apiVersion\":\"0.0.2\",", 1)),
        ("another version", |body| body.replace("0.0.2", "0.0.1")),
        ("another kind", |body| body.replace("\"hashedrekord\"", "\"intoto\"")),
        ("another digest's name", |body| body.replace("SHA2_256", "SHA2_512")),
        ("another key's name", |body| body.replace("PKIX_ECDSA_P256_SHA_256", "PKIX_ECDSA_P384_SHA_384")),
    ];
    for (name, change) in changes {
        let mut changed = bundle();
        change_body(&mut changed, change);
        // The body is no longer the leaf that the log has.
        match verify(&changed) {
            Err(BundleError::LogUnverifiable(faults)) => {
                assert!(faults.contains(&Fault::InclusionProof), "{name}: {faults:?}")
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn another_statement_tag_key_or_log_is_refused() {
    let altered: Value =
        serde_json::from_str(include_str!("../data/rekor-v2/ours/bundle-altered-statement.json")).unwrap();
    assert!(verify(&altered).is_err());
    let genuine = Bundle::parse(BUNDLE.as_bytes()).unwrap();
    let (keys, log) = ([key()], log_keys("localhost"));
    assert!(genuine.verify(&tag(), &log, &keys).is_ok());
    let other: Tag = "alpine:3.16.1".parse().unwrap();
    assert!(matches!(genuine.verify(&other, &log, &keys), Err(BundleError::OtherTag(_))));
    let stranger = [log_key()];
    assert!(matches!(genuine.verify(&tag(), &log, &stranger), Err(BundleError::NotSigned)));
    for log in [log_keys("other.test"), LogKeys::v1(vec![log_key()]).unwrap()] {
        assert!(matches!(genuine.verify(&tag(), &log, &keys), Err(BundleError::LogUnverifiable(_))));
    }
    // The statement of the same digest, signed under another entry.
    let mut moved = bundle();
    let payload = &mut moved["dsseEnvelope"]["payload"];
    let statement = String::from_utf8(BASE64_STANDARD.decode(payload.as_str().unwrap()).unwrap()).unwrap();
    *payload = BASE64_STANDARD.encode(statement.replace(&"a".repeat(64), &"b".repeat(64))).into();
    assert!(matches!(verify(&moved), Err(BundleError::NotSigned)));
}

#[test]
fn a_logs_key_is_read_as_a_verifier_key_or_in_pem() {
    const VKEY: &str = "log2025-alpha3.rekor.sigstage.dev+d3d3a70c+AZQ93VXPMmj9uZj7U/7CefQ9yy8RgYFv6mKzOseipjqp";
    let key = LogKey::from_vkey(VKEY).unwrap();
    assert_eq!(key.origin(), Some("log2025-alpha3.rekor.sigstage.dev"));
    assert!(hex::encode(key.id()).starts_with("d3d3a70c"));
    let pem = log_key().pem().to_owned();
    let all = LogKey::all_from_text(&format!("# keys\n{VKEY}\n{pem}{KEY}"), Some("localhost")).unwrap();
    let origins: Vec<Option<&str>> = all.iter().map(LogKey::origin).collect();
    assert_eq!(origins, [Some("localhost"), None, Some("log2025-alpha3.rekor.sigstage.dev")]);
    for wrong in [
        VKEY.replace("d3d3a70c", "d3d3a70d"),
        VKEY.replace("+AZQ", "+BZQ"),
        VKEY.replace("sigstage.dev", "sigstage.org"),
        VKEY.replace("jqp", ""),
        "a+b".to_owned(),
    ] {
        assert!(LogKey::from_vkey(&wrong).is_err(), "{wrong}");
    }
    assert!(LogKey::v2(key_of_another_kind(), "localhost").is_err());
    for origin in ["", "a b", "a+b", "a\n"] {
        assert!(LogKey::v2(log_key(), origin).is_err(), "{origin}");
    }
}

fn key_of_another_kind() -> PublicKey {
    key()
}

#[test]
fn a_checkpoint_with_the_cosignatures_of_witnesses_is_the_logs() {
    let note = include_str!("../data/rekor-v2/ours/checkpoint-cosigned.txt");
    let vkeys = include_str!("../data/rekor-v2/ours/vkeys.txt");
    let key = LogKey::from_vkey(vkeys.lines().next().unwrap()).unwrap();
    let checkpoint = tlogistry::tlog::Checkpoint::parse(note).unwrap();
    assert_eq!(checkpoint.verify(&key), Ok(()));
}
