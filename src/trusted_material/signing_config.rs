//! The signing config: which log and which time-stamping authority is asked, and until when.

use url::Url;

use super::error::MaterialError;
use super::source::{self, MAX_FILE_BYTES};
use super::wire::{self, Selector};
use crate::base_url;
use crate::validity::{Rfc3339, Validity};

const KIND: &str = "a Sigstore signing config";
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
/// A shard a year for longer than this program will live.
const MAX_SERVICES: usize = 100;
/// The only version of an authority's API: the protocol of RFC 3161.
const TIMESTAMP_API: u32 = 1;

/// A signing config of version 0.2. Services for identities are not read: nothing here is signed with one.
#[derive(Debug, Clone)]
pub struct SigningConfig {
    logs: Services,
    authorities: Services,
}

/// One service of a signing config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigstoreService {
    url: Url,
    major_api_version: u32,
    validity: Validity,
    operator: String,
}

/// Reasons why no service can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// Has none of this version that is valid now.
    #[error("it names no {kind} of API version {version} that is valid at {}{}", Rfc3339(*.now), others(.named))]
    None {
        /// Log or authority.
        kind: &'static str,
        /// The major version of its API.
        version: u32,
        /// Unix seconds.
        now: i64,
        /// Services of this version that it does name, and when they are valid.
        named: Vec<String>,
    },
    /// Asks for more than the one that is used here.
    #[error("it asks for {wanted} {kind}s at once, and one is used here")]
    Several {
        /// Log or authority.
        kind: &'static str,
        /// The number of services.
        wanted: usize,
    },
    /// Asks for a number that it does not name.
    #[error("it asks for {wanted} {kind}s, and names {named} that are valid")]
    Count {
        /// Log or authority.
        kind: &'static str,
        /// The number of services.
        wanted: u32,
        /// Operators with a valid one.
        named: usize,
    },
}

/// Services of one kind, and how many of them are to be asked.
#[derive(Debug, Clone)]
struct Services {
    kind: &'static str,
    services: Vec<SigstoreService>,
    selector: Selector,
    count: u32,
}

impl SigningConfig {
    /// Reads `value`, which is a path or the JSON itself.
    pub fn read(value: &str) -> Result<Self, MaterialError> {
        Self::parse(&source::read(value)?)
    }

    /// Parses the JSON of a signing config. All logs and authorities in it must be usable.
    pub fn parse(json: &[u8]) -> Result<Self, MaterialError> {
        if json.len() > MAX_FILE_BYTES {
            return Err(MaterialError::TooLarge(MAX_FILE_BYTES));
        }
        let config: wire::SigningConfig = serde_json::from_slice(json).map_err(MaterialError::json(KIND))?;
        if config.media_type != MEDIA_TYPE {
            return Err(MaterialError::media_type(&config.media_type, MEDIA_TYPE));
        }
        Ok(Self {
            logs: Services::new("log", "rekorTlogUrls", &config.rekor_tlog_urls, &config.rekor_tlog_config)?,
            authorities: Services::new("time-stamping authority", "tsaUrls", &config.tsa_urls, &config.tsa_config)?,
        })
    }

    /// All logs, in the order of the file: also those that are not written any more, or not yet.
    pub fn logs(&self) -> &[SigstoreService] {
        &self.logs.services
    }

    /// All time-stamping authorities, in the order of the file.
    pub fn authorities(&self) -> &[SigstoreService] {
        &self.authorities.services
    }

    /// The log with this version of the API that is to be written at `now` (Unix seconds): of those that are valid, the
    /// newest, as Sigstore's clients choose.
    pub fn log_to_write(&self, major_api_version: u32, now: u64) -> Result<&SigstoreService, SelectionError> {
        self.logs.select(major_api_version, now)
    }

    /// The time-stamping authority that is to be asked at `now` (Unix seconds).
    pub fn authority_to_ask(&self, now: u64) -> Result<&SigstoreService, SelectionError> {
        self.authorities.select(TIMESTAMP_API, now)
    }

    /// The log with this version of the API whose time ended last before `now` (Unix seconds): where none is valid any more,
    /// its entries are still read.
    pub fn log_that_ended_last(&self, major_api_version: u32, now: u64) -> Option<&SigstoreService> {
        self.logs.ended_last(major_api_version, now)
    }

    /// The same of the time-stamping authorities.
    pub fn authority_that_ended_last(&self, now: u64) -> Option<&SigstoreService> {
        self.authorities.ended_last(TIMESTAMP_API, now)
    }

    /// The last second (Unix) in which any log with this version of the API can be written. `None` if no end is known, or no
    /// log.
    pub fn writable_until(&self, major_api_version: u32) -> Option<u64> {
        let ends = self.logs.of_version(major_api_version).map(|service| service.validity.end());
        // An end that is not known is later than all others.
        let last = ends.reduce(|one, other| Some(one?.max(other?))).flatten()?;
        Some(u64::try_from(last).unwrap_or(0))
    }
}

impl SigstoreService {
    /// The URL, which is a base for a log and the whole for an authority.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The major version of its API.
    pub fn major_api_version(&self) -> u32 {
        self.major_api_version
    }

    /// The time in which it may be asked to sign.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Its operator.
    pub fn operator(&self) -> &str {
        &self.operator
    }
}

impl Services {
    fn new(
        kind: &'static str,
        place: &str,
        services: &[wire::Service],
        config: &wire::ServiceConfiguration,
    ) -> Result<Self, MaterialError> {
        if services.len() > MAX_SERVICES {
            return Err(MaterialError::part(place, format!("it has more than {MAX_SERVICES}")));
        }
        let service = |(at, service): (usize, &wire::Service)| {
            let part = |name: &str| format!("{place}[{at}].{name}");
            let url = base_url::parse(&service.url).map_err(|error| MaterialError::part(part("url"), error))?;
            let validity = service.valid_for.validity();
            let validity = validity.map_err(|error| MaterialError::part(part("validFor"), error))?;
            let (major_api_version, operator) = (service.major_api_version.0, service.operator.clone());
            Ok(SigstoreService { url, major_api_version, validity, operator })
        };
        let services = services.iter().enumerate().map(service).collect::<Result<_, MaterialError>>()?;
        Ok(Self { kind, services, selector: config.selector, count: config.count.0 })
    }

    fn of_version(&self, version: u32) -> impl Iterator<Item = &SigstoreService> {
        self.services.iter().filter(move |service| service.major_api_version == version)
    }

    fn ended_last(&self, version: u32, now: u64) -> Option<&SigstoreService> {
        let end = |one: &&SigstoreService| one.validity.end().and_then(|end| u64::try_from(end).ok());
        self.of_version(version).filter(|one| end(one).is_some_and(|end| end < now)).max_by_key(end)
    }

    /// The newest of each operator's that is valid, and of these the newest. The first in the file of two that began at once.
    fn select(&self, version: u32, now: u64) -> Result<&SigstoreService, SelectionError> {
        let kind = self.kind;
        let mut valid: Vec<&SigstoreService> =
            self.of_version(version).filter(|one| one.validity.contains(now)).collect();
        valid.sort_by_key(|service| std::cmp::Reverse(service.validity.start()));
        let Some(newest) = valid.first().copied() else {
            let named = self.of_version(version).map(|one| format!("{} {}", one.url, one.validity)).collect();
            return Err(SelectionError::None { kind, version, now: i64::try_from(now).unwrap_or(i64::MAX), named });
        };
        let mut operators: Vec<&str> = valid.iter().map(|service| service.operator.as_str()).collect();
        operators.sort_unstable();
        operators.dedup();
        let named = operators.len();
        match (self.selector, self.count) {
            (Selector::Any | Selector::Undefined, _) | (Selector::Exact, 1) => Ok(newest),
            (Selector::All, _) if named == 1 => Ok(newest),
            (Selector::All, _) => Err(SelectionError::Several { kind, wanted: named }),
            (Selector::Exact, wanted) if wanted == 0 || wanted as usize > named => {
                Err(SelectionError::Count { kind, wanted, named })
            }
            (Selector::Exact, wanted) => Err(SelectionError::Several { kind, wanted: wanted as usize }),
        }
    }
}

fn others(named: &[String]) -> String {
    if named.is_empty() { String::new() } else { format!("; it names {}", named.join(", ")) }
}
