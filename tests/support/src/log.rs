//! The embedded log in this process, in memory.

use http_body_util::Full;
use tlogistry::cli::listen;
use tlogistry::config::LogConfig;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::key::PublicKey;
use tlogistry::tlog::{LogKey, LogKeys, RekorApi};

/// Starts a log, and says how to reach and check it. It is served until the test ends.
pub async fn start() -> (Devlog, LogConfig) {
    start_with(Options::default()).await
}

/// The same with these options.
pub async fn start_with(options: Options) -> (Devlog, LogConfig) {
    let log = Devlog::open(None, options).await.unwrap();
    let url = serve(log.clone()).await;
    let config = config(&log, &url);
    (log, config)
}

/// The configuration for a log at this URL.
pub fn config(log: &Devlog, url: &str) -> LogConfig {
    let key = PublicKey::from_pem(log.public_key_pem()).unwrap();
    let (url, keys) = (url.parse().unwrap(), |key| LogKeys::new(vec![key]).unwrap());
    match log.api() {
        RekorApi::V1 => LogConfig::v1(url, keys(LogKey::v1(key))),
        RekorApi::V2 => LogConfig::v2(url, keys(LogKey::v2(key, log.hostname()).unwrap())),
    }
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
