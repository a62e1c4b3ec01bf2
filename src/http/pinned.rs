//! Pulls by the pinned name: what was recorded is served, also once the tag has moved, and never anything else.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue, WARNING};
use http::{Method, Response};

use super::client::Client;
use super::error::Refusal;
use super::gone::Gone;
use super::manifest::Served;
use super::response::warning;
use super::{Body, ServedTag, Service};
use crate::deadline::Deadline;
use crate::image::{Digest, Reference, Tag};
use crate::rate_limit::Source;
use crate::sighting::{Sighting, SightingTime};
use crate::telemetry::Outcome;
use crate::upstream::UpstreamError;
use crate::verdict::{KnownTag, Verdict};

/// The digest that the tag has now, or [`UNKNOWN`]. Only on what is served although it is not known to be the same.
const TLOG_MOVED: HeaderName = HeaderName::from_static("tlog-moved");
const UNKNOWN: &str = "unknown";
/// The time that the registry has to say what the tag is now, once the recorded manifest is at hand. Both are asked for at
/// the same time, so a registry that answers the one seldom needs more for the other: a token, at most.
const PATIENCE: Duration = Duration::from_secs(1);
/// The reason why a tag was not compared, where no answer came within that time or the registry's own.
const SILENT: &str = "it did not answer in time";

/// The tag in its registry, beside its record.
enum Compared {
    Same,
    /// The registry's word, if it is from the answer to a HEAD: it is enough to warn, and decides nothing.
    Moved(Digest),
    /// The registry did not say, and why.
    Unknown(&'static str),
}

impl Service {
    /// Serves what was recorded of a tag. A tag that is not known is judged as by its plain name, and recorded if it was never
    /// seen.
    ///
    /// No move is remembered from here: nothing was refused, and whoever pulls by the pinned name is told in the answer.
    pub(super) async fn pinned_manifest(
        &self,
        method: &Method,
        tag: &Tag,
        source: Option<Source>,
        client: &Client,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let known = self.verdicts.look_up(tag, deadline).await;
        if let Some(known) = known.map_err(|cause| Refusal::no_verdict(tag, cause))? {
            return self.recorded(method, &known, deadline).await;
        }
        let unknown = std::future::ready(Ok(None));
        let (verdict, current) = self.judged(method, tag, unknown, source, deadline).await?;
        let current_digest = current.digest().clone();
        match verdict {
            Verdict::Unchanged(known) | Verdict::FirstSeen(known) => Ok(self.serve(&known, current).await),
            Verdict::Moved(known) => match self.recorded_manifest(method, &known.sighting, deadline).await {
                Ok(recorded) => Ok(self.serve_pinned(&known, recorded, Compared::Moved(current_digest)).await),
                Err(error) => Err(self.not_served(error, &known.sighting)),
            },
            Verdict::MovedFromUnknown(entry) => Err(self.moved(tag, None, current_digest, &entry, client, None)),
        }
    }

    /// Serves the recorded manifest of a known tag. The registry is asked for it and for the tag at the same time, and what it
    /// says of the tag, or that it says nothing, stops nothing.
    async fn recorded(&self, method: &Method, known: &KnownTag, deadline: Deadline) -> Result<Response<Body>, Refusal> {
        let (tag, digest) = (known.sighting.tag(), known.sighting.digest());
        let manifest = self.recorded_manifest(method, &known.sighting, deadline);
        let compared = self.compared(tag, digest, deadline);
        tokio::pin!(manifest, compared);
        let (manifest, compared) = tokio::select! {
            manifest = &mut manifest => {
                // If the manifest cannot be had by its digest, the tag's answer may still have it.
                let time = if manifest.is_ok() { deadline.within(PATIENCE) } else { deadline };
                let compared = time.bound(compared).await;
                (manifest, compared.unwrap_or(Compared::Unknown(SILENT)))
            }
            compared = &mut compared => (manifest.await, compared),
        };
        match (manifest, compared) {
            (Ok(manifest), compared) => Ok(self.serve_pinned(known, manifest, compared).await),
            // Some registries answer for manifests by tag alone.
            (Err(error), Compared::Same) => {
                match self.upstream.manifest(&Reference::Tag(tag.clone()), deadline).await {
                    Ok(manifest) if manifest.digest == *digest => {
                        Ok(self.serve(known, Served::Manifest(manifest)).await)
                    }
                    _ => Err(self.not_served(error, &known.sighting)),
                }
            }
            (Err(error), _) => Err(self.not_served(error, &known.sighting)),
        }
    }

    async fn recorded_manifest(
        &self,
        method: &Method,
        sighting: &Sighting,
        deadline: Deadline,
    ) -> Result<Served, UpstreamError> {
        self.by_digest(method, sighting.tag().repository(), sighting.digest(), deadline).await
    }

    /// Asks the registry whether the tag still has the recorded digest.
    async fn compared(&self, tag: &Tag, recorded: &Digest, deadline: Deadline) -> Compared {
        let reference = Reference::Tag(tag.clone());
        let current = async {
            let current = self.fetch(&Method::HEAD, &reference, deadline).await?;
            // Digests of two algorithms tell nothing of each other. One that is computed is as the recorded one.
            if current.digest().algorithm() != recorded.algorithm() {
                return Ok(self.upstream.manifest(&reference, deadline).await?.digest);
            }
            Ok::<_, UpstreamError>(current.digest().clone())
        };
        match current.await {
            Ok(current) if current == *recorded => Compared::Same,
            Ok(current) => Compared::Moved(current),
            Err(error) => {
                tracing::info!(%tag, %error, "a tag could not be compared with its record");
                Compared::Unknown(reason(&error))
            }
        }
    }

    /// Serves the recorded manifest, with a warning unless the tag still has it.
    async fn serve_pinned(&self, known: &KnownTag, manifest: Served, compared: Compared) -> Response<Body> {
        let sighting = &known.sighting;
        let (tag, entry) = (sighting.tag(), sighting.entry());
        let mut response = self.serve(known, manifest).await;
        let (current, fact) = match compared {
            Compared::Same => return response,
            Compared::Moved(current) => {
                tracing::info!(%tag, recorded = %sighting.digest(), %current, "moved, and served as recorded");
                (current.to_string(), format!("{tag} has moved, the registry now serves {current}"))
            }
            Compared::Unknown(reason) => {
                (UNKNOWN.to_owned(), format!("{tag} was not compared with what the registry serves now: {reason}"))
            }
        };
        let text = format!(
            "{fact}; this is what was recorded{} (Rekor log index {})",
            SightingTime::clause(sighting.time()),
            entry.log_index()
        );
        response.headers_mut().insert(WARNING, warning(&text));
        // A digest and our own word are ASCII.
        if let Ok(current) = HeaderValue::from_str(&current) {
            response.headers_mut().insert(TLOG_MOVED, current);
        }
        response.extensions_mut().insert(ServedTag { tag: tag.clone(), outcome: Outcome::Pinned });
        response
    }

    /// The refusal of a pull whose recorded manifest cannot be had.
    fn not_served(&self, error: UpstreamError, sighting: &Arc<Sighting>) -> Refusal {
        match error {
            error if error.is_missing() => {
                Refusal::Gone(Gone { sighting: sighting.clone(), entry_url: self.verdicts.entry_url(sighting.entry()) })
            }
            error => error.into(),
        }
    }
}

/// The reason in words of our own: a warning holds nothing that the registry wrote.
fn reason(error: &UpstreamError) -> &'static str {
    match error {
        error if error.is_missing() => "it no longer has the tag",
        UpstreamError::WantsCredentials { .. } | UpstreamError::Denied { .. } => "it wants credentials",
        UpstreamError::RateLimited { .. } => "it allows no more requests for now",
        UpstreamError::Timeout { .. } | UpstreamError::Silent { .. } => SILENT,
        _ => "it could not be asked, or its answer could not be used",
    }
}
