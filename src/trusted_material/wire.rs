//! The JSON form of Sigstore's protobufs, as far as it is read here.
//!
//! Sources: `protos/sigstore_trustroot.proto` and `sigstore_common.proto` of sigstore/protobuf-specs v0.5, and
//! ProtoJSON (<https://protobuf.dev/programming-guides/json/>): names in either case, null for what is not there,
//! base64 of either alphabet, numbers as text. Fields that are not known are left alone: later versions add some.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Deserializer};

use crate::validity::{NoTime, Validity};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

#[derive(Deserialize)]
pub(super) struct TrustedRoot {
    #[serde(default, alias = "mediaType", deserialize_with = "or_default")]
    pub media_type: String,
    #[serde(default, deserialize_with = "or_default")]
    pub tlogs: Vec<Tlog>,
    #[serde(default, alias = "timestampAuthorities", deserialize_with = "or_default")]
    pub timestamp_authorities: Vec<CertificateAuthority>,
}

/// `TransparencyLogInstance`.
#[derive(Deserialize)]
pub(super) struct Tlog {
    #[serde(default, alias = "baseUrl", deserialize_with = "or_default")]
    pub base_url: String,
    #[serde(default, alias = "hashAlgorithm", deserialize_with = "or_default")]
    pub hash_algorithm: String,
    #[serde(default, alias = "publicKey", deserialize_with = "or_default")]
    pub public_key: PublicKey,
    #[serde(default, alias = "logId", deserialize_with = "or_default")]
    pub log_id: LogId,
    #[serde(default, deserialize_with = "or_default")]
    pub operator: String,
}

#[derive(Default, Deserialize)]
pub(super) struct PublicKey {
    #[serde(default, alias = "rawBytes", deserialize_with = "or_default")]
    pub raw_bytes: Bytes,
    #[serde(default, alias = "keyDetails", deserialize_with = "or_default")]
    pub key_details: String,
    #[serde(default, alias = "validFor", deserialize_with = "or_default")]
    pub valid_for: TimeRange,
}

#[derive(Default, Deserialize)]
pub(super) struct LogId {
    #[serde(default, alias = "keyId", deserialize_with = "or_default")]
    pub key_id: Bytes,
}

#[derive(Deserialize)]
pub(super) struct CertificateAuthority {
    #[serde(default, deserialize_with = "or_default")]
    pub subject: DistinguishedName,
    #[serde(default, deserialize_with = "or_default")]
    pub uri: String,
    #[serde(default, alias = "certChain", deserialize_with = "or_default")]
    pub cert_chain: CertificateChain,
    #[serde(default, alias = "validFor", deserialize_with = "or_default")]
    pub valid_for: TimeRange,
}

#[derive(Default, Deserialize)]
pub(super) struct DistinguishedName {
    #[serde(default, alias = "commonName", deserialize_with = "or_default")]
    pub common_name: String,
}

#[derive(Default, Deserialize)]
pub(super) struct CertificateChain {
    #[serde(default, deserialize_with = "or_default")]
    pub certificates: Vec<Certificate>,
}

#[derive(Default, Deserialize)]
pub(super) struct Certificate {
    #[serde(default, alias = "rawBytes", deserialize_with = "or_default")]
    pub raw_bytes: Bytes,
}

#[derive(Default, Deserialize)]
pub(super) struct TimeRange {
    start: Option<String>,
    end: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct SigningConfig {
    #[serde(default, alias = "mediaType", deserialize_with = "or_default")]
    pub media_type: String,
    #[serde(default, alias = "rekorTlogUrls", deserialize_with = "or_default")]
    pub rekor_tlog_urls: Vec<Service>,
    #[serde(default, alias = "rekorTlogConfig", deserialize_with = "or_default")]
    pub rekor_tlog_config: ServiceConfiguration,
    #[serde(default, alias = "tsaUrls", deserialize_with = "or_default")]
    pub tsa_urls: Vec<Service>,
    #[serde(default, alias = "tsaConfig", deserialize_with = "or_default")]
    pub tsa_config: ServiceConfiguration,
}

#[derive(Deserialize)]
pub(super) struct Service {
    #[serde(default, deserialize_with = "or_default")]
    pub url: String,
    #[serde(default, alias = "majorApiVersion", deserialize_with = "or_default")]
    pub major_api_version: Number,
    #[serde(default, alias = "validFor", deserialize_with = "or_default")]
    pub valid_for: TimeRange,
    #[serde(default, deserialize_with = "or_default")]
    pub operator: String,
}

#[derive(Default, Deserialize)]
pub(super) struct ServiceConfiguration {
    #[serde(default, deserialize_with = "or_default")]
    pub selector: Selector,
    #[serde(default, deserialize_with = "or_default")]
    pub count: Number,
}

/// The number of services to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Selector {
    /// Clients differ in what they make of it. One is the least that can be meant.
    #[default]
    #[serde(rename = "SERVICE_SELECTOR_UNDEFINED")]
    Undefined,
    All,
    Any,
    Exact,
}

/// Bytes, base64 in the JSON.
#[derive(Default)]
pub(super) struct Bytes(pub Vec<u8>);

/// A 32-bit number, perhaps as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Number(pub u32);

impl TimeRange {
    pub(super) fn validity(&self) -> Result<Validity, NoTime> {
        Validity::parse(self.start.as_deref(), self.end.as_deref())
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(&text).or_else(|_| URL_SAFE.decode(&text));
        bytes.map(Self).map_err(|_| serde::de::Error::custom("a text that is not base64"))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number from 0 to 4294967295")]
        enum Form {
            Number(u32),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Self(number)),
            Form::Text(text) => {
                text.parse().map(Self).map_err(|_| serde::de::Error::custom("a text that is no number"))
            }
        }
    }
}

/// null is what is not there.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
