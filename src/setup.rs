//! The service, put together from its configuration.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use tokio::sync::OnceCell;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Config, FunctionConfig, LogConfig, LogFormat};
use crate::edge::Edge;
use crate::foreign::sanitized;
use crate::http::{AttestationIndex, Bounds, Service};
use crate::http_client::AwsHttp;
use crate::lambda_sdk::{self, NoRegion};
use crate::ledger::{DynamoDbLedger, FileLedger, Ledger, LedgerFileError};
use crate::moves::MoveRecorder;
use crate::rate_limit::{RateLimit, SharedCounters};
use crate::sighting::{KmsKey, Signer};
use crate::telemetry::Telemetry;
use crate::upstream::{Egress, Upstream};
use crate::verdict::Verdicts;

/// The reason why a function cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The operator's fault.
    #[error(transparent)]
    NoRegion(#[from] NoRegion),
    /// Nothing outside this process takes part.
    #[error("the HTTP client cannot be built: {0}")]
    HttpClient(#[from] reqwest::Error),
}

/// The service that `config` describes, with its ledger, signer and log. It counts first sights by itself.
pub fn service(config: &Config, ledger: Ledger, signer: Signer, log: LogConfig) -> Result<Service, reqwest::Error> {
    service_limited_by(RateLimit::new(config.first_sights), config, ledger, signer, log)
}

/// [`service`] with `rate_limit` on first sights.
pub fn service_limited_by(
    rate_limit: RateLimit,
    config: &Config,
    ledger: Ledger,
    signer: Signer,
    log: LogConfig,
) -> Result<Service, reqwest::Error> {
    let egress = Egress::new(config.allowed_registries.clone(), config.insecure_registries.clone())?;
    let (mirrors, cache_bytes) = (config.digest_mirrors.clone(), config.manifest_cache_bytes);
    let upstream = Upstream::new(egress, mirrors, cache_bytes, config.registry_timeout);
    let (logs, retired) = (log.clients()?, config.retired_keys.clone());
    let lists = rate_limit.beside(config.sighting_pages, "lists");
    let (ledger, rate_limit, timeout) = (Arc::new(ledger), Arc::new(rate_limit), config.request_timeout);
    let verdicts = Verdicts::new(ledger.clone(), logs, log.keys, signer, retired, rate_limit.clone(), timeout);
    let attestations = AttestationIndex::new(ledger.clone(), verdicts.clone());
    let telemetry = Telemetry::from_env();
    let moves = MoveRecorder::new(ledger, rate_limit, telemetry.clone());
    let edge = Edge::new(config.public_host.clone(), config.edge_secrets.clone());
    let bounds = Bounds { edge, lists, request_timeout: timeout };
    Ok(Service::new(upstream, verdicts, attestations, moves, telemetry, bounds))
}

/// The service of the Lambda function.
pub fn function(config: FunctionConfig) -> Result<Service, SetupError> {
    let FunctionConfig { kms_key_id, ledger_table, config } = config;
    let sdk = lambda_sdk::sdk(AwsHttp::new()?)?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let signer = Signer::Kms(KmsKey::new(aws_sdk_kms::Client::new(&sdk), kms_key_id));
    let rate_limit = match &config.counters_table {
        Some(table) => RateLimit::shared(config.first_sights, SharedCounters::new(dynamodb.clone(), table.clone())),
        None => {
            tracing::warn!(
                "COUNTERS_TABLE is not set: each instance counts first sights by itself, so that all together may make many more"
            );
            RateLimit::new(config.first_sights)
        }
    };
    let log = config.log.clone().unwrap_or_else(LogConfig::public_instance);
    let ledger = Ledger::DynamoDb(DynamoDbLedger::new(dynamodb, ledger_table));
    Ok(service_limited_by(rate_limit, &config, ledger, signer, log)?)
}

/// The limit on first sights, counted in the table that `config` names or by this process.
pub async fn rate_limit(config: &Config) -> RateLimit {
    match &config.counters_table {
        Some(table) => {
            RateLimit::shared(config.first_sights, SharedCounters::new(dynamodb().await.clone(), table.clone()))
        }
        None => RateLimit::new(config.first_sights),
    }
}

/// The ledger in the table that `config` names, or else in `file`, which is made if it is missing.
pub async fn ledger(config: &Config, file: &Path) -> Result<Ledger, LedgerFileError> {
    Ok(match &config.ledger_table {
        Some(table) => Ledger::DynamoDb(dynamodb_ledger(table.clone()).await),
        None => Ledger::File(FileLedger::open_or_create(file)?),
    })
}

/// A ledger in a DynamoDB table. Nothing is asked yet.
pub async fn dynamodb_ledger(table: String) -> DynamoDbLedger {
    DynamoDbLedger::new(dynamodb().await.clone(), table)
}

/// All tables share one client and its connections.
async fn dynamodb() -> &'static aws_sdk_dynamodb::Client {
    static CLIENT: OnceCell<aws_sdk_dynamodb::Client> = OnceCell::const_new();
    CLIENT.get_or_init(|| async { aws_sdk_dynamodb::Client::new(aws().await) }).await
}

/// A signer with the KMS key `id`. Nothing is fetched yet.
pub async fn kms_signer(id: String) -> Signer {
    Signer::Kms(KmsKey::new(aws_sdk_kms::Client::new(aws().await), id))
}

/// A client of S3, for the auditor's bucket.
pub(crate) async fn s3() -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::new(aws().await)
}

/// A client of SNS, for the auditor's topics.
pub(crate) async fn sns() -> aws_sdk_sns::Client {
    aws_sdk_sns::Client::new(aws().await)
}

/// Fails where neither the environment nor a profile names a region.
pub async fn require_region() -> Result<(), NoRegion> {
    aws().await.region().map(|_| ()).ok_or(NoRegion)
}

/// Region, credentials and endpoints as the SDK finds them on a person's machine: in variables, profiles and elsewhere. All
/// clients share one configuration, and with it the connections.
async fn aws() -> &'static SdkConfig {
    static SDK: OnceCell<SdkConfig> = OnceCell::const_new();
    let load = || async {
        // It fails for settings that no build of the client could hold, and these are constants.
        let client = AwsHttp::new().expect("the HTTP client's settings are usable");
        aws_config::defaults(BehaviorVersion::latest()).http_client(client).load().await
    };
    SDK.get_or_init(load).await
}

/// Standard error for the log's lines. They hold foreign text, so characters that a terminal would obey are replaced.
struct Lines;

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let (text, end) = text.strip_suffix('\n').map_or((&*text, ""), |text| (text, "\n"));
        io::stderr().lock().write_all(format!("{}{end}", sanitized(text)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Writes log lines to standard error, those that `RUST_LOG` names (default: `info`). Without a `format`, a terminal gets
/// text, and anything else JSON.
pub fn logging(format: Option<LogFormat>) {
    let filter = filter(&std::env::var("RUST_LOG").unwrap_or_default());
    // Colours would need the very characters that lines are kept free of.
    let lines = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).with_writer(|| Lines);
    match format.unwrap_or_else(|| format_for(io::stderr().is_terminal())) {
        LogFormat::Json => lines.json().flatten_event(true).with_target(false).finish().with(filter).init(),
        LogFormat::Text => lines.compact().with_target(false).finish().with(filter).init(),
    }
}

/// Levels of targets, as `warn,tlogistry=debug`. `EnvFilter` knows spans too, by regular expressions that would be a part of the
/// program which nobody needs.
fn filter(directives: &str) -> Targets {
    let given = directives.parse().ok().filter(|_| !directives.trim().is_empty());
    given.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

fn format_for(is_terminal: bool) -> LogFormat {
    if is_terminal { LogFormat::Text } else { LogFormat::Json }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn lines_are_of_the_level_that_is_asked_for() {
        for (directives, ours, others) in [
            ("", Some(Level::INFO), Some(Level::INFO)),
            ("no=such=level", Some(Level::INFO), Some(Level::INFO)),
            ("debug", Some(Level::DEBUG), Some(Level::DEBUG)),
            ("warn,tlogistry=trace", Some(Level::TRACE), Some(Level::WARN)),
            ("off", None, None),
        ] {
            let filter = filter(directives);
            let most = |target| {
                let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
                levels.into_iter().find(|level| filter.would_enable(target, level))
            };
            assert_eq!((most("tlogistry::http"), most("hyper")), (ours, others), "'{directives}'");
        }
    }
}
