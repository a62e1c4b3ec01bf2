//! Pages for people: the start, a tag's sighting, and why there is none. Rendered here from plain data, without scripts and
//! without anything from elsewhere; `maud` escapes whatever is put in.

mod check;
mod home;
mod host;
mod layout;
mod refused;
mod sighting;

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY};
use http::{Response, StatusCode};
use maud::Markup;

pub use home::{Home, Key, Question};
pub use host::Host;
pub use layout::MAX_WRITTEN_LENGTH;
pub use refused::Refused;
pub use sighting::Seen;

use super::Body;
use super::manifest::NEVER;

/// The log that sightings are recorded in, as it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Log<'a> {
    /// Without a slash at the end.
    pub url: &'a str,
    /// Sigstore's public instance, which tools know without being told.
    pub is_public: bool,
}

fn response(status: StatusCode, page: Markup) -> Response<Body> {
    let mut response = Response::new(Body::Bytes(page.into_string().into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // It shows the host that the client claims: no cache may hand that on to others.
    headers.insert(CACHE_CONTROL, NEVER);
    headers.insert(CONTENT_SECURITY_POLICY, layout::policy());
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
