//! A bounded run of the fuzz targets on stable Rust: their corpus, and input made from it. `make fuzz` runs them
//! without a bound, guided by coverage.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::collections::BTreeMap;
use std::path::Path;

use tlogistry::image::Tag;
use tlogistry::ledger::VerifiedRow;
use tlogistry::tlog::{Checkpoint, LogEntry, TransparencyLogEntry};

/// Inputs made for each target, besides its corpus. A failing one is printed.
const INPUTS: usize = 20_000;
/// The same inputs each time: `TLOGISTRY_SEED` makes others.
const SEED: u64 = 1;

/// The files of a target's corpus, by their names.
fn corpus(name: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect()
}

fn run(name: &str, target: fn(&[u8])) {
    let corpus: Vec<Vec<u8>> = corpus(name).into_values().collect();
    assert!(corpus.len() > 1, "{name} has no corpus");
    let seed = std::env::var("TLOGISTRY_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(seed);
    for input in &corpus {
        target(input);
    }
    for _ in 0..INPUTS {
        let input = mutate(&mut random, &corpus);
        if let Err(panic) = std::panic::catch_unwind(|| target(&input)) {
            eprintln!(
                "{name} fails for this input, to be kept in fuzz/corpus/{name}/: {:?}",
                String::from_utf8_lossy(&input)
            );
            std::panic::resume_unwind(panic);
        }
    }
}

/// One of the corpus, changed in up to four places.
fn mutate(random: &mut fastrand::Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    const TELLING: &[u8] = b"\n\r \0\"\\/:@%?#&=,.-+_[]{}0\xff\xe2";
    let mut input = corpus[random.usize(..corpus.len())].clone();
    for _ in 0..random.usize(1..=4) {
        let at = random.usize(..=input.len());
        match random.u8(..7) {
            0 if at < input.len() => input[at] ^= 1 << random.u8(..8),
            1 if at < input.len() => input[at] = TELLING[random.usize(..TELLING.len())],
            2 => input.insert(at, TELLING[random.usize(..TELLING.len())]),
            3 => input.truncate(at),
            4 => drop(input.drain(at..(at + random.usize(..16)).min(input.len()))),
            5 => {
                let other = &corpus[random.usize(..corpus.len())];
                let from = random.usize(..=other.len());
                input.splice(at.., other[from..].iter().copied());
            }
            _ => {
                let end = (at + random.usize(..64)).min(input.len());
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
        }
    }
    input
}

#[test]
fn no_name_breaks_the_parsers() {
    run("names", targets::names);
}

#[test]
fn no_challenge_breaks_the_client() {
    run("challenge", targets::challenge);
}

#[test]
fn no_log_entry_breaks_the_checks() {
    run("entry", targets::entry);
}

#[test]
fn no_checkpoint_breaks_the_checks() {
    run("checkpoint", targets::checkpoint);
}

#[test]
fn no_statement_is_taken_for_another() {
    run("statement", targets::statement);
}

#[test]
fn no_row_breaks_the_checks() {
    run("row", targets::row);
}

#[test]
fn no_entry_in_a_bundle_breaks_the_checks() {
    run("bundle_entry", targets::rekor_v2::bundle_entry);
}

#[test]
fn no_log_key_is_taken_for_another() {
    run("log_key", targets::rekor_v2::log_key);
}

#[test]
fn no_tiles_prove_what_is_not_so() {
    run("tiles", targets::rekor_v2::tiles);
}

#[test]
fn no_time_stamp_breaks_the_checks() {
    run("timestamp", targets::timestamp);
}

#[test]
fn no_trusted_root_breaks_the_parser() {
    run("trusted_root", targets::trusted_root);
}

#[test]
fn no_signing_config_breaks_the_parser() {
    run("signing_config", targets::signing_config);
}

/// Otherwise nothing that is asserted of it was ever looked at.
#[test]
fn the_corpus_holds_what_verifies() {
    let keys = &*targets::LOG_KEYS;
    for (name, input) in corpus("bundle_entry") {
        let entry: TransparencyLogEntry = serde_json::from_slice(&input).unwrap();
        assert_eq!(entry.entry().unwrap().verify(keys).err(), None, "{name}");
    }
    for (name, input) in corpus("entry").iter().filter(|(name, _)| name.starts_with("hashedrekord-0.0.2")) {
        assert_eq!(LogEntry::parse(input).unwrap().verify(keys).err(), None, "{name}");
    }
    for (name, input) in corpus("checkpoint") {
        let checkpoint = Checkpoint::parse(std::str::from_utf8(&input).unwrap()).unwrap();
        assert_eq!(keys.verify_checkpoint(&checkpoint), Ok(()), "{name}");
    }
    for (name, input) in corpus("row").iter().filter(|(name, _)| name.starts_with("rekor-v2")) {
        let row = targets::read_row(std::str::from_utf8(input).unwrap());
        let about: Tag = row.tag.parse().unwrap();
        let verified = row.verify(&about, &*targets::TRUSTED, keys).unwrap();
        assert_eq!(matches!(verified, VerifiedRow::Pending(..)), name.ends_with("pending"), "{name}");
    }
}

#[test]
fn no_policy_breaks_the_parser() {
    run("policy", targets::policy);
}

#[test]
fn no_cosignature_is_taken_for_another() {
    run("cosignature", targets::cosignature);
}

#[test]
fn no_proof_breaks_the_parser() {
    run("proof", targets::proof);
}
