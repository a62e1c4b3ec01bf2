//! A client that pulls as containerd does: HEAD of the tag, the index and the platform's image by digest, and its blobs
//! all at once.

use futures_util::future::join_all;
use testing::client::{client, send};
use testing::image::Image;
use testing::stage::{REGISTRY, REPOSITORY};
use tlogistry::image::Digest;

pub struct Client {
    base: String,
    index: Digest,
    platform: Digest,
    blobs: Vec<Digest>,
}

impl Client {
    pub fn of(instance: &str, image: &Image) -> Self {
        let platform = &image.images[0];
        Self {
            base: format!("http://{instance}/v2/{REGISTRY}/{REPOSITORY}"),
            index: image.digest(),
            platform: platform.digest(),
            blobs: platform.blobs.iter().map(|blob| Digest::sha256(blob)).collect(),
        }
    }

    /// Pulls, and checks each answer. Blobs are not fetched where they are: that is nothing to the registry.
    pub async fn pull(&self) {
        let http = client();
        let head = send(http.head(format!("{}/manifests/v1", self.base))).await;
        assert_eq!((head.status, head.header("docker-content-digest")), (200, self.index.as_str()), "{head:?}");
        for digest in [&self.index, &self.platform] {
            let manifest = send(http.get(format!("{}/manifests/{digest}", self.base))).await;
            assert!(manifest.status == 200 && digest.matches(&manifest.bytes), "{manifest:?}");
        }
        let blobs = self.blobs.iter().map(|digest| send(http.get(format!("{}/blobs/{digest}", self.base))));
        for answer in join_all(blobs).await {
            assert!(answer.status == 307 && answer.find("location").is_some(), "{answer:?}");
        }
    }
}
