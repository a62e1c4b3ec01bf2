//! The verifier's configuration file.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use super::name::NamedHost;
use super::scope::{Scope, ScopePlace};
use crate::base_url;
use crate::foreign::sanitized;
use crate::key::{KeyError, PublicKey};
use crate::private;
use crate::rekor::PUBLIC_INSTANCE_KEY;
use crate::tlog::{LogKey, LogKeys};

/// Some hundred registries and their reasons.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Some hundred keys.
const MAX_KEY_BYTES: u64 = 256 << 10;
const DEFAULT_CACHE: &str = "/var/lib/tlogistry/sightings";

/// The names that the verifier checks, and the keys and places that it uses.
#[derive(Debug)]
pub(super) struct Settings {
    /// `None` if the folder of saved bundles is all that is asked.
    pub instance: Option<AskedInstance>,
    /// The folder of saved bundles, or the file of `audit --keep`.
    pub bundles: Option<PathBuf>,
    /// Public keys that sightings count by.
    pub keys: Vec<PublicKey>,
    pub log_keys: LogKeys,
    pub unseen: Unseen,
    pub unavailable: WhenUnavailable,
    pub scope: Scope,
}

/// The instance whose evidence counts.
#[derive(Debug)]
pub(super) struct AskedInstance {
    pub url: Url,
    /// The host as it stands in images' names.
    pub host: NamedHost,
    /// The folder that verified sightings are kept in.
    pub cache: PathBuf,
}

/// The answer for a tag that was never seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unseen {
    /// The instance is asked for it, which records it.
    Record,
    Allow,
    Deny,
}

/// The answer for a tag about which the instance cannot be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum WhenUnavailable {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    instance: Option<String>,
    bundles: Option<PathBuf>,
    key: PathBuf,
    log_key: Option<PathBuf>,
    unseen: Option<Unseen>,
    unavailable: Option<WhenUnavailable>,
    only: Option<Vec<String>>,
    except: Option<Vec<String>>,
    cache: Option<PathBuf>,
}

impl Settings {
    /// Reads the file at `path`, and the keys that it names. `run_from` is the folder that the verifier was run from: one
    /// that containerd runs everything in must hold none of the files. The error is a message.
    pub(super) fn read(path: &Path, run_from: Option<&Path>) -> Result<Self, String> {
        let fault = |fault: &dyn Display| format!("{}: {fault}", path.display());
        let text = read(path, MAX_FILE_BYTES)?;
        let file: File = toml::from_str(&text).map_err(|error| fault(&sanitized(&one_line(&error.to_string()))))?;
        let settings = Self::new(file, run_from).map_err(|error| fault(&error))?;
        outside(path, run_from).map_err(|error| fault(&error))?;
        Ok(settings)
    }

    fn new(file: File, run_from: Option<&Path>) -> Result<Self, String> {
        let instance = match &file.instance {
            Some(url) => Some(instance(url, file.cache.clone())?),
            None if file.cache.is_some() => return Err("'cache' has no use without 'instance'".to_owned()),
            None => None,
        };
        if instance.is_none() && file.bundles.is_none() {
            return Err("'instance' or 'bundles' must say where the evidence is".to_owned());
        }
        let unseen = match (file.unseen, &instance) {
            (Some(Unseen::Record), None) => return Err("'unseen = \"record\"' takes an 'instance'".to_owned()),
            (None, None) => Unseen::Deny,
            (unseen, _) => unseen.unwrap_or(Unseen::Record),
        };
        if instance.is_none() && file.unavailable.is_some() {
            return Err("'unavailable' has no use without 'instance'".to_owned());
        }
        let cache = instance.as_ref().map(|instance| &instance.cache);
        for path in [&file.bundles, &file.log_key].into_iter().flatten().chain(cache).chain([&file.key]) {
            if !path.is_absolute() {
                return Err(format!("'{}' is no whole path: containerd may run anywhere", path.display()));
            }
            outside(path, run_from)?;
        }
        let scope = scope(&file, instance.as_ref())?;
        let log_keys = match &file.log_key {
            Some(path) => keys(path, |text| LogKey::all_from_text(text, None))?,
            None => LogKey::all_from_text(PUBLIC_INSTANCE_KEY, None).map_err(|error| error.to_string())?,
        };
        Ok(Self {
            instance,
            bundles: file.bundles,
            keys: keys(&file.key, PublicKey::all_from_pem)?,
            log_keys: LogKeys::new(log_keys).ok_or("'log_key' holds no public key")?,
            unseen,
            unavailable: file.unavailable.unwrap_or(WhenUnavailable::Deny),
            scope,
        })
    }
}

fn instance(url: &str, cache: Option<PathBuf>) -> Result<AskedInstance, String> {
    let url = base_url::parse(url).map_err(|error| format!("'instance': {error}"))?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = format!("{}{port}", url.host_str().unwrap_or_default());
    let host = NamedHost::parse(&host).ok_or("'instance' has no host that stands in an image's name")?;
    Ok(AskedInstance { url, host, cache: cache.unwrap_or_else(|| DEFAULT_CACHE.into()) })
}

fn scope(file: &File, instance: Option<&AskedInstance>) -> Result<Scope, String> {
    let places = |name: &str, texts: &Vec<String>| -> Result<Vec<ScopePlace>, String> {
        let places = texts.iter().map(|text| text.parse().map_err(|error| format!("'{name}': {error}")));
        places.collect()
    };
    let only = file.only.as_ref().map(|texts| places("only", texts)).transpose()?;
    let except = file.except.as_ref().map(|texts| places("except", texts)).transpose()?.unwrap_or_default();
    if only.as_ref().is_some_and(Vec::is_empty) {
        return Err("'only' is empty, so that nothing would be checked: leave it out to have all checked".to_owned());
    }
    let mut all = only.iter().flatten().chain(&except);
    if instance.is_some_and(|instance| all.any(|place| place.host == instance.host)) {
        return Err(
            "'only' and 'except' name registries, and the instance is none: name the registries behind it".to_owned()
        );
    }
    Ok(Scope { only, except })
}

fn keys<K>(path: &Path, parse: impl Fn(&str) -> Result<Vec<K>, KeyError>) -> Result<Vec<K>, String> {
    match parse(&read(path, MAX_KEY_BYTES)?) {
        Ok(keys) if !keys.is_empty() => Ok(keys),
        Ok(_) => Err(format!("{}: holds no public key", path.display())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Reads text that nobody but root and this user can have written.
fn read(path: &Path, limit: u64) -> Result<String, String> {
    let bytes = private::read(path, limit).map_err(|error| error.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("{}: there is no such file", path.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("{}: it is not UTF-8", path.display()))
}

/// Demands that `path` is outside the folder that containerd runs everything in.
fn outside(path: &Path, run_from: Option<&Path>) -> Result<(), String> {
    // Links are followed where they can be: the folder may be one, and so may be what leads to the path.
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match run_from {
        Some(folder) if real(path).starts_with(real(folder)) || path.starts_with(folder) => Err(format!(
            "'{}' lies in {}, and containerd runs every file there: put it elsewhere",
            path.display(),
            folder.display()
        )),
        _ => Ok(()),
    }
}

/// A message of several lines and columns, as one.
fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("key.pem"), PUBLIC_INSTANCE_KEY).unwrap();
        std::fs::write(at("empty.pem"), "").unwrap();
        std::fs::write(at("config.toml"), text.replace("FOLDER", folder.path().to_str().unwrap())).unwrap();
        Settings::read(&at("config.toml"), Some(&at("bin")))
            .map_err(|error| error.replace(folder.path().to_str().unwrap(), "FOLDER"))
    }

    #[test]
    fn an_instance_and_its_key_are_enough() {
        let settings = read("instance = 'https://Tlog.test'\nkey = 'FOLDER/key.pem'").unwrap();
        assert_eq!((settings.unseen, settings.unavailable), (Unseen::Record, WhenUnavailable::Deny));
        let instance = settings.instance.unwrap();
        assert_eq!(Some(instance.host), NamedHost::parse("tlog.test"));
        assert_eq!(instance.cache, Path::new(DEFAULT_CACHE));
        assert_eq!(settings.keys.len(), 1);
    }

    #[test]
    fn a_folder_of_bundles_is_enough_and_denies_what_it_lacks() {
        let settings = read("bundles = '/bundles'\nkey = 'FOLDER/key.pem'").unwrap();
        assert_eq!((settings.unseen, settings.instance.is_none()), (Unseen::Deny, true));
        let settings = read("bundles = '/bundles'\nkey = 'FOLDER/key.pem'\nunseen = 'allow'").unwrap();
        assert_eq!(settings.unseen, Unseen::Allow);
    }

    #[test]
    fn what_would_check_less_than_is_meant_is_refused() {
        let instance = "instance = 'https://tlog.test'\nkey = 'FOLDER/key.pem'\n";
        let bundles = "bundles = '/bundles'\nkey = 'FOLDER/key.pem'\n";
        for (text, fault) in [
            ("key = 'FOLDER/key.pem'".to_owned(), "'instance' or 'bundles' must say where the evidence is"),
            ("instance = 'https://tlog.test'".to_owned(), "missing field `key`"),
            (format!("{instance}onyl = ['ghcr.io']"), "unknown field `onyl`"),
            (format!("{instance}unseen = 'pass'"), "unknown variant `pass`"),
            (format!("{instance}unavailable = 'record'"), "unknown variant `record`"),
            (format!("{instance}only = []"), "'only' is empty"),
            (format!("{instance}only = ['tlog.test']"), "name the registries behind it"),
            (format!("{instance}except = ['TLOG.test:443/private']"), "name the registries behind it"),
            (format!("{instance}except = ['*']"), "'except': '*' is no registry"),
            (format!("{instance}cache = 'cache'"), "'cache' is no whole path"),
            (
                format!("{instance}cache = 'FOLDER/bin/cache'"),
                "lies in FOLDER/bin, and containerd runs every file there",
            ),
            (format!("{instance}log_key = 'FOLDER/none.pem'"), "FOLDER/none.pem: there is no such file"),
            (format!("{instance}log_key = 'FOLDER/empty.pem'"), "holds no public key"),
            (format!("{bundles}unseen = 'record'"), "takes an 'instance'"),
            (format!("{bundles}unavailable = 'allow'"), "no use without 'instance'"),
            (format!("{bundles}cache = '/cache'"), "no use without 'instance'"),
            (
                "instance = 'https://u:hunter2@tlog.test'\nkey = 'FOLDER/key.pem'".to_owned(),
                "a user name or a password",
            ),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.starts_with("FOLDER/config.toml: ") && error.contains(fault), "{text}: {error}");
            assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
        }
    }
}
