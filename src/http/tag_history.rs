//! The history of a tag, as OCI is about to have it: `GET /v2/<name>/_oci/tag-history/<tag>`.
//!
//! It follows a draft: pull request 606 of opencontainers/distribution-spec at a0fa54e of 2026-07-23, `extensions/_oci.md`. A
//! change of the draft changes this file alone.
//!
//! A tag has one event here, its first sight: whatever else it was at is refused, and a descriptor would offer that under the
//! tag's name. It stands in an annotation of the index. So there is never a second page, and no `Link`.
//!
//! The draft wants the event's time. A Rekor v2 signs none, and the instance's clock stands for nobody's. There it is the time
//! stamp's, which is marked as a bound, or missing: a history without its one event would be a lie.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use http::{Response, Uri};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::error::Refusal;
use super::response::text;
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::evidence::Subject;
use crate::image::{Digest, NameError, Tag};
use crate::oci::{MANIFEST_TYPES, OCI_INDEX};
use crate::rate_limit::Source;
use crate::sighting::{Sighting, SightingTime};
use crate::verdict::Unavailable;

const TIMESTAMP: &str = "org.opencontainers.distribution.tag.timestamp";
const EVENT: &str = "org.opencontainers.distribution.tag.event";
const LOG_INDEX: &str = "dev.tlogistry.log.index";
const LOG_UUID: &str = "dev.tlogistry.log.uuid";
const LOG_ENTRY: &str = "dev.tlogistry.log.entry";
/// Present where the time of the event is not the log's.
const TIMESTAMP_IS: &str = "dev.tlogistry.timestamp";
const A_BOUND: &str = "signed no later than";
/// JSON, as an annotation is text: what `/moves/<tag>` answers, without the tag.
const REFUSED: &str = "dev.tlogistry.refused";

/// The repository and the tag in a path below `/v2/`, if it asks for a history.
pub(super) fn names(path: &str) -> Option<(&str, &str)> {
    let (rest, tag) = path.rsplit_once('/')?;
    Some((rest.strip_suffix("/_oci/tag-history")?, tag))
}

/// The events that a client asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Filter {
    /// The most events.
    n: Option<u64>,
    /// Older than this.
    before: Option<DateTime<Utc>>,
    /// Newer than this.
    since: Option<DateTime<Utc>>,
    digest: Option<String>,
}

impl Service {
    /// Answers the history of a tag. Nothing is recorded, and no registry is asked. A search of the log is charged to
    /// `source`. A tag without a history has an empty one: the draft allows no 404.
    pub(super) async fn tag_history(
        &self,
        uri: &Uri,
        tag: &Tag,
        source: Option<Source>,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let filter = Filter::parse(uri.query().unwrap_or_default())?;
        let sighting = match tag.is_referrers_tag() {
            true => None,
            false => self.verdicts.sighting(tag, source, deadline).await.map_err(Refusal::no_evidence)?,
        };
        let mut index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []});
        if let Some(sighting) = sighting {
            if filter.takes(&sighting) {
                index["manifests"] = json!([self.first_sight(&sighting, deadline).await?]);
            }
            let refused = self.moves.of(tag, deadline).await.map_err(Refusal::no_evidence)?;
            if let Some(refused) = refused.filter(|refused| !refused.is_empty()) {
                index["annotations"] = json!({ REFUSED: json!(refused).to_string() });
            }
        }
        Ok(text(index.to_string(), OCI_INDEX))
    }

    /// The descriptor of the manifest that a tag was first seen at.
    async fn first_sight(&self, sighting: &Sighting, deadline: Deadline) -> Result<Value, Refusal> {
        let (entry, digest) = (sighting.entry(), sighting.digest());
        let repository = sighting.tag().repository();
        let subject = self.attestations.subject(repository, digest, deadline).await.map_err(Refusal::no_evidence)?;
        let subject = subject.filter(|subject| MANIFEST_TYPES.contains(&&*subject.media_type));
        // The index may lack what was pulled before.
        let subject = subject.or_else(|| {
            let manifest = self.upstream.cached(repository, digest)?;
            Some(Subject { media_type: manifest.media_type.into(), size: manifest.bytes.len() as u64 })
        });
        let subject = subject.ok_or_else(|| Refusal::no_evidence(Unavailable::Undescribed))?;
        let mut descriptor = json!({
            "mediaType": subject.media_type,
            "size": subject.size,
            "digest": digest.as_str(),
            "annotations": {
                EVENT: "created",
                LOG_INDEX: entry.log_index().to_string(),
                LOG_UUID: entry.id().to_string(),
                LOG_ENTRY: self.verdicts.entry_url(entry),
            },
        });
        let annotations = &mut descriptor["annotations"];
        if let Some(time) = sighting.time() {
            annotations[TIMESTAMP] = time.rfc3339().into();
            if matches!(time, SightingTime::Signed(_)) {
                annotations[TIMESTAMP_IS] = A_BOUND.into();
            }
        }
        Ok(descriptor)
    }
}

impl Filter {
    /// Parameters that are not the draft's are passed over, `ns` among them. One that is there twice is refused: it has two
    /// meanings.
    fn parse(query: &str) -> Result<Self, Refusal> {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let fault = |expected| Refusal::Parameter { name: name.to_string(), expected };
            let is_again = match &*name {
                "n" => filter.n.replace(number(&value).ok_or_else(|| fault("a number"))?).is_some(),
                "before" => filter.before.replace(time(value).ok_or_else(|| fault(A_TIME))?).is_some(),
                "since" => filter.since.replace(time(value).ok_or_else(|| fault(A_TIME))?).is_some(),
                "digest" => filter.digest.replace(digest(value)?).is_some(),
                _ => false,
            };
            if is_again {
                return Err(fault("it once"));
            }
        }
        Ok(filter)
    }

    /// A sighting whose time nobody signed is neither before nor since.
    fn takes(&self, sighting: &Sighting) -> bool {
        let time = sighting.time().and_then(|time| i64::try_from(time.seconds()).ok());
        let time = time.and_then(|time| DateTime::from_timestamp(time, 0));
        self.n != Some(0)
            && self.before.is_none_or(|before| time.is_some_and(|time| time < before))
            && self.since.is_none_or(|since| time.is_some_and(|time| time > since))
            && self.digest.as_ref().is_none_or(|digest| digest == sighting.digest().as_str())
    }
}

const A_TIME: &str = "a time of RFC 3339, such as 2026-04-01T00:00:00Z";

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

fn time(text: Cow<'_, str>) -> Option<DateTime<Utc>> {
    // In a query, '+' means a space.
    let text = text.replace(' ', "+");
    DateTime::parse_from_rfc3339(&text).ok().map(Into::into)
}

/// A digest, by any algorithm: by one that is not known here, it is in no history and no fault.
fn digest(text: Cow<'_, str>) -> Result<String, NameError> {
    match text.parse::<Digest>() {
        Err(fault) if !is_by_another_algorithm(&text) => Err(fault),
        _ => Ok(text.into_owned()),
    }
}

/// The image spec's grammar ("Digests"), but for the algorithms that it registers.
fn is_by_another_algorithm(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else { return false };
    let is_component =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    !matches!(algorithm, "sha256" | "sha512")
        && algorithm.split(['+', '.', '_', '-']).all(is_component)
        && !encoded.is_empty()
        && encoded.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_repository_and_tag() {
        assert_eq!(names("alpine/_oci/tag-history/3.16.0"), Some(("alpine", "3.16.0")));
        assert_eq!(names("ghcr.io/tag-history/app/_oci/tag-history/v1"), Some(("ghcr.io/tag-history/app", "v1")));
        for other in
            ["alpine/_oci/tag-history", "_oci/tag-history/v1", "alpine/tag-history/v1", "alpine/_oci/ext/discover"]
        {
            assert_eq!(names(other), None, "{other}");
        }
    }

    #[test]
    fn a_query_is_the_drafts() {
        let time = |text: &str| Some(DateTime::parse_from_rfc3339(text).unwrap().into());
        let query = "n=10&before=2026-04-03T02%3A01%3A00Z&since=2026-04-01T00:00:00+02:00&last=x&ns=ghcr.io";
        let filter = Filter::parse(query).unwrap();
        assert_eq!((filter.n, filter.digest), (Some(10), None));
        assert_eq!((filter.before, filter.since), (time("2026-04-03T02:01:00Z"), time("2026-03-31T22:00:00Z")));
        assert_eq!(Filter::parse("n=99999999999999999999").unwrap().n, Some(u64::MAX));
        assert_eq!(Filter::parse("").unwrap(), Filter::default());
        for digest in ["sha384:00", "multihash%2Bbase58:QmRZ", "blake3:AA%3D%3D", "sha256%2Bb64u:LCa0_a2j"] {
            assert!(Filter::parse(&format!("digest={digest}")).unwrap().digest.is_some(), "{digest}");
        }
        for (query, code) in [
            ("n=-1", "UNSUPPORTED"),
            ("n=", "UNSUPPORTED"),
            ("n=1&n=2", "UNSUPPORTED"),
            ("before=yesterday", "UNSUPPORTED"),
            ("since=1700000000", "UNSUPPORTED"),
            ("since=2026-04-01", "UNSUPPORTED"),
            ("digest=sha256:0", "DIGEST_INVALID"),
            ("digest=sha512:00", "DIGEST_INVALID"),
            ("digest=SHA384:00", "DIGEST_INVALID"),
            ("digest=sha384:", "DIGEST_INVALID"),
            ("digest=a%2B:00", "DIGEST_INVALID"),
            ("digest=:00", "DIGEST_INVALID"),
            ("digest=sha384:0/0", "DIGEST_INVALID"),
        ] {
            let refusal = Filter::parse(query).expect_err(query);
            assert_eq!((refusal.status().as_u16(), refusal.code()), (400, code), "{query}: {}", refusal.message());
        }
    }
}
