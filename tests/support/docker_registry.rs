//! Debian's docker-registry (distribution 2.8), in memory.

use reqwest::header::{CONTENT_TYPE, LOCATION};
use tlogistry::image::Digest;

use super::client::{client, send};
use super::image::Image;
use super::process::{Process, tool};

const CONFIG: &str = "
version: 0.1
log: {level: info}
storage: {inmemory: {}}
http: {addr: '127.0.0.1:0', secret: for-tests}
";

pub struct DockerRegistry {
    pub address: String,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl DockerRegistry {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yml");
        std::fs::write(&config, CONFIG).unwrap();
        let process = Process::start(tool("docker-registry").arg("serve").arg(config));
        let address = process.wait_for(|line| {
            let (_, rest) = line.split_once("msg=\"listening on ")?;
            Some(rest.split_once('"')?.0.to_owned())
        });
        Self { address, _process: process, _folder: folder }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.address)
    }

    /// Pushes an image and all below it to `repository:tag`.
    pub async fn push(&self, repository: &str, tag: &str, image: &Image) {
        for part in &image.images {
            self.push_blobs(repository, part).await;
            self.put_manifest(repository, part.digest().as_str(), part).await;
        }
        self.push_blobs(repository, image).await;
        self.put_manifest(repository, tag, image).await;
    }

    async fn push_blobs(&self, repository: &str, image: &Image) {
        for blob in &image.blobs {
            let begun = send(client().post(self.url(&format!("{repository}/blobs/uploads/")))).await;
            assert_eq!(begun.status, 202, "{begun:?}");
            let location = begun.header(LOCATION.as_str());
            let url = format!("{location}&digest={}", Digest::sha256(blob));
            let done = send(client().put(url).body(blob.clone())).await;
            assert_eq!(done.status, 201, "{done:?}");
        }
    }

    async fn put_manifest(&self, repository: &str, reference: &str, image: &Image) {
        let url = self.url(&format!("{repository}/manifests/{reference}"));
        let put = client().put(url).header(CONTENT_TYPE, image.media_type).body(image.manifest.clone());
        let put = send(put).await;
        assert_eq!(put.status, 201, "{put:?}");
        assert_eq!(put.header("docker-content-digest"), image.digest().as_str());
    }
}
