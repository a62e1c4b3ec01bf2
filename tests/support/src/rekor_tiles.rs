//! The real Rekor v2: rekor-tiles' server with its tiles in a folder, and in front of it a server of static files. As with the
//! public log, one URL is written to and read from.
//!
//! Every start is a log of its own, empty, with a new key.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response};
use http_body_util::Full;
use sigstore::crypto::signing_key::KeyPair as _;
use sigstore::crypto::signing_key::ed25519::Ed25519Keys;
use tlogistry::cli::listen;

use super::client;
use super::port::start_on_free_port;
use super::process::{Process, go_tool};
use super::tiles::TileReader;

/// Larger than any request of a test.
const MAX_REQUEST: usize = 8 << 20;

pub struct RekorTiles {
    /// Entries are posted to `<url>/api/v2/log/entries`.
    pub url: String,
    /// Tiles and checkpoint are below this: `<url>/api/v2`.
    pub read_url: String,
    /// PEM.
    pub public_key: String,
    /// The name in its checkpoints.
    pub origin: String,
    /// Dropped, and so killed, before its folder goes.
    _server: Process,
    _folder: tempfile::TempDir,
}

impl RekorTiles {
    /// What its tiles are read and checked with.
    pub fn reader(&self) -> TileReader {
        TileReader { prefix: self.read_url.clone(), origin: self.origin.clone(), public_key: self.public_key.clone() }
    }
}

/// Of every kind of key that it takes by default.
pub async fn start() -> RekorTiles {
    start_with(&[]).await
}

/// With these flags besides.
pub async fn start_with(flags: &[&str]) -> RekorTiles {
    let folder = tempfile::tempdir().unwrap();
    let [tiles, key_file] = ["tiles", "key.pem"].map(|name| folder.path().join(name));
    let keys = Ed25519Keys::new().unwrap();
    std::fs::write(&key_file, keys.private_key_to_pem().unwrap().as_bytes()).unwrap();
    // The host of its URL, which clients take for the name.
    let origin = "127.0.0.1".to_owned();
    let (server, address) = start_on_free_port(|address| {
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
            .arg(format!("--storage-dir={}", tiles.display()))
            .arg(format!("--signer-filepath={}", key_file.display()))
            .args(flags);
        command
    });
    let url = serve(tiles, format!("http://{address}")).await;
    RekorTiles {
        read_url: format!("{url}/api/v2"),
        url,
        public_key: keys.public_key_to_pem().unwrap().replace("\r\n", "\n"),
        origin,
        _server: server,
        _folder: folder,
    }
}

/// A port that nobody has right now. If somebody takes it first, the server ends, and is started again with another.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Serves the files that a log has below `/api/v2`, and passes all other requests on to its server.
async fn serve(tiles: PathBuf, server: String) -> String {
    let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
    let handler = move |request| {
        let (tiles, server) = (tiles.clone(), server.clone());
        async move {
            match listen::read(request, MAX_REQUEST).await {
                Ok(request) => answer(&tiles, &server, request).await.map(Full::new),
                Err(refusal) => refusal,
            }
        }
    };
    tokio::spawn(listen::serve(listener, handler, std::future::pending()));
    format!("http://{address}")
}

async fn answer(tiles: &Path, server: &str, request: Request<Bytes>) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    let file =
        parts.uri.path().strip_prefix("/api/v2/").filter(|path| *path == "checkpoint" || path.starts_with("tile/"));
    if let Some(file) = file.filter(|_| matches!(parts.method, Method::GET | Method::HEAD)) {
        // A test names no file outside the folder, and one that is a folder cannot be read.
        assert!(!file.contains(".."), "{file}");
        return match std::fs::read(tiles.join(file)) {
            Ok(bytes) => Response::new(bytes.into()),
            Err(_) => Response::builder().status(404).body(Bytes::new()).unwrap(),
        };
    }
    let mut passed = client::client().request(parts.method, format!("{server}{}", parts.uri)).body(body);
    if let Some(value) = parts.headers.get(CONTENT_TYPE) {
        passed = passed.header(CONTENT_TYPE, value);
    }
    let answer = client::send(passed).await;
    let mut response = Response::builder().status(answer.status).body(answer.bytes).unwrap();
    let kept = answer.headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
    response.headers_mut().extend(kept.filter(|(name, _)| name == CONTENT_TYPE || name == "x-log-index"));
    response
}
