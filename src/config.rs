//! The configuration: environment variables, read and validated together.

mod auditor;
mod log;

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use crate::edge::EdgeSecret;
use crate::image::Registry;
use crate::key::PublicKey;
use crate::rate_limit::Limits;
use crate::upstream::{DigestMirror, InsecureRegistry};

pub use auditor::AuditorConfig;
pub use log::LogConfig;

/// API Gateway gives up after 30 s; this leaves time to answer.
const DEFAULT_REQUEST_TIMEOUT_MS: u64 = 25_000;
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 100..=28_000;
/// Registries answer in tenths of a second, and Docker Hub on a bad day in a few seconds.
const DEFAULT_REGISTRY_TIMEOUT_MS: u64 = 8_000;
/// Some thousand manifests of usual size.
const DEFAULT_MANIFEST_CACHE_BYTES: u64 = 16 << 20;
/// Some hundred thousand manifests of usual size.
const MAX_MANIFEST_CACHE_BYTES: u64 = 1 << 30;
/// The part of a function's memory that its cache may have. Manifests in flight cost twice their size, and the rest of the
/// program takes some 40 MB.
const CACHE_SHARE_OF_MEMORY: u64 = 4;

/// Google's cache of Docker Hub, which anyone may ask.
const DEFAULT_DIGEST_MIRRORS: &str = "docker.io=mirror.gcr.io";
/// Mirrors are asked one after another, within seconds.
const MAX_DIGEST_MIRRORS: usize = 16;

/// The old one and the new one. A third would be one that was forgotten.
const MAX_EDGE_SECRETS: usize = 2;

/// A base image with its usual variants, pulled for the first time by a few people at once.
const DEFAULT_FIRST_SIGHTS: NonZeroU32 = NonZeroU32::new(120).unwrap();
const DEFAULT_FIRST_SIGHTS_PER_SOURCE: NonZeroU32 = NonZeroU32::new(30).unwrap();
/// Whoever reads a whole ledger gets 20,000 sightings a minute, and all together as much as three of them. A page costs
/// the operator some 0.0001 USD, most of it data out.
const DEFAULT_SIGHTING_PAGES: NonZeroU32 = NonZeroU32::new(60).unwrap();
const DEFAULT_SIGHTING_PAGES_PER_SOURCE: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// The configuration of the command line.
#[derive(Debug)]
pub struct Config {
    /// `None` stands for the public instance, or for the command line's embedded log.
    pub log: Option<LogConfig>,
    /// Key id, key ARN, alias name or alias ARN.
    pub kms_key_id: Option<String>,
    /// The DynamoDB table; the command line's ledger is a file if `None`.
    pub ledger_table: Option<String>,
    /// The DynamoDB table that all processes count first sights in; each process counts by itself if `None`.
    pub counters_table: Option<String>,
    /// Public keys whose sightings count beside the signing key's: earlier ones, or the next.
    pub retired_keys: Vec<PublicKey>,
    /// All registries if `None`.
    pub allowed_registries: Option<Vec<Registry>>,
    /// The host that pages and links show; the one that each client claims if `None`.
    pub public_host: Option<Registry>,
    /// Secrets of which each request must carry one; none is asked for if empty. Two while one takes the other's place.
    pub edge_secrets: Vec<EdgeSecret>,
    /// Registries for local use, called by plain http or at addresses that are not public.
    pub insecure_registries: Vec<InsecureRegistry>,
    /// Registries that are asked for a digest while another allows no more requests, in this order.
    pub digest_mirrors: Vec<DigestMirror>,
    /// Searches of the log that strangers may cause in a minute.
    pub first_sights: Limits,
    /// Pages of the list of sightings that strangers may read in a minute.
    pub sighting_pages: Limits,
    /// The time for one request with all its calls, from 100 ms to 28 s: API Gateway gives up after 30 s.
    pub request_timeout: Duration,
    /// The time that a registry may stay silent, at most `request_timeout`.
    pub registry_timeout: Duration,
    /// The most bytes that manifests kept in memory take, the cache's own included.
    pub manifest_cache_bytes: u64,
    /// `None` if the environment does not say. Then a terminal gets text, and anything else JSON.
    pub log_format: Option<LogFormat>,
}

/// The configuration of the function, which does not start without a key and a table.
#[derive(Debug)]
pub struct FunctionConfig {
    /// Key id, key ARN, alias name or alias ARN.
    pub kms_key_id: String,
    /// The DynamoDB table. Processes of a function come and go, so a ledger in memory would not do.
    pub ledger_table: String,
    /// The variables that the command line reads too.
    pub config: Config,
}

/// The form of the lines on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For machines: one object on each line.
    Json,
    /// For people.
    Text,
}

/// Everything that is wrong with the environment.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not usable:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

/// A variable of this process's environment.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Config {
    /// Reads the variables that `get` returns, as a rule [`environment`]. An empty variable counts as unset.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { get, faults: Vec::new() };
        let config = reader.config(DEFAULT_DIGEST_MIRRORS);
        reader.finish(config)
    }
}

impl FunctionConfig {
    /// Reads the variables like [`Config::read`]; two of them are required. Lambda says how much memory there is.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { get, faults: Vec::new() };
        // The template has the default, so that no mirrors are none here, however Lambda hands an empty value over.
        let config = reader.config("");
        let kms_key_id = reader.required("KMS_KEY_ID", "must name the key that sightings are signed with");
        let ledger_table = reader.required("LEDGER_TABLE", "must name the DynamoDB table that sightings are kept in");
        reader.cache_within_memory(config.manifest_cache_bytes);
        reader.finish(Self { kms_key_id, ledger_table, config })
    }
}

/// Reads variables and gathers their faults.
struct Reader<G> {
    get: G,
    faults: Vec<String>,
}

impl<G: Fn(&str) -> Option<String>> Reader<G> {
    fn get(&self, name: &str) -> Option<String> {
        self.given(name).filter(|value| !value.trim().is_empty())
    }

    /// The value of a variable for which empty is another value than unset.
    fn given(&self, name: &str) -> Option<String> {
        (self.get)(name)
    }

    /// All variables but the function's required ones. With any fault the result is not to be used.
    fn config(&mut self, default_mirrors: &str) -> Config {
        let mut config = Config {
            log: self.log(),
            kms_key_id: self.get("KMS_KEY_ID"),
            ledger_table: self.get("LEDGER_TABLE"),
            counters_table: self.get("COUNTERS_TABLE"),
            retired_keys: self.keys("TRUSTED_KEYS").unwrap_or_default(),
            allowed_registries: self.list("ALLOWED_REGISTRIES"),
            public_host: self.public_host(),
            edge_secrets: self.edge_secrets(),
            insecure_registries: self.list("INSECURE_REGISTRIES").unwrap_or_default(),
            digest_mirrors: self.digest_mirrors(default_mirrors),
            first_sights: Limits {
                overall: self.rate("FIRST_SIGHTS_PER_MINUTE", DEFAULT_FIRST_SIGHTS),
                per_source: self.rate("FIRST_SIGHTS_PER_MINUTE_PER_SOURCE", DEFAULT_FIRST_SIGHTS_PER_SOURCE),
            },
            sighting_pages: Limits {
                overall: self.rate("SIGHTING_PAGES_PER_MINUTE", DEFAULT_SIGHTING_PAGES),
                per_source: self.rate("SIGHTING_PAGES_PER_MINUTE_PER_SOURCE", DEFAULT_SIGHTING_PAGES_PER_SOURCE),
            },
            request_timeout: self.milliseconds("REQUEST_TIMEOUT_MS", DEFAULT_REQUEST_TIMEOUT_MS),
            registry_timeout: self.milliseconds("REGISTRY_TIMEOUT_MS", DEFAULT_REGISTRY_TIMEOUT_MS),
            manifest_cache_bytes: self
                .number("MANIFEST_CACHE_BYTES", 0..=MAX_MANIFEST_CACHE_BYTES)
                .unwrap_or(DEFAULT_MANIFEST_CACHE_BYTES),
            log_format: self.log_format(),
        };
        // The counters' rows expire, and the ledger's never may.
        if config.counters_table.is_some() && config.counters_table == config.ledger_table {
            self.fault("COUNTERS_TABLE", "must be another table than LEDGER_TABLE");
        }
        if let Some(host) = &config.public_host
            && config.digest_mirrors.iter().any(|mirror| mirror.at() == host)
        {
            self.fault("DIGEST_MIRRORS", format!("'{host}' is this instance's own PUBLIC_HOST"));
        }
        for mirror in config.digest_mirrors.iter().filter(|mirror| !mirror.is_called(&config.insecure_registries)) {
            let fault = "is never called: it is not a name on port 443, and INSECURE_REGISTRIES does not open it";
            self.fault("DIGEST_MIRRORS", format!("'{}' {fault}", mirror.at()));
        }
        config.registry_timeout = config.registry_timeout.min(config.request_timeout);
        config
    }

    fn cache_within_memory(&mut self, cache: u64) {
        let memory = self.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|mebibytes| mebibytes.parse::<u64>().ok());
        let most = memory.map(|mebibytes| (mebibytes << 20) / CACHE_SHARE_OF_MEMORY);
        if let Some(most) = most.filter(|most| cache > *most) {
            self.fault(
                "MANIFEST_CACHE_BYTES",
                format!("{cache} is more than a quarter of the function's memory, {most}"),
            );
        }
    }

    fn required(&mut self, name: &str, fault: &str) -> String {
        self.get(name).unwrap_or_else(|| {
            self.fault(name, fault);
            String::new()
        })
    }

    fn finish<T>(self, config: T) -> Result<T, ConfigError> {
        if self.faults.is_empty() { Ok(config) } else { Err(ConfigError(self.faults)) }
    }

    fn fault(&mut self, name: &str, fault: impl fmt::Display) {
        self.faults.push(format!("{name}: {fault}"));
    }

    fn keys(&mut self, name: &str) -> Option<Vec<PublicKey>> {
        let pem = self.get(name)?;
        match PublicKey::all_from_pem(&pem) {
            Ok(keys) if !keys.is_empty() => Some(keys),
            Ok(_) => {
                self.fault(name, "holds no PEM block 'PUBLIC KEY'");
                None
            }
            Err(error) => {
                self.fault(name, error);
                None
            }
        }
    }

    /// Items separated by commas or white space.
    fn list<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<Vec<T>> {
        let value = self.get(name)?;
        Some(self.items(name, &value))
    }

    fn items<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, value: &str) -> Vec<T> {
        let names = value.split([',', ' ', '\t', '\n']).filter(|name| !name.is_empty());
        let mut list = Vec::new();
        for item in names {
            match item.parse() {
                Ok(item) => list.push(item),
                Err(error) => self.fault(name, error),
            }
        }
        list
    }

    /// Unlike other variables, one that is set and empty is not the default: it turns mirrors off.
    fn digest_mirrors(&mut self, default: &str) -> Vec<DigestMirror> {
        let value = self.given("DIGEST_MIRRORS").unwrap_or_else(|| default.to_owned());
        let mirrors: Vec<_> = self.items("DIGEST_MIRRORS", &value);
        if mirrors.len() > MAX_DIGEST_MIRRORS {
            self.fault("DIGEST_MIRRORS", format!("holds more than {MAX_DIGEST_MIRRORS}"));
        }
        let is_again = |&(at, mirror): &(usize, &DigestMirror)| mirrors[..at].contains(mirror);
        if let Some((_, again)) = mirrors.iter().enumerate().find(is_again) {
            self.fault("DIGEST_MIRRORS", format!("'{again}' is there twice"));
        }
        mirrors
    }

    fn public_host(&mut self) -> Option<Registry> {
        let value = self.get("PUBLIC_HOST")?;
        match value.trim().parse() {
            Ok(host) if host != Registry::docker_hub() => Some(host),
            Ok(_) => {
                self.fault("PUBLIC_HOST", format!("'{value}' is Docker Hub's"));
                None
            }
            Err(error) => {
                self.fault("PUBLIC_HOST", error);
                None
            }
        }
    }

    fn edge_secrets(&mut self) -> Vec<EdgeSecret> {
        let Some(secrets) = self.list("EDGE_SECRETS") else { return Vec::new() };
        match secrets.len() {
            // A comma alone: without a secret, all requests would be let in.
            0 => self.fault("EDGE_SECRETS", "holds no secret"),
            1..=MAX_EDGE_SECRETS => {}
            _ => self.fault("EDGE_SECRETS", format!("holds more than {MAX_EDGE_SECRETS}")),
        }
        secrets
    }

    fn number(&mut self, name: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(name)?;
        match value.trim().parse() {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                self.fault(name, format!("'{value}' is not a whole number from {} to {}", range.start(), range.end()));
                None
            }
        }
    }

    fn milliseconds(&mut self, name: &str, default: u64) -> Duration {
        Duration::from_millis(self.number(name, TIMEOUT_MS).unwrap_or(default))
    }

    fn rate(&mut self, name: &str, default: NonZeroU32) -> NonZeroU32 {
        let number = self.number(name, 1..=u64::from(u32::MAX));
        number.and_then(|number| u32::try_from(number).ok()).and_then(NonZeroU32::new).unwrap_or(default)
    }

    fn log_format(&mut self) -> Option<LogFormat> {
        match self.get("LOG_FORMAT")?.as_str() {
            "json" => Some(LogFormat::Json),
            "text" => Some(LogFormat::Text),
            other => {
                self.fault("LOG_FORMAT", format!("'{other}' is neither json nor text"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rekor::PUBLIC_INSTANCE_KEY;

    fn read(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let config = read(&[("ALLOWED_REGISTRIES", " ")]).unwrap();
        assert!(config.log.is_none() && config.kms_key_id.is_none() && config.allowed_registries.is_none());
        assert_eq!(config.request_timeout, Duration::from_secs(25));
        assert_eq!(config.registry_timeout, Duration::from_secs(8));
        assert_eq!(config.log_format, None);
        assert_eq!(LogConfig::public_instance().url.as_str(), "https://rekor.sigstore.dev/");
    }

    #[test]
    fn the_function_needs_a_key_and_a_table() {
        let read = |key: Option<&str>, table: Option<&str>| {
            FunctionConfig::read(|name| match name {
                "KMS_KEY_ID" => key.map(str::to_owned),
                "LEDGER_TABLE" => table.map(str::to_owned),
                _ => None,
            })
        };
        let config = read(Some("alias/tlogistry"), Some("memory")).unwrap();
        assert_eq!(config.kms_key_id, "alias/tlogistry");
        assert_eq!(config.ledger_table, "memory", "every value names a table");
        for empty in [None, Some(""), Some(" \n")] {
            let error = read(Some("alias/tlogistry"), empty).unwrap_err().to_string();
            assert!(
                error.ends_with("LEDGER_TABLE: must name the DynamoDB table that sightings are kept in"),
                "{error}"
            );
            let error = read(empty, empty).unwrap_err().to_string();
            assert!(error.contains("KMS_KEY_ID: ") && error.contains("LEDGER_TABLE: "), "{error}");
        }
    }

    #[test]
    fn the_cache_leaves_the_function_memory_to_work_with() {
        let read = |memory: &str, cache: &str| {
            FunctionConfig::read(|name| match name {
                "KMS_KEY_ID" | "LEDGER_TABLE" => Some("one".to_owned()),
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" => Some(memory.to_owned()),
                "MANIFEST_CACHE_BYTES" => Some(cache.to_owned()),
                _ => None,
            })
        };
        assert_eq!(read("256", "67108864").unwrap().config.manifest_cache_bytes, 64 << 20);
        assert_eq!(read("128", "").unwrap().config.manifest_cache_bytes, DEFAULT_MANIFEST_CACHE_BYTES);
        let error = read("256", "67108865").unwrap_err().to_string();
        assert!(
            error.ends_with(
                "\n  MANIFEST_CACHE_BYTES: 67108865 is more than a quarter of the function's memory, 67108864"
            ),
            "{error}"
        );
        let error = read("10240", "1073741825").unwrap_err().to_string();
        assert!(error.ends_with("'1073741825' is not a whole number from 0 to 1073741824"), "{error}");
    }

    #[test]
    fn everything_can_be_set() {
        let config = read(&[
            ("REKOR_URL", "http://127.0.0.1:3000"),
            ("REKOR_PUBLIC_KEYS", PUBLIC_INSTANCE_KEY),
            ("TRUSTED_KEYS", &format!("{PUBLIC_INSTANCE_KEY}\n{PUBLIC_INSTANCE_KEY}")),
            ("KMS_KEY_ID", "alias/tlogistry"),
            ("LEDGER_TABLE", "sightings"),
            ("COUNTERS_TABLE", "counters"),
            ("FIRST_SIGHTS_PER_MINUTE", "7"),
            ("ALLOWED_REGISTRIES", "docker.io, ghcr.io"),
            ("INSECURE_REGISTRIES", "localhost:5000"),
            ("REQUEST_TIMEOUT_MS", "1000"),
            ("REGISTRY_TIMEOUT_MS", "500"),
            ("MANIFEST_CACHE_BYTES", "0"),
            ("LOG_FORMAT", "text"),
        ])
        .unwrap();
        assert_eq!(config.log.unwrap().url.as_str(), "http://127.0.0.1:3000/");
        assert_eq!(config.retired_keys.len(), 2);
        assert_eq!(
            (config.ledger_table.as_deref(), config.counters_table.as_deref()),
            (Some("sightings"), Some("counters"))
        );
        assert_eq!((config.first_sights.overall.get(), config.first_sights.per_source.get()), (7, 30));
        assert_eq!(config.allowed_registries.unwrap()[0], Registry::docker_hub());
        assert_eq!(config.insecure_registries, ["localhost:5000".parse().unwrap()]);
        assert_eq!((config.request_timeout, config.log_format), (Duration::from_secs(1), Some(LogFormat::Text)));
        assert_eq!(config.registry_timeout, Duration::from_millis(500));
        let hasty = read(&[("REQUEST_TIMEOUT_MS", "1000")]).unwrap();
        assert_eq!(hasty.registry_timeout, hasty.request_timeout, "no longer than the whole request");
    }

    #[test]
    fn a_public_host_is_a_host_and_secrets_are_two_at_most() {
        let (one, two) = ("a".repeat(32), "b".repeat(32));
        let config = read(&[("PUBLIC_HOST", "Registry.example.com:443"), ("EDGE_SECRETS", &format!("{one},{two}"))]);
        let config = config.unwrap();
        assert_eq!((config.public_host.unwrap().as_str(), config.edge_secrets.len()), ("registry.example.com", 2));
        assert!(read(&[]).unwrap().edge_secrets.is_empty());

        let fault = |name: &'static str, value: &str| read(&[(name, value)]).unwrap_err().to_string();
        for host in ["https://registry.example.com", "registry.example.com/v2", "docker.io"] {
            assert!(fault("PUBLIC_HOST", host).contains("\n  PUBLIC_HOST: "), "{host}");
        }
        assert!(read(&[("EDGE_SECRETS", " ")]).unwrap().edge_secrets.is_empty());
        assert!(fault("EDGE_SECRETS", ",").ends_with("\n  EDGE_SECRETS: holds no secret"));
        let many = format!("{one},{two},{}", "c".repeat(32));
        assert!(fault("EDGE_SECRETS", &many).ends_with("\n  EDGE_SECRETS: holds more than 2"));
        let short = fault("EDGE_SECRETS", &format!("{one},hunter2"));
        assert!(short.ends_with("\n  EDGE_SECRETS: a secret has 32 to 128 letters, digits, '-' or '_'"), "{short}");
        assert!(!short.contains("hunter2"), "a secret is not shown, nor is what was meant as one");
    }

    #[test]
    fn docker_hub_has_a_mirror_unless_none_is_wanted() {
        let mirrors = |value: Option<&str>| {
            let config = read(&value.map(|value| ("DIGEST_MIRRORS", value)).into_iter().collect::<Vec<_>>());
            config.map(|config| config.digest_mirrors).map_err(|error| error.to_string())
        };
        assert_eq!(mirrors(None).unwrap(), ["docker.io=mirror.gcr.io".parse().unwrap()]);
        for off in ["", " ", ","] {
            assert_eq!(mirrors(Some(off)).unwrap(), [], "'{off}'");
        }
        let two = mirrors(Some("docker.io=mirror.gcr.io,docker.io/library=public.ecr.aws/docker/library")).unwrap();
        assert_eq!(two.len(), 2);
        for (value, fault) in [
            ("foo", "expected registry=mirror, not 'foo'"),
            ("docker.io=mirror.gcr.io,DOCKER.IO=mirror.gcr.io:443", "'index.docker.io=mirror.gcr.io' is there twice"),
            (
                "docker.io=10.0.0.1",
                "'10.0.0.1' is never called: it is not a name on port 443, and INSECURE_REGISTRIES does not open it",
            ),
            (
                "docker.io=mirror.example.com:5000",
                "'mirror.example.com:5000' is never called: it is not a name on port 443, and INSECURE_REGISTRIES does not \
                 open it",
            ),
            ("ghcr.io=docker.io,docker.io=registry-1.docker.io", "'index.docker.io' cannot be a mirror of itself"),
            (&(0..17).map(|number| format!("docker.io=m{number}.test,")).collect::<String>(), "holds more than 16"),
        ] {
            let error = mirrors(Some(value)).unwrap_err();
            assert!(error.ends_with(&format!("\n  DIGEST_MIRRORS: {fault}")), "{error}");
        }
        let opened = [("INSECURE_REGISTRIES", "10.0.0.1:5000"), ("DIGEST_MIRRORS", "docker.io=10.0.0.1:5000")];
        assert_eq!(read(&opened).unwrap().digest_mirrors.len(), 1);
        let of_itself =
            [("PUBLIC_HOST", "registry.example.com"), ("DIGEST_MIRRORS", "docker.io=registry.example.com/a")];
        let error = read(&of_itself).unwrap_err().to_string();
        assert!(
            error.ends_with("DIGEST_MIRRORS: 'registry.example.com' is this instance's own PUBLIC_HOST"),
            "{error}"
        );
        // The function's default is the template's.
        let function = |value: Option<&str>| {
            let get = |name: &str| match name {
                "KMS_KEY_ID" | "LEDGER_TABLE" => Some("one".to_owned()),
                "DIGEST_MIRRORS" => value.map(str::to_owned),
                _ => None,
            };
            FunctionConfig::read(get).unwrap().config.digest_mirrors.len()
        };
        assert_eq!((function(None), function(Some("")), function(Some("docker.io=mirror.gcr.io"))), (0, 0, 1));
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let error = read(&[
            ("REKOR_URL", "http://rekor.example"),
            ("TRUSTED_KEYS", "no key"),
            ("LEDGER_TABLE", "sightings"),
            ("COUNTERS_TABLE", "sightings"),
            ("ALLOWED_REGISTRIES", "ghcr.io,gh_cr.io"),
            ("REQUEST_TIMEOUT_MS", "30000"),
            ("REGISTRY_TIMEOUT_MS", "8 s"),
            ("LOG_FORMAT", "xml"),
        ])
        .unwrap_err()
        .to_string();
        for name in [
            "REKOR_PUBLIC_KEYS",
            "TRUSTED_KEYS",
            "COUNTERS_TABLE",
            "ALLOWED_REGISTRIES",
            "REQUEST_TIMEOUT_MS",
            "REGISTRY_TIMEOUT_MS",
            "LOG_FORMAT",
        ] {
            assert!(error.contains(name), "{name}: {error}");
        }
        assert!(read(&[("REKOR_PUBLIC_KEYS", PUBLIC_INSTANCE_KEY)]).is_err(), "keys of an unnamed log");
        let refused =
            |url| read(&[("REKOR_URL", url), ("REKOR_PUBLIC_KEYS", PUBLIC_INSTANCE_KEY)]).unwrap_err().to_string();
        assert!(refused("rekor").ends_with("\n  REKOR_URL: it is not an http or https URL"));
        for url in ["https://a:hunter2@rekor.test", "https://rekor.test/?a=hunter2", "https://rekor.test/#hunter2"] {
            let error = refused(url);
            assert!(error.contains("\n  REKOR_URL: it has a ") && !error.contains("hunter2"), "{error}");
        }
    }
}
