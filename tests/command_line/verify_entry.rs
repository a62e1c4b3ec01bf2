//! `verify-entry`: one line for each file, and an exit code that sums them up.

use std::path::{Path, PathBuf};

use testing::client::get;
use testing::image::Image;
use testing::instance::Instance;
use testing::process::{Ended, Process, cli, into_closed_pipe};
use testing::stage::Stage;

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}

/// The files in a folder, by name.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(data(folder)).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn verify(key: Option<&Path>, files: &[PathBuf]) -> Ended {
    let mut command = cli();
    command.arg("verify-entry");
    if let Some(key) = key {
        command.arg("--rekor-key").arg(key);
    }
    Process::start(command.args(files)).finish()
}

/// The line for each file, in the order in which they were named.
#[track_caller]
fn verdicts(ended: &Ended, files: &[PathBuf]) -> Vec<String> {
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), files.len(), "{ended:?}");
    let verdict = |(line, file): (&&str, &PathBuf)| {
        let verdict = line.strip_prefix(&format!("{}: ", file.display()));
        verdict.unwrap_or_else(|| panic!("{line} is not about {}", file.display())).to_owned()
    };
    lines.iter().zip(files).map(verdict).collect()
}

#[test]
fn genuine_entries_hold() {
    let files = files("rekor/valid");
    let ended = verify(None, &files);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    for (verdict, file) in verdicts(&ended, &files).iter().zip(&files) {
        // Files are named kind-version-index.json.
        let index = file.file_stem().unwrap().to_str().unwrap().rsplit('-').next().unwrap();
        assert_eq!(*verdict, format!("holds (log index {index})"));
    }
}

#[test]
fn tampered_and_incomplete_entries_are_refused_with_a_reason() {
    for folder in ["rekor/invalid", "rekor/invalid-derived", "rekor/valid-partial"] {
        let files = files(folder);
        let ended = verify(None, &files);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""), "{folder}");
        for verdict in verdicts(&ended, &files) {
            let faults = verdict.strip_prefix("refused: ").unwrap_or_else(|| panic!("{verdict}"));
            let incomplete = faults.split("; ").all(|fault| fault.starts_with("incomplete: "));
            assert_eq!(incomplete, folder == "rekor/valid-partial", "{verdict}");
        }
    }
}

#[test]
fn one_refused_entry_among_genuine_ones_is_enough() {
    let genuine = files("rekor/valid").remove(0);
    for refused in files("rekor/invalid") {
        let ended = verify(None, &[genuine.clone(), refused, genuine.clone()]);
        assert_eq!(ended.code, Some(1));
        let holds: Vec<bool> = ended.stdout.lines().map(|line| line.contains(": holds (log index ")).collect();
        assert_eq!(holds, [true, false, true]);
    }
}

#[test]
fn an_unreadable_file_is_told_from_one_that_is_refuted() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, no_json) = (folder.path().join("missing.json"), folder.path().join("no.json"));
    std::fs::write(&no_json, "not JSON").unwrap();
    let (genuine, tampered) = (files("rekor/valid").remove(0), files("rekor/invalid").remove(0));

    let named = [genuine.clone(), missing, no_json.clone()];
    let ended = verify(None, &named);
    assert_eq!(ended.code, Some(2));
    let [holds, missing, no_json] = verdicts(&ended, &named).try_into().unwrap();
    assert!(holds.starts_with("holds"), "{holds}");
    assert_eq!(missing, "cannot be read: No such file or directory (os error 2)");
    assert!(no_json.starts_with("cannot be read: not JSON: "), "{no_json}");

    // That something does not hold outweighs that something else could not be read.
    let ended = verify(None, &[named[2].clone(), tampered]);
    assert_eq!(ended.code, Some(1));

    // JSON other than an entry is read and refused.
    let empty = folder.path().join("empty.json");
    std::fs::write(&empty, "{}").unwrap();
    let ended = verify(None, std::slice::from_ref(&empty));
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stdout, format!("{}: refused: not a log entry: expected exactly one\n", empty.display()));
}

#[test]
fn a_verdict_that_nobody_reads_is_still_the_exit_code() {
    let (genuine, tampered) = (files("rekor/valid").remove(0), files("rekor/invalid").remove(0));
    for (file, code) in [(genuine, 0), (tampered, 1), (data("rekor/missing.json"), 2)] {
        let ended = into_closed_pipe(cli().arg("verify-entry").arg(&file));
        assert_eq!(ended, (Some(code), String::new()), "{}", file.display());
    }
}

#[test]
fn the_key_decides() {
    let genuine = [files("rekor/valid").remove(0)];
    assert_eq!(verify(Some(&data("rekor/rekor.sigstore.dev.pub.pem")), &genuine).code, Some(0));
    let ended = verify(Some(&data("another-log.pub.pem")), &genuine);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("refused: the log id is not that of the trusted key; "), "{}", ended.stdout);
    for no_key in [data("missing.pem"), genuine[0].clone()] {
        let ended = verify(Some(&no_key), &genuine);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        assert!(ended.stderr.starts_with("tlogistry-cli: "), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn an_entry_that_serve_recorded_holds_by_its_logs_key_alone() {
    let (stage, folder) = (Stage::set(), tempfile::tempdir().unwrap());
    let instance = Instance::serve(folder.path(), &stage.environment());
    stage.push("v1", &Image::oci("recorded")).await;
    let pulled = get(&instance.url("manifests/v1")).await;
    let entry = get(pulled.header("tlog-entry")).await;
    let (file, key) = (folder.path().join("entry.json"), folder.path().join("log.pem"));
    std::fs::write(&file, &entry.bytes).unwrap();
    std::fs::write(&key, &stage.log.public_key).unwrap();
    let ended = verify(Some(&key), std::slice::from_ref(&file));
    let holds = format!("{}: holds (log index {})\n", file.display(), pulled.header("tlog-logindex"));
    assert_eq!((ended.code, ended.stdout), (Some(0), holds));
    assert_eq!(verify(None, &[file]).code, Some(1));
}

#[test]
fn help_says_in_a_line_what_each_command_is_for() {
    let ended = Process::start(cli().arg("--help")).finish();
    for line in ["verify Check on this machine that a tag is what it was recorded as", "demo Watch it work: "] {
        let help = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(line), "{line:?} is missing from {help}");
    }
}

#[test]
fn help_says_what_is_checked() {
    let ended = Process::start(cli().args(["verify-entry", "--help"])).finish();
    assert_eq!(ended.code, Some(0));
    let help = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for promise in [
        "the id: its leaf hash is the hash of the body, its tree (if it names one) is the checkpoint's",
        "the log id is that of the key",
        "the signed entry timestamp (SET), over body, time, log id and index",
        "the inclusion proof, from the body's own bytes to the root hash",
        "the checkpoint: a signed note by the key",
        "the attestation has the recorded payloadHash",
        "the certificate itself is not checked",
        "Exit code: 0 if every entry holds, 1 if any is refused, 2 if any could not be read",
        "--rekor-key <FILE>",
        "--trusted-root <FILE>",
        "has no timestamp, and must claim no time",
    ] {
        assert!(help.contains(promise), "{promise:?} is missing from {help}");
    }
    assert_eq!(Process::start(cli().arg("verify-entry")).finish().code, Some(2), "no file is named");
}
