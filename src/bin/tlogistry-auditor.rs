//! The Lambda function that audits: each event, whatever it holds, is one run.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use serde_json::Value;

use tlogistry::auditor::Auditor;
use tlogistry::config::{AuditorConfig, environment};
use tlogistry::setup;

// One run at a time, which waits for the network: one thread is enough.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tlogistry-auditor: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start() -> Result<(), lambda_runtime::Error> {
    let config = AuditorConfig::read(environment)?;
    setup::logging(None);
    setup::require_region().await?;
    let function = environment("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "tlogistry-auditor".to_owned());
    let auditor = Auditor::new(config, function).await;
    let run = async |_: LambdaEvent<Value>| auditor.run().await.map_err(lambda_runtime::Error::from);
    lambda_runtime::run(service_fn(run)).await
}
