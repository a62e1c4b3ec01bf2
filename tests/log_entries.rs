//! Entries of the public log: the genuine ones verify with the key that tlogistry ships, all others are refused for the
//! reason that `tests/data/rekor/index.tsv` names. `tests/data/rekor/README.md` says where they come from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tlogistry::key::PublicKey;
use tlogistry::rekor::PUBLIC_INSTANCE_KEY;
use tlogistry::tlog::{Fault, LogEntry, LogKeys};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rekor")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let files: Vec<PathBuf> =
        std::fs::read_dir(data().join(folder)).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty(), "{folder}");
    files
}

/// The fault of the entry in a file.
fn faults(file: &Path) -> Vec<Fault> {
    let keys = LogKeys::v1(vec![PublicKey::from_pem(PUBLIC_INSTANCE_KEY).unwrap()]).unwrap();
    let entry = LogEntry::parse(&std::fs::read(file).unwrap()).unwrap();
    let attestation = entry.verify_attestation().err().unwrap_or_default();
    entry.verify(&keys).err().unwrap_or_default().into_iter().chain(attestation).collect()
}

/// The name that `index.tsv` has for a check. A checkpoint that cannot be parsed fails all four of its own.
fn checks(fault: &Fault) -> &'static [&'static str] {
    match fault {
        Fault::EntryId => &["uuid"],
        Fault::LogId => &["logid"],
        Fault::SignedEntryTimestamp => &["set"],
        Fault::InclusionProof => &["proof"],
        Fault::CheckpointForm => &["cproot", "cpsig", "cphint", "cptree"],
        Fault::CheckpointSignature => &["cpsig"],
        Fault::CheckpointKeyHint => &["cphint"],
        Fault::CheckpointTree => &["cptree"],
        Fault::CheckpointRoot => &["cproot"],
        Fault::Attestation | Fault::UnreadableIntoto => &["att"],
        Fault::DsseSignature => &["dsse"],
        _ => &[],
    }
}

#[test]
fn every_genuine_entry_verifies() {
    let files = files("valid");
    assert_eq!(files.len(), 56);
    for file in files {
        assert_eq!(faults(&file), [], "{}", file.display());
    }
}

#[test]
fn every_partial_entry_is_refused_as_incomplete_and_for_no_other_reason() {
    let files = files("valid-partial");
    assert_eq!(files.len(), 19);
    for file in files {
        let faults = faults(&file);
        assert!(!faults.is_empty(), "{}", file.display());
        assert!(
            faults.iter().all(|fault| fault.to_string().starts_with("incomplete: ")),
            "{}: {faults:?}",
            file.display()
        );
    }
}

#[test]
fn every_tampered_entry_fails_the_checks_that_the_index_names() {
    let index = std::fs::read_to_string(data().join("index.tsv")).unwrap();
    let mut seen = 0;
    for row in index.lines().filter(|row| row.starts_with("invalid")) {
        let columns: Vec<&str> = row.split('\t').collect();
        let found = faults(&data().join(columns[0]));
        let failing: BTreeSet<&str> = found.iter().flat_map(checks).copied().collect();
        assert_eq!(failing, columns[11].split(',').collect(), "{}: {found:?}", columns[0]);
        seen += 1;
    }
    assert_eq!(seen, 125);
}

#[test]
fn a_genuine_entry_is_refused_by_another_logs_key() {
    let other = data().join("../another-log.pub.pem");
    let keys = LogKeys::v1(PublicKey::all_from_pem(&std::fs::read_to_string(other).unwrap()).unwrap()).unwrap();
    let entry = LogEntry::parse(&std::fs::read(data().join("valid/intoto-0.0.2-94408157.json")).unwrap()).unwrap();
    let faults = entry.verify(&keys).unwrap_err();
    for fault in [Fault::LogId, Fault::SignedEntryTimestamp, Fault::CheckpointKeyHint, Fault::CheckpointSignature] {
        assert!(faults.contains(&fault), "{fault:?} is missing from {faults:?}");
    }
}
