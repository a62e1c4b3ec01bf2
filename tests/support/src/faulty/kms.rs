//! A key service that fails on demand. It speaks as much of AWS KMS's JSON protocol as a signer asks for.

use std::sync::Arc;

use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use sigstore::crypto::SigningScheme;
use sigstore::crypto::signing_key::SigStoreSigner;
use tlogistry::sighting::{KmsKey, Signer};
use tokio::sync::watch;

use super::wire;

/// The key service's answer to a request for a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    /// The digest it was handed, hashed again: a signature by the right key over something else.
    SomethingElse,
    Nothing,
    Garbage,
    /// `AccessDeniedException`, naming the account.
    Denied,
    /// `ThrottlingException`, whenever it is asked.
    Throttled,
    Never,
    /// No answer to a request for a signature, and to that alone.
    NoSignature,
    /// No answer to the first call, whichever it is.
    SilentOnce,
    /// Its name leads to another key once the public key was asked for.
    Replaced,
}

/// The type of the key, as `GetPublicKey` tells it.
#[derive(Clone, Copy)]
pub struct Key {
    pub spec: &'static str,
    pub usage: &'static str,
    /// False if the public key's bytes are garbage.
    pub readable: bool,
}

pub const P256: Key = Key { spec: "ECC_NIST_P256", usage: "SIGN_VERIFY", readable: true };
pub const ACCOUNT: &str = "123456789012";

/// A signer whose key service behaves so, and the names of the operations that the service was asked for.
pub async fn signer(key: Key, signs: Signs) -> (Signer, watch::Receiver<Vec<String>>) {
    let (address, asked) = start(key, signs).await;
    (at(&address), asked)
}

/// The address of a key service that behaves so, and the names of the operations that it was asked for.
pub async fn start(key: Key, signs: Signs) -> (String, watch::Receiver<Vec<String>>) {
    let [pair, other] = [(); 2].map(|()| Arc::new(SigningScheme::ECDSA_P256_SHA256_ASN1.create_signer().unwrap()));
    let (log, asked) = watch::channel(Vec::new());
    let address = wire::serve(move |request| {
        let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
        log.send_modify(|asked| asked.push(target));
        let is_first = log.borrow().len() == 1;
        let is_sign = request.headers()["x-amz-target"] == "TrentService.Sign";
        let never = match signs {
            Signs::Never => true,
            Signs::NoSignature => is_sign,
            _ => signs == Signs::SilentOnce && is_first,
        };
        let pair = if signs == Signs::Replaced && !is_first { &other } else { &pair };
        let answer = answer(&request, pair, key, signs);
        async move { if never { wire::silent().await } else { wire::whole(answer) } }
    });
    (address.await, asked)
}

/// A signer whose key service is at this address.
pub fn at(address: &str) -> Signer {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(format!("http://{address}"))
        .build();
    Signer::Kms(KmsKey::new(aws_sdk_kms::Client::from_conf(config), "alias/tlogistry".to_owned()))
}

fn answer(request: &Request<Bytes>, pair: &SigStoreSigner, key: Key, signs: Signs) -> Response<Bytes> {
    if request.headers()["x-amz-target"] == "TrentService.GetPublicKey" {
        let der = pair.to_sigstore_keypair().unwrap().public_key_to_der().unwrap();
        let der = if key.readable { der } else { vec![0x30, 0x80] };
        let der = BASE64_STANDARD.encode(der);
        return json(200, &json!({"PublicKey": der, "KeySpec": key.spec, "KeyUsage": key.usage}));
    }
    let asked: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!((&asked["MessageType"], &asked["SigningAlgorithm"]), (&json!("DIGEST"), &json!("ECDSA_SHA_256")));
    let digest = BASE64_STANDARD.decode(asked["Message"].as_str().unwrap()).unwrap();
    assert_eq!(digest.len(), 32);
    let signature = match signs {
        Signs::SomethingElse => pair.sign(&digest).unwrap(),
        Signs::Garbage => b"garbage".to_vec(),
        Signs::Nothing | Signs::Never | Signs::NoSignature | Signs::SilentOnce | Signs::Replaced => Vec::new(),
        Signs::Throttled => {
            let message = "You have exceeded the rate at which you may call KMS.";
            return json(400, &json!({"__type": "ThrottlingException", "message": message}));
        }
        Signs::Denied => {
            let message = format!("User: arn:aws:sts::{ACCOUNT}:x is not authorized to perform: kms:Sign");
            return json(400, &json!({"__type": "AccessDeniedException", "message": message}));
        }
    };
    json(200, &json!({"Signature": BASE64_STANDARD.encode(signature)}))
}

fn json(status: u16, body: &Value) -> Response<Bytes> {
    wire::status(status, &[("content-type", "application/x-amz-json-1.1")], body.to_string())
}
