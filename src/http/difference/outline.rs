//! The parts of a manifest that a comparison reads: platforms or layers, version and creation.
//!
//! Manifests are foreign bytes. Nothing is guessed: what clients could read in two ways (a field that is there twice, or in
//! another case, which Go's decoder takes too) is not compared, nor is what has more parts than an honest manifest.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserializer as _;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::image::Digest;
use crate::oci::INDEX_TYPES;
use crate::upstream::Manifest;

/// Images of an index, or layers of an image. The largest official indexes have some 40, with attestations; Docker takes
/// 127 layers.
const MAX_PARTS: usize = 512;
/// Longer than any field name that is read.
const MAX_NAME_BYTES: usize = 64;
/// Characters of each part of a platform: the longest that Go knows have 11.
const MAX_PLATFORM_PART: usize = 16;
const MAX_VERSION: usize = 32;

const VERSION: &str = "org.opencontainers.image.version";
const CREATED: &str = "org.opencontainers.image.created";
/// BuildKit's mark of an attestation, whose platform is `unknown/unknown`.
const ATTESTATION: &str = "vnd.docker.reference.type";

#[derive(Debug)]
pub(super) struct Outline {
    /// One of [`crate::oci::MANIFEST_TYPES`].
    pub media_type: &'static str,
    /// Of the manifest or, for an index without one, the only one of its images.
    pub version: Option<String>,
    /// Of the manifest or, for an index without one, the latest of its images.
    pub created: Option<DateTime<Utc>>,
    pub content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// Attestations change with each build, so they stand apart.
    Index {
        platforms: Platforms,
        attestations: Vec<Digest>,
    },
    Image {
        config: Digest,
        layers: Vec<Digest>,
    },
}

/// The images of each platform, in the index's order: clients take the first that fits.
pub(super) type Platforms = BTreeMap<String, Vec<Image>>;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub digest: Digest,
    /// A nested index, which is not followed.
    pub is_index: bool,
}

#[derive(Default)]
struct Annotations {
    version: Option<String>,
    created: Option<DateTime<Utc>>,
    is_attestation: bool,
}

impl Outline {
    /// `None` if the manifest does not tell.
    pub(super) fn read(manifest: &Manifest) -> Option<Self> {
        let document = str::from_utf8(&manifest.bytes).ok()?;
        let document = document.trim_start_matches('\u{feff}').trim();
        let is_index = INDEX_TYPES.contains(&manifest.media_type);
        let (annotations, content, of_images) = if is_index {
            let [manifests, annotations] = fields(document, ["manifests", "annotations"])?;
            let (content, of_images) = index(manifests?)?;
            (annotations, content, of_images)
        } else {
            let [config, layers, annotations] = fields(document, ["config", "layers", "annotations"])?;
            let layers = layers.map_or(Some(Vec::new()), parts)?;
            let layers = layers.into_iter().map(digest).collect::<Option<Vec<_>>>()?;
            (annotations, Content::Image { config: digest(config?)?, layers }, Annotations::default())
        };
        let own = annotations.map_or(Some(Annotations::default()), Annotations::read)?;
        let (version, created) = (own.version.or(of_images.version), own.created.or(of_images.created));
        Some(Self { media_type: manifest.media_type, version, created, content })
    }
}

impl Annotations {
    fn read(json: &str) -> Option<Self> {
        let [version, created, attestation] = fields(json, [VERSION, CREATED, ATTESTATION])?;
        let version = text(version)?.map(|version| plain(&version, MAX_VERSION)).filter(|version| !version.is_empty());
        let created = text(created)?.and_then(|created| DateTime::parse_from_rfc3339(&created).ok());
        Some(Self { version, created: created.map(Into::into), is_attestation: attestation.is_some() })
    }
}

/// An index's images, and the version and creation that they tell together.
fn index(manifests: &str) -> Option<(Content, Annotations)> {
    let (mut platforms, mut attestations) = (Platforms::new(), Vec::new());
    let (mut versions, mut created) = (Vec::new(), None);
    for manifest in parts(manifests)? {
        let [media_type, own_digest, platform, annotations] =
            fields(manifest, ["mediaType", "digest", "platform", "annotations"])?;
        let digest: Digest = text(own_digest)??.parse().ok()?;
        let is_index = text(media_type)?.is_some_and(|own| INDEX_TYPES.contains(&own.as_str()));
        let annotations = annotations.map_or(Some(Annotations::default()), Annotations::read)?;
        let platform = platform.map(|platform| name(platform).ok_or(())).transpose().ok()?;
        // By its mark alone, an image could be hidden among the attestations.
        if annotations.is_attestation && platform.as_deref() == Some("unknown/unknown") {
            attestations.push(digest);
            continue;
        }
        let name = platform
            .unwrap_or_else(|| if is_index { "a nested index" } else { "an image without a platform" }.to_owned());
        platforms.entry(name).or_default().push(Image { digest, is_index });
        versions.push(annotations.version);
        created = created.max(annotations.created);
    }
    versions.dedup();
    let version = if versions.len() == 1 { versions.pop().flatten() } else { None };
    Some((Content::Index { platforms, attestations }, Annotations { version, created, is_attestation: false }))
}

/// The name of a platform, as `docker pull --platform` takes it: containerd's normal form. Windows' versions count as far as
/// they tell which hosts can run the image (`10.0.20348`): the rest changes with each build.
fn name(platform: &str) -> Option<String> {
    let [os, architecture, variant, version] = fields(platform, ["os", "architecture", "variant", "os.version"])?;
    let part = |json| Some(plain(&text(json)?.unwrap_or_default().to_lowercase(), MAX_PLATFORM_PART));
    let or_unknown = |text: String| if text.is_empty() { "unknown".to_owned() } else { text };
    let (os, architecture, variant) = (or_unknown(part(os)?), or_unknown(part(architecture)?), part(variant)?);
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("aarch64" | "arm64", "" | "8" | "v8") => ("arm64", ""),
        ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
        ("i386", _) => ("386", ""),
        ("arm", "" | "7") => ("arm", "v7"),
        ("arm", "6") => ("arm", "v6"),
        own => own,
    };
    let mut name = format!("{os}/{architecture}");
    if !variant.is_empty() {
        name = format!("{name}/{variant}");
    }
    let version = plain(&text(version)?.unwrap_or_default(), MAX_PLATFORM_PART * 2);
    if os == "windows" && !version.is_empty() {
        let build: Vec<&str> = version.split('.').take(3).collect();
        name = format!("{name} {}", build.join("."));
    }
    Some(name)
}

/// The digest of a descriptor.
fn digest(descriptor: &str) -> Option<Digest> {
    let [digest] = fields(descriptor, ["digest"])?;
    text(digest)??.parse().ok()
}

/// A string, if there is one. `None` if there is something else.
fn text(json: Option<&str>) -> Option<Option<String>> {
    json.map(serde_json::from_str).transpose().ok()
}

/// Foreign text within a sentence: letters, digits and what stands in versions. A sentence cannot be made of it.
fn plain(text: &str, limit: usize) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+~:-".contains(c);
    text.chars().take(limit).map(|c| if is_plain(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// The fields of an object with these names, as JSON; null counts as absent, as it does in Go. `None` if it is no object, or
/// if one of the names is there twice or in another case.
fn fields<'a, const N: usize>(json: &'a str, names: [&'static str; N]) -> Option<[Option<&'a str>; N]> {
    serde_json::Deserializer::from_str(json).deserialize_map(Fields(names)).ok()
}

/// The elements of an array, as JSON.
fn parts(json: &str) -> Option<Vec<&str>> {
    serde_json::Deserializer::from_str(json).deserialize_seq(Parts).ok()
}

struct Fields<const N: usize>([&'static str; N]);

struct Parts;

impl<'de, const N: usize> Visitor<'de> for Fields<N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            if name.len() > MAX_NAME_BYTES {
                continue;
            }
            let is = |known: &&str| {
                // U+017F counts as an s.
                name.eq_ignore_ascii_case(known) || !name.is_ascii() && name.to_uppercase() == known.to_uppercase()
            };
            let Some(place) = self.0.iter().position(is) else { continue };
            if name != self.0[place] || found[place].is_some() {
                return Err(A::Error::custom("a field that can be read in two ways"));
            }
            found[place] = Some(value.get());
        }
        Ok(found.map(|value| value.filter(|value| *value != "null")))
    }
}

impl<'de> Visitor<'de> for Parts {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = seq.next_element::<&'de RawValue>()? {
            if parts.len() == MAX_PARTS {
                return Err(A::Error::custom("more parts than a manifest has"));
            }
            parts.push(part.get());
        }
        Ok(parts)
    }
}
