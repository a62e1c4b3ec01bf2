//! The servers of a function whose ledger knows its tags: a registry, a table with the rows, and KMS.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue::{Bool, S};
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use testing::image::OCI_INDEX;
use testing::table::Table;
use testing::transparency_log::TransparencyLog;
use tlogistry::image::Digest;
use tlogistry::ledger::RowState;
use tlogistry::sighting::{LocalKey, Signer};

use super::distance::listen;
use super::fixed_registry;
use super::pulls::{Around, claim, known, row, soon, tag};
use super::wire::Wire;

/// The bytes of the manifest that the registry has under a name.
pub type Manifest = fn(&str) -> Arc<[u8]>;

/// The servers' addresses, as `host:port`.
#[derive(Clone)]
pub struct Addresses {
    pub registry: String,
    pub kms: String,
    pub dynamodb: String,
}

/// The servers, kept as long as the function.
pub struct KnownTags {
    pub addresses: Addresses,
    log: TransparencyLog,
    table: Table,
}

impl KnownTags {
    /// A registry whose manifests are what `manifest` returns, and a ledger with rows of the first `count` tags of
    /// [`known`].
    pub async fn start(manifest: Manifest, count: usize) -> Self {
        let registry = fixed_registry::start(OCI_INDEX, manifest);
        let log = TransparencyLog::start();
        let around = Around { registry: registry.clone(), log: log.url.clone(), log_key: log.public_key.clone() };
        let signer = Signer::Local(LocalKey::generate().unwrap());
        let table = Table::start().await;
        claim(&table.ledger(), &signer, &around.log_config()).await;
        fill(&table, &signer, &around, manifest, count).await;
        let kms = kms(signer.public_key(soon()).await.unwrap().der());
        let dynamodb = table.endpoint.trim_start_matches("http://").to_owned();
        Self { addresses: Addresses { registry, kms, dynamodb }, log, table }
    }

    /// The variables of a function that asks the servers `at` these addresses, by this scheme. The registry is called
    /// `registry.test`.
    pub fn environment(&self, scheme: &str, at: &Addresses) -> Vec<(String, String)> {
        let registry = if scheme == "http" { at.registry.clone() } else { format!("{scheme}://{}", at.registry) };
        let own = [
            ("INSECURE_REGISTRIES", format!("registry.test={registry}")),
            ("REKOR_URL", self.log.url.clone()),
            ("REKOR_PUBLIC_KEYS", self.log.public_key.clone()),
            ("KMS_KEY_ID", "alias/bench".to_owned()),
            ("AWS_ENDPOINT_URL_KMS", format!("{scheme}://{}", at.kms)),
            ("LEDGER_TABLE", self.table.name.clone()),
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("{scheme}://{}", at.dynamodb)),
        ];
        let credentials = self.table.credentials().map(|(name, value)| (name, value.to_owned()));
        own.into_iter().chain(credentials).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

async fn fill(table: &Table, signer: &Signer, around: &Around, manifest: Manifest, count: usize) {
    let (log, numbers): (_, Vec<usize>) = (around.log_config(), (0..count).collect());
    for batch in numbers.chunks(25) {
        let mut writes = Vec::new();
        for number in batch {
            let name = known(*number);
            let row = row(signer, &log, &tag(&name), &Digest::sha256(&manifest(&name))).await;
            let RowState::Recorded { entry, .. } = row.state else { panic!("the row of a sighting is recorded") };
            let fields = [("tag", row.tag), ("digest", row.digest), ("key", row.key), ("signature", row.signature)];
            let fields = fields.into_iter().chain([("state", "recorded".to_owned()), ("entry", entry)]);
            let fields = fields.map(|(name, value)| (name.to_owned(), S(value)));
            // As after its first pull: otherwise the index is written once more.
            let item: HashMap<String, _> = fields.chain([("indexed".to_owned(), Bool(true))]).collect();
            let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
            writes.push(WriteRequest::builder().put_request(put).build());
        }
        table.client.batch_write_item().request_items(&table.name, writes).send().await.unwrap();
    }
}

/// KMS as far as known tags need it: it tells its public key.
fn kms(public: &[u8]) -> String {
    let answer = json!({
        "KeyId": "alias/bench", "PublicKey": BASE64_STANDARD.encode(public), "KeySpec": "ECC_NIST_P256",
        "KeyUsage": "SIGN_VERIFY", "SigningAlgorithms": ["ECDSA_SHA_256"],
    })
    .to_string();
    listen(move |stream| {
        let mut wire = Wire::new(stream).patient();
        while let Ok(Some(_)) = wire.read(false) {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\n";
            if wire.write(format!("{head}content-length: {}\r\n\r\n{answer}", answer.len()).as_bytes()).is_err() {
                return;
            }
        }
    })
}
