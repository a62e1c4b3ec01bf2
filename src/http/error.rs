//! Refusals, as the distribution spec's errors: `{"errors":[{"code","message","detail"}]}`, one each, with a message that a
//! person at a terminal can act on.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use serde_json::json;

use super::Body;
use super::gone::Gone;
use super::moved::Moved;
use super::response::NO_STORE;
use crate::foreign::{shown, within};
use crate::image::{Digest, NameError, Registry, Tag};
use crate::ledger::LedgerError;
use crate::oci::{JSON, NAME_UNKNOWN, TAG_UNKNOWN};
use crate::rate_limit::Exhausted;
use crate::sighting::SignError;
use crate::telemetry::Outcome;
use crate::tlog::LogError;
use crate::upstream::{EgressRefusal, Missing, NotPublic, UpstreamError, whole_seconds};
use crate::verdict::Unavailable;

/// Seconds after which a client may try again when the log, the key or the ledger is unavailable.
const RETRY_SECONDS: &str = "30";
/// Foreign text is cut where it enters a message. This bounds the sum of several such parts: our longest message, about a
/// moved tag with the longest names, has some 2,000 bytes.
const MAX_MESSAGE_BYTES: usize = 4 << 10;

/// Everything but success.
#[derive(Debug)]
pub(super) enum Refusal {
    Name(NameError),
    /// Only GET and HEAD are understood.
    Method,
    /// A path that a registry does not have.
    Path,
    /// A parameter of the query that has another form than `expected`.
    Parameter {
        name: String,
        expected: &'static str,
    },
    /// The request comes from a tlogistry instance.
    Loop,
    /// The request did not come through the edge, whose host this is.
    PastEdge(Option<Registry>),
    Catalog,
    Upstream(UpstreamError),
    /// The tag was recorded with another digest than it has now.
    Moved(Box<Moved>),
    /// The tag was asked for by its pinned name, and the registry no longer has the recorded manifest.
    Gone(Gone),
    /// The verdict could not be reached.
    NoVerdict {
        tag: Tag,
        cause: Box<Unavailable>,
    },
    /// The tag has no sighting.
    Unseen(Tag),
    /// No key of this instance is that of the log whose sightings are asked for.
    UnknownLog,
    /// No row has the statement that is asked for, as far as was looked: a recorded one is found by its place.
    NotStated {
        with_place: bool,
    },
    /// The list of sightings was asked for too often.
    TooManyLists(Exhausted),
    /// The evidence could not be read.
    NoEvidence(Box<Unavailable>),
    /// The time for the request ran out, and no other error says why.
    Timeout,
}

impl From<NameError> for Refusal {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl From<UpstreamError> for Refusal {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
}

impl Refusal {
    pub(super) fn no_verdict(tag: &Tag, cause: Unavailable) -> Self {
        Self::NoVerdict { tag: tag.clone(), cause: Box::new(cause) }
    }

    pub(super) fn no_evidence(cause: impl Into<Unavailable>) -> Self {
        Self::NoEvidence(Box::new(cause.into()))
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status_and_code().0
    }

    /// A code of the distribution spec, or the registry's own.
    pub(super) fn code(&self) -> &str {
        self.status_and_code().1
    }

    /// The outcome for telemetry.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Moved(_) => Outcome::Moved,
            Self::NoVerdict { cause, .. } if matches!(**cause, Unavailable::TooManyFirstSights { .. }) => {
                Outcome::Throttled
            }
            Self::NoVerdict { cause, .. } if cause.is_of_the_log() => Outcome::LogFailed,
            Self::NoVerdict { .. } => Outcome::Unavailable,
            Self::Timeout => Outcome::UpstreamError,
            Self::Upstream(UpstreamError::RateLimited { .. }) => Outcome::Throttled,
            // The caller gets the answer for a name that leads inside. But this instance's resolver may be at fault.
            Self::Upstream(UpstreamError::Refused(EgressRefusal::NotPublic(NotPublic::Nowhere { .. }))) => {
                Outcome::UpstreamError
            }
            Self::Upstream(_) if self.status().is_server_error() => Outcome::UpstreamError,
            Self::Upstream(_)
            | Self::Name(_)
            | Self::Method
            | Self::Path
            | Self::Parameter { .. }
            | Self::Loop
            | Self::PastEdge(_)
            | Self::Catalog
            | Self::Gone(_)
            | Self::Unseen(_)
            | Self::UnknownLog
            | Self::NotStated { .. }
            | Self::TooManyLists(_)
            | Self::NoEvidence(_) => Outcome::Other,
        }
    }

    /// The tag that was refused.
    pub(super) fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Moved(moved) => Some(&moved.tag),
            Self::Gone(gone) => Some(gone.sighting.tag()),
            Self::NoVerdict { tag, .. } => Some(tag),
            _ => None,
        }
    }

    /// The digest that a refused tag was recorded with.
    pub(super) fn recorded(&self) -> Option<&Digest> {
        match self {
            Self::Moved(moved) => moved.recorded.as_ref(),
            Self::Gone(gone) => Some(gone.sighting.digest()),
            _ => None,
        }
    }

    fn status_and_code(&self) -> (StatusCode, &str) {
        match self {
            Self::Name(NameError::Tag(_) | NameError::NoTag(_)) => (StatusCode::BAD_REQUEST, "TAG_INVALID"),
            Self::Name(NameError::Digest(_)) => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
            Self::Name(_) => (StatusCode::BAD_REQUEST, "NAME_INVALID"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
            Self::Path | Self::Catalog => (StatusCode::NOT_FOUND, "UNSUPPORTED"),
            // The code is that of the one extension with such parameters (tag history).
            Self::Parameter { .. } => (StatusCode::BAD_REQUEST, "UNSUPPORTED"),
            // Not 502 to 504: the asking tlogistry would retry those.
            Self::Loop | Self::PastEdge(_) => (StatusCode::FORBIDDEN, "DENIED"),
            // 403, because containerd then repeats a HEAD as GET and shows the message.
            Self::Moved(_) => (StatusCode::FORBIDDEN, "DENIED"),
            Self::Gone(_) => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
            Self::NoVerdict { cause, .. } | Self::NoEvidence(cause) if cause.retry_after().is_some() => {
                (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS")
            }
            Self::NoVerdict { .. } | Self::NoEvidence(_) => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
            Self::Unseen(_) | Self::NotStated { .. } => (StatusCode::NOT_FOUND, TAG_UNKNOWN),
            Self::UnknownLog => (StatusCode::NOT_FOUND, "UNSUPPORTED"),
            Self::TooManyLists(_) => (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS"),
            Self::Timeout => (StatusCode::GATEWAY_TIMEOUT, "UNAVAILABLE"),
            Self::Upstream(error) => match error {
                UpstreamError::Refused(_)
                | UpstreamError::WantsCredentials { .. }
                | UpstreamError::WantsOtherToken { .. }
                | UpstreamError::Denied { .. } => (StatusCode::FORBIDDEN, "DENIED"),
                UpstreamError::Answered { answer, .. } => {
                    (answer.status, answer.words.code.as_deref().unwrap_or(usual_code(answer.status)))
                }
                UpstreamError::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
                UpstreamError::NotFound { what: Missing::Manifest, .. } => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
                UpstreamError::NotFound { what: Missing::Blob, .. } => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
                UpstreamError::NotFound { what: Missing::Repository, .. } => (StatusCode::NOT_FOUND, NAME_UNKNOWN),
                UpstreamError::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS"),
                UpstreamError::Misbehaved { .. } => (StatusCode::BAD_GATEWAY, "MANIFEST_INVALID"),
                UpstreamError::Unreachable { .. } | UpstreamError::Status { .. } => {
                    (StatusCode::BAD_GATEWAY, "UNAVAILABLE")
                }
                UpstreamError::Timeout { .. } | UpstreamError::Silent { .. } => {
                    (StatusCode::GATEWAY_TIMEOUT, "UNAVAILABLE")
                }
                UpstreamError::BlobNeedsToken { .. } => (StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED"),
            },
        }
    }

    /// The message for a person at a terminal, free of control characters.
    pub(super) fn message(&self) -> String {
        within(&self.explanation(), MAX_MESSAGE_BYTES).into_owned()
    }

    fn explanation(&self) -> String {
        match self {
            Self::Name(error) => error.to_string(),
            Self::Method => "this registry is read-only: only GET and HEAD are served".to_owned(),
            Self::Path => "no such path in a registry".to_owned(),
            Self::Parameter { name, expected } => {
                format!("the parameter '{}' is not understood: expected {expected}", shown(name))
            }
            Self::Loop => "requests through two tlogistry instances are refused: name the registry itself".to_owned(),
            Self::PastEdge(Some(host)) => format!("this address is not for clients: ask {host}"),
            Self::PastEdge(None) => "this address is not for clients: ask the registry's public host".to_owned(),
            Self::Catalog => "this registry stands in front of all others and cannot list them".to_owned(),
            // The same message whatever the name leads to: otherwise a caller could find out which names exist inside.
            Self::Upstream(UpstreamError::Refused(EgressRefusal::NotPublic(refused))) => {
                format!("{} is not called: it leads to an address that is not public, or to none", refused.host())
            }
            Self::Upstream(error) => error.to_string(),
            Self::Moved(moved) => moved.message(),
            Self::Gone(gone) => gone.message(),
            Self::NoVerdict { tag, cause } if matches!(**cause, Unavailable::TooManyFirstSights { .. }) => format!(
                "{tag} was never seen before, and too many such tags were asked for in the last minute; tags that are \
                 known and digests are served as ever"
            ),
            Self::NoVerdict { tag, cause } => format!(
                "whether {tag} has moved cannot be checked now, because {}; nothing is served by tag unchecked, pulling \
                 by digest works",
                public_cause(cause)
            ),
            Self::NoEvidence(cause) => {
                format!("the evidence cannot be shown now, because {}", public_cause(cause))
            }
            Self::Unseen(tag) if tag.is_referrers_tag() => {
                format!("{tag} stands for a digest and is rewritten by protocol, so it is served and not recorded")
            }
            Self::Unseen(tag) => format!("{tag} was never seen here; the first pull of it records it"),
            Self::UnknownLog => {
                "this instance knows no log with this id: it lists those of which it has a key".to_owned()
            }
            Self::NotStated { with_place: true } => {
                "no row has this statement pending, or recorded at this place of the log".to_owned()
            }
            Self::NotStated { with_place: false } => {
                "no row has this statement pending; a recorded one is found with at=<log id>:<log index>".to_owned()
            }
            Self::TooManyLists(_) => {
                "the list of sightings was asked for too often in the last minute; pulls are served as ever".to_owned()
            }
            Self::Timeout => "the registry or the log took too long to answer".to_owned(),
        }
    }

    /// The headers that go with the status.
    pub(super) fn headers(&self) -> HeaderMap {
        let retry_after = self.retry_after().map(|value| (RETRY_AFTER, value));
        // RFC 9110 section 15.5.6 demands it of every 405, whoever said it.
        let is_of_method = self.status() == StatusCode::METHOD_NOT_ALLOWED;
        let allow = is_of_method.then(|| (ALLOW, HeaderValue::from_static("GET, HEAD")));
        // Caches may keep a 404, a 405, a 410, a 414 or a 501 for a while (RFC 9110 section 15.1).
        [(CACHE_CONTROL, NO_STORE)].into_iter().chain(retry_after).chain(allow).collect()
    }

    fn retry_after(&self) -> Option<HeaderValue> {
        match self {
            Self::NoVerdict { cause, .. } | Self::NoEvidence(cause) => Some(match cause.retry_after() {
                Some(wait) => HeaderValue::from(wait.as_secs() + 1),
                None => HeaderValue::from_static(RETRY_SECONDS),
            }),
            Self::TooManyLists(Exhausted { retry_after }) => Some(HeaderValue::from(retry_after.as_secs() + 1)),
            Self::Upstream(UpstreamError::Silent { wait, .. }) => Some(HeaderValue::from(whole_seconds(*wait))),
            Self::Upstream(
                UpstreamError::RateLimited { retry_after: Some(value), .. }
                | UpstreamError::Unavailable { retry_after: value, .. },
            ) => HeaderValue::from_str(value).ok(),
            _ => None,
        }
    }

    pub(super) fn to_response(&self) -> Response<Body> {
        let mut error = json!({"code": self.code(), "message": self.message()});
        match self {
            Self::Moved(moved) => error["detail"] = moved.detail(),
            Self::Gone(gone) => error["detail"] = gone.detail(),
            _ => {}
        }
        let body = json!({"errors": [error]}).to_string();
        let mut response = Response::new(Body::Bytes(body.into()));
        *response.status_mut() = self.status();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
        response.headers_mut().extend(self.headers());
        response
    }
}

/// The code for a registry's status where it sends none.
fn usual_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYMENT_REQUIRED | StatusCode::FORBIDDEN | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => "DENIED",
        // Distribution's for a "missing implementation or an invalid set of parameters".
        _ => "UNSUPPORTED",
    }
}

/// The cause for a caller's eyes. AWS's answers can name accounts and keys, so they stay in the log.
pub(super) fn public_cause(cause: &Unavailable) -> String {
    match cause {
        Unavailable::Ledger(LedgerError::Unavailable(_)) => "the ledger could not be reached".to_owned(),
        Unavailable::Key(SignError::Kms(_)) => "the signing key could not be used".to_owned(),
        Unavailable::Log(LogError::Malformed { .. }) => "the log's answer cannot be understood".to_owned(),
        Unavailable::Ledger(_)
        | Unavailable::Key(_)
        | Unavailable::Log(_)
        | Unavailable::LogSpared(_)
        | Unavailable::Unconfirmed
        | Unavailable::LogUnverifiable(_)
        | Unavailable::OtherEntry
        | Unavailable::Uncosigned(_)
        | Unavailable::TooManyEntries(_)
        | Unavailable::Unexplained { .. }
        | Unavailable::LedgerUnverifiable(_)
        | Unavailable::ForgottenKey(_)
        | Unavailable::KeyUsed(_)
        | Unavailable::BeingRecorded
        | Unavailable::TooManyFirstSights(_)
        | Unavailable::Abandoned
        | Unavailable::StatementLost
        | Unavailable::Undescribed
        | Unavailable::Interrupted => cause.to_string(),
    }
}
