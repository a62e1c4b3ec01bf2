//! A Rekor v2 whose name is where it is, as Sigstore's shards are named and as rekor-monitor expects it. It can be read below
//! its URL too, and its answers can be changed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use testing::altered_log::{Alter, unaltered};
use testing::devlog_folder::append;
use testing::rekor_tiles::{self, RekorTiles};
use testing::witness::vkey;
use tlogistry::cli::listen;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::key::PublicKey;
use tlogistry::tlog::{LogKey, LogKeys, RekorApi};

pub struct Shard {
    pub url: String,
    /// The URL without `http://`.
    pub origin: String,
    /// PEM.
    pub public_key: String,
    behind: Behind,
    alter: Arc<Mutex<Alter>>,
}

#[derive(Clone)]
enum Behind {
    Real(Arc<RekorTiles>),
    /// And the folder that it is kept in.
    Embedded(Arc<tokio::sync::Mutex<Option<Devlog>>>, PathBuf),
}

impl Shard {
    /// An empty log of the real server.
    pub async fn real() -> Self {
        Self::serve(async |origin| {
            let server = rekor_tiles::start_named(origin, &[]).await;
            (server.public_key.clone(), Behind::Real(Arc::new(server)))
        })
        .await
    }

    /// An empty embedded log, kept in a folder.
    pub async fn embedded(folder: &Path) -> Self {
        Self::serve(async |origin| {
            let devlog = open(folder, origin).await;
            let public_key = devlog.public_key_pem().to_owned();
            (public_key, Behind::Embedded(Arc::new(tokio::sync::Mutex::new(Some(devlog))), folder.to_owned()))
        })
        .await
    }

    async fn serve(start: impl AsyncFnOnce(&str) -> (String, Behind)) -> Self {
        let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
        let origin = address.to_string();
        let (public_key, behind) = start(&origin).await;
        let alter = unaltered();
        let (served, shared) = (behind.clone(), alter.clone());
        let handler = move |request: Request<hyper::body::Incoming>| {
            let (behind, alter) = (served.clone(), shared.clone());
            async move {
                let mut request = match listen::read(request, 1 << 20).await {
                    Ok(request) => request,
                    Err(refusal) => return refusal,
                };
                let path = request.uri().path().to_owned();
                if !path.starts_with("/api/") {
                    *request.uri_mut() = format!("/api/v2{path}").parse::<Uri>().unwrap();
                }
                let response = match &behind {
                    Behind::Real(server) => server.handle(request).await,
                    Behind::Embedded(log, _) => log.lock().await.as_ref().unwrap().handle(request).await,
                };
                let altered: Response<Bytes> = alter.lock().unwrap()(&path, response);
                altered.map(Full::new)
            }
        };
        tokio::spawn(listen::serve(listener, handler, std::future::pending()));
        Self { url: format!("http://{origin}"), origin, public_key, behind, alter }
    }

    /// Appends leaves to an embedded log, whatever they are.
    pub async fn append(&self, leaves: impl IntoIterator<Item = String>) {
        let Behind::Embedded(log, folder) = &self.behind else { panic!("a server takes no leaves") };
        let mut log = log.lock().await;
        log.take();
        append(folder, leaves);
        *log = Some(open(folder, &self.origin).await);
    }

    /// From now on its answers are what `alter` makes of them.
    pub fn alter(&self, alter: impl Fn(&str, Response<Bytes>) -> Response<Bytes> + Send + 'static) {
        *self.alter.lock().unwrap() = Box::new(alter);
    }

    /// Its verifier key.
    pub fn vkey(&self) -> String {
        let key = PublicKey::from_pem(&self.public_key).unwrap();
        vkey(&self.origin, 1, &key.der()[key.der().len() - 32..])
    }

    pub fn keys(&self) -> LogKeys {
        let key = PublicKey::from_pem(&self.public_key).unwrap();
        LogKeys::new(vec![LogKey::v2(key, &self.origin).unwrap()]).unwrap()
    }

    /// In hexadecimal.
    pub fn log_id(&self) -> String {
        hex::encode(self.keys().iter().next().unwrap().id())
    }
}

async fn open(folder: &Path, origin: &str) -> Devlog {
    Devlog::open(Some(folder), Options { hostname: origin.to_owned(), ..Options::of(RekorApi::V2) }).await.unwrap()
}
