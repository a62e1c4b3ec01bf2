//! `log`: the embedded log alone.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::log_files::LogFiles;
use super::{CommandResult, listen, log_server};
use crate::config::LogFormat;
use crate::devlog::{Devlog, Options};
use crate::setup;
use crate::tlog::RekorApi;

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
        self.files.write(&log, &log_server::config(&log, &address)?)?;
        let stop = listen::stop_signal();
        println!("log listening on http://{address}");
        log_server::serve(move |request| log_server::answer(log.clone(), request), listener, stop).await;
        Ok(ExitCode::SUCCESS)
    }
}
