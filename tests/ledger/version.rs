//! Versions of one instance: each with a signing key, and keys that it trusts beside it.

use std::time::Duration;

use testing::table::Table;
use tlogistry::config::{Config, LogConfig};
use tlogistry::deadline::Deadline;
use tlogistry::http::Service;
use tlogistry::key::Fingerprint;
use tlogistry::ledger::{DynamoDbLedger, Ledger, UsedKeys};
use tlogistry::setup;
use tlogistry::sighting::{LocalKey, Signer};

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

pub fn ledger_in(table: &Table) -> Ledger {
    Ledger::DynamoDb(DynamoDbLedger::new(table.client.clone(), table.name.clone()))
}

impl Version<'_> {
    /// A new process of the version.
    pub fn start(self) -> Service {
        let trusted: String =
            self.trusts.iter().map(|key| self.scene.key_named(key).public_key().pem().to_owned()).collect();
        let config = Config::read(|name| match name {
            "INSECURE_REGISTRIES" => Some(format!("registry.test={}", self.scene.registry)),
            "TRUSTED_KEYS" => Some(trusted.clone()),
            "FIRST_SIGHTS_PER_MINUTE" | "FIRST_SIGHTS_PER_MINUTE_PER_SOURCE" => Some("1000".to_owned()),
            _ => None,
        });
        let signer = Signer::Local(self.scene.key_named(self.key));
        setup::service(&config.unwrap(), self.ledger, signer, self.log).unwrap()
    }
}
