//! The difference between what a tag was recorded as and what it is now, as far as the two manifests tell.
//!
//! It explains a refusal and decides nothing.

mod outline;
#[cfg(test)]
mod tests;

use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use crate::image::Digest;
use crate::oci::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use crate::upstream::Manifest;
use outline::{Content, Outline, Platforms};

/// Names of platforms in a row in the message. More are counted.
const MAX_NAMED: usize = 3;
/// Bytes of such a row. Names of platforms are some 12 bytes long, and hostile ones 200.
const MAX_NAMED_BYTES: usize = 100;
/// Names of platforms in a list of the details. More are counted.
const MAX_LISTED: usize = 32;

/// Two manifests of one tag.
#[derive(Debug)]
pub(super) struct Difference {
    recorded: Outline,
    current: Outline,
    recorded_digest: Digest,
    current_digest: Digest,
}

/// The platforms of two indexes, by name.
#[derive(Debug, Default)]
struct PlatformChanges<'a> {
    added: Vec<&'a str>,
    removed: Vec<&'a str>,
    changed: Vec<&'a str>,
    same: Vec<&'a str>,
}

impl Difference {
    /// `None` if one of the manifests does not tell.
    pub(super) fn between(recorded: &Manifest, current: &Manifest) -> Option<Self> {
        Some(Self {
            recorded: Outline::read(recorded)?,
            current: Outline::read(current)?,
            recorded_digest: recorded.digest.clone(),
            current_digest: current.digest.clone(),
        })
    }

    /// A clause for the message, of some 700 bytes at most.
    pub(super) fn clause(&self) -> String {
        let Self { recorded, current, .. } = self;
        let mut clauses = vec![self.content()];
        if let (Some(before), Some(now)) = (kind(recorded.media_type), kind(current.media_type))
            && recorded.is_index() == current.is_index()
            && before != now
        {
            clauses.push(format!("{now} instead of {before}"));
        }
        if let (Some(before), Some(now)) = (&recorded.version, &current.version)
            && before != now
        {
            clauses.push(format!("version {now} instead of {before}"));
        }
        // An index has the creation of its latest image: a platform that was added says nothing of the others.
        let is_rebuilt = self.platform_changes().is_none_or(|changes| !changes.changed.is_empty());
        if let (Some(before), Some(now)) = (recorded.created(), current.created())
            && is_rebuilt
            && before != now
        {
            clauses.push(format!("created {now} instead of {before}"));
        }
        clauses.join("; ")
    }

    fn content(&self) -> String {
        match (&self.recorded.content, &self.current.content) {
            (
                Content::Index { platforms: before, attestations: old },
                Content::Index { platforms: now, attestations: new },
            ) => PlatformChanges::of(before, now).clause(old != new),
            (Content::Index { platforms, .. }, Content::Image { .. }) => {
                let own = match platform_of(platforms, &self.current_digest) {
                    Some(name) => format!("its image for {name} alone"),
                    None => "one image".to_owned(),
                };
                format!("{own} instead of an index of {}", count(platforms.len()))
            }
            (Content::Image { .. }, Content::Index { platforms, .. }) => {
                let own = match platform_of(platforms, &self.recorded_digest) {
                    Some(name) => format!("which is its image for {name}"),
                    None => "which is not among them".to_owned(),
                };
                format!("an index of {} instead of one image, {own}", count(platforms.len()))
            }
            (Content::Image { config, layers }, Content::Image { config: new_config, layers: new_layers }) => {
                match (layers == new_layers, config == new_config) {
                    (true, true) => "the same image, only its manifest was rewritten".to_owned(),
                    (true, false) => "the same layers with another configuration".to_owned(),
                    (false, _) => match (same_layers(layers, new_layers), new_layers.len()) {
                        (0, _) => "another image, no layer unchanged".to_owned(),
                        (same, total) => format!("another image, {same} of its {total} layers unchanged"),
                    },
                }
            }
        }
    }

    /// The difference for programs. Lists of platforms have at most [`MAX_LISTED`] names each.
    pub(super) fn detail(&self) -> Value {
        let mut detail = json!({"recorded": self.recorded.detail(), "current": self.current.detail()});
        if let Some(changes) = self.platform_changes() {
            detail["platforms"] = changes.detail();
        }
        match (&self.recorded.content, &self.current.content) {
            (Content::Index { attestations: old, .. }, Content::Index { attestations: new, .. }) => {
                detail["attestationsChanged"] = (old != new).into();
            }
            (Content::Index { platforms, .. }, Content::Image { .. }) => {
                detail["imageIs"] = platform_of(platforms, &self.current_digest).into();
            }
            (Content::Image { .. }, Content::Index { platforms, .. }) => {
                detail["imageIs"] = platform_of(platforms, &self.recorded_digest).into();
            }
            (Content::Image { config, layers }, Content::Image { config: new_config, layers: new_layers }) => {
                detail["sameLayers"] = same_layers(layers, new_layers).into();
                detail["configChanged"] = (config != new_config).into();
            }
        }
        detail
    }

    /// The platforms, if both are indexes.
    fn platform_changes(&self) -> Option<PlatformChanges<'_>> {
        match (&self.recorded.content, &self.current.content) {
            (Content::Index { platforms: before, .. }, Content::Index { platforms: now, .. }) => {
                Some(PlatformChanges::of(before, now))
            }
            _ => None,
        }
    }
}

impl Outline {
    fn is_index(&self) -> bool {
        matches!(self.content, Content::Index { .. })
    }

    /// RFC 3339.
    fn created(&self) -> Option<String> {
        self.created.map(|created| created.to_rfc3339_opts(SecondsFormat::Secs, true))
    }

    fn detail(&self) -> Value {
        let mut detail = Map::new();
        detail.insert("mediaType".to_owned(), self.media_type.into());
        match &self.content {
            Content::Index { platforms, .. } => detail.insert("platforms".to_owned(), platforms.len().into()),
            Content::Image { layers, .. } => detail.insert("layers".to_owned(), layers.len().into()),
        };
        for (name, value) in [("version", self.version.clone()), ("created", self.created())] {
            if let Some(value) = value {
                detail.insert(name.to_owned(), value.into());
            }
        }
        detail.into()
    }
}

impl<'a> PlatformChanges<'a> {
    fn of(before: &'a Platforms, now: &'a Platforms) -> Self {
        let mut changes = Self::default();
        for (name, images) in before {
            match now.get(name) {
                None => changes.removed.push(name),
                Some(others) if others == images => changes.same.push(name),
                Some(_) => changes.changed.push(name),
            }
        }
        changes.added.extend(now.keys().filter(|name| !before.contains_key(*name)).map(String::as_str));
        changes
    }

    fn clause(&self, attestations_changed: bool) -> String {
        let Self { added, removed, changed, same } = self;
        match [added.len(), removed.len(), changed.len(), same.len()] {
            [0, 0, 0, 0] => return "an index without platforms, as before".to_owned(),
            [0, 0, 0, same] => {
                let rest = if attestations_changed { "attestations changed" } else { "only the index was rewritten" };
                return format!("{} unchanged, {rest}", all(same));
            }
            [0, 0, changed, 0] if changed > 1 => return format!("{} changed", all(changed)),
            _ => {}
        }
        let rows = [(added, "added"), (removed, "removed"), (changed, "changed")];
        let rows = rows.into_iter().filter(|(names, _)| !names.is_empty());
        let mut clauses: Vec<String> = rows.map(|(names, what)| format!("{} {what}", listed(names))).collect();
        match same.len() {
            0 => {}
            1 => clauses.push("the other platform unchanged".to_owned()),
            same => clauses.push(format!("the other {same} platforms unchanged")),
        }
        clauses.join(", ")
    }

    fn detail(&self) -> Value {
        let Self { added, removed, changed, same } = self;
        let lists = [added, removed, changed, same];
        let omitted: usize = lists.iter().map(|names| names.len().saturating_sub(MAX_LISTED)).sum();
        let [added, removed, changed, same] = lists.map(|names| &names[..names.len().min(MAX_LISTED)]);
        json!({"added": added, "removed": removed, "changed": changed, "same": same, "omitted": omitted})
    }
}

/// The name of a manifest's kind, in a clause about two of a kind.
fn kind(media_type: &str) -> Option<&'static str> {
    match media_type {
        OCI_INDEX => Some("an OCI index"),
        DOCKER_LIST => Some("a Docker manifest list"),
        OCI_MANIFEST => Some("an OCI manifest"),
        DOCKER_MANIFEST => Some("a Docker manifest"),
        _ => None,
    }
}

fn platform_of<'a>(platforms: &'a Platforms, digest: &Digest) -> Option<&'a str> {
    let found = platforms.iter().find(|(_, images)| images.iter().any(|image| image.digest == *digest));
    found.map(|(name, _)| name.as_str())
}

/// The number of layers in `now` that `before` has too.
fn same_layers(before: &[Digest], now: &[Digest]) -> usize {
    now.iter().filter(|layer| before.contains(layer)).count()
}

fn count(platforms: usize) -> String {
    if platforms == 1 { "1 platform".to_owned() } else { format!("{platforms} platforms") }
}

fn all(platforms: usize) -> String {
    match platforms {
        1 => "its platform".to_owned(),
        2 => "both platforms".to_owned(),
        _ => format!("all {platforms} platforms"),
    }
}

/// Names in a row, or their number.
fn listed(names: &[&str]) -> String {
    let named = match names {
        [one] => (*one).to_owned(),
        [others @ .., last] if names.len() <= MAX_NAMED => format!("{} and {last}", others.join(", ")),
        _ => return count(names.len()),
    };
    if named.len() > MAX_NAMED_BYTES { count(names.len()) } else { named }
}
