//! The real Rekor v2: rekor-tiles' server with its tiles in a folder, and in front of it a server of static files. As with the
//! public log, one URL is written to and read from.
//!
//! Every start is a log of its own, empty, with a new key.

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response};
use http_body_util::Full;
use sigstore::crypto::signing_key::KeyPair as _;
use sigstore::crypto::signing_key::ed25519::Ed25519Keys;
use tlogistry::cli::listen;
use tlogistry::key::PublicKey;

use super::client;
use super::port::start_on_free_port;
use super::process::{Process, go_tool};
use super::tiles::TileReader;
use super::witness::vkey;

/// Larger than any request of a test.
const MAX_REQUEST: usize = 8 << 20;
/// The parts of a log's folder.
const TILES: &str = "tiles";
const KEY_FILE: &str = "key.pem";
/// C2SP's number for the signatures on its checkpoints.
const ED25519: u8 = 0x01;

pub struct RekorTiles {
    /// Entries are posted to `<url>/api/v2/log/entries`.
    pub url: String,
    /// Tiles and checkpoint are below this: `<url>/api/v2`.
    pub read_url: String,
    /// PEM.
    pub public_key: String,
    /// The name in its checkpoints.
    pub origin: String,
    store: Arc<Store>,
}

/// The log's server and its files.
struct Store {
    /// `None` while it is down. Dropped, and so killed, before its folder goes.
    server: Mutex<Option<Server>>,
    folder: tempfile::TempDir,
}

struct Server {
    url: String,
    _process: Process,
}

impl RekorTiles {
    /// Kills its server. Tiles can be read, and nothing can be added.
    pub fn stop(&self) {
        self.store.server.lock().unwrap().take();
    }

    /// Another log that says it is this one, whose server must be down: what this one has is copied, the key is the same, and
    /// from now on each goes its own way.
    pub async fn fork(&self, flags: &[&str]) -> Self {
        assert!(self.store.server.lock().unwrap().is_none(), "a server writes to what would be copied");
        let folder = tempfile::tempdir().unwrap();
        copy(self.store.folder.path(), folder.path());
        Self::open(folder, self.public_key.clone(), self.origin.clone(), flags).await
    }

    /// Starts its server again, with these flags besides and none of the earlier ones.
    pub fn start_again(&self, flags: &[&str]) {
        self.stop();
        let server = Server::start(self.store.folder.path(), &self.origin, flags);
        *self.store.server.lock().unwrap() = Some(server);
    }

    /// Answers a request as its URL does.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.store.answer(request).await
    }

    /// The verifier key that its checkpoints are signed with.
    pub fn vkey(&self) -> String {
        let key = PublicKey::from_pem(&self.public_key).unwrap();
        vkey(&self.origin, ED25519, &key.der()[key.der().len() - 32..])
    }

    /// The URL and keys that its tiles are read and checked with.
    pub fn reader(&self) -> TileReader {
        TileReader { prefix: self.read_url.clone(), origin: self.origin.clone(), public_key: self.public_key.clone() }
    }

    /// Serves what is in a folder.
    async fn open(folder: tempfile::TempDir, public_key: String, origin: String, flags: &[&str]) -> Self {
        let server = Server::start(folder.path(), &origin, flags);
        let store = Arc::new(Store { server: Mutex::new(Some(server)), folder });
        let url = serve(store.clone()).await;
        Self { read_url: format!("{url}/api/v2"), url, public_key, origin, store }
    }
}

/// Of every kind of key that it takes by default.
pub async fn start() -> RekorTiles {
    start_with(&[]).await
}

/// With these flags besides.
pub async fn start_with(flags: &[&str]) -> RekorTiles {
    // The host of its URL, which clients take for the name.
    start_named("127.0.0.1", flags).await
}

/// With this name in its checkpoints.
pub async fn start_named(origin: &str, flags: &[&str]) -> RekorTiles {
    let folder = tempfile::tempdir().unwrap();
    let keys = Ed25519Keys::new().unwrap();
    std::fs::write(folder.path().join(KEY_FILE), keys.private_key_to_pem().unwrap().as_bytes()).unwrap();
    let public_key = keys.public_key_to_pem().unwrap().replace("\r\n", "\n");
    RekorTiles::open(folder, public_key, origin.to_owned(), flags).await
}

impl Server {
    /// Starts one on what is in this folder.
    fn start(folder: &Path, origin: &str, flags: &[&str]) -> Self {
        let (process, address) = start_on_free_port(|address| {
            let [grpc, metrics] = [(); 2].map(|()| free_port());
            let mut command = go_tool("rekor-server-posix");
            command
                .args(["serve", "--http-address=127.0.0.1", "--persistent-antispam=true"])
                // A write waits for the next checkpoint: for 10 s by default.
                .args(["--checkpoint-interval=100ms", "--batch-max-age=10ms"])
                .arg(format!("--http-port={}", address.port()))
                .arg(format!("--grpc-port={grpc}"))
                .arg(format!("--http-metrics-port={metrics}"))
                .arg(format!("--hostname={origin}"))
                .arg(format!("--storage-dir={}", folder.join(TILES).display()))
                .arg(format!("--signer-filepath={}", folder.join(KEY_FILE).display()))
                .args(flags);
            command
        });
        Self { url: format!("http://{address}"), _process: process }
    }
}

/// A port that nobody has right now. If somebody takes it first, the server ends, and is started again with another.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Serves the files that a log has below `/api/v2`, and passes all other requests on to its server.
async fn serve(store: Arc<Store>) -> String {
    let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
    let handler = move |request| {
        let store = store.clone();
        async move {
            match listen::read(request, MAX_REQUEST).await {
                Ok(request) => store.answer(request).await.map(Full::new),
                Err(refusal) => refusal,
            }
        }
    };
    tokio::spawn(listen::serve(listener, handler, std::future::pending()));
    format!("http://{address}")
}

impl Store {
    async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let file =
            parts.uri.path().strip_prefix("/api/v2/").filter(|path| *path == "checkpoint" || path.starts_with("tile/"));
        if let Some(file) = file.filter(|_| matches!(parts.method, Method::GET | Method::HEAD)) {
            // A test names no file outside the folder, and one that is a folder cannot be read.
            assert!(!file.contains(".."), "{file}");
            return match std::fs::read(self.folder.path().join(TILES).join(file)) {
                Ok(bytes) => Response::new(bytes.into()),
                Err(_) => empty(404),
            };
        }
        let server = self.server.lock().unwrap().as_ref().map(|server| server.url.clone());
        // As a load balancer answers when nobody is behind it.
        let Some(server) = server else { return empty(502) };
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut passed = client::client().request(parts.method, format!("{server}{path}")).body(body);
        if let Some(value) = parts.headers.get(CONTENT_TYPE) {
            passed = passed.header(CONTENT_TYPE, value);
        }
        let answer = client::send(passed).await;
        let mut response = Response::builder().status(answer.status).body(answer.bytes).unwrap();
        let kept = answer.headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
        response.headers_mut().extend(kept.filter(|(name, _)| name == CONTENT_TYPE || name == "x-log-index"));
        response
    }
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn empty(status: u16) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::new()).unwrap()
}
