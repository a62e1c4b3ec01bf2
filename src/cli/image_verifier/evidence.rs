//! The sources of a tag's sighting: saved bundles, this node's own cache, the instance.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use super::cache::{Cache, MAX_BUNDLE_BYTES};
use super::keys::Keys;
use super::settings::{AskedInstance, Settings};
use crate::cli::instance::{self, InstanceError};
use crate::cli::kept;
use crate::cli::terminal::print_error;
use crate::deadline::Deadline;
use crate::evidence::{Bundle, BundleError};
use crate::image::Tag;
use crate::sighting::Sighting;

/// Saved bundles are read one after another, within a second or two.
const MAX_BUNDLES: usize = 10_000;

/// The evidence for a tag.
pub(super) enum Evidence {
    Sighting(Box<Sighting>),
    /// The instance, or the folder where nobody else is asked, knows no such tag.
    Unseen,
    /// The instance cannot be asked now, for this reason.
    Unavailable(String),
    /// The evidence does not hold or cannot be read, or the host asked is no tlogistry. The reason is a message.
    Unusable(String),
}

impl From<Result<Sighting, InstanceError>> for Evidence {
    fn from(answer: Result<Sighting, InstanceError>) -> Self {
        match answer {
            Ok(sighting) => Self::Sighting(Box::new(sighting)),
            Err(InstanceError::Unseen) => Self::Unseen,
            Err(error) if error.is_of_the_moment() => Self::Unavailable(error.to_string()),
            Err(error) => Self::Unusable(error.to_string()),
        }
    }
}

/// Looks a tag up.
pub(super) async fn look_up(settings: &Settings, tag: &Tag, deadline: Deadline) -> Evidence {
    let keys = Keys::of(settings);
    if let Some(folder) = &settings.bundles {
        let found = if folder.is_dir() {
            saved(folder, tag, &keys)
        } else {
            kept::sighting(folder, tag, &settings.keys, &settings.log_keys)
        };
        match found {
            Ok(Some(sighting)) => return Evidence::Sighting(Box::new(sighting)),
            Ok(None) => {}
            Err(error) => return Evidence::Unusable(error),
        }
    }
    match &settings.instance {
        Some(instance) => known_to(instance, tag, &keys, deadline).await,
        None => Evidence::Unseen,
    }
}

/// Has the instance record a tag that it has never seen, and returns the sighting.
pub(super) async fn record(instance: &AskedInstance, tag: &Tag, keys: &Keys<'_>, deadline: Deadline) -> Evidence {
    let pulled = instance::pull(&instance.url, tag, deadline).await;
    if let Err(error) = &pulled
        && error.is_of_the_moment()
    {
        return Evidence::Unavailable(error.to_string());
    }
    // One that refuses the tag may know it all the same: another node was quicker, and the tag has moved since.
    match (ask(instance, tag, keys, deadline).await, pulled) {
        (Evidence::Unseen, Err(error)) => Evidence::Unusable(error.to_string()),
        (evidence, _) => evidence,
    }
}

/// Looks in this node's cache, then asks the instance.
async fn known_to(instance: &AskedInstance, tag: &Tag, keys: &Keys<'_>, deadline: Deadline) -> Evidence {
    let kept = Cache::open(&instance.cache).map(|cache| cache.sighting(tag, keys));
    match kept {
        Ok(Some(sighting)) => Evidence::Sighting(Box::new(sighting)),
        Ok(None) => ask(instance, tag, keys, deadline).await,
        Err(error) => {
            print_error(format_args!("sightings are not kept: {error}"));
            ask(instance, tag, keys, deadline).await
        }
    }
}

async fn ask(instance: &AskedInstance, tag: &Tag, keys: &Keys<'_>, deadline: Deadline) -> Evidence {
    let answer = instance::bundle(&instance.url, tag, deadline).await;
    let evidence = Evidence::from(answer.and_then(|bundle| Ok(keys.verify(&bundle, tag)?)));
    if let Evidence::Sighting(sighting) = &evidence {
        // The pull does not depend on it: without, the instance is asked again.
        let kept = Cache::open(&instance.cache).map_err(std::io::Error::other).and_then(|cache| cache.keep(sighting));
        if let Err(error) = kept {
            print_error(format_args!("the sighting is not kept: {error}"));
        }
    }
    evidence
}

/// The sighting of `tag` among the bundles in a folder, whatever their files are called. Two that differ are an error, and
/// so is one about the tag that does not verify where no other does.
fn saved(folder: &Path, tag: &Tag, keys: &Keys<'_>) -> Result<Option<Sighting>, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
    let (mut found, mut faulty) = (None::<Sighting>, None);
    for (number, file) in fs::read_dir(folder).map_err(fault)?.enumerate() {
        if number == MAX_BUNDLES {
            return Err(format!("{}: it has more than {MAX_BUNDLES} files", folder.display()));
        }
        let path = file.map_err(fault)?.path();
        let Some(bundle) = read(&path).map_err(|error| format!("{}: {error}", path.display()))? else { continue };
        match (keys.verify(&bundle, tag), &found) {
            (Ok(sighting), Some(other)) if sighting.digest() != other.digest() => {
                let digests = (sighting.digest(), other.digest());
                return Err(format!("two saved bundles of {tag} verify, with {} and {}", digests.0, digests.1));
            }
            (Ok(sighting), _) => found = Some(sighting),
            // Most files are about other tags.
            (Err(BundleError::OtherTag(_) | BundleError::Statement | BundleError::Count(..)), _) => {}
            (Err(error), _) => faulty = Some(format!("{}: {error}", path.display())),
        }
    }
    match (found, faulty) {
        (None, Some(error)) => Err(error),
        (found, _) => Ok(found),
    }
}

/// Reads a file of the folder. `None` if it is no bundle: a folder may hold a note or a key too.
fn read(path: &Path) -> std::io::Result<Option<Bundle>> {
    // The target of a link counts: mounted volumes of Kubernetes are made of them. A pipe would not end.
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut json = Vec::new();
    fs::File::open(path)?.take(MAX_BUNDLE_BYTES as u64 + 1).read_to_end(&mut json)?;
    Ok(if json.len() > MAX_BUNDLE_BYTES { None } else { Bundle::parse(&json).ok() })
}
