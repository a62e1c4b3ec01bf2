//! One HTTP call: sends a request through the egress guard, and reads the body of its answer.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION};
use reqwest::{Method, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::egress::NotPublic;
use super::error::UpstreamError;
use super::token::Token;
use super::{Upstream, manifest};
use crate::deadline::Deadline;
use crate::http_client::{SendError, read_beginning, read_body_within, send_idempotent_unless};
use crate::oci::{JSON, OCI_INDEX};
use crate::telemetry::{Dependency, timed};

/// The kind of content that a request is for. Each has an `Accept` of its own: Artifactory answers 406 to one that it cannot satisfy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Manifest,
    /// Bytes of any kind.
    Blob,
    Tags,
    Referrers,
    Token,
}

impl Wanted {
    fn accept(self) -> HeaderValue {
        match self {
            Self::Manifest => manifest::ACCEPTED.clone(),
            Self::Blob => HeaderValue::from_static("*/*"),
            Self::Tags | Self::Token => HeaderValue::from_static(JSON),
            Self::Referrers => HeaderValue::from_static(OCI_INDEX),
        }
    }
}

impl Upstream {
    /// Sends a request to `url` for `registry`: a URL of its own, or one that it named.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Url,
        registry: &str,
        wanted: Wanted,
        token: Option<&Token>,
        deadline: Deadline,
    ) -> Result<Response, UpstreamError> {
        let client = self.egress.client(url, registry)?;
        self.silence
            .admit(registry, url)
            .map_err(|wait| UpstreamError::Silent { registry: registry.to_owned(), wait })?;
        let mut request = client.request(method.clone(), url.clone());
        request = request.header(ACCEPT, wanted.accept()).header(ACCEPT_ENCODING, "identity");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.value()));
        }
        let refused = |error: &reqwest::Error| NotPublic::behind(error).is_some();
        let began = Instant::now();
        let sending = send_idempotent_unless(request, deadline.within(self.registry_timeout), refused);
        let response = timed(Dependency::Registry, sending).await;
        // These bodies are read later, and may still time out.
        let has_body = |response: &Response| matches!(response.status(), StatusCode::OK | StatusCode::NOT_FOUND);
        if !response.as_ref().is_ok_and(|response| method == Method::GET && has_body(response)) {
            self.note_outcome(registry, url, response.as_ref().err(), began, deadline);
        }
        let response = response.map_err(|error| UpstreamError::from_send(registry, error))?;
        self.egress.check_peer(&response, registry)?;
        self.meter.note(registry, response.url(), response.status(), response.headers());
        Ok(response)
    }

    /// Reads a body of at most `limit` bytes.
    pub(super) async fn read(
        &self,
        response: Response,
        limit: usize,
        registry: &str,
        deadline: Deadline,
    ) -> Result<Bytes, UpstreamError> {
        let (began, url) = (Instant::now(), response.url().clone());
        let reading = read_body_within(response, limit, self.registry_timeout, deadline);
        let body = timed(Dependency::Registry, reading).await;
        self.note_outcome(registry, &url, body.as_ref().err(), began, deadline);
        body.map_err(|error| UpstreamError::from_send(registry, error))
    }

    /// Reads the first `limit` bytes of an error, or as much as comes in time: the error counts without its text too.
    pub(super) async fn read_beginning(
        &self,
        response: Response,
        limit: usize,
        registry: &str,
        deadline: Deadline,
    ) -> Vec<u8> {
        let (began, url) = (Instant::now(), response.url().clone());
        let reading = read_beginning(response, limit, deadline.within(self.registry_timeout));
        let (body, error) = timed(Dependency::Registry, reading).await;
        self.note_outcome(registry, &url, error.as_ref(), began, deadline);
        body
    }

    /// Remembers whether a host has answered. A time-out because little was left of the request's own time says nothing
    /// about the host.
    fn note_outcome(&self, registry: &str, url: &Url, error: Option<&SendError>, began: Instant, deadline: Deadline) {
        match error {
            Some(SendError::Timeout) if deadline.has_passed() && began.elapsed() < self.registry_timeout / 2 => {}
            Some(SendError::Timeout) => self.silence.timed_out(registry, url),
            _ => self.silence.answered(registry, url),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::upstream::Egress;

    #[tokio::test]
    async fn a_host_is_not_silent_because_little_was_left_of_a_requests_own_time() {
        let url: Url = "https://registry.example/v2/".parse().unwrap();
        let timeout = Duration::from_secs(8);
        let (over, going_on) = (Deadline::after(Duration::ZERO), Deadline::after(timeout));
        let ago = |millis| Instant::now().checked_sub(Duration::from_millis(millis)).unwrap();
        let cases = [(over, 3_000, false), (over, 4_100, true), (going_on, 3_000, true), (going_on, 8_000, true)];
        for (deadline, waited, is_silent) in cases {
            let upstream = Upstream::new(Egress::new(None, Vec::new()).unwrap(), Vec::new(), 0, timeout);
            for _ in 0..3 {
                upstream.note_outcome("registry.example", &url, Some(&SendError::Timeout), ago(waited), deadline);
            }
            let admitted = upstream.silence.admit("registry.example", &url);
            assert_eq!(admitted.is_err(), is_silent, "after {waited} ms");
            upstream.note_outcome("registry.example", &url, Some(&SendError::TooLarge(1)), ago(waited), deadline);
            assert_eq!(upstream.silence.admit("registry.example", &url), Ok(()), "it said something");
        }
    }
}
