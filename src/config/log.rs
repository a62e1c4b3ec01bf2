//! The configuration of the log.

use url::Url;

use super::Reader;
use crate::base_url;
use crate::clock::since_epoch;
use crate::key::PublicKey;
use crate::rekor::{LogClients, PUBLIC_INSTANCE, PUBLIC_INSTANCE_KEY, Rekor, RekorV1, RekorV2};
use crate::timestamp::{Authorities, PUBLIC_AUTHORITY, TimestampAuthority, TimestampClient, TimestampSetting};
use crate::tlog::{LogKey, LogKeys, Policy, RekorApi};
use crate::trusted_material::{SigningConfig, TrustedRoot};

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
    /// The time-stamping authority that new signatures are sent to. Concerns API version 2.
    pub authority: Option<Url>,
    /// The policy by which witnesses must have cosigned new entries. Concerns API version 2.
    pub policy: Option<Policy>,
    /// The last second (Unix) in which any log of `SIGNING_CONFIG` can be written, if an end is known.
    pub writable_until: Option<u64>,
}

impl LogConfig {
    /// Sigstore's public instance, with the key that is shipped with the program.
    pub fn public_instance() -> Self {
        // Both are constants; a test parses them.
        let url: Url = PUBLIC_INSTANCE.parse().expect("the public instance's URL is a URL");
        let key = PublicKey::from_pem(PUBLIC_INSTANCE_KEY).ok().map(|key| LogKey::v1(key).at(url.clone()));
        let keys = LogKeys::new(key.into_iter().collect());
        Self::v1(url, keys.expect("the public instance's key is a key"))
    }

    /// A Rekor v1 alone.
    pub fn v1(url: Url, keys: LogKeys) -> Self {
        Self {
            url,
            api: RekorApi::V1,
            tiles: None,
            keys,
            earlier: Vec::new(),
            authority: None,
            policy: None,
            writable_until: None,
        }
    }

    /// A Rekor v2 alone.
    pub fn v2(url: Url, keys: LogKeys) -> Self {
        Self { api: RekorApi::V2, ..Self::v1(url, keys) }
    }

    /// Returns whether any of the logs lists entries.
    pub fn is_searchable(&self) -> bool {
        self.api == RekorApi::V1 || !self.earlier.is_empty()
    }

    /// The clients of all logs. Nothing is asked yet.
    pub fn clients(&self) -> Result<LogClients, reqwest::Error> {
        let written = match self.api {
            RekorApi::V1 => Rekor::V1(RekorV1::new(self.url.clone())?),
            RekorApi::V2 => Rekor::V2(Box::new(RekorV2::new(self.url.clone(), self.tiles.clone(), self.keys.clone())?)),
        };
        let earlier = self.earlier.iter().map(|url| Ok(Rekor::V1(RekorV1::new(url.clone())?)));
        let earlier = earlier.collect::<Result<_, reqwest::Error>>()?;
        let client = |url: &Url| TimestampClient::new(url.clone(), self.keys.authorities().clone());
        let authority = self.authority.as_ref().map(client).transpose()?;
        Ok(LogClients { written, earlier, authority, policy: self.policy.clone() })
    }
}

/// A log by its URL and the version of its API.
struct WrittenLog {
    url: Url,
    api: RekorApi,
}

impl<G: Fn(&str) -> Option<String>> Reader<G> {
    pub(super) fn log(&mut self) -> Option<LogConfig> {
        let (root, signing) = (self.trusted_root(), self.signing_config());
        let (tiles, earlier) = (self.url("REKOR_TILES_URL"), self.earlier_logs());
        let Some(WrittenLog { url, api }) = self.written(signing.as_ref()) else {
            self.refuse_without_log();
            return None;
        };
        if api == RekorApi::V1 {
            self.refuse(&["REKOR_TILES_URL", "TIMESTAMP_URL", "WITNESS_POLICY"], "is set without REKOR_API_VERSION=2");
        }
        if earlier.contains(&url) {
            self.fault("EARLIER_LOGS", format!("'{url}' is REKOR_URL"));
        }
        let keys = self.log_keys(&url, api, root.as_ref())?;
        if !earlier.is_empty() && !keys.iter().any(|key| key.api() == RekorApi::V1) {
            self.fault("REKOR_PUBLIC_KEYS", "holds no key of the logs in EARLIER_LOGS");
        }
        let (authority, authorities) = self.authorities(api, signing.as_ref(), root.as_ref());
        let policy = self.witness_policy(&keys);
        let writable_until = signing.and_then(|signing| signing.writable_until(version(api)));
        let keys = keys.with_authorities(authorities);
        Some(LogConfig { url, api, tiles, keys, earlier, authority, policy, writable_until })
    }

    /// Faults for variables that say something about a log which none names.
    fn refuse_without_log(&mut self) {
        if self.get("REKOR_URL").is_some() || self.get("SIGNING_CONFIG").is_some() {
            return;
        }
        let names = [
            "REKOR_PUBLIC_KEYS",
            "REKOR_API_VERSION",
            "REKOR_TILES_URL",
            "EARLIER_LOGS",
            "TRUSTED_ROOT",
            "TIMESTAMP_URL",
            "TIMESTAMP_CHAIN",
            "WITNESS_POLICY",
        ];
        self.refuse(&names, "is set without REKOR_URL");
    }

    /// Faults for those of these variables that are set.
    fn refuse(&mut self, names: &[&str], fault: &str) {
        for name in names {
            if self.get(name).is_some() {
                self.fault(name, fault);
            }
        }
    }

    /// The log that is written: that of `REKOR_URL`, or the one that the signing config has for now.
    fn written(&mut self, signing: Option<&SigningConfig>) -> Option<WrittenLog> {
        let (api, url) = (self.rekor_api(), self.url("REKOR_URL"));
        let Some(signing) = signing else {
            return url.map(|url| WrittenLog { url, api: api.unwrap_or(RekorApi::V1) });
        };
        if url.is_some() {
            self.fault("REKOR_URL", "is set beside SIGNING_CONFIG, which names the log");
        }
        let now = since_epoch().as_secs();
        // Once the last shard has ended, first sights fail with the log's own word, and what is recorded is served.
        let log = |api: RekorApi| {
            let ended = signing.log_that_ended_last(version(api), now);
            signing.log_to_write(version(api), now).or_else(|error| ended.ok_or(error)).map(|log| (log, api))
        };
        let choice = match api {
            Some(api) => log(api),
            // The newest version, as Sigstore's clients choose.
            None => {
                let is_written = |api: &RekorApi| signing.log_to_write(version(*api), now).is_ok();
                let newest = [RekorApi::V2, RekorApi::V1].into_iter().find(is_written);
                newest.map_or_else(|| log(RekorApi::V2).or_else(|error| log(RekorApi::V1).map_err(|_| error)), log)
            }
        };
        match choice {
            Ok((log, api)) => Some(WrittenLog { url: log.url().clone(), api }),
            Err(error) => {
                self.fault("SIGNING_CONFIG", error);
                None
            }
        }
    }

    fn rekor_api(&mut self) -> Option<RekorApi> {
        match self.get("REKOR_API_VERSION")?.trim() {
            "1" => Some(RekorApi::V1),
            "2" => Some(RekorApi::V2),
            other => {
                let fault = format!("'{other}' is neither 1 nor 2");
                self.fault("REKOR_API_VERSION", fault);
                None
            }
        }
    }

    fn witness_policy(&mut self, keys: &LogKeys) -> Option<Policy> {
        const NAME: &str = "WITNESS_POLICY";
        let value = self.get(NAME)?;
        let policy = Policy::read(&value).map_err(|error| self.fault(NAME, error)).ok()?;
        // The key of the log that is written is the first.
        if keys.iter().next().is_some_and(|key| !policy.counts_log(key)) {
            self.fault(NAME, "lists logs, and the one that is written is none of them");
        }
        Some(policy)
    }

    fn trusted_root(&mut self) -> Option<TrustedRoot> {
        let value = self.get("TRUSTED_ROOT")?;
        TrustedRoot::read(&value).map_err(|error| self.fault("TRUSTED_ROOT", error)).ok()
    }

    fn signing_config(&mut self) -> Option<SigningConfig> {
        let value = self.get("SIGNING_CONFIG")?;
        SigningConfig::read(&value).map_err(|error| self.fault("SIGNING_CONFIG", error)).ok()
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

    /// The keys in `REKOR_PUBLIC_KEYS` and in the trusted root, or the public instance's. Those of the log that is written come
    /// first.
    fn log_keys(&mut self, url: &Url, api: RekorApi, root: Option<&TrustedRoot>) -> Option<LogKeys> {
        const NAME: &str = "REKOR_PUBLIC_KEYS";
        let origin = url.host_str().filter(|_| api == RekorApi::V2);
        let mut keys = match self.get(NAME).map(|text| LogKey::all_from_text(&text, origin)) {
            None => Vec::new(),
            Some(Ok(keys)) if !keys.is_empty() => keys,
            Some(Ok(_)) => {
                self.fault(NAME, "holds no PEM block 'PUBLIC KEY'");
                return None;
            }
            Some(Err(error)) => {
                self.fault(NAME, error);
                return None;
            }
        };
        for log in root.map(TrustedRoot::logs).unwrap_or_default() {
            let key = log.log_key().map_err(|error| self.fault("TRUSTED_ROOT", error)).ok()?;
            match keys.iter_mut().find(|known| **known == key) {
                // A PEM does not say which log it is of.
                Some(known) if known.url().is_none() => *known = key,
                Some(_) => {}
                None => keys.push(key),
            }
        }
        let public = LogConfig::public_instance();
        for key in keys.iter_mut().filter(|key| key.url().is_none()) {
            if let Some(public) = public.keys.iter().find(|public| **public == *key) {
                *key = public.clone();
            }
        }
        if keys.is_empty() && api == RekorApi::V1 && *url == public.url {
            return Some(public.keys);
        }
        let is_of_written = |key: &LogKey| key.api() == api && (api == RekorApi::V1 || key.origin() == origin);
        keys.sort_by_key(|key| !is_of_written(key));
        let missing = match api {
            RekorApi::V1 => format!("must be set for {url}: only the public instance's is built in"),
            RekorApi::V2 => format!("must hold the Ed25519 key of {url}, unless TRUSTED_ROOT does"),
        };
        if !keys.iter().any(|key| key.api() == api) {
            let skipped = root.map(TrustedRoot::skipped).unwrap_or_default();
            let reason = if skipped.is_empty() { String::new() } else { format!(" ({})", skipped.join("; ")) };
            self.fault(NAME, format!("{missing}{reason}"));
            return None;
        }
        LogKeys::new(keys)
    }

    /// The authority that is asked for time stamps, and those that are believed.
    fn authorities(
        &mut self,
        api: RekorApi,
        signing: Option<&SigningConfig>,
        root: Option<&TrustedRoot>,
    ) -> (Option<Url>, Authorities) {
        let setting = self.get("TIMESTAMP_URL").map(|text| text.parse::<TimestampSetting>());
        let setting = setting.transpose().map_err(|error| self.fault("TIMESTAMP_URL", error)).ok().flatten();
        let chain = self.get("TIMESTAMP_CHAIN").map(|pem| TimestampAuthority::from_pem(None, &pem));
        let chain: Option<TimestampAuthority> =
            chain.transpose().map_err(|error| self.fault("TIMESTAMP_CHAIN", error)).ok().flatten();
        // A trusted root can be cut to its logs, to fit among a function's variables.
        let of_root = root.map(|root| root.authorities().clone()).filter(|authorities| !authorities.is_empty());
        let of_root = of_root.unwrap_or_else(Authorities::public);
        let believed = of_root.and(Authorities::new(chain.into_iter().collect()));
        let asked = match (api, setting, signing) {
            (RekorApi::V1, _, _) | (_, Some(TimestampSetting::Nobody), _) => None,
            (RekorApi::V2, Some(TimestampSetting::At(url)), _) => Some(url),
            (RekorApi::V2, None, None) => PUBLIC_AUTHORITY.parse().ok(),
            (RekorApi::V2, None, Some(signing)) => match signing.authority_to_ask(since_epoch().as_secs()) {
                Ok(service) => Some(service.url().clone()),
                // It refuses, if it is gone: then sightings are recorded without a time.
                Err(error) => match signing.authority_that_ended_last(since_epoch().as_secs()) {
                    Some(ended) => Some(ended.url().clone()),
                    None => {
                        self.fault(
                            "SIGNING_CONFIG",
                            format!("{error}; set TIMESTAMP_URL, to 'none' for no time stamps"),
                        );
                        None
                    }
                },
            },
        };
        // A time stamp that nobody believes is of no use to anyone. The chain, and an authority without a URL, may be anyone's.
        let may_be = |authority: &TimestampAuthority| authority.url().is_none_or(|url| Some(url) == asked.as_ref());
        if asked.is_some() && !believed.iter().any(may_be) {
            self.fault("TIMESTAMP_CHAIN", "must hold the authority's certificates, unless TRUSTED_ROOT does");
        }
        (asked, believed)
    }
}

fn version(api: RekorApi) -> u32 {
    match api {
        RekorApi::V1 => 1,
        RekorApi::V2 => 2,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::tlog::example::V2_KEY;

    use super::*;

    const ROOT: &str = include_str!("../../tests/data/sigstore-root/trusted_root.json");
    const SIGNING: &str = include_str!("../../tests/data/sigstore-root/signing_config_rekor_v2.v0.2.json");
    /// Of the example in C2SP's signed-note.
    const OTHER_LOG: &str = "log example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\nquorum none\n";
    const URL: &str = "https://log2025-alpha3.rekor.sigstage.dev";

    fn read(vars: &[(&str, &str)]) -> Result<LogConfig, String> {
        let get = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let config = Config::read(get).map_err(|error| error.to_string())?;
        config.log.ok_or_else(|| "no log".to_owned())
    }

    #[test]
    fn sigstores_own_files_name_logs_keys_and_the_authority() {
        let config = read(&[("SIGNING_CONFIG", SIGNING), ("TRUSTED_ROOT", ROOT)]).unwrap();
        assert_eq!(config.url.as_str(), "https://log2025-1.rekor.sigstore.dev/");
        assert_eq!(config.api, RekorApi::V2);
        let keys: Vec<(RekorApi, Option<&str>)> = config.keys.iter().map(|key| (key.api(), key.origin())).collect();
        assert_eq!(keys, [(RekorApi::V2, Some("log2025-1.rekor.sigstore.dev")), (RekorApi::V1, None)]);
        assert_eq!(config.authority.unwrap().as_str(), PUBLIC_AUTHORITY);
        assert_eq!(config.keys.authorities().iter().count(), 1);
        let v1 = [("REKOR_API_VERSION", "1"), ("SIGNING_CONFIG", SIGNING), ("TRUSTED_ROOT", ROOT)];
        assert!(read(&v1).is_err() || read(&v1).unwrap().api == RekorApi::V1);
    }

    /// `jq -c 'del(…)'`, as docs/runbook.md has it: the rest has room among a function's variables.
    fn without(json: &str, names: &[&str]) -> String {
        let mut file: serde_json::Value = serde_json::from_str(json).unwrap();
        names.iter().for_each(|name| drop(file.as_object_mut().unwrap().remove(*name).unwrap()));
        file.to_string()
    }

    #[test]
    fn sigstores_files_without_what_concerns_others_say_the_same() {
        let root = without(ROOT, &["certificateAuthorities", "ctlogs", "timestampAuthorities"]);
        let signing = without(SIGNING, &["caUrls", "oidcUrls"]);
        let whole = read(&[("SIGNING_CONFIG", SIGNING), ("TRUSTED_ROOT", ROOT)]).unwrap();
        let shortened = read(&[("SIGNING_CONFIG", &signing), ("TRUSTED_ROOT", &root)]).unwrap();
        assert_eq!(format!("{shortened:?}"), format!("{whole:?}"));
    }

    /// Sigstore's file, with these times for its log of version 2.
    fn signing_until(ends: &[&str]) -> String {
        let mut file: serde_json::Value = serde_json::from_str(SIGNING).unwrap();
        let logs = file["rekorTlogUrls"].as_array_mut().unwrap();
        let shard = logs.remove(0);
        assert_eq!(shard["majorApiVersion"], 2);
        for (number, end) in ends.iter().enumerate() {
            let mut shard = shard.clone();
            shard["url"] = format!("https://log{number}.rekor.sigstore.dev").into();
            shard["validFor"]["start"] = "2020-01-01T00:00:00Z".into();
            shard["validFor"]["end"] = (*end).into();
            logs.push(shard);
        }
        file.to_string()
    }

    #[test]
    fn where_all_shards_have_ended_the_last_one_stays_the_log() {
        let signing = signing_until(&["2021-01-01T00:00:00Z", "2023-01-01T00:00:00Z", "2022-01-01T00:00:00Z"]);
        let config = read(&[("REKOR_API_VERSION", "2"), ("SIGNING_CONFIG", &signing), ("TRUSTED_ROOT", ROOT)]).unwrap();
        assert_eq!((config.url.as_str(), config.api), ("https://log1.rekor.sigstore.dev/", RekorApi::V2));
        assert_eq!(config.writable_until, Some(1_672_531_200), "2023");
        // Another version that can be written comes first, where none is asked for.
        let newest = read(&[("SIGNING_CONFIG", &signing), ("TRUSTED_ROOT", ROOT)]).unwrap();
        assert_eq!((newest.url.as_str(), newest.api), ("https://rekor.sigstore.dev/", RekorApi::V1));
        // A log that is to come is none that has ended.
        let none = without(&signing, &["rekorTlogUrls"]);
        let error = read(&[("SIGNING_CONFIG", &none), ("TRUSTED_ROOT", ROOT)]).unwrap_err();
        assert!(error.contains("SIGNING_CONFIG: it names no log of API version 2"), "{error}");
    }

    #[test]
    fn an_authority_that_has_ended_stops_no_recording() {
        let signing =
            SIGNING.replace("\"2025-07-04T00:00:00Z\"", "\"2020-01-01T00:00:00Z\",\"end\":\"2021-01-01T00:00:00Z\"");
        assert_ne!(signing, SIGNING);
        let config = read(&[("SIGNING_CONFIG", &signing), ("TRUSTED_ROOT", ROOT)]).unwrap();
        assert_eq!(config.authority.unwrap().as_str(), PUBLIC_AUTHORITY);
    }

    #[test]
    fn a_log_of_ones_own_has_its_name_and_key() {
        let v2 = [("REKOR_API_VERSION", "2"), ("REKOR_URL", URL), ("REKOR_PUBLIC_KEYS", V2_KEY)];
        let config = read(&v2).unwrap();
        assert_eq!((config.api, config.keys.iter().count()), (RekorApi::V2, 1));
        assert_eq!(config.authority.unwrap().as_str(), PUBLIC_AUTHORITY);
        let none = read(&[&v2[..], &[("TIMESTAMP_URL", "none")]].concat()).unwrap();
        assert_eq!(none.authority, None);
        let earlier = [("EARLIER_LOGS", "https://rekor.sigstore.dev")];
        let error = read(&[&v2[..], &earlier].concat()).unwrap_err();
        assert!(error.contains("REKOR_PUBLIC_KEYS: holds no key of the logs in EARLIER_LOGS"), "{error}");
        let both = format!("{V2_KEY}\n{PUBLIC_INSTANCE_KEY}");
        let moved = read(&[&[v2[0], v2[1], ("REKOR_PUBLIC_KEYS", &both)], &earlier[..]].concat()).unwrap();
        assert_eq!(moved.earlier.len(), 1);
        assert_eq!(moved.keys.iter().next().unwrap().api(), RekorApi::V2, "the log that is written is first");
    }

    #[test]
    fn what_does_not_fit_together_is_refused_by_name() {
        let v2 = [("REKOR_API_VERSION", "2"), ("REKOR_URL", URL), ("REKOR_PUBLIC_KEYS", V2_KEY)];
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[("REKOR_API_VERSION", "3"), v2[1], v2[2]], "REKOR_API_VERSION: '3' is neither 1 nor 2"),
            (&[("REKOR_API_VERSION", "2")], "REKOR_API_VERSION: is set without REKOR_URL"),
            (&[v2[0], v2[1]], "REKOR_PUBLIC_KEYS: must hold the Ed25519 key"),
            (
                &[v2[0], v2[1], ("REKOR_PUBLIC_KEYS", PUBLIC_INSTANCE_KEY)],
                "REKOR_PUBLIC_KEYS: must hold the Ed25519 key",
            ),
            (
                &[("REKOR_TILES_URL", URL), ("REKOR_URL", "https://rekor.sigstore.dev")],
                "REKOR_TILES_URL: is set without",
            ),
            (&[v2[0], v2[1], v2[2], ("TIMESTAMP_URL", "https://tsa.test/")], "TIMESTAMP_CHAIN: must hold"),
            (&[v2[0], v2[1], v2[2], ("TIMESTAMP_URL", "no")], "TIMESTAMP_URL: "),
            (&[v2[0], v2[1], v2[2], ("TIMESTAMP_CHAIN", "no")], "TIMESTAMP_CHAIN: "),
            (&[v2[0], v2[1], v2[2], ("EARLIER_LOGS", URL)], "is REKOR_URL"),
            (&[v2[1], ("SIGNING_CONFIG", SIGNING), ("TRUSTED_ROOT", ROOT)], "REKOR_URL: is set beside SIGNING_CONFIG"),
            (&[("SIGNING_CONFIG", SIGNING)], "REKOR_PUBLIC_KEYS: must hold the Ed25519 key"),
            (&[("SIGNING_CONFIG", "{}")], "SIGNING_CONFIG: "),
            (&[v2[0], v2[1], v2[2], ("TRUSTED_ROOT", "/no/such/file")], "TRUSTED_ROOT: "),
            (&[("WITNESS_POLICY", "quorum none"), v2[1], ("REKOR_PUBLIC_KEYS", PUBLIC_INSTANCE_KEY)], "is set without"),
            (&[("WITNESS_POLICY", "quorum none")], "WITNESS_POLICY: is set without REKOR_URL"),
            (&[v2[0], v2[1], v2[2], ("WITNESS_POLICY", "/no/such/file")], "WITNESS_POLICY: not a tlog-policy: "),
            (&[v2[0], v2[1], v2[2], ("WITNESS_POLICY", "quorum a")], "line 1: no line before defines 'a'"),
            (&[v2[0], v2[1], v2[2], ("WITNESS_POLICY", OTHER_LOG)], "lists logs, and the one that is written is none"),
        ];
        for (vars, expected) in cases {
            let error = read(vars).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
