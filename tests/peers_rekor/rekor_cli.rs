//! Rekor's own client.

use std::time::{Duration, Instant};

use serde_json::Value;
use testing::process::{Ended, PATIENCE, Process, go_tool};

pub const NOTHING_FOUND: &str = "no matching entries found\n";

/// One user of rekor-cli: it remembers the heads of logs that it saw, and proves the next consistent with them.
pub struct RekorCli {
    log: String,
    home: tempfile::TempDir,
}

impl RekorCli {
    pub fn new(log: &str) -> Self {
        Self { log: log.to_owned(), home: tempfile::tempdir().unwrap() }
    }

    /// A command's answer.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        parsed(&self.run(arguments))
    }

    /// The answer to a search for a hash that is in the log. Rekor files an entry after it has answered its upload.
    #[track_caller]
    pub fn find(&self, hash: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = self.run(&["search", "--sha", hash]);
            if ended.stderr != NOTHING_FOUND {
                return parsed(&ended);
            }
            assert!(Instant::now() < deadline, "{hash} is not found");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The message of a command that fails.
    #[track_caller]
    pub fn refusal(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}: {ended:?}");
        ended.stderr
    }

    /// The path of a file that holds `bytes`.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = go_tool("rekor-cli");
        command.env("HOME", self.home.path()).args(["--rekor_server", &self.log, "--format", "json"]).args(arguments);
        Process::start(&mut command).finish()
    }
}

#[track_caller]
fn parsed(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}
