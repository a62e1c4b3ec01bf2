//! Lists: a repository's tags, and a manifest's referrers ([`super::referrers`]).

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LINK};
use http::{Response, Uri};
use url::form_urlencoded;

use super::error::Refusal;
use super::response::NO_STORE;
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::image::Repository;
use crate::oci::{FILTERS_APPLIED, JSON};
use crate::upstream::ListPage;

impl Service {
    /// Answers a page of a repository's tags, as the registry sends it.
    pub(super) async fn tags(
        &self,
        uri: &Uri,
        repository: &Repository,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let page = self.upstream.tags(repository, &query(uri), deadline).await?;
        Ok(list(uri, page, JSON))
    }
}

/// A page of a list.
pub(super) fn list(uri: &Uri, page: ListPage, media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Bytes(page.bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, NO_STORE);
    let link = page.next.map(|next| format!("<{}?{}>; rel=\"next\"", uri.path(), on_this_host(uri, &next)));
    for (name, value) in [(LINK, link), (FILTERS_APPLIED, page.filters_applied)] {
        // A URL's path and query, and the value of another header, are valid in a header.
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

fn pairs(uri: &Uri) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
}

/// The query for the registry: the client's, without the `ns` that is for this service.
pub(super) fn query(uri: &Uri) -> Vec<(String, String)> {
    pairs(uri).filter(|(key, _)| key != "ns").map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

/// The query of the next page on this host: the registry's, with the client's own `ns`.
fn on_this_host(uri: &Uri, next: &str) -> String {
    let of_registry = form_urlencoded::parse(next.as_bytes()).filter(|(key, _)| key != "ns");
    let own = pairs(uri).filter(|(key, _)| key == "ns");
    form_urlencoded::Serializer::new(String::new()).extend_pairs(of_registry.chain(own)).finish()
}
