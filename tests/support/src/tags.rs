//! A registry in this process whose tags a test pushes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tlogistry::image::{Digest, Tag};

use super::registry;

/// The tags of `registry.test/app`, and of any other repository there.
#[derive(Clone)]
pub struct Tags {
    pub address: String,
    manifests: Arc<Mutex<HashMap<String, Bytes>>>,
}

impl Tags {
    /// Starts a registry without tags. It is served until the test ends.
    pub async fn start() -> Self {
        let manifests: Arc<Mutex<HashMap<String, Bytes>>> = Arc::default();
        let served = manifests.clone();
        let find = move |reference: &str| {
            let manifests = served.lock().unwrap();
            let by_digest = || manifests.values().find(|manifest| Digest::sha256(manifest).as_str() == reference);
            manifests.get(reference).or_else(by_digest).cloned()
        };
        let address = registry::start(find).await;
        Self { address, manifests }
    }

    /// Points the tag to an image that holds `text`. Returns the image's digest.
    pub fn push(&self, name: &str, text: &str) -> Digest {
        let manifest = registry::image(text);
        let digest = Digest::sha256(&manifest);
        self.manifests.lock().unwrap().insert(name.to_owned(), manifest);
        digest
    }
}

/// `registry.test/app:<name>`.
pub fn tag(name: &str) -> Tag {
    format!("registry.test/app:{name}").parse().unwrap()
}

/// The path of its manifest.
pub fn manifest(name: &str) -> String {
    format!("/v2/registry.test/app/manifests/{name}")
}
