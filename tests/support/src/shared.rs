//! The parts that several instances of one service share: a registry, a table and a key.

use tlogistry::config::LogConfig;
use tlogistry::ledger::Ledger;
use tlogistry::sighting::{LocalKey, Signer};

use super::service::{self, Builder};
use super::table::Table;
use super::tags::Tags;

pub struct Shared {
    pub tags: Tags,
    pub table: Table,
    /// Holds the key, and whatever else a test writes.
    pub folder: tempfile::TempDir,
}

impl Shared {
    pub async fn set() -> Self {
        let (table, tags) = (Table::start().await, Tags::start().await);
        Self { tags, table, folder: tempfile::tempdir().unwrap() }
    }

    /// Begins a new instance that records in `log`: it remembers nothing, and knows only what the table and the log tell.
    pub fn on(&self, log: LogConfig) -> Builder {
        service::with_log(log).registry(&self.tags.address).ledger(self.ledger()).key(self.key())
    }

    pub fn ledger(&self) -> Ledger {
        self.table.ledger()
    }

    pub fn key(&self) -> LocalKey {
        LocalKey::open_or_generate(&self.folder.path().join("key.pem")).unwrap()
    }

    pub fn signer(&self) -> Signer {
        Signer::Local(self.key())
    }
}
