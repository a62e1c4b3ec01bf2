//! The configuration of the auditor.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{ConfigError, LogConfig, Reader};
use crate::key::PublicKey;

/// Once a day: each audit searches the log for every tag, and the log is everyone's.
const DEFAULT_INTERVAL_HOURS: u64 = 24;
/// A week at most: later, the alarm for a missed run would be all that is heard.
const INTERVAL_HOURS: RangeInclusive<u64> = 0..=168;
/// Lambda ends an invocation after 900 s. The rest is for telling and keeping what was found.
const DEFAULT_SECONDS: u64 = 840;
const SECONDS: RangeInclusive<u64> = 1..=840;

/// A writer completes its row within 34 seconds, and clocks and copies of a table may lag.
const DEFAULT_WAIT_SECONDS: u64 = 60;
/// The time of a run is not for waiting.
const WAIT_SECONDS: RangeInclusive<u64> = 0..=300;

/// The configuration of the auditor.
#[derive(Debug)]
pub struct AuditorConfig {
    /// The log that is audited.
    pub log: LogConfig,
    /// The signing key in AWS KMS, whose sightings count: key id, key ARN, alias name or alias ARN.
    pub kms_key_id: Option<String>,
    /// Public keys whose sightings count, beside the signing key's if that is named.
    pub trusted_keys: Vec<PublicKey>,
    /// The DynamoDB table whose rows are audited. Without it the tags come from the bucket.
    pub ledger_table: Option<String>,
    /// The S3 bucket that keeps the state.
    pub bucket: String,
    /// The SNS topic for findings that cannot wait.
    pub page_topic: String,
    /// The SNS topic for the others.
    pub notice_topic: String,
    /// The time from the beginning of one audit to the next.
    pub interval: Duration,
    /// The time for one run, to which telling and keeping what was found comes.
    pub time: Duration,
    /// The time in which an entry of a log of API version 2 must be explained by a row.
    pub wait: Duration,
}

impl AuditorConfig {
    /// Reads the variables that `get` returns, and names every fault at once. An empty variable counts as unset.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { get, faults: Vec::new() };
        let hours = reader.number("AUDIT_INTERVAL_HOURS", INTERVAL_HOURS).unwrap_or(DEFAULT_INTERVAL_HOURS);
        let config = Self {
            log: reader.log().unwrap_or_else(LogConfig::public_instance),
            kms_key_id: reader.get("KMS_KEY_ID"),
            trusted_keys: reader.keys("TRUSTED_KEYS").unwrap_or_default(),
            ledger_table: reader.get("LEDGER_TABLE"),
            bucket: reader.required("AUDIT_BUCKET", "must name the S3 bucket that keeps the audit's state"),
            page_topic: reader.required("PAGE_TOPIC_ARN", "must name the SNS topic for findings that cannot wait"),
            notice_topic: reader.required("NOTICE_TOPIC_ARN", "must name the SNS topic for the other findings"),
            interval: Duration::from_secs(hours * 3600),
            time: Duration::from_secs(reader.number("AUDIT_SECONDS", SECONDS).unwrap_or(DEFAULT_SECONDS)),
            wait: Duration::from_secs(
                reader.number("AUDIT_WAIT_SECONDS", WAIT_SECONDS).unwrap_or(DEFAULT_WAIT_SECONDS),
            ),
        };
        if config.kms_key_id.is_none() && reader.get("TRUSTED_KEYS").is_none() {
            reader.fault("TRUSTED_KEYS", "must hold the keys whose sightings count, unless KMS_KEY_ID names the key");
        }
        if config.ledger_table.is_none() && !config.log.is_searchable() {
            reader.fault("LEDGER_TABLE", "must name the ledger: a log of API version 2 cannot be searched for tags");
        }
        reader.finish(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rekor::PUBLIC_INSTANCE_KEY;
    use crate::tlog::example::V2_KEY;

    fn read(vars: &[(&str, &str)]) -> Result<AuditorConfig, String> {
        AuditorConfig::read(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_bucket_topics_and_a_key_are_needed_and_nothing_else() {
        let told = [("AUDIT_BUCKET", "b"), ("PAGE_TOPIC_ARN", "p"), ("NOTICE_TOPIC_ARN", "n")];
        let config = read(&[&told[..], &[("KMS_KEY_ID", "alias/tlogistry")]].concat()).unwrap();
        assert!(config.ledger_table.is_none() && config.trusted_keys.is_empty());
        assert_eq!(config.log.url.as_str(), "https://rekor.sigstore.dev/");
        assert_eq!((config.interval.as_secs(), config.time.as_secs()), (86_400, 840));
        let config = read(&[&told[..], &[("TRUSTED_KEYS", PUBLIC_INSTANCE_KEY)]].concat()).unwrap();
        assert!(config.kms_key_id.is_none() && config.trusted_keys.len() == 1);

        // A log of tiles cannot be searched for the tags of a list.
        let v2 = [
            ("REKOR_API_VERSION", "2"),
            ("REKOR_URL", "https://log2025-alpha3.rekor.sigstage.dev"),
            ("REKOR_PUBLIC_KEYS", V2_KEY),
        ];
        let error = read(&[&told[..], &v2, &[("KMS_KEY_ID", "k")]].concat()).unwrap_err();
        assert!(
            error.ends_with(
                "\n  LEDGER_TABLE: must name the ledger: a log of API version 2 cannot be searched for tags"
            )
        );
        assert!(read(&[&told[..], &v2, &[("KMS_KEY_ID", "k"), ("LEDGER_TABLE", "t")]].concat()).is_ok());

        let faults =
            read(&[("AUDIT_INTERVAL_HOURS", "169"), ("AUDIT_SECONDS", "900"), ("LEDGER_TABLE", "t")]).unwrap_err();
        for name in [
            "TRUSTED_KEYS",
            "AUDIT_BUCKET",
            "PAGE_TOPIC_ARN",
            "NOTICE_TOPIC_ARN",
            "AUDIT_INTERVAL_HOURS",
            "AUDIT_SECONDS",
        ] {
            assert!(faults.contains(&format!("\n  {name}: ")), "{name}: {faults}");
        }
        assert_eq!(faults.lines().count(), 7, "{faults}");
    }
}
