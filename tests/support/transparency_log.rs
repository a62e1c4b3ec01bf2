//! The embedded log in a process of its own.

use tlogistry::key::PublicKey;
use tlogistry::rekor::{LogEntry, LogKeys, VerifiedEntry};

use super::client;
use super::process::{Process, cli};

pub struct TransparencyLog {
    pub url: String,
    /// PEM.
    pub public_key: String,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl TransparencyLog {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key_file = folder.path().join("log.pub.pem");
        let process = Process::start(
            cli()
                .args(["log", "--listen", "127.0.0.1:0", "--folder"])
                .arg(folder.path().join("log"))
                .arg("--public-key")
                .arg(&key_file),
        );
        let url = process.wait_for(|line| line.strip_prefix("log listening on ").map(str::to_owned));
        let public_key = std::fs::read_to_string(key_file).unwrap();
        Self { url, public_key, _process: process, _folder: folder }
    }

    /// An entry, checked with the log's key.
    pub async fn entry(&self, uuid: &str) -> VerifiedEntry {
        let answer = client::get(&format!("{}/api/v1/log/entries/{uuid}", self.url)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let keys = LogKeys::new(vec![PublicKey::from_pem(&self.public_key).unwrap()]).unwrap();
        LogEntry::parse(&answer.bytes).unwrap().verify(&keys).unwrap()
    }
}
