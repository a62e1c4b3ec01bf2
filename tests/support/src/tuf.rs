//! A TUF repository with one key for all of its roles, as Sigstore's clients get their trusted root and signing config from.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tlogistry::cli::listen;

const ROLES: [&str; 4] = ["root", "timestamp", "snapshot", "targets"];
/// The clients' clocks are of today.
const EXPIRES: &str = "2126-01-01T00:00:00Z";

pub struct TufRepository {
    pub url: String,
    /// The first `root.json`, which a client must have before.
    pub root: String,
}

/// Serves these files, by name, until the test ends.
pub async fn serve(targets: &[(&str, String)]) -> TufRepository {
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let public = json!({
        "keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": hex::encode(key.der_bytes())},
    });
    let key_id = hex::encode(Sha256::digest(canonical(&public)));
    let sign = |role: &str, mut signed: Value| {
        let fields = [("_type", role), ("expires", EXPIRES), ("spec_version", "1.0.31")];
        fields.iter().for_each(|(name, value)| signed[*name] = (*value).into());
        signed["version"] = 1.into();
        let signature = hex::encode(key.sign(&canonical(&signed)).unwrap());
        json!({"signatures": [{"keyid": key_id, "sig": signature}], "signed": signed}).to_string()
    };
    let role = json!({"keyids": [key_id], "threshold": 1});
    let roles: BTreeMap<&str, &Value> = ROLES.iter().map(|name| (*name, &role)).collect();
    let root = sign("root", json!({"consistent_snapshot": true, "keys": {&*key_id: public}, "roles": roles}));
    let described = |file: &str| json!({"length": file.len(), "hashes": {"sha256": hash(file)}});
    let files: BTreeMap<&str, Value> = targets.iter().map(|(name, file)| (*name, described(file))).collect();
    let listed = sign("targets", json!({"targets": files}));
    let snapshot = sign("snapshot", json!({"meta": {"targets.json": {"version": 1}}}));
    let timestamp = sign("timestamp", json!({"meta": {"snapshot.json": {"version": 1}}}));
    let mut served: BTreeMap<String, String> =
        targets.iter().map(|(name, file)| (format!("/targets/{}.{name}", hash(file)), file.clone())).collect();
    served.insert("/timestamp.json".to_owned(), timestamp);
    served.insert("/1.snapshot.json".to_owned(), snapshot);
    served.insert("/1.targets.json".to_owned(), listed);

    let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
    let handler = move |request: http::Request<hyper::body::Incoming>| {
        let file = served.get(request.uri().path()).cloned();
        async move {
            let (status, body) = file.map_or((404, String::new()), |file| (200, file));
            Response::builder().status(status).body(Full::new(Bytes::from(body))).unwrap()
        }
    };
    tokio::spawn(listen::serve(listener, handler, std::future::pending()));
    TufRepository { url: format!("http://{address}"), root }
}

fn hash(file: &str) -> String {
    hex::encode(Sha256::digest(file))
}

fn canonical(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).unwrap()
}
