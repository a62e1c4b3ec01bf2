//! A log whose answers a test may change, and what the command line is given to check it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tlogistry::config::LogConfig;
use tlogistry::deadline::Deadline;
use tlogistry::devlog::Devlog;
use tlogistry::rekor::{Rekor, Uploaded};
use tlogistry::sighting::{LocalKey, SignedStatement, Signer};

use super::altered_log::{self, Alter};
use super::log;

pub struct CheckedLog {
    pub devlog: Devlog,
    pub config: LogConfig,
    /// Has the public keys of the signer and of the log, and whatever else a test writes.
    pub folder: tempfile::TempDir,
    /// The key that counts.
    pub signer: Signer,
    written: Rekor,
    alter: Arc<Mutex<Alter>>,
}

impl CheckedLog {
    /// Serves the log, with a new key that counts.
    pub async fn serve(devlog: Devlog) -> Self {
        let alter = altered_log::unaltered();
        let url = altered_log::serve(devlog.clone(), alter.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        let key = LocalKey::open_or_generate(&folder.path().join("key.pem")).unwrap();
        std::fs::write(folder.path().join("key.pub.pem"), key.public_key().pem()).unwrap();
        std::fs::write(folder.path().join("log.pub.pem"), devlog.public_key_pem()).unwrap();
        let config = log::config(&devlog, &url);
        let written = config.clients().unwrap().written;
        Self { devlog, config, folder, signer: Signer::Local(key), written, alter }
    }

    /// From now on the log's answers are what `alter` makes of them.
    pub fn alter(&self, alter: impl Fn(&str, Response<Bytes>) -> Response<Bytes> + Send + 'static) {
        *self.alter.lock().unwrap() = Box::new(alter);
    }

    pub async fn upload(&self, signed: &SignedStatement) -> Uploaded {
        let soon = Deadline::after(Duration::from_secs(60));
        self.written.upload(&signed.signed_payload(), soon).await.unwrap()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
