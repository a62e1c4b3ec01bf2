//! The tool on a tiny library whose mutants are of each kind. It needs cargo-mutants (`make mutants-test`).

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Runs the tool on the library; returns its exit code, its output, and the lines of its results.
fn run(arguments: &[&str]) -> (Option<i32>, String, BTreeSet<String>) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mutants"));
    command.args(["src/planted.rs", "--programs=", "--patience=3"]).args(arguments);
    command.arg("--root").arg(here.join("fixture")).arg("--out").arg(out.path());
    let output = command.output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).ends_with("1 mutants do not compile: taken out\n"), "{output:?}");
    let results = std::fs::read_to_string(out.path().join("results.tsv")).unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), results.lines().map(str::to_owned).collect())
}

#[test]
fn each_kind_of_mutant_is_told_for_what_it_is() {
    let (code, output, results) = run(&[]);
    let expected = include_str!("planted.tsv").lines().map(str::to_owned).collect();
    assert_eq!(results, expected, "{output}");
    assert_eq!(code, Some(2), "{output}");
}
