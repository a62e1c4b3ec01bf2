//! The pages: gathers the data, has `page` render it, and answers with the headers of a page.

use std::time::Duration;

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, REFERRER_POLICY,
};
use http::{Response, StatusCode};
use maud::Markup;

use super::client::Client;
use super::error::Refusal;
use super::page::{
    ErrorPage, HomePage, InvalidTag, MAX_WRITTEN_LENGTH, Problem, ShownKey, ShownLog, SightingPage,
    content_security_policy,
};
use super::response::NO_STORE;
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::foreign::{sanitized, shown};
use crate::image::{NameError, Tag};
use crate::key::PublicKey;
use crate::pinned::parse_tag;
use crate::refused::RefusedDigests;
use crate::rekor::{PUBLIC_INSTANCE, Rekor};
use crate::sighting::Sighting;

/// The longest wait of a page for what the row remembers. The page is readable without.
const MOVES_TIME: Duration = Duration::from_secs(3);
/// The longest wait of a page for the key, which is cached after the first request. The page is readable without.
const KEY_TIME: Duration = Duration::from_secs(3);

impl Service {
    pub(super) async fn home(&self, client: &Client, deadline: Deadline) -> Response<Body> {
        response(StatusCode::OK, self.render_home(client, None, deadline).await)
    }

    /// Redirects from the form to the page of the tag that was written there.
    pub(super) async fn look_up(&self, client: &Client, written: &str, deadline: Deadline) -> Response<Body> {
        match parse(client.host.strip(written)) {
            Ok(tag) => see_other(&tag),
            Err(fault) => {
                let written = if written.len() > MAX_WRITTEN_LENGTH { "" } else { written };
                let invalid = InvalidTag { written: &sanitized(written), fault: &sanitized(&fault) };
                response(StatusCode::BAD_REQUEST, self.render_home(client, Some(invalid), deadline).await)
            }
        }
    }

    pub(super) async fn sighting_page(
        &self,
        sighting: &Sighting,
        client: &Client,
        deadline: Deadline,
    ) -> Response<Body> {
        let (entry, key) = (sighting.entry(), sighting.statement().key());
        let (current, refused) =
            tokio::join!(self.key_for_page(deadline), self.refused_for_page(sighting.tag(), deadline));
        let is_current = current == Some(key);
        let page = SightingPage {
            tag: sighting.tag(),
            digest: sighting.digest(),
            time: sighting.time(),
            log_index: entry.log_index(),
            entry_url: &self.verdicts.entry_url(entry),
            log: shown_log(self.verdicts.log_of(entry)),
            key_fingerprint: &key.fingerprint().to_string(),
            earlier_key: (!is_current).then(|| key.pem()),
            refused: refused.as_ref(),
        };
        response(StatusCode::OK, page.render(&client.host))
    }

    async fn render_home(&self, client: &Client, invalid: Option<InvalidTag<'_>>, deadline: Deadline) -> Markup {
        let key = self.key_for_page(deadline).await;
        let key = key.map(|key| ShownKey { pem: key.pem(), fingerprint: key.fingerprint().to_string() });
        HomePage { host: &client.host, log: shown_log(self.verdicts.written_log()), key, invalid }.render()
    }

    async fn key_for_page(&self, deadline: Deadline) -> Option<&PublicKey> {
        let key = self.verdicts.public_key(deadline.within(KEY_TIME)).await;
        key.inspect_err(|error| tracing::warn!(%error, "a page is shown without the key")).ok()
    }

    /// The tag's moves, as its row remembers them. A tag that only the log knows was not refused by this process.
    async fn refused_for_page(&self, tag: &Tag, deadline: Deadline) -> Option<RefusedDigests> {
        let refused = self.moves.of(tag, deadline.within(MOVES_TIME)).await;
        let refused = refused.inspect_err(|error| tracing::warn!(%tag, %error, "a page is shown without its moves"));
        refused.ok().map(Option::unwrap_or_default)
    }
}

fn shown_log(log: &Rekor) -> ShownLog<'_> {
    let url = log.base().as_str().trim_end_matches('/');
    ShownLog { url, is_public: url == PUBLIC_INSTANCE, is_searchable: log.is_searchable() }
}

/// A refusal as JSON, or as a page if the client wants one.
pub(super) fn refuse(client: &Client, refusal: &Refusal) -> Response<Body> {
    if !client.wants_page() {
        return refusal.to_response();
    }
    let page = ErrorPage { problem: problem(refusal), message: &refusal.message() };
    let mut response = response(refusal.status(), page.render(&client.host));
    response.headers_mut().extend(refusal.headers());
    response
}

fn problem(refusal: &Refusal) -> Problem<'_> {
    match (refusal.status(), refusal) {
        (StatusCode::BAD_REQUEST, _) => Problem::NotATag,
        (StatusCode::NOT_FOUND, Refusal::Unseen(tag)) if !tag.is_referrers_tag() => Problem::NotSeen(tag),
        (StatusCode::NOT_FOUND, _) => Problem::NotFound,
        (StatusCode::METHOD_NOT_ALLOWED, _) => Problem::ReadOnly,
        (status, _) if status.is_server_error() => Problem::Unavailable,
        _ => Problem::Refused,
    }
}

fn response(status: StatusCode, page: Markup) -> Response<Body> {
    let mut response = Response::new(Body::Bytes(page.into_string().into()));
    *response.status_mut() = status;
    response.headers_mut().extend(HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        // The page shows the host that the client claims: no cache may hand that to others.
        (CACHE_CONTROL, NO_STORE),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(content_security_policy())),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]));
    response
}

/// Parses a tag as a person writes it. The error is a sentence for that person.
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
    parse_tag(written).map_err(|error| match error {
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
