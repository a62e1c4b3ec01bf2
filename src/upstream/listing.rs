//! Lists that a registry answers page by page: a repository's tags, and a manifest's referrers (distribution spec,
//! "Content Discovery").

use bytes::Bytes;
use http::HeaderMap;
use reqwest::{Response, StatusCode};
use url::form_urlencoded;

use super::error::{Missing, UpstreamError};
use super::manifest::is_json_object;
use super::misbehaviour::Misbehaviour;
use super::{MAX_MANIFEST_BYTES, Question, Upstream, Wanted, link};
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
    pub(super) fn check(registry: &str, headers: &HeaderMap, bytes: Bytes) -> Result<Self, UpstreamError> {
        let misbehaved = |how| UpstreamError::misbehaved(registry, how);
        if !is_json_object(&bytes) {
            return Err(misbehaved(Misbehaviour::ListNotJson));
        }
        // A list that silently ends early would hide tags.
        let next = match link::next_page(headers).ok_or_else(|| misbehaved(Misbehaviour::LinkUnreadable))? {
            None => None,
            Some(target) => Some(link::query(target).ok_or_else(|| misbehaved(Misbehaviour::LinkWithoutQuery))?),
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
        let headers = response.headers().clone();
        let bytes = self.read(response, MAX_PAGE_BYTES, registry, deadline).await?;
        ListPage::check(registry, &headers, bytes)
    }
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderValue, LINK};

    use super::*;

    fn next(link: &str) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        headers.append(LINK, HeaderValue::from_bytes(link.as_bytes()).unwrap());
        let page = ListPage::check("r", &headers, Bytes::from_static(b"{}"));
        page.map(|page| page.next).map_err(|error| error.to_string())
    }

    #[test]
    fn a_page_says_where_the_next_one_begins_or_that_it_is_the_last() {
        // Quay's own name for the place to go on from.
        let link = "<http://internal:8080/v2/a/tags/list?next_page=gAAA%3D>;rel=\"next\"";
        assert_eq!(next(link), Ok(Some("next_page=gAAA%3D".to_owned())));
        for last in ["", "</v2/a/tags/list?last=b>; rel=\"prev\""] {
            assert_eq!(next(last), Ok(None));
        }
    }

    #[test]
    fn a_list_that_goes_on_from_nowhere_is_refused() {
        for link in ["</v2/a/tags/list>; rel=\"next\"", "</v2/a/tags/list?>; rel=\"next\""] {
            assert_eq!(next(link), Err("r says that a list goes on, and not from where".to_owned()));
        }
        assert_eq!(next("nonsense"), Err("r sent a Link header that cannot be read".to_owned()));
        let long = format!("<?{}>; rel=next", "x".repeat(2049));
        assert_eq!(next(&long), Err("r sent a link of more than 2048 bytes".to_owned()));
    }
}
