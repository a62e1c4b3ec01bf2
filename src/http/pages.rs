//! The pages, from what the service knows; and who gets one.

use std::time::Duration;

use http::header::{ALLOW, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Request, Response, StatusCode};

use super::accept::prefers_page;
use super::error::Refusal;
use super::page::{Home, Host, Key, Log, MAX_WRITTEN_LENGTH, Question, Refused, Seen};
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::foreign::{harmless, shown};
use crate::image::{NameError, Tag};
use crate::key::PublicKey;
use crate::rekor::PUBLIC_INSTANCE;
use crate::sighting::Sighting;

/// How long a page waits for the key, which is at hand after the first request. It is readable without.
const KEY_TIME: Duration = Duration::from_secs(3);

/// Who asks: by which host, and for what form of an answer.
pub(super) struct Asker {
    host: Host,
    prefers_page: bool,
    /// Registry clients ask below `/v2`, and read JSON alone whatever they accept.
    is_registry_client: bool,
}

impl Asker {
    pub fn of<B>(request: &Request<B>) -> Self {
        Self {
            host: Host::of(request.uri(), request.headers()),
            prefers_page: prefers_page(request.headers()),
            is_registry_client: request.uri().path().starts_with("/v2"),
        }
    }

    /// Whether what it accepts decides what it gets.
    pub fn is_offered_pages(&self) -> bool {
        !self.is_registry_client
    }

    pub fn wants_page(&self) -> bool {
        self.prefers_page && self.is_offered_pages()
    }

    /// The error as JSON, or as a page.
    pub fn refuse(&self, refusal: Refusal) -> Response<Body> {
        if !self.wants_page() {
            return refusal.into_response();
        }
        let recordable = match &refusal {
            Refusal::Unseen(tag) => Some(tag).filter(|tag| !tag.is_referrers_tag()),
            _ => None,
        };
        let page = Refused { status: refusal.status(), message: &refusal.message(), recordable };
        let mut response = page.render(&self.host);
        if let Some(value) = refusal.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        if matches!(refusal, Refusal::Method) {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}

impl Service {
    pub(super) async fn home(
        &self,
        asker: &Asker,
        question: Option<Question<'_>>,
        deadline: Deadline,
    ) -> Response<Body> {
        let key = self.key_for_page(deadline).await;
        let key = key.map(|key| Key { pem: key.pem(), fingerprint: hex::encode(key.id()) });
        Home { host: &asker.host, log: self.shown_log(), key }.render(question.as_ref())
    }

    /// Leads from what a person wrote to the page of the tag.
    pub(super) async fn look_up(&self, asker: &Asker, written: &str, deadline: Deadline) -> Response<Body> {
        match parse(asker.host.strip(written)) {
            Ok(tag) => see_other(&tag),
            Err(fault) => {
                let written = if written.len() > MAX_WRITTEN_LENGTH { "" } else { written };
                let (written, fault) = (&*harmless(written), harmless(&fault).into_owned());
                self.home(asker, Some(Question { written, fault }), deadline).await
            }
        }
    }

    pub(super) async fn sighting_page(&self, sighting: &Sighting, asker: &Asker, deadline: Deadline) -> Response<Body> {
        let (entry, key) = (sighting.entry(), sighting.statement().key());
        let is_current = self.key_for_page(deadline).await == Some(key);
        let seen = Seen {
            tag: sighting.tag(),
            digest: sighting.digest(),
            integrated_time: &entry.integrated_at(),
            log_index: entry.log_index(),
            entry_url: &self.verdicts.entry_url(entry),
            log: self.shown_log(),
            key_fingerprint: &hex::encode(key.id()),
            earlier_key: (!is_current).then(|| key.pem()),
        };
        seen.render(&asker.host)
    }

    async fn key_for_page(&self, deadline: Deadline) -> Option<&PublicKey> {
        let key = self.verdicts.public_key(deadline.within(KEY_TIME)).await;
        key.inspect_err(|error| tracing::warn!(%error, "a page is shown without the key")).ok()
    }

    fn shown_log(&self) -> Log<'_> {
        let url = self.verdicts.log().0.as_str().trim_end_matches('/');
        Log { url, is_public: url == PUBLIC_INSTANCE }
    }
}

/// A tag as a person writes it, or what is wrong with it, for them.
fn parse(written: &str) -> Result<Tag, String> {
    if written.is_empty() {
        return Err("Write an image and its tag, such as alpine:3.16.0.".to_owned());
    }
    if written.len() > MAX_WRITTEN_LENGTH {
        return Err("That is longer than any tag.".to_owned());
    }
    if written.contains('@') {
        return Err("A digest names one image and cannot move: only tags are recorded.".to_owned());
    }
    written.parse().map_err(|error| match error {
        NameError::NoTag(name) => {
            format!("'{}' has no tag. Write it behind a colon, as in alpine:3.16.0.", shown(&name))
        }
        error => format!("{error}."),
    })
}

fn see_other(tag: &Tag) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(location) = HeaderValue::try_from(format!("/sightings/{tag}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
