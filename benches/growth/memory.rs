//! The most that the function holds over many pulls of distinct tags.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue::S;
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

use crate::apparatus::distance::listen;
use crate::apparatus::fixed_registry;
use crate::apparatus::pulls::{Around, claim, known, row, soon, tag};
use crate::apparatus::runtime_api::Function;
use crate::apparatus::wire::Wire;

/// An index of several platforms is of about this size.
const MANIFEST: usize = 3 << 10;

/// Each tag's manifest is another.
fn manifest(name: &str) -> Arc<[u8]> {
    let text = "x".repeat(MANIFEST);
    format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","annotations":{{"{name}":"{text}"}}}}"#)
        .into_bytes()
        .into()
}

/// Of a manifest that is asked for by this name, the size: the largest that there may be.
const LARGE: (usize, &str) = (4 << 20, "known-0");

/// A function before a registry whose manifests are what `manifest` returns, and with a ledger that knows `tags` tags.
/// The table and the log have to be kept as long as it.
async fn function(manifest: fn(&str) -> Arc<[u8]>, tags: usize) -> (Function, Table, TransparencyLog) {
    let registry = fixed_registry::start(OCI_INDEX, manifest);
    let log = TransparencyLog::start();
    let around = Around { registry: registry.clone(), log: log.url.clone(), log_key: log.public_key.clone() };
    let signer = Signer::Local(LocalKey::generate().unwrap());
    let table = Table::start().await;
    let ledger = table.ledger();
    claim(&ledger, &signer, &around.log_config()).await;
    fill(&table, &signer, &around, manifest, tags).await;
    let public = signer.public_key(soon()).await.unwrap().der().to_vec();
    let environment = [
        ("INSECURE_REGISTRIES", format!("registry.test={registry}")),
        ("REKOR_URL", log.url.clone()),
        ("REKOR_PUBLIC_KEYS", log.public_key.clone()),
        ("KMS_KEY_ID", "alias/bench".to_owned()),
        ("AWS_ENDPOINT_URL_KMS", format!("http://{}", kms(&public))),
        ("LEDGER_TABLE", table.name.clone()),
        ("AWS_ENDPOINT_URL_DYNAMODB", table.endpoint.to_owned()),
    ];
    let mut environment: Vec<(String, String)> = environment.map(|(name, value)| (name.to_owned(), value)).into();
    environment.extend(table.credentials().map(|(name, value)| (name.to_owned(), value.to_owned())));
    (Function::start(&environment), table, log)
}

fn pull(function: &Function, number: usize) {
    let path = format!("/v2/registry.test/demo/app/manifests/{}", known(number));
    let answer = function.invoke(Function::event("GET", &path));
    let (status, _) = Function::parse(&answer);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
}

/// MiB more that are held at most when the largest manifest is pulled.
pub async fn of_large() -> f64 {
    let large = |name: &str| match name == LARGE.1 {
        true => [&b"{\"a\":\""[..], &vec![b'x'; LARGE.0 - 8], b"\"}"].concat().into(),
        false => manifest(name),
    };
    let (function, _table, _log) = function(large, 2).await;
    pull(&function, 1);
    let before = function.peak_mib();
    pull(&function, 0);
    function.peak_mib() - before
}

/// MiB held at most after so many pulls of distinct tags: `pulls` in all, in `steps` steps.
pub async fn over(pulls: usize, steps: usize) -> Vec<(usize, f64)> {
    let (function, _table, _log) = function(manifest, pulls).await;
    let mut peaks = Vec::new();
    for number in 0..pulls {
        pull(&function, number);
        if number == 0 || (number + 1) % (pulls / steps) == 0 {
            peaks.push((number + 1, function.peak_mib()));
        }
    }
    peaks
}

async fn fill(table: &Table, signer: &Signer, around: &Around, manifest: fn(&str) -> Arc<[u8]>, count: usize) {
    let (log, numbers): (_, Vec<usize>) = (around.log_config(), (0..count).collect());
    for batch in numbers.chunks(25) {
        let mut writes = Vec::new();
        for number in batch {
            let name = known(*number);
            let row = row(signer, &log, &tag(&name), &Digest::sha256(&manifest(&name))).await;
            let RowState::Recorded { entry, .. } = row.state else { panic!("the row of a sighting is recorded") };
            let fields = [("tag", row.tag), ("digest", row.digest), ("key", row.key), ("signature", row.signature)];
            let fields = fields.into_iter().chain([("state", "recorded".to_owned()), ("entry", entry)]);
            let item: HashMap<String, _> = fields.map(|(name, value)| (name.to_owned(), S(value))).collect();
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
