//! The embedded log in this process, in memory.

use http_body_util::Full;
use tlogistry::cli::listen;
use tlogistry::config::LogConfig;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::key::PublicKey;
use tlogistry::tlog::LogKeys;

/// Starts a log, and says how to reach and check it. It is served until the test ends.
pub async fn start() -> (Devlog, LogConfig) {
    let log = Devlog::open(None, Options::default()).await.unwrap();
    let url = serve(log.clone()).await.parse().unwrap();
    let keys = LogKeys::v1(vec![PublicKey::from_pem(log.public_key_pem()).unwrap()]).unwrap();
    (log, LogConfig::v1(url, keys))
}

/// Serves a log until the test ends, and returns its URL.
pub async fn serve(log: Devlog) -> String {
    let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
    let handler = move |request| {
        let log = log.clone();
        async move {
            match listen::read(request, 1 << 20).await {
                Ok(request) => log.handle(request).await.map(Full::new),
                Err(refusal) => refusal,
            }
        }
    };
    tokio::spawn(listen::serve(listener, handler, std::future::pending()));
    format!("http://{address}")
}
