//! The list of all sightings of an instance, a page at a time.

use std::time::Duration;

use http::header::LINK;
use reqwest::{Client, Response, StatusCode};
use url::{Url, form_urlencoded};

use crate::deadline::Deadline;
use crate::foreign::shown;
use crate::http_client::{self, SendError, read_body, retry_after, send_idempotent};

/// Lines asked for at once, the most that an instance answers: it allows so many pages a minute.
const PAGE: usize = 1000;
/// Bytes of a page: a line has some 2 KiB, and 3 with the longest names.
const MAX_PAGE_BYTES: usize = 6 << 20;
/// Bytes of one line.
const MAX_LINE_BYTES: usize = 16 << 10;
/// The time that one call may take.
const CALL_TIME: Duration = Duration::from_secs(30);
/// Calls in all before an instance counts as failed.
const TRIES: u32 = 4;
/// Calls in all before an instance that wants to be asked later counts as failed: its allowance is of one minute.
const TRIES_WHEN_LIMITED: u32 = 10;
/// The pause after a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// The pause if the instance allows no more requests and does not say how long.
const LIMITED_PAUSE: Duration = Duration::from_secs(5);
/// Nobody waits longer than this on an instance's word.
const MAX_PAUSE: Duration = Duration::from_secs(120);

/// An instance that lists its sightings.
#[derive(Debug)]
pub(crate) struct InstanceList {
    client: Client,
    base: Url,
}

/// A page of the list.
#[derive(Debug)]
pub(super) struct LinesPage {
    pub lines: Vec<Vec<u8>>,
    /// The index that the next page begins at; `None` on the last one.
    pub next: Option<u64>,
}

/// The reason why a list cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error("the instance could not be reached: {0}")]
    Send(#[from] SendError),
    #[error("the instance answered {0} when it was asked for its list")]
    Status(StatusCode),
    #[error("the instance's list cannot be understood: {0}")]
    Malformed(&'static str),
}

impl InstanceList {
    pub(crate) fn new(base: Url) -> Result<Self, reqwest::Error> {
        Ok(Self { client: http_client::builder().build()?, base })
    }

    /// The instance's URL.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// The lines of a log's sightings from index `from` on. `None` if the instance does not know the log.
    pub(super) async fn page(&self, log_id: &str, from: u64) -> Result<Option<LinesPage>, ListError> {
        let query = format!("log={log_id}&from={from}&n={PAGE}");
        let (link, body) = match self.ask(&query).await? {
            None => return Ok(None),
            Some(answer) => answer,
        };
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if line.len() > MAX_LINE_BYTES {
                return Err(ListError::Malformed("a line is too long"));
            }
            if lines.len() == PAGE {
                return Err(ListError::Malformed("a page has more lines than were asked for"));
            }
            lines.push(line.to_vec());
        }
        let next = link.as_deref().map(next_index).transpose()?.flatten();
        if next.is_some_and(|next| next <= from) {
            return Err(ListError::Malformed("a page does not lead on"));
        }
        Ok(Some(LinesPage { lines, next }))
    }

    /// The line of the statement with this sha256 of its DSSE encoding, pending or recorded at this place; `None` if there is
    /// none.
    pub(super) async fn signed(
        &self,
        sha256: &[u8; 32],
        log_id: &str,
        index: u64,
    ) -> Result<Option<Vec<u8>>, ListError> {
        let answer = self.ask(&format!("signed={}&at={log_id}:{index}", hex::encode(sha256))).await?;
        Ok(answer.map(|(_, body)| body.trim_ascii().to_vec()))
    }

    /// Asks until there is an answer: its links and its body, or `None` for a 404.
    async fn ask(&self, query: &str) -> Result<Option<(Option<String>, bytes::Bytes)>, ListError> {
        let (mut failures, mut limited) = (0, 0);
        loop {
            let error = match self.ask_once(query, Deadline::after(CALL_TIME)).await {
                Ok(ListAnswer::Found { link, body }) => return Ok(Some((link, body))),
                Ok(ListAnswer::Unknown) => return Ok(None),
                Ok(ListAnswer::Later(pause)) => {
                    limited += 1;
                    let pause = pause.unwrap_or(LIMITED_PAUSE);
                    if limited == TRIES_WHEN_LIMITED || pause > MAX_PAUSE {
                        return Err(ListError::Status(StatusCode::TOO_MANY_REQUESTS));
                    }
                    tokio::time::sleep(pause).await;
                    continue;
                }
                Err(error) => error,
            };
            let is_transient = match &error {
                ListError::Send(SendError::TooLarge(_)) | ListError::Malformed(_) => false,
                ListError::Send(_) => true,
                ListError::Status(status) => status.is_server_error(),
            };
            failures += 1;
            if failures == TRIES || !is_transient {
                return Err(error);
            }
            tokio::time::sleep(PAUSE * failures).await;
        }
    }

    async fn ask_once(&self, query: &str, deadline: Deadline) -> Result<ListAnswer, ListError> {
        let url = format!("{}/sightings/?{query}", self.base.as_str().trim_end_matches('/'));
        let response = send_idempotent(self.client.get(url), deadline).await?;
        match response.status() {
            StatusCode::OK => {
                let link = link(&response);
                let body = read_body(response, MAX_PAGE_BYTES, deadline).await?;
                Ok(ListAnswer::Found { link, body })
            }
            StatusCode::NOT_FOUND => Ok(ListAnswer::Unknown),
            StatusCode::TOO_MANY_REQUESTS => Ok(ListAnswer::Later(retry_after(response.headers()))),
            status => Err(ListError::Status(status)),
        }
    }
}

/// An answer that is no failure.
enum ListAnswer {
    Found {
        link: Option<String>,
        body: bytes::Bytes,
    },
    Unknown,
    /// The instance allows no more requests for now.
    Later(Option<Duration>),
}

/// The header that names the next page, if there is one.
fn link(response: &Response) -> Option<String> {
    let link = response.headers().get(LINK)?.to_str().ok()?;
    Some(shown(link).into_owned())
}

/// The index in `</sightings/?…&from=7&…>; rel="next"`.
fn next_index(link: &str) -> Result<Option<u64>, ListError> {
    let fault = ListError::Malformed("a page's link to the next has another form");
    let Some((target, parameters)) = link.strip_prefix('<').and_then(|rest| rest.split_once('>')) else {
        return Err(fault);
    };
    if !parameters.contains("next") {
        return Ok(None);
    }
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let from = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "from");
    from.and_then(|(_, from)| from.parse().ok()).map(Some).ok_or(fault)
}

#[cfg(test)]
mod tests {
    use super::next_index;

    #[test]
    fn the_next_page_is_named_by_its_first_index() {
        let next = |link: &str| next_index(link).ok();
        assert_eq!(next("</sightings/?log=ab&from=500&n=500>; rel=\"next\""), Some(Some(500)));
        assert_eq!(next("<https://other.test/x?from=7>;rel=next"), Some(Some(7)));
        assert_eq!(next("</sightings/?from=7>; rel=\"prev\""), Some(None));
        for link in ["", "</sightings/>; rel=\"next\"", "</sightings/?from=-1>; rel=\"next\"", "</sightings/?from=7"] {
            assert_eq!(next(link), None, "{link}");
        }
    }
}
