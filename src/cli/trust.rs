//! The keys and the log that the user trusts.

use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use super::Failure;
use crate::base_url;
use crate::config::LogConfig;
use crate::foreign::shown;
use crate::key::PublicKey;
use crate::rekor::PUBLIC_INSTANCE_KEY;
use crate::timestamp::Authorities;
use crate::tlog::{LogKey, LogKeys, RekorApi};
use crate::trusted_material::TrustedRoot;

#[derive(Args)]
pub(super) struct Trust {
    /// File with public keys whose entries count, PEM. Can be repeated. Nobody is trusted by default: get the key of the
    /// instance that you pull through, or from whoever runs it
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// The transparency log (default: https://rekor.sigstore.dev, or the one log that --trusted-root names)
    #[arg(long, value_name = "URL")]
    rekor: Option<String>,
    /// Where the tiles of a log of API version 2 are read (default: at api/v2 below its URL). No file of Sigstore's says it
    #[arg(long, value_name = "URL")]
    rekor_tiles: Option<String>,
    /// The version of the log's API, 1 or 2 (default: told by the log's keys)
    #[arg(long, value_name = "VERSION", value_parser = rekor_api)]
    rekor_api: Option<RekorApi>,
    /// A log of API version 1 that was written before, which is searched too. Can be repeated
    #[arg(long = "earlier-log", value_name = "URL")]
    earlier: Vec<String>,
    #[command(flatten)]
    material: LogMaterial,
}

/// Files that say who is believed as a log.
#[derive(Args)]
pub(super) struct LogMaterial {
    /// The public keys of the log, and of earlier ones: PEM, or verifier keys '<origin>+<hash>+<key>', one a line
    /// (default: that of rekor.sigstore.dev, which is built in)
    #[arg(long, value_name = "FILE")]
    rekor_key: Option<PathBuf>,
    /// Sigstore's trusted root, as an instance's /trusted-root.json: the keys of logs and of time-stamping authorities
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
}

/// The contents of the files.
struct Material {
    keys: Vec<LogKey>,
    root: Option<TrustedRoot>,
}

impl Trust {
    /// The keys that sightings count by.
    pub(super) fn keys(&self) -> Result<Vec<PublicKey>, Failure> {
        let files = self.keys.iter().map(|path| keys_in(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(files.concat())
    }

    /// The log, and the keys that its answers are checked with.
    pub(super) fn log(&self) -> Result<LogConfig, Failure> {
        // Not parsed by clap, which would print a refused URL and its password.
        let parse = |option: &str, url: &String| base_url::parse(url).map_err(|error| format!("{option}: {error}"));
        let url = self.rekor.as_ref().map(|url| parse("--rekor", url)).transpose()?;
        let tiles = self.rekor_tiles.as_ref().map(|url| parse("--rekor-tiles", url)).transpose()?;
        let earlier = self.earlier.iter().map(|url| parse("--earlier-log", url)).collect::<Result<Vec<_>, _>>()?;
        // A PEM does not say which log it is of. The host is the name of a log of version 2.
        let origin = url.as_ref().and_then(Url::host_str).filter(|_| self.rekor_api == Some(RekorApi::V2));
        let material = self.material.read(origin)?;
        let public = LogConfig::public_instance();
        let url = match (url, material.root.as_ref().map(TrustedRoot::logs)) {
            (Some(url), _) => url,
            (None, Some([only])) => only.url().clone(),
            (None, _) => public.url.clone(),
        };
        if material.keys.is_empty() && url != public.url {
            return Err(format!("--rekor-key must be given for {url}: only rekor.sigstore.dev's is built in").into());
        }
        let api = self.rekor_api.unwrap_or_else(|| material.api_of(&url, &public.url));
        if tiles.is_some() && api == RekorApi::V1 {
            return Err(
                format!("--rekor-tiles is for a log of API version 2, and {url} is told to be of version 1").into()
            );
        }
        let keys = material.into_keys(api, Some(&url))?;
        if !keys.iter().any(|key| key.api() == api) {
            return Err(no_key(api, &url).into());
        }
        if !earlier.is_empty() && !keys.iter().any(|key| key.api() == RekorApi::V1) {
            return Err("--rekor-key and --trusted-root hold no key of the logs that --earlier-log names".into());
        }
        let log = match api {
            RekorApi::V1 => LogConfig::v1(url, keys),
            RekorApi::V2 => LogConfig::v2(url, keys),
        };
        Ok(LogConfig { tiles, earlier, ..log })
    }
}

impl LogMaterial {
    /// The keys of logs in the files, or the public instance's; for files with entries of any log.
    pub(super) fn log_keys(&self) -> Result<LogKeys, Failure> {
        let Material { mut keys, root } = self.read(None)?;
        if keys.is_empty() {
            keys.push(public_key()?);
        }
        Material { keys, root }.into_keys(RekorApi::V1, None)
    }

    fn read(&self, origin: Option<&str>) -> Result<Material, Failure> {
        let (mut keys, mut root) = (Vec::new(), None);
        if let Some(path) = &self.rekor_key {
            let text = text_of(path)?;
            if is_json(&text) {
                root = Some(root_in(path, &text)?);
            } else {
                keys = LogKey::all_from_text(&text, origin).map_err(|error| fault(path, &error))?;
                if keys.is_empty() {
                    return Err(fault(path, &"holds no PEM block 'PUBLIC KEY', and no verifier key"));
                }
            }
        }
        if let Some(path) = &self.trusted_root {
            if root.is_some() {
                return Err("--rekor-key is a trusted root already: leave --trusted-root out".into());
            }
            root = Some(root_in(path, &text_of(path)?)?);
        }
        for log in root.iter().flat_map(TrustedRoot::logs) {
            let key = log.log_key()?;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        Ok(Material { keys, root })
    }
}

impl Material {
    /// The version that the keys tell: that of the log at the URL in the trusted root, or of all keys if they agree.
    fn api_of(&self, url: &Url, public: &Url) -> RekorApi {
        let in_root = self.root.as_ref().and_then(|root| root.logs_at(url).next()?.log_key().ok());
        let of_host = self.keys.iter().find(|key| key.origin().is_some() && key.origin() == url.host_str());
        match in_root.as_ref().or(of_host) {
            Some(key) => key.api(),
            None if !self.keys.is_empty() && url != public && self.keys.iter().all(|key| key.api() == RekorApi::V2) => {
                RekorApi::V2
            }
            None => RekorApi::V1,
        }
    }

    /// The keys, those of the log at the URL first.
    fn into_keys(self, api: RekorApi, url: Option<&Url>) -> Result<LogKeys, Failure> {
        let Self { mut keys, root } = self;
        let is_public = url.is_some_and(|url| *url == LogConfig::public_instance().url);
        if is_public && api == RekorApi::V1 && !keys.iter().any(|key| key.api() == RekorApi::V1) {
            keys.push(public_key()?);
        }
        let host = url.and_then(Url::host_str);
        let is_of_log = |key: &LogKey| key.api() == api && (api == RekorApi::V1 || key.origin() == host);
        keys.sort_by_key(|key| !is_of_log(key));
        let authorities = Authorities::public();
        let authorities = root.map_or(authorities.clone(), |root| authorities.and(root.authorities().clone()));
        let keys = LogKeys::new(keys).ok_or("the trusted root names no log")?;
        Ok(keys.with_authorities(authorities))
    }
}

fn public_key() -> Result<LogKey, Failure> {
    Ok(LogKey::v1(PublicKey::from_pem(PUBLIC_INSTANCE_KEY)?))
}

fn no_key(api: RekorApi, url: &Url) -> String {
    match api {
        RekorApi::V1 => format!("--rekor-key holds no key of a log of API version 1, as {url} is told to be"),
        RekorApi::V2 => format!("--rekor-key or --trusted-root must hold the Ed25519 key of {url}"),
    }
}

/// Parses the value of `--rekor-api`.
fn rekor_api(text: &str) -> Result<RekorApi, String> {
    match text {
        "1" | "v1" => Ok(RekorApi::V1),
        "2" | "v2" => Ok(RekorApi::V2),
        _ => Err("it is neither 1 nor 2".to_owned()),
    }
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

fn root_in(path: &Path, text: &str) -> Result<TrustedRoot, Failure> {
    TrustedRoot::parse(text.trim().as_bytes()).map_err(|error| fault(path, &error))
}

fn keys_in(path: &Path) -> Result<Vec<PublicKey>, Failure> {
    let keys = PublicKey::all_from_pem(&text_of(path)?).map_err(|error| fault(path, &error))?;
    if keys.is_empty() { Err(fault(path, &"holds no PEM block 'PUBLIC KEY'")) } else { Ok(keys) }
}

fn text_of(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| fault(path, &error))
}

fn fault(path: &Path, fault: &dyn std::fmt::Display) -> Failure {
    format!("{}: {}", path.display(), shown(&fault.to_string())).into()
}
