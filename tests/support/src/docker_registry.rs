//! distribution, the registry that most others are made of: Debian's docker-registry (2.8), or version 3.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Certificate, Client, RequestBuilder};
use tlogistry::image::Digest;

use super::client::{client, send};
use super::image::Image;
use super::process::{Process, go_tool, script, tool};

/// The program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Two,
    /// Only `make peers` has it.
    Three,
}

/// The place of its blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    Memory,
    Files,
    /// Redirected to, by pre-signed URLs.
    S3,
}

/// A registry's set-up.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    pub version: Version,
    pub storage: Storage,
    /// True if it wants tokens, which a server of its own gives to anyone.
    pub tokens: bool,
    /// A folder with `ca.pem`, `cert.pem` and `key.pem`, for https.
    pub certificates: Option<&'a Path>,
}

pub struct DockerRegistry {
    pub address: String,
    pub process: Process,
    /// Its token server, `host:port`.
    pub tokens: Option<String>,
    /// Its storage, if others can reach it, `host:port`.
    pub storage: Option<String>,
    scheme: &'static str,
    client: Client,
    _beside: Vec<Process>,
    folder: tempfile::TempDir,
}

impl DockerRegistry {
    /// Debian's, in memory, open to everyone.
    pub fn start() -> Self {
        Self::with(Setup { version: Version::Two, storage: Storage::Memory, tokens: false, certificates: None })
    }

    pub fn with(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut beside = Vec::new();
        let mut serve = |command: &mut Command| {
            let process = Process::start(command);
            let address = process.wait_for(|line| line.strip_prefix("listening on ").map(str::to_owned));
            beside.push(process);
            address
        };
        let tokens = setup.tokens.then(|| serve(script("tests/tools/token_server.py").arg(folder.path())));
        let s3 = (setup.storage == Storage::S3).then(|| serve(&mut script("tests/tools/s3.py")));
        let storage = match (setup.storage, &s3) {
            (Storage::S3, Some(address)) => format!(
                "s3: {{accesskey: test, secretkey: test, region: us-east-1, regionendpoint: 'http://{address}', bucket: \
                 registry, secure: false, v4auth: true, forcepathstyle: true}}, redirect: {{disable: false}}"
            ),
            (Storage::Files, _) => format!("filesystem: {{rootdirectory: '{}'}}", path("blobs")),
            _ => "inmemory: {}".to_owned(),
        };
        let auth = tokens.as_ref().map(|address| {
            format!(
                "auth: {{token: {{realm: 'http://{address}/token', service: registry, issuer: tokens of the tests, \
                 rootcertbundle: '{}'}}}}\n",
                path("tokens.pem")
            )
        });
        let tls = setup.certificates.map(|folder| {
            let path = |name: &str| folder.join(name).display().to_string();
            format!(", tls: {{certificate: '{}', key: '{}'}}", path("cert.pem"), path("key.pem"))
        });
        let (auth, tls) = (auth.unwrap_or_default(), tls.unwrap_or_default());
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{{storage}}}\n{auth}http: {{addr: '127.0.0.1:0', secret: \
             for-tests{tls}}}\n"
        );
        std::fs::write(path("config.yml"), config).unwrap();
        let mut command = match setup.version {
            Version::Two => tool("docker-registry"),
            Version::Three => go_tool("registry"),
        };
        // Version 3 would send traces to a collector, and complains at every request that it is missing.
        let process = Process::start(command.env("OTEL_TRACES_EXPORTER", "none").arg("serve").arg(path("config.yml")));
        let address = process.wait_for(|line| {
            let (_, rest) = line.split_once("msg=\"listening on ")?;
            Some(rest.split_once(['"', ','])?.0.to_owned())
        });
        let client = match setup.certificates {
            Some(folder) => trusting(&folder.join("ca.pem")),
            None => client(),
        };
        let scheme = if setup.certificates.is_some() { "https" } else { "http" };
        Self { address, process, tokens, storage: s3, scheme, client, _beside: beside, folder }
    }

    /// The folder of what it stores, with [`Storage::Files`].
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("blobs")
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}/v2/{path}", self.scheme, self.address)
    }

    /// Pushes an image and all below it to `repository:tag`.
    pub async fn push(&self, repository: &str, tag: &str, image: &Image) {
        let headers = self.may_push(repository).await;
        for part in &image.images {
            self.push_blobs(repository, part, &headers).await;
            self.put_manifest(repository, part.digest().as_str(), part, &headers).await;
        }
        self.push_blobs(repository, image, &headers).await;
        self.put_manifest(repository, tag, image, &headers).await;
    }

    /// Headers of a request that pushes.
    async fn may_push(&self, repository: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(tokens) = &self.tokens {
            let url = format!("http://{tokens}/token?service=registry&scope=repository:{repository}:pull,push");
            let answer = send(client().get(url).basic_auth("pusher", Some(""))).await;
            let answer: serde_json::Value = serde_json::from_slice(&answer.bytes).unwrap();
            let bearer = format!("Bearer {}", answer["token"].as_str().unwrap());
            headers.insert(AUTHORIZATION, bearer.parse().unwrap());
        }
        headers
    }

    async fn push_blobs(&self, repository: &str, image: &Image, headers: &HeaderMap) {
        let with = |request: RequestBuilder| request.headers(headers.clone());
        for blob in &image.blobs {
            let begun = send(with(self.client.post(self.url(&format!("{repository}/blobs/uploads/"))))).await;
            assert_eq!(begun.status, 202, "{begun:?}");
            let location = begun.header(LOCATION.as_str());
            let url = format!("{location}&digest={}", Digest::sha256(blob));
            let done = send(with(self.client.put(url)).body(blob.clone())).await;
            assert_eq!(done.status, 201, "{done:?}");
        }
    }

    async fn put_manifest(&self, repository: &str, reference: &str, image: &Image, headers: &HeaderMap) {
        let url = self.url(&format!("{repository}/manifests/{reference}"));
        let put = self.client.put(url).headers(headers.clone()).header(CONTENT_TYPE, image.media_type);
        let put = send(put.body(image.manifest.clone())).await;
        assert_eq!(put.status, 201, "{put:?}");
        assert_eq!(put.header("docker-content-digest"), image.digest().as_str());
    }
}

/// A client that follows no redirect and trusts one certificate authority.
fn trusting(authority: &Path) -> Client {
    let authority = Certificate::from_pem(&std::fs::read(authority).unwrap()).unwrap();
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.tls_certs_only([authority]).build().unwrap()
}
