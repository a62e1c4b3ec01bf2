//! The configuration of the log.

use url::Url;

use super::Reader;
use crate::base_url;
use crate::key::PublicKey;
use crate::rekor::{LogClients, PUBLIC_INSTANCE, PUBLIC_INSTANCE_KEY, Rekor, RekorV1, RekorV2};
use crate::tlog::{LogKey, LogKeys, RekorApi};

/// Each is searched for every tag that the ledger does not know.
const MAX_EARLIER_LOGS: usize = 4;

/// A log, and the keys that its answers are checked with.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The address of its API, perhaps with a path. It holds no password.
    pub url: Url,
    /// The version of its API.
    pub api: RekorApi,
    /// The prefix that its tiles are read below, if that is not `api/v2` below `url`. Concerns API version 2.
    pub tiles: Option<Url>,
    /// The public key of the log that is written first, then those of others whose entries are still read.
    pub keys: LogKeys,
    /// Logs of API version 1 that were written before, and are still searched.
    pub earlier: Vec<Url>,
}

impl LogConfig {
    /// Sigstore's public instance, with the key that is shipped with the program.
    pub fn public_instance() -> Self {
        let key = PublicKey::from_pem(PUBLIC_INSTANCE_KEY).ok();
        let keys = LogKeys::v1(key.into_iter().collect());
        // Both are constants; a test parses them.
        let url = PUBLIC_INSTANCE.parse().expect("the public instance's URL is a URL");
        Self::v1(url, keys.expect("the public instance's key is a key"))
    }

    /// A Rekor v1 alone.
    pub fn v1(url: Url, keys: LogKeys) -> Self {
        Self { url, api: RekorApi::V1, tiles: None, keys, earlier: Vec::new() }
    }

    /// A Rekor v2 alone.
    pub fn v2(url: Url, keys: LogKeys) -> Self {
        Self { api: RekorApi::V2, ..Self::v1(url, keys) }
    }

    /// The clients of all logs. Nothing is asked yet.
    pub fn clients(&self) -> Result<LogClients, reqwest::Error> {
        let written = match self.api {
            RekorApi::V1 => Rekor::V1(RekorV1::new(self.url.clone())?),
            RekorApi::V2 => Rekor::V2(RekorV2::new(self.url.clone(), self.tiles.clone(), self.keys.clone())?),
        };
        let earlier = self.earlier.iter().map(|url| Ok(Rekor::V1(RekorV1::new(url.clone())?)));
        Ok(LogClients { written, earlier: earlier.collect::<Result<_, reqwest::Error>>()? })
    }
}

impl<G: Fn(&str) -> Option<String>> Reader<G> {
    pub(super) fn log(&mut self) -> Option<LogConfig> {
        let api = self.rekor_api();
        let (url, tiles) = (self.url("REKOR_URL"), self.url("REKOR_TILES_URL"));
        let earlier = self.earlier_logs();
        let origin = url.as_ref().filter(|_| api == RekorApi::V2).and_then(Url::host_str).map(str::to_owned);
        let keys = self.log_keys(origin.as_deref());
        let Some(url) = url else {
            for name in ["REKOR_PUBLIC_KEYS", "REKOR_API_VERSION", "REKOR_TILES_URL", "EARLIER_LOGS"] {
                if self.get("REKOR_URL").is_none() && self.get(name).is_some() {
                    self.fault(name, "is set without REKOR_URL");
                }
            }
            return None;
        };
        if api == RekorApi::V1 && tiles.is_some() {
            self.fault("REKOR_TILES_URL", "is set without REKOR_API_VERSION=2");
        }
        if earlier.contains(&url) {
            self.fault("EARLIER_LOGS", format!("'{url}' is REKOR_URL"));
        }
        let public = LogConfig::public_instance();
        let keys = match keys {
            Some(keys) => LogKeys::new(keys)?,
            None if api == RekorApi::V1 && url == public.url => public.keys,
            None => {
                self.fault(
                    "REKOR_PUBLIC_KEYS",
                    format!("must be set for {url}: only the public instance's is built in"),
                );
                return None;
            }
        };
        if !keys.iter().any(|key| key.api() == api) {
            let fault = match api {
                RekorApi::V1 => "holds no key of a Rekor v1, which REKOR_URL is",
                RekorApi::V2 => "holds no Ed25519 key, and REKOR_API_VERSION is 2",
            };
            self.fault("REKOR_PUBLIC_KEYS", fault);
        }
        if !earlier.is_empty() && !keys.iter().any(|key| key.api() == RekorApi::V1) {
            self.fault("REKOR_PUBLIC_KEYS", "holds no key of the logs in EARLIER_LOGS");
        }
        Some(LogConfig { url, api, tiles, keys, earlier })
    }

    fn rekor_api(&mut self) -> RekorApi {
        match self.get("REKOR_API_VERSION").as_deref().map(str::trim) {
            None | Some("1") => RekorApi::V1,
            Some("2") => RekorApi::V2,
            Some(other) => {
                let fault = format!("'{other}' is neither 1 nor 2");
                self.fault("REKOR_API_VERSION", fault);
                RekorApi::V1
            }
        }
    }

    fn url(&mut self, name: &str) -> Option<Url> {
        let text = self.get(name)?;
        base_url::parse(&text).map_err(|error| self.fault(name, error)).ok()
    }

    fn earlier_logs(&mut self) -> Vec<Url> {
        let value = self.get("EARLIER_LOGS").unwrap_or_default();
        let mut logs = Vec::new();
        for text in value.split([',', ' ', '\t', '\n']).filter(|text| !text.is_empty()) {
            match base_url::parse(text) {
                Ok(url) if logs.contains(&url) => self.fault("EARLIER_LOGS", format!("'{url}' is there twice")),
                Ok(url) => logs.push(url),
                Err(error) => self.fault("EARLIER_LOGS", error),
            }
        }
        if logs.len() > MAX_EARLIER_LOGS {
            self.fault("EARLIER_LOGS", format!("holds more than {MAX_EARLIER_LOGS}"));
        }
        logs
    }

    /// Keys in PEM or as verifier keys. `origin` is the name of the log that is written.
    fn log_keys(&mut self, origin: Option<&str>) -> Option<Vec<LogKey>> {
        const NAME: &str = "REKOR_PUBLIC_KEYS";
        match LogKey::all_from_text(&self.get(NAME)?, origin) {
            Ok(keys) if !keys.is_empty() => Some(keys),
            Ok(_) => {
                self.fault(NAME, "holds no PEM block 'PUBLIC KEY'");
                None
            }
            Err(error) => {
                self.fault(NAME, error);
                None
            }
        }
    }
}
