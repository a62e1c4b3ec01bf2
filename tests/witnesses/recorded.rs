//! A sighting in an embedded Rekor v2, with what the command line checks it by.

use std::path::PathBuf;
use std::time::Duration;

use http::Response;
use http_body_util::Full;
use testing::faulty::log::Log;
use testing::process::{Ended, Process, cli};
use testing::witness::{Witness, vkey};
use tlogistry::cli::listen;
use tlogistry::deadline::Deadline;
use tlogistry::evidence::Bundle;
use tlogistry::image::{Digest, Tag};
use tlogistry::key::PublicKey;
use tlogistry::sighting::{LocalKey, Sighting, Signer};

pub const TAG: &str = "registry.example/app:v1";

pub struct Recorded {
    pub log: Log,
    pub sighting: Sighting,
    pub witnesses: Vec<Witness>,
    folder: tempfile::TempDir,
}

impl Recorded {
    /// In a log whose checkpoints nobody has cosigned.
    pub async fn new() -> Self {
        Self::in_log(Log::v2().await, (0..3).map(|number| Witness::new(&format!("w{number}.test"))).collect()).await
    }

    pub async fn in_log(log: Log, witnesses: Vec<Witness>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = LocalKey::open_or_generate(&folder.path().join("key")).unwrap();
        let public = key.public_key().clone();
        let tag: Tag = TAG.parse().unwrap();
        let statement = Signer::Local(key).sign(&tag, &digest(), soon()).await.unwrap();
        let config = log.config();
        let uploaded = config.clients().unwrap().written.upload(&statement.signed_payload(), soon()).await.unwrap();
        let sighting = statement.recorded_by(uploaded.entry.verify(&config.keys).unwrap()).unwrap();
        let recorded = Self { log, sighting, witnesses, folder };
        recorded.file("key.pem", public.pem());
        recorded.file("log.vkey", &recorded.log_vkey());
        recorded
    }

    pub fn log_vkey(&self) -> String {
        let key = PublicKey::from_pem(self.log.public_key_pem()).unwrap();
        vkey(&self.log.origin(), 1, &key.der()[key.der().len() - 32..])
    }

    /// The policy that demands these of the three witnesses: `all`, `any` or a number.
    pub fn policy(&self, quorum: &str) -> String {
        let witness = |(number, witness): (usize, &Witness)| format!("witness w{number} {}\n", witness.vkey());
        let witnesses: String = self.witnesses.iter().enumerate().map(witness).collect();
        format!("log {}\n{witnesses}group g {quorum} w0 w1 w2\nquorum g\n", self.log_vkey())
    }

    /// From now on, the first `count` witnesses cosign what the log publishes, at this time.
    pub fn witnesses_cosign(&self, count: usize, time: u64) {
        let lines: Vec<Witness> = self.witnesses[..count].to_vec();
        self.log.is_cosigned(move |note| lines.iter().fold(note.to_owned(), |note, by| by.cosign(&note, time)));
    }

    /// Writes a file, and returns its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn bundle(&self) -> String {
        Bundle::new(&self.sighting).to_json()
    }

    /// Serves a bundle as an instance does.
    pub async fn instance(bundle: String) -> String {
        let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
        let handler = move |_| {
            let body = Full::new(bytes::Bytes::from(bundle.clone()));
            async move { Response::new(body) }
        };
        tokio::spawn(listen::serve(listener, handler, std::future::pending()));
        format!("http://{address}")
    }

    /// Runs `verify` on the tag, without asking its registry.
    pub async fn verify(&self, arguments: &[&str]) -> Ended {
        let mut command = cli();
        command.args(["verify", TAG, "--no-registry", "--rekor-api", "2", "--rekor", self.log.config().url.as_str()]);
        command.arg("--rekor-key").arg(self.path("log.vkey")).arg("--key").arg(self.path("key.pem")).args(arguments);
        tokio::task::spawn_blocking(move || Process::start(&mut command).finish()).await.unwrap()
    }
}

pub fn digest() -> Digest {
    Digest::sha256(b"a manifest")
}

pub fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}
