//! The embedded log of `serve`: its options, its folders, and the address that it listens on.

use std::path::Path;

use bytes::Bytes;
use clap::Args;
use http::{Request, Response};

use super::{Failure, listen, log_server};
use crate::config::LogConfig;
use crate::devlog::{Devlog, Options};
use crate::tlog::{LogKey, LogKeys, RekorApi};

#[derive(Args)]
pub(super) struct EmbeddedLog {
    /// Version of Rekor's API that the embedded log speaks (default: v1)
    #[arg(long, value_name = "VERSION", value_enum)]
    log_api: Option<RekorApi>,
    /// Address of the embedded log. It stands in what is recorded; port 0 means any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    log_listen: String,
}

/// The logs of a state folder: the one that is written, and the one that was written by the other API. Clones are the same
/// logs.
#[derive(Clone)]
pub(super) struct EmbeddedLogs {
    written: Devlog,
    earlier: Option<Devlog>,
}

impl EmbeddedLog {
    /// Refuses what concerns an embedded log while another one is configured.
    pub(super) fn refuse_api(&self) -> Result<(), Failure> {
        match self.log_api {
            Some(_) => {
                Err("--log-api is of the embedded log, and REKOR_URL names another: REKOR_API_VERSION says what \
                            that speaks"
                    .into())
            }
            None => Ok(()),
        }
    }

    /// Opens the log in the state folder and serves it as long as the process runs.
    pub(super) async fn start(&self, state: &Path) -> Result<LogConfig, Failure> {
        let (listener, address) = listen::bind(&self.log_listen)
            .await
            .map_err(|error| format!("the embedded log: {error}. --log-listen names another address"))?;
        let logs = EmbeddedLogs::open(state, self.log_api.unwrap_or_default()).await?;
        let config = logs.config(&address)?;
        tokio::spawn(log_server::serve(move |request| logs.clone().handle(request), listener, std::future::pending()));
        Ok(config)
    }
}

impl EmbeddedLogs {
    /// Opens the log of this API, and that of the other if there is one: what was recorded in it counts as before.
    async fn open(state: &Path, api: RekorApi) -> Result<Self, Failure> {
        let open = async |api| Devlog::open(Some(&state.join(folder(api))), Options::of(api)).await;
        let other = match api {
            RekorApi::V1 => RekorApi::V2,
            RekorApi::V2 => RekorApi::V1,
        };
        let earlier = if state.join(folder(other)).try_exists()? { Some(open(other).await?) } else { None };
        Ok(Self { written: open(api).await?, earlier })
    }

    /// The URLs of the logs, and the keys that their answers are checked with.
    fn config(&self, address: &str) -> Result<LogConfig, Failure> {
        let config = log_server::config(&self.written, address)?;
        let Some(log) = &self.earlier else { return Ok(config) };
        let mut keys: Vec<LogKey> = config.keys.iter().cloned().collect();
        keys.push(log_server::key(log)?);
        let keys = LogKeys::new(keys).ok_or("the embedded log has no key")?;
        // Only a log of v1 can be searched.
        let searched = (log.api() == RekorApi::V1).then(|| config.url.clone());
        Ok(LogConfig { keys, earlier: searched.into_iter().collect(), ..config })
    }

    /// Answers a request of either API: their paths differ.
    async fn handle(self, request: Request<Bytes>) -> Response<Bytes> {
        let is_v1 = request.uri().path().starts_with("/api/v1/");
        let asked = self.earlier.filter(|earlier| (earlier.api() == RekorApi::V1) == is_v1);
        asked.unwrap_or(self.written).handle(request).await
    }
}

/// The folder of a log in the state folder.
fn folder(api: RekorApi) -> &'static str {
    match api {
        RekorApi::V1 => "log",
        RekorApi::V2 => "log-v2",
    }
}
