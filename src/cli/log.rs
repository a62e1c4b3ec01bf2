//! `log`: the embedded log alone.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use http::{Request, Response};
use http_body_util::Full;
use tokio::net::TcpListener;

use super::log_files::LogFiles;
use super::{CommandResult, listen};
use crate::config::LogFormat;
use crate::devlog::{Devlog, Options};
use crate::setup;
use crate::tlog::RekorApi;

/// Larger than any entry whose attestation Rekor would store.
const MAX_REQUEST_BYTES: usize = 1 << 20;

/// Run a small transparency log that speaks Rekor's API (for trying things out; nobody watches it)
#[derive(Args)]
pub(super) struct LogCommand {
    /// Version of Rekor's API. A folder holds a log of one of them
    #[arg(long, value_name = "VERSION", value_enum, default_value_t)]
    log_api: RekorApi,
    /// Address to listen on; port 0 means any free one
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: String,
    /// Folder to keep the log and its key in (default: in memory)
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    files: LogFiles,
}

impl LogCommand {
    pub(super) async fn run(self) -> CommandResult {
        setup::logging(Some(LogFormat::Text));
        let log = Devlog::open(self.folder.as_deref(), Options::of(self.log_api)).await?;
        let (listener, address) = listen::bind(&self.listen).await?;
        self.files.write(&log, &address)?;
        let stop = listen::stop_signal();
        println!("log listening on http://{address}");
        serve(move |request| answer(log.clone(), request), listener, stop).await;
        Ok(ExitCode::SUCCESS)
    }
}

/// Serves `answer`, a log's API, until `stop` is done.
pub(super) async fn serve<A, F>(answer: A, listener: TcpListener, stop: impl Future<Output = ()>)
where
    A: Fn(Request<Bytes>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Bytes>> + Send,
{
    let handler = move |request| {
        let answer = answer.clone();
        async move {
            match listen::read(request, MAX_REQUEST_BYTES).await {
                Ok(request) => answer(request).await.map(Full::new),
                Err(refusal) => refusal,
            }
        }
    };
    listen::serve(listener, handler, stop).await;
}

/// The answer of one log.
pub(super) async fn answer(log: Devlog, request: Request<Bytes>) -> Response<Bytes> {
    log.handle(request).await
}
