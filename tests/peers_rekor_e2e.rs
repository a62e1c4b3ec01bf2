//! Rekor v1's own end-to-end tests, asked of the embedded log.
//!
//! Most of them upload entries of kinds that it does not take. Each test is named here, with the reason if it is left out, so
//! that those of a later version are noticed.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use testing::process::{Ended, Process, clean, tools};
use testing::transparency_log::TransparencyLog;

const OTHER_KIND: &str = "uploads a kind of entry that the embedded log does not take";

/// The tests of one package.
struct Package {
    name: &'static str,
    passed: &'static [&'static str],
    /// With the reasons.
    left_out: &'static [(&'static str, &'static str)],
}

const PACKAGES: [Package; 3] = [
    Package {
        name: "pkg/types/intoto",
        passed: &[
            "TestIntoto",
            "TestIntotoType",
            "TestValidationSearchIntotoV002MissingEnvelope",
            "TestValidationSearchIntotoV002MissingEnvelopeHash",
            "TestValidationSearchIntotoV002MissingPayloadHash",
        ],
        left_out: &[
            ("TestIntotoMultiSig", "signs with RSA"),
            (
                "TestValidationSearchIntotoV001MissingPayloadHash",
                "asks for intoto 0.0.1, which the embedded log does not take",
            ),
        ],
    },
    Package {
        name: "cmd/rekor-cli",
        passed: &[
            "TestGetNonExistentIndex",
            "TestGetNonExistentUUID",
            "TestLogProofLastSizeBiggerThanCurrentLog",
            "TestVerifyNonExistentIndex",
        ],
        left_out: &[("TestLogInfo", OTHER_KIND), ("TestCover", "is the client itself")],
    },
    Package {
        name: "cmd/rekor-server",
        passed: &[
            "TestEnvVariableValidation",
            "TestSearchNoEntriesRC1",
            "TestSearchQueryLimit",
            "TestSearchQueryMalformedEntry",
            "TestSearchSHA512",
            "TestVerifyNonExistentUUID",
        ],
        left_out: &[
            ("TestDuplicates", OTHER_KIND),
            ("TestGetCLI", OTHER_KIND),
            ("TestSearchBySANSubject", OTHER_KIND),
            ("TestMetricsCounts", "reads Prometheus' metrics, which the embedded log has none of"),
            ("TestHostnameInSTH", "asks Docker for the server's container"),
            ("TestHTTPMaxRequestBodySize", "demands a limit of 32 MiB: the embedded log's is 1 MiB"),
            ("TestCover", "is the server itself"),
        ],
    },
];

/// The folder that `make peers` builds them into.
fn folder() -> PathBuf {
    tools().join("go/rekor-e2e")
}

/// Runs the program of a package, in its folder, with these flags of Go's.
fn run(package: &Package, log: &str, flags: &[&str]) -> Ended {
    let here = folder().join(package.name);
    assert!(here.join("e2e").exists(), "{} is missing: run 'make peers'", here.display());
    // They run the client from this folder, and give it the file of this name with an ending as its configuration.
    let temporary = tempfile::tempdir().unwrap();
    let client = temporary.path().join("client");
    std::fs::create_dir(&client).unwrap();
    symlink(folder().join("rekor-cli"), client.join("rekor-cli")).unwrap();
    std::fs::write(temporary.path().join("client.rekor.yaml"), "").unwrap();
    let path = format!("{}:{}", client.display(), std::env::var("PATH").unwrap());
    let mut command = clean(here.join("e2e"));
    command.args(flags).current_dir(&here).env("REKOR_SERVER", log).env("REKORTMPDIR", &client).env("PATH", path);
    let ended = Process::start(command.env("TMPDIR", temporary.path()).env("HOME", temporary.path())).finish();
    remove_coverage();
    ended
}

/// Removes what the client leaves behind: the tests name these files, and want it to count what it covers.
fn remove_coverage() {
    for file in std::fs::read_dir("/tmp").unwrap().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.starts_with("pkg-rekor-cli.") && name.ends_with(".cov") {
            // Another run of these tests may be quicker.
            let _ = std::fs::remove_file(file.path());
        }
    }
}

#[test]
fn rekors_own_tests_pass_on_the_embedded_log() {
    let log = TransparencyLog::embedded();
    for package in &PACKAGES {
        let listed = run(package, &log.url, &["-test.list=."]).stdout;
        let mut listed: Vec<&str> = listed.lines().filter(|line| line.starts_with("Test")).collect();
        let mut named = [package.passed, &package.left_out.iter().map(|(name, _)| *name).collect::<Vec<_>>()].concat();
        listed.sort_unstable();
        named.sort_unstable();
        assert_eq!(listed, named, "{}", package.name);

        let only = format!("-test.run=^({})$", package.passed.join("|"));
        let ended = run(package, &log.url, &["-test.v", &only]);
        let result = |line: &str| Some(line.strip_prefix("--- ")?.split(' ').take(2).collect::<Vec<_>>().join(" "));
        let mut results: Vec<String> = ended.stdout.lines().filter_map(result).collect();
        results.sort_unstable();
        let mut expected: Vec<String> = package.passed.iter().map(|name| format!("PASS: {name}")).collect();
        expected.sort_unstable();
        assert_eq!(results, expected, "{}: {ended:?}", package.name);
        for (name, reason) in package.left_out {
            println!("{}: {name} is left out: it {reason}", package.name);
        }
    }
}
