//! The log in processes of its own: the embedded one or, with `TLOGISTRY_TEST_LOG=rekor`, the real Rekor. Of version 2 where a
//! test asks for that.

use tlogistry::key::PublicKey;
use tlogistry::tlog::{LogEntry, LogKeys, RekorApi, VerifiedEntry};

use super::client;
use super::process::{Process, cli};
use super::rekor::Rekor;
use super::rekor_tiles::{self, RekorTiles};

pub struct TransparencyLog {
    pub url: String,
    pub api: RekorApi,
    /// PEM.
    pub public_key: String,
    _running: Running,
}

/// True if the tests are run against the real Rekor.
pub fn is_rekor() -> bool {
    match std::env::var("TLOGISTRY_TEST_LOG").as_deref() {
        Err(_) | Ok("embedded") => false,
        Ok("rekor") => true,
        Ok(other) => panic!("TLOGISTRY_TEST_LOG is '{other}', not 'embedded' or 'rekor'"),
    }
}

/// Kept for its end alone.
#[expect(dead_code, reason = "the log ends when this is dropped")]
enum Running {
    Embedded(Process, tempfile::TempDir),
    Rekor(Box<Rekor>),
    RekorTiles(RekorTiles),
}

impl TransparencyLog {
    /// Starts the log that the tests are run against: empty, with a key of its own.
    pub fn start() -> Self {
        if is_rekor() { Self::rekor() } else { Self::embedded() }
    }

    pub fn embedded() -> Self {
        Self::embedded_with(RekorApi::V1)
    }

    /// The embedded log, with this API.
    pub fn embedded_with(api: RekorApi) -> Self {
        let name = match api {
            RekorApi::V1 => "v1",
            RekorApi::V2 => "v2",
        };
        let folder = tempfile::tempdir().unwrap();
        let key_file = folder.path().join("log.pub.pem");
        let process = Process::start(
            cli()
                .args(["log", "--log-api", name, "--listen", "127.0.0.1:0", "--folder"])
                .arg(folder.path().join("log"))
                .arg("--public-key")
                .arg(&key_file),
        );
        let url = process.wait_for(|line| line.strip_prefix("log listening on ").map(str::to_owned));
        let public_key = std::fs::read_to_string(key_file).unwrap();
        Self { url, api, public_key, _running: Running::Embedded(process, folder) }
    }

    /// The real Rekor v2. A task of the test's runtime answers for it, which must have a thread beside the test's own.
    pub async fn rekor_tiles() -> Self {
        let log = rekor_tiles::start().await;
        let (url, public_key) = (log.url.clone(), log.public_key.clone());
        Self { url, api: RekorApi::V2, public_key, _running: Running::RekorTiles(log) }
    }

    pub fn rekor() -> Self {
        Self::of(Rekor::start())
    }

    /// The real Rekor, which takes entries of every kind.
    pub fn rekor_of_every_kind() -> Self {
        Self::of(Rekor::of_every_kind())
    }

    fn of(rekor: Rekor) -> Self {
        let (url, public_key) = (rekor.url.clone(), rekor.public_key());
        Self { url, api: RekorApi::V1, public_key, _running: Running::Rekor(Box::new(rekor)) }
    }

    /// An entry of a Rekor v1, checked with the log's key.
    pub async fn entry(&self, uuid: &str) -> VerifiedEntry {
        let answer = client::get(&format!("{}/api/v1/log/entries/{uuid}", self.url)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let keys = LogKeys::v1(vec![PublicKey::from_pem(&self.public_key).unwrap()]).unwrap();
        LogEntry::parse(&answer.bytes).unwrap().verify(&keys).unwrap()
    }
}
