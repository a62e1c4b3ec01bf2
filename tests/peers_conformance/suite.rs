//! Running the suite, and reading its report.

use std::collections::BTreeMap;
use std::path::Path;

use testing::process::{Process, go_tool};

/// A repository's content, for a suite that cannot push.
#[derive(Debug, Default)]
pub struct Content {
    pub tags: Vec<String>,
    pub manifests: Vec<String>,
    pub blobs: Vec<String>,
}

impl Content {
    /// Read from the folder in which distribution stores it.
    pub fn of(store: &Path, repository: &str) -> Self {
        let folder = store.join("docker/registry/v2/repositories").join(repository);
        let names = |path: &str| -> Vec<String> {
            let entries = std::fs::read_dir(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        let digests = |path| names(path).into_iter().map(|hex| format!("sha256:{hex}")).collect();
        Self {
            tags: names("_manifests/tags"),
            manifests: digests("_manifests/revisions/sha256"),
            blobs: digests("_layers/sha256"),
        }
    }
}

/// The results of each test, with their counts.
#[derive(Debug)]
pub struct Report(BTreeMap<(String, String), usize>);

/// Runs the suite. How it exits says little: 0 when it cannot begin, and, in its read-only mode, by a nil pointer, once
/// the report is printed, on the way to another form of it.
pub fn run(host: &str, repository: &str, settings: &[(&str, &str)], content: &Content) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let mut command = go_tool("conformance");
    command.current_dir(folder.path()).envs(settings.iter().copied());
    command.env("OCI_REGISTRY", host).env("OCI_TLS", "disabled");
    command.env("OCI_REPO1", repository).env("OCI_REPO2", format!("{repository}-2"));
    // A variable that is set and empty is one empty tag to it.
    let lists = [
        ("OCI_RO_DATA_TAGS", &content.tags),
        ("OCI_RO_DATA_MANIFESTS", &content.manifests),
        ("OCI_RO_DATA_BLOBS", &content.blobs),
        // Every manifest can be referred to.
        ("OCI_RO_DATA_REFERRERS", &content.manifests),
    ];
    command.envs(lists.iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name, list.join(" "))));
    let ended = Process::start(&mut command).finish();
    let report = Report::read(&ended.stdout);
    assert!(report.0.keys().any(|(_, status)| status == "Pass"), "nothing was tested: {}", ended.stderr);
    report
}

impl Report {
    /// Lines such as `  OCI Conformance Test/read-only/pull/blob-get: Pass`; groups of tests have such a line too.
    fn read(output: &str) -> Self {
        let tests = output.lines().filter_map(|line| {
            let (name, status) = line.trim().strip_prefix("OCI Conformance Test/")?.rsplit_once(": ")?;
            Some((name.to_owned(), status.to_owned()))
        });
        let mut counts = BTreeMap::new();
        for test in tests {
            *counts.entry(test).or_default() += 1;
        }
        Self(counts)
    }

    pub fn passed(&self, name: &str) -> usize {
        self.0.get(&(name.to_owned(), "Pass".to_owned())).copied().unwrap_or_default()
    }

    pub fn names_passed(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter(|(_, status)| status == "Pass").map(|(name, _)| name.as_str())
    }

    /// The tests that ended otherwise than passed or switched off.
    pub fn wrong(&self) -> Vec<&str> {
        let wrong = self.0.keys().filter(|(_, status)| !["Pass", "Disabled"].contains(&status.as_str()));
        wrong.map(|(name, _)| name.as_str()).collect()
    }

    /// The count of each result. Groups are not counted apart from their tests.
    pub fn totals(&self) -> String {
        let is_group = |name: &str| self.0.keys().any(|(other, _)| other.starts_with(&format!("{name}/")));
        let mut totals = BTreeMap::<&str, usize>::new();
        for ((_, status), count) in self.0.iter().filter(|((name, _), _)| !is_group(name)) {
            *totals.entry(status).or_default() += count;
        }
        totals.iter().map(|(status, count)| format!("{count} {status}")).collect::<Vec<_>>().join(", ")
    }
}
