//! docs/audit.yml: its steps, as GitHub runs them, against an instance and its log. Each job begins with a fresh clone, and what
//! is kept between two is what was pushed.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Value, json};
use testing::client::get;
use testing::instance::Instance;
use testing::process::{Ended, Process, clean, cli, root};
use testing::tags::Tags;

use crate::scene::Scene;

/// The workflow's steps with a script, in their order: the name, whether it is run after a failure, the script.
struct Step {
    name: String,
    always: bool,
    script: String,
}

fn steps() -> Vec<Step> {
    let text = std::fs::read_to_string(root().join("docs/audit.yml")).unwrap();
    assert!(text.contains("defaults:\n  run:\n    shell: bash\n"), "how its scripts are run");
    let steps = text
        .split_once("    steps:\n")
        .unwrap()
        .1
        .split("\n      - name: ")
        .map(|step| step.trim_start_matches("      - name: "));
    let scripts = steps.filter_map(|step| {
        let (head, script) = step.split_once("        run: |\n")?;
        let mut lines = String::new();
        for line in script.lines().map_while(|line| line.strip_prefix("          ")) {
            writeln!(lines, "{line}").unwrap();
        }
        let name = head.lines().next()?.to_owned();
        Some(Step { name, always: head.contains("if: always()"), script: lines })
    });
    scripts.collect()
}

/// A repository with the workflow's files, at a host that is a folder, and the instance and log that are audited.
struct Repository {
    scene: Scene,
    tags: Tags,
    instance: Instance,
    folder: tempfile::TempDir,
    jobs: usize,
}

/// The course of a job: its steps that ran, by name, and its end.
struct Job {
    ran: Vec<(String, Ended)>,
    clone: PathBuf,
}

impl Job {
    fn codes(&self) -> Vec<(&str, Option<i32>)> {
        self.ran.iter().map(|(name, ended)| (&**name, ended.code)).collect()
    }

    fn audited(&self) -> &str {
        &self.ran[0].1.stdout
    }
}

impl Repository {
    async fn set() -> Self {
        let (scene, tags, folder) = (Scene::set().await, Tags::start().await, tempfile::tempdir().unwrap());
        let instance = scene.instance(&folder.path().join("state"), &tags);
        let repository = Self { scene, tags, instance, folder, jobs: 0 };
        repository.git(".", &["init", "--quiet", "--bare", "--initial-branch=main", "host.git"]);
        repository.git(".", &["clone", "--quiet", "host.git", "own"]);
        let own = repository.folder.path().join("own");
        for (path, file) in [("/key.pem", "key.pem"), ("/trusted-root.json", "trusted_root.json")] {
            std::fs::write(own.join(file), get(&repository.instance.at(path)).await.bytes).unwrap();
        }
        // The program itself has more than 100 MB in this build.
        let program = cli().get_program().to_str().unwrap().to_owned();
        std::fs::write(own.join("tlogistry-cli"), format!("#!/bin/sh\nexec '{program}' \"$@\"\n")).unwrap();
        repository.commit_and_push();
        repository
    }

    fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let mut command = clean("git");
        command.args(["-c", "user.name=owner", "-c", "user.email=owner@example.com"]).args(arguments);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        let ended = Process::start(command.current_dir(self.folder.path().join(folder))).finish();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    }

    fn commit_and_push(&self) {
        self.git("own", &["add", "."]);
        self.git("own", &["commit", "--quiet", "--message", "by its owner"]);
        self.git("own", &["push", "--quiet", "origin", "HEAD:main"]);
    }

    /// The subjects of all that was pushed, the newest first.
    fn pushed(&self) -> Vec<String> {
        self.git("host.git", &["log", "--format=%s", "main"]).lines().map(str::to_owned).collect()
    }

    /// The state as it was pushed.
    fn state(&self) -> Value {
        serde_json::from_str(&self.git("host.git", &["show", "main:audit.json"])).unwrap()
    }

    async fn pull(&self, name: &str) {
        self.tags.push(name, name);
        let answer = get(&self.instance.at(&format!("/v2/registry.test/app/manifests/{name}"))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Runs the job. `meanwhile` happens before its last step.
    fn job_with(&mut self, meanwhile: impl FnOnce(&Self)) -> Job {
        self.jobs += 1;
        let name = format!("job{}", self.jobs);
        let host = format!("file://{}", self.folder.path().join("host.git").display());
        self.git(".", &["clone", "--quiet", "--depth=1", &host, &name]);
        let (clone, temp) = (self.folder.path().join(&name), self.folder.path().join(format!("{name}.temp")));
        std::fs::create_dir(&temp).unwrap();
        let (mut ran, mut failed, mut meanwhile) = (Vec::new(), false, Some(meanwhile));
        let steps = steps();
        let last = steps.len() - 1;
        for (number, step) in steps.into_iter().enumerate() {
            if number == last {
                meanwhile.take().unwrap()(self);
            }
            if failed && !step.always {
                continue;
            }
            let ended = self.step(&step, &clone, &temp);
            failed |= ended.code != Some(0);
            ran.push((step.name, ended));
        }
        Job { ran, clone }
    }

    fn job(&mut self) -> Job {
        self.job_with(|_| {})
    }

    fn step(&self, step: &Step, clone: &Path, temp: &Path) -> Ended {
        let script = temp.join("script.sh");
        std::fs::write(&script, &step.script).unwrap();
        let mut command = clean("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&script).current_dir(clone);
        command.env("RUNNER_TEMP", temp).env("TOKEN", "a-token").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("INSTANCE", self.instance.at("")).env("LOG", self.scene.config.url.as_str());
        Process::start(&mut command).finish()
    }
}

const PASSED: [(&str, Option<i32>); 2] = [("audit", Some(0)), ("keep the state", Some(0))];

#[tokio::test(flavor = "multi_thread")]
async fn the_ready_workflow_audits_keeps_its_state_and_goes_on_from_it() {
    let mut repository = Repository::set().await;
    repository.pull("v1").await;
    let first = repository.job();
    assert_eq!(first.codes(), PASSED, "{:?}", first.ran);
    assert!(first.audited().contains("Complete: each of the 1 entries by your keys"), "{}", first.audited());
    let subject = repository.pushed()[0].clone();
    assert!(subject.starts_with("audit of 20") && subject.len() == "audit of 2026-11-26".len(), "{subject}");
    assert_eq!(repository.pushed()[1..], ["by its owner"]);
    let mode = std::fs::metadata(first.clone.join("audit.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else may read or write the state: {mode:o}");

    repository.pull("v2").await;
    let second = repository.job();
    assert_eq!(second.codes(), PASSED, "{:?}", second.ran);
    let grown = "the log's log 127.0.0.1 grew from 1 to 2 entries, and only grew";
    assert!(second.audited().contains(grown) && second.audited().contains(": 1 entries read"), "{}", second.audited());
    assert_eq!(repository.pushed().len(), 3);

    // Nothing is new, and nothing is committed.
    let third = repository.job();
    assert_eq!(third.codes(), PASSED, "{:?}", third.ran);
    assert_eq!(repository.pushed().len(), 3, "{:?}", repository.pushed());

    // The owner pushes while a job runs: both are kept.
    repository.pull("v3").await;
    let fourth = repository.job_with(|repository| {
        std::fs::write(repository.folder.path().join("own/README"), "mine").unwrap();
        repository.git("own", &["pull", "--quiet", "--rebase", "origin", "main"]);
        repository.commit_and_push();
    });
    assert_eq!(fourth.codes(), PASSED, "{:?}", fourth.ran);
    assert_eq!((repository.pushed().len(), &*repository.pushed()[1]), (5, "by its owner"));
    let size = |state: &Value| state["readings"][repository.scene.log_id()]["proven"]["size"].clone();
    assert_eq!(size(&repository.state()), json!(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_and_what_cannot_be_checked_fail_the_workflow_and_the_state_is_kept() {
    let mut repository = Repository::set().await;
    // Nothing to audit by yet.
    repository.scene.alter(|_, response| response.map(|_| Bytes::from("?")));
    let unread = repository.job();
    assert_eq!(unread.codes(), [("audit", Some(2)), ("keep the state", Some(0))], "{:?}", unread.ran);
    assert_eq!(repository.pushed(), ["by its owner"]);

    repository.scene.alter(|_, response| response);
    repository.pull("v1").await;
    assert_eq!(repository.job().codes(), PASSED);
    let kept = repository.state();
    repository.pull("v2").await;
    // One letter of the newest entry.
    repository.scene.alter(|path, response| match path.contains("/tile/entries/") {
        true => response.map(|bundle| {
            let mut bytes = bundle.to_vec();
            let at = bytes.windows(10).rposition(|part| part == b"\"digest\":\"").unwrap() + 10;
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            bytes.into()
        }),
        false => response,
    });
    let found = repository.job();
    assert_eq!(found.codes(), [("audit", Some(1)), ("keep the state", Some(0))], "{:?}", found.ran);
    assert!(found.audited().contains("rewritten: the log's entries do not lead"), "{}", found.audited());
    assert_ne!(repository.state(), kept, "the checkpoint that was shown is kept");
    repository.scene.alter(|_, response| response);
    assert_eq!(repository.job().codes(), PASSED);
}
