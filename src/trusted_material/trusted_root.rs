//! The trusted root: which logs and time-stamping authorities are believed, with which keys and when.

use url::Url;

use super::error::MaterialError;
use super::source::{self, MAX_FILE_BYTES};
use super::wire;
use crate::base_url::{self, is_same_place};
use crate::foreign::shown;
use crate::key::{KeyError, PublicKey};
use crate::timestamp::{Authorities, TimestampAuthority};
use crate::tlog::LogKey;
use crate::validity::Validity;

const KIND: &str = "a Sigstore trusted root";
/// Version 0.1 by its old and its new name, and 0.2, which only adds fields.
const MEDIA_TYPES: [&str; 3] = [
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
];
const EXPECTED: &str = "application/vnd.dev.sigstore.trustedroot.v0.1+json or ….v0.2+json";
/// A shard a year for longer than this program will live.
const MAX_ENTRIES: usize = 100;
/// The longest log id: a SHA-256.
const MAX_LOG_ID_BYTES: usize = 32;

/// A trusted root. Of its parts, those for certificates of identities are not read: nothing here is signed with one.
#[derive(Debug, Clone)]
pub struct TrustedRoot {
    logs: Vec<TrustedLog>,
    skipped: Vec<String>,
    authorities: Authorities,
}

/// One log, or one shard of it, with one key.
#[derive(Debug, Clone)]
pub struct TrustedLog {
    url: Url,
    key: PublicKey,
    validity: Validity,
    id: Vec<u8>,
    operator: String,
}

impl TrustedRoot {
    /// Reads `value`, which is a path or the JSON itself.
    pub fn read(value: &str) -> Result<Self, MaterialError> {
        Self::parse(&source::read(value)?)
    }

    /// Parses the JSON of a trusted root. What is there must be usable, but for logs with a key or hash of a kind that is not
    /// known here: later roots may have some, and no entry of theirs is believed.
    pub fn parse(json: &[u8]) -> Result<Self, MaterialError> {
        if json.len() > MAX_FILE_BYTES {
            return Err(MaterialError::TooLarge(MAX_FILE_BYTES));
        }
        let root: wire::TrustedRoot = serde_json::from_slice(json).map_err(MaterialError::json(KIND))?;
        if !MEDIA_TYPES.contains(&root.media_type.as_str()) {
            return Err(MaterialError::media_type(&root.media_type, EXPECTED));
        }
        for (place, count) in [("tlogs", root.tlogs.len()), ("timestampAuthorities", root.timestamp_authorities.len())]
        {
            if count > MAX_ENTRIES {
                return Err(MaterialError::part(place, format!("it has more than {MAX_ENTRIES}")));
            }
        }
        let (mut logs, mut skipped) = (Vec::new(), Vec::new());
        for (at, log) in root.tlogs.iter().enumerate() {
            match unknown_kind(log) {
                Some(kind) => skipped.push(format!("tlogs[{at}] ({}): {kind}", shown(&log.base_url))),
                None => logs.push(TrustedLog::new(log, &format!("tlogs[{at}]"))?),
            }
        }
        let authorities = root.timestamp_authorities.into_iter().enumerate();
        let authorities =
            authorities.map(|(at, authority)| self::authority(authority, &format!("timestampAuthorities[{at}]")));
        Ok(Self { logs, skipped, authorities: Authorities::new(authorities.collect::<Result<_, _>>()?) })
    }

    /// The logs, in the order of the file.
    pub fn logs(&self) -> &[TrustedLog] {
        &self.logs
    }

    /// The logs at this URL: one for each of its keys.
    pub fn logs_at<'a>(&'a self, url: &'a Url) -> impl Iterator<Item = &'a TrustedLog> {
        self.logs.iter().filter(move |log| is_same_place(&log.url, url))
    }

    /// Logs that were left out, and why: a line for each.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The time-stamping authorities.
    pub fn authorities(&self) -> &Authorities {
        &self.authorities
    }
}

impl TrustedLog {
    fn new(log: &wire::Tlog, place: &str) -> Result<Self, MaterialError> {
        let part = |name: &str| format!("{place}.{name}");
        let url = base_url::parse(&log.base_url).map_err(|error| MaterialError::part(part("baseUrl"), error))?;
        let key = PublicKey::from_der(&log.public_key.raw_bytes.0);
        let key = key.map_err(|error| MaterialError::part(part("publicKey.rawBytes"), error))?;
        if key.details() != Some(&log.public_key.key_details) {
            let fault = format!("it is of another kind than keyDetails says, {}", log.public_key.key_details);
            return Err(MaterialError::part(part("publicKey.rawBytes"), fault));
        }
        let validity = log.public_key.valid_for.validity();
        let validity = validity.map_err(|error| MaterialError::part(part("publicKey.validFor"), error))?;
        let id = log.log_id.key_id.0.clone();
        if id.is_empty() || id.len() > MAX_LOG_ID_BYTES {
            let fault = format!("it must have 1 to {MAX_LOG_ID_BYTES} bytes");
            return Err(MaterialError::part(part("logId.keyId"), fault));
        }
        Ok(Self { url, key, validity, id, operator: log.operator.clone() })
    }

    /// The URL of its API.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The host of the URL, without a port: the origin of a v2 log's checkpoints.
    pub fn host(&self) -> &str {
        // A base URL has one; parsing checks it.
        self.url.host_str().unwrap_or_default()
    }

    /// The log's key: of the API whose log id the file says, or else of the API that has such keys. One of version 1 has the
    /// URL with it.
    pub fn log_key(&self) -> Result<LogKey, KeyError> {
        let v1 = LogKey::v1(self.key.clone()).at(self.url.clone());
        if v1.id() == *self.id {
            return Ok(v1);
        }
        match LogKey::v2(self.key.clone(), self.host()) {
            Err(_) if self.key.details() != Some("PKIX_ED25519") => Ok(v1),
            v2 => v2,
        }
    }

    /// The key that its checkpoints are signed with.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The time in which the log signs with the key.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The id that its entries name, of at most 32 bytes: what the file says, compared with nothing.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// Its operator; empty if the file does not say.
    pub fn operator(&self) -> &str {
        &self.operator
    }
}

/// Names the kind of key or hash that is not known here, if the log has one.
fn unknown_kind(log: &wire::Tlog) -> Option<String> {
    let (hash, key) = (&log.hash_algorithm, &log.public_key.key_details);
    if hash != "SHA2_256" {
        return Some(format!("the hash algorithm '{}' is not supported", shown(hash)));
    }
    let is_known = matches!(
        key.as_str(),
        "PKIX_ED25519" | "PKIX_ECDSA_P256_SHA_256" | "PKIX_ECDSA_P384_SHA_384" | "PKIX_ECDSA_P521_SHA_512"
    );
    (!is_known).then(|| format!("keys of the kind '{}' are not supported", shown(key)))
}

fn authority(authority: wire::CertificateAuthority, place: &str) -> Result<TimestampAuthority, MaterialError> {
    let part = |name: &str| format!("{place}.{name}");
    let url = (!authority.uri.is_empty()).then(|| base_url::parse(&authority.uri)).transpose();
    let url = url.map_err(|error| MaterialError::part(part("uri"), error))?;
    let validity = authority.valid_for.validity().map_err(|error| MaterialError::part(part("validFor"), error))?;
    let chain: Vec<Vec<u8>> =
        authority.cert_chain.certificates.into_iter().map(|certificate| certificate.raw_bytes.0).collect();
    let name = [authority.uri, authority.subject.common_name, place.to_owned()];
    let name = name.iter().find(|name| !name.is_empty()).map_or("", String::as_str);
    let authority = TimestampAuthority::new(name, url, &chain, validity);
    authority.map_err(|error| MaterialError::part(part("certChain"), error))
}
