//! Versions of one instance: each with a signing key, and keys that it trusts beside it.

use std::time::Duration;

use testing::service;
use tlogistry::config::LogConfig;
use tlogistry::deadline::Deadline;
use tlogistry::http::Service;
use tlogistry::key::Fingerprint;
use tlogistry::ledger::{Ledger, UsedKeys};
use tlogistry::sighting::LocalKey;

use crate::scene::Scene;

pub fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

pub struct Version<'a> {
    pub scene: &'a Scene,
    pub key: &'a str,
    pub trusts: &'a [&'a str],
    pub log: LogConfig,
    pub ledger: Ledger,
}

impl Scene {
    /// The key of this name, which is made when it is first asked for.
    pub fn key_named(&self, name: &str) -> LocalKey {
        LocalKey::open_or_generate(&self.folder.path().join(format!("{name}.pem"))).unwrap()
    }

    pub fn fingerprint(&self, name: &str) -> Fingerprint {
        self.key_named(name).public_key().into()
    }

    /// A version with the scene's log and table.
    pub fn version<'a>(&'a self, key: &'a str, trusts: &'a [&'a str]) -> Version<'a> {
        Version { scene: self, key, trusts, log: self.log_config.clone(), ledger: self.ledger() }
    }

    /// The keys that the scene's table names.
    pub async fn used_keys(&self) -> Option<UsedKeys> {
        self.ledger().used_keys(soon()).await.unwrap()
    }
}

impl Version<'_> {
    /// A new process of the version.
    pub fn start(self) -> Service {
        let trusted: String =
            self.trusts.iter().map(|key| self.scene.key_named(key).public_key().pem().to_owned()).collect();
        let builder = service::with_log(self.log).registry(&self.scene.tags.address).first_sights(1000, 1000);
        let builder = builder.set("SIGHTING_PAGES_PER_MINUTE", 1000).set("TRUSTED_KEYS", trusted).ledger(self.ledger);
        builder.key(self.scene.key_named(self.key)).build()
    }
}
