//! A real witness: transparency-dev's omniwitness, which cosigns a log's checkpoints over C2SP's tlog-witness. Only `make
//! peers` has it.
//!
//! Its cosigned heads stand in a file, which it goes on from when it is started again. It asks nobody anything.

use std::path::Path;
use std::sync::Mutex;

use super::client::{self, Answer};
use super::port::start_on_free_port;
use super::process::{Process, go_tool};

pub struct Omniwitness {
    /// Its verifier key, as its own tool wrote it.
    pub vkey: String,
    running: Mutex<Option<Running>>,
    folder: tempfile::TempDir,
}

struct Running {
    url: String,
    _process: Process,
}

impl Omniwitness {
    /// One with a new key, which knows these logs alone: their origin and their verifier key.
    pub fn start(name: &str, logs: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let mut keys = go_tool("witness-keys");
        keys.args(["--origin", name, "--out_priv", &file("key"), "--out_pub", &file("key.pub")]);
        let ended = Process::start(&mut keys).finish();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let vkey = std::fs::read_to_string(file("key.pub")).unwrap();
        // JSON is YAML.
        let logs: Vec<_> = logs
            .iter()
            .map(|(origin, key)| serde_json::json!({"Origin": origin, "PublicKey": key, "URL": "http://127.0.0.1:1"}))
            .collect();
        std::fs::write(file("logs.yaml"), serde_json::json!({"Logs": logs}).to_string()).unwrap();
        let running = Mutex::new(Some(Running::start(folder.path())));
        Self { vkey, running, folder }
    }

    /// The URL that `/add-checkpoint` is below.
    pub fn url(&self) -> String {
        self.running.lock().unwrap().as_ref().expect("it runs").url.clone()
    }

    pub fn stop(&self) {
        self.running.lock().unwrap().take();
    }

    /// Starts it again, at another URL, with what it remembers.
    pub fn start_again(&self) {
        self.stop();
        *self.running.lock().unwrap() = Some(Running::start(self.folder.path()));
    }

    /// Its line of a policy, under a name of the policy's own.
    pub fn policy_line(&self, name: &str) -> String {
        format!("witness {name} {} {}\n", self.vkey, self.url())
    }

    /// Hands it a checkpoint, with the proof that the log grew to it from `old`: it answers its cosignature's line.
    pub async fn add_checkpoint(&self, old: u64, proof: &[String], checkpoint: &str) -> Answer {
        let proof: String = proof.iter().map(|hash| format!("{hash}\n")).collect();
        let body = format!("old {old}\n{proof}\n{checkpoint}");
        client::send(client::client().post(format!("{}/add-checkpoint", self.url())).body(body)).await
    }
}

impl Running {
    fn start(folder: &Path) -> Self {
        let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (process, address) = start_on_free_port(|address| {
            let mut command = go_tool("omniwitness");
            command.args(["--listen", &address.to_string(), "--metrics_listen="]);
            command.args(["--private_key_path", &file("key"), "--additional_logs", &file("logs.yaml")]);
            command.args(["--db_file", &file("cosigned.db")]);
            command
        });
        Self { url: format!("http://{address}"), _process: process }
    }
}
