//! A service in this process, and the pulls whose cost is counted.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Request;
use testing::service;
use tlogistry::config::LogConfig;
use tlogistry::deadline::Deadline;
use tlogistry::http::Service;
use tlogistry::image::{Digest, Tag};
use tlogistry::key::{Fingerprint, PublicKey};
use tlogistry::ledger::{Ledger, Row, UsedKeys};
use tlogistry::rekor::RekorV1;
use tlogistry::sighting::{LocalKey, Signer};
use tlogistry::tlog::LogKeys;

/// The kinds of pulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Head,
    Get,
    /// A GET whose manifest is not at hand.
    Far,
    Ledger,
    FirstSeen,
}

impl Case {
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Head, "HEAD, known in memory"),
        (Self::Get, "GET, known in memory"),
        (Self::Far, "GET, known in memory, manifest not at hand"),
        (Self::Ledger, "GET, known in the ledger (in memory)"),
        (Self::FirstSeen, "GET, first seen"),
    ];

    pub fn named(name: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(case, _)| *case).expect("one of the cases")
    }
}

/// Rows in the ledger of a service whose rows are pulled, each once: as many, however many pulls are made.
pub const ROWS: usize = 60;

/// The registry's and the log's addresses.
pub struct Around {
    pub registry: String,
    pub log: String,
    pub log_key: String,
}

impl Around {
    pub fn log_config(&self) -> LogConfig {
        let keys = LogKeys::v1(vec![PublicKey::from_pem(&self.log_key).unwrap()]).unwrap();
        LogConfig::v1(self.log.parse().unwrap(), keys)
    }

    /// A service with `ledger`, to which it adds `rows` rows, for a digest that all tags have.
    pub async fn service(&self, ledger: Ledger, rows: usize, digest: &Digest, cache: &str) -> Service {
        let (signer, log) = (Signer::Local(LocalKey::generate().unwrap()), self.log_config());
        claim(&ledger, &signer, &log).await;
        for number in 0..rows {
            let row = row(&signer, &log, &tag(&known(number)), digest).await;
            assert!(ledger.insert(&row, soon()).await.unwrap());
        }
        let builder = service::with_log(log).registry(&self.registry).ledger(ledger).signer(signer);
        builder.first_sights(1_000_000, 1_000_000).set("MANIFEST_CACHE_BYTES", cache).build()
    }
}

/// Makes the instance's row, without which a table with rows is not believed.
pub async fn claim(ledger: &Ledger, signer: &Signer, log: &LogConfig) {
    let signing = BTreeSet::from([Fingerprint::from(signer.public_key(soon()).await.unwrap())]);
    let used = UsedKeys { signing, log: log.keys.iter().map(|key| Fingerprint::from(key.public_key())).collect() };
    ledger.claim(&used, soon()).await.unwrap();
}

/// A row of a tag, recorded in the log.
pub async fn row(signer: &Signer, log: &LogConfig, tag: &Tag, digest: &Digest) -> Row {
    let statement = signer.sign(tag, digest, soon()).await.unwrap();
    let rekor = RekorV1::new(log.url.clone()).unwrap();
    let uploaded = rekor.upload(&statement.signed_payload(), soon()).await.unwrap();
    let entry = uploaded.entry.verify(&log.keys).unwrap();
    Row::recorded(&statement.recorded_by(entry).unwrap())
}

pub fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

pub fn tag(name: &str) -> Tag {
    format!("registry.test/demo/app:{name}").parse().unwrap()
}

pub fn known(number: usize) -> String {
    format!("known-{number}")
}

/// Pulls, and checks that what came is what it should be.
pub async fn pull(service: &Service, case: Case, round: usize) {
    let name = match case {
        Case::Head | Case::Get | Case::Far => known(0),
        Case::Ledger => known(round),
        Case::FirstSeen => format!("new-{}-{round}", std::process::id()),
    };
    let method = if case == Case::Head { "HEAD" } else { "GET" };
    let path = format!("/v2/registry.test/demo/app/manifests/{name}");
    let answer = service.handle(&Request::builder().method(method).uri(path).body(()).unwrap()).await;
    let first = answer.headers().contains_key("tlog-first-seen");
    assert_eq!((answer.status().as_u16(), first), (200, case == Case::FirstSeen), "{answer:?}");
}
