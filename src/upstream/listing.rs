//! Lists that a registry answers page by page: a repository's tags, and a manifest's referrers (distribution spec,
//! "Content Discovery").

use bytes::Bytes;
use http::HeaderMap;
use http::header::LINK;
use reqwest::{Response, StatusCode};
use url::{Url, form_urlencoded};

use super::error::{Missing, UpstreamError};
use super::manifest::is_json_object;
use super::misbehaviour::Misbehaviour;
use super::{MAX_MANIFEST_BYTES, Question, Upstream, Wanted};
use crate::deadline::Deadline;
use crate::image::Repository;
use crate::oci::FILTERS_APPLIED;

/// The limit of an answer of the function, as for manifests. Registries page longer lists, at least on `n=`.
const MAX_PAGE_BYTES: usize = MAX_MANIFEST_BYTES;

/// The query of a next page is passed on in a header, where each byte may take three, and API Gateway allows 10 KiB for
/// all headers. ECR's queries, the longest known, have some hundred bytes.
const MAX_QUERY_BYTES: usize = 2 << 10;
/// The distribution spec knows one filter, `artifactType`.
const MAX_FILTERS_BYTES: usize = 256;

/// One page of a list: a JSON object, as it came.
#[derive(Debug, Clone)]
pub(crate) struct ListPage {
    pub bytes: Bytes,
    /// The query of the next page: at most 2 KiB. `None` on the last page.
    pub next: Option<String>,
    /// The registry's `OCI-Filters-Applied`, visible ASCII. `None` if absent or too long to pass on.
    pub filters_applied: Option<String>,
}

impl ListPage {
    pub(super) fn check(registry: &str, url: &Url, headers: &HeaderMap, bytes: Bytes) -> Result<Self, UpstreamError> {
        let misbehaved = |how| UpstreamError::misbehaved(registry, how);
        if !is_json_object(&bytes) {
            return Err(misbehaved(Misbehaviour::ListNotJson));
        }
        // A list that silently ends early would hide tags.
        let next = match next_page(headers).ok_or_else(|| misbehaved(Misbehaviour::LinkUnreadable))? {
            None => None,
            Some(link) => Some(next_query(url, link).ok_or_else(|| misbehaved(Misbehaviour::LinkToOtherList))?),
        };
        if next.as_ref().is_some_and(|next| next.len() > MAX_QUERY_BYTES) {
            return Err(misbehaved(Misbehaviour::LinkTooLong { limit: MAX_QUERY_BYTES }));
        }
        let filters = headers.get(FILTERS_APPLIED).and_then(|value| value.to_str().ok());
        let filters = filters.filter(|filters| filters.len() <= MAX_FILTERS_BYTES);
        Ok(Self { bytes, next, filters_applied: filters.map(str::to_owned) })
    }
}

impl Upstream {
    /// Fetches a page of a repository's tags. `query` is passed on as it is: `n` and `last`, and whatever else the
    /// registry's own link to the next page says.
    pub(crate) async fn tags(
        &self,
        repository: &Repository,
        query: &[(String, String)],
        deadline: Deadline,
    ) -> Result<ListPage, UpstreamError> {
        let response = self.ask_list(repository, "tags/list".to_owned(), Wanted::Tags, query, deadline).await?;
        match response.status() {
            StatusCode::OK => self.read_page(repository, response, deadline).await,
            _ => Err(self.refusal(repository, response, Missing::Repository, deadline).await),
        }
    }

    pub(super) async fn ask_list(
        &self,
        repository: &Repository,
        path: String,
        wanted: Wanted,
        query: &[(String, String)],
        deadline: Deadline,
    ) -> Result<Response, UpstreamError> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let path = if query.is_empty() { path } else { format!("{path}?{query}") };
        Ok(self.ask(Question::get(repository, path, wanted), deadline).await?.response)
    }

    pub(super) async fn read_page(
        &self,
        repository: &Repository,
        response: Response,
        deadline: Deadline,
    ) -> Result<ListPage, UpstreamError> {
        let registry = repository.registry().as_str();
        let (url, headers) = (response.url().clone(), response.headers().clone());
        let bytes = self.read(response, MAX_PAGE_BYTES, registry, deadline).await?;
        ListPage::check(registry, &url, &headers, bytes)
    }
}

/// The target of the link with `rel="next"` (RFC 8288 section 3): `None` if a link cannot be read, `Some(None)` if no
/// link has it.
fn next_page(headers: &HeaderMap) -> Option<Option<&str>> {
    let mut next = None;
    for value in headers.get_all(LINK) {
        // A URL never holds '<', so each part after one is a target and its parameters.
        for link in value.to_str().ok()?.trim_start().strip_prefix('<')?.split('<') {
            let (target, parameters) = link.split_once('>')?;
            if parameters.split(';').any(is_next) {
                next = next.or(Some(target));
            }
        }
    }
    Some(next)
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let value = value.trim().trim_end_matches(',').trim().trim_matches('"');
    name.trim().eq_ignore_ascii_case("rel") && value.split(' ').any(|rel| rel.eq_ignore_ascii_case("next"))
}

/// The query of a link from `url` to another page of the same list.
fn next_query(url: &Url, link: &str) -> Option<String> {
    let next = url.join(link).ok()?;
    // Registries behind proxies put their own host or scheme there. The path alone identifies the list.
    if next.path() != url.path() { None } else { next.query().map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn next(url: &str, link: &str) -> Option<Option<String>> {
        let mut headers = HeaderMap::new();
        headers.append(LINK, HeaderValue::from_bytes(link.as_bytes()).unwrap());
        let page = ListPage::check("r", &url.parse().unwrap(), &headers, Bytes::from_static(b"{}"));
        page.ok().map(|page| page.next)
    }

    #[test]
    fn the_next_page_is_found_however_the_registry_links_it() {
        let url = "https://r.example/v2/a/tags/list?n=2";
        let cases = [
            ("</v2/a/tags/list?n=2&last=b>; rel=\"next\"", "n=2&last=b"),
            ("<https://r.example/v2/a/tags/list?last=b&n=2>; rel=next", "last=b&n=2"),
            // Quay's own name for the place to go on from, and a proxy's scheme and host.
            ("<http://internal:8080/v2/a/tags/list?next_page=gAAA%3D>;rel=\"next\"", "next_page=gAAA%3D"),
            ("<list?last=b>; rel=\"next\"", "last=b"),
            ("</v2/a/tags/list?n=2>; rel=\"first\", </v2/a/tags/list?last=b>; title=x; REL=\"next\"", "last=b"),
        ];
        for (link, expected) in cases {
            assert_eq!(next(url, link), Some(Some(expected.to_owned())), "{link}");
        }
        for link in ["</v2/a/tags/list?last=b>; rel=\"prev\"", "</v2/a/tags/list?last=b>"] {
            assert_eq!(next(url, link), Some(None), "{link}");
        }
    }

    #[test]
    fn a_list_that_goes_on_elsewhere_is_a_lie() {
        let url = "https://r.example/v2/a/tags/list";
        for link in [
            "</v2/b/tags/list?last=b>; rel=\"next\"",
            "</v2/a/tags/list>; rel=next",
            "<http://[>; rel=next",
            "nonsense",
            "<a",
            "é",
        ] {
            assert_eq!(next(url, link), None, "{link}");
        }
    }
}
