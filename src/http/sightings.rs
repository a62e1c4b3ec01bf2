//! All sightings of the instance in the order of a log, as JSON lines, and single statements by what was signed.
//!
//! Whoever reads a log's entries under the instance's key asks for them: each entry is a sighting that stands here, or
//! is none of the instance's. Rows complete out of the log's order, so a page may be kept for a minute and no longer.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{CACHE_CONTROL, HeaderValue, LINK};
use http::{Response, Uri};
use serde::Serialize;
use url::form_urlencoded;

use super::client::Client;
use super::error::Refusal;
use super::response::text;
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::dsse;
use crate::rate_limit::Source;
use crate::sighting::statement;
use crate::verdict::ListedSighting;

const NDJSON: &str = "application/x-ndjson";
const A_MINUTE: HeaderValue = HeaderValue::from_static("public, max-age=60");
const DEFAULT_LINES: usize = 500;
/// A line has 3 KB at most, with the longest names. So a page stays below Lambda's 6 MB, base64 included.
const MAX_LINES: usize = 1000;

const A_SHA256: &str = "64 hexadecimal digits";
const AN_INDEX: &str = "a log index, a decimal number";
const A_NUMBER_OF_LINES: &str = "a number from 1 to 1000";
const A_PLACE: &str = "a log id and a log index, as <64 hexadecimal digits>:<decimal number>";

/// A question about the list.
#[derive(Debug, PartialEq, Eq)]
enum ListQuery {
    /// Sightings of a log, of the one that is written if none is named.
    Page { log: Option<[u8; 32]>, from: u64, n: usize },
    /// The statement whose signature is over this sha256. A recorded one is found by its place in a log.
    Statement { signed: [u8; 32], at: Option<([u8; 32], u64)> },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    tag: &'a str,
    digest: &'a str,
    log_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_index: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pending: bool,
    envelope: SignedEnvelope,
}

/// DSSE's envelope, which names the key: other than in a bundle, nothing beside it does.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignedEnvelope {
    payload: String,
    payload_type: &'static str,
    signatures: [KeySignature; 1],
}

#[derive(Serialize)]
struct KeySignature {
    keyid: String,
    sig: String,
}

impl Service {
    /// Answers a page of the list, or one statement. A browser that asks for neither gets the form. Nothing is
    /// recorded, and neither the log nor a registry is asked. Each answer is charged to `source`.
    pub(super) async fn sightings(
        &self,
        uri: &Uri,
        source: Option<Source>,
        client: &Client,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let written = uri.query().unwrap_or_default();
        let is_asked = form_urlencoded::parse(written.as_bytes()).any(|(name, _)| PARAMETERS.contains(&&*name));
        if !is_asked && client.wants_page() {
            return Ok(self.look_up(client, "", deadline).await);
        }
        match ListQuery::parse(written)? {
            ListQuery::Page { log, from, n } => {
                self.charge_for_list(log, source, deadline).await?;
                self.page_of_sightings(log, from, n, deadline).await
            }
            ListQuery::Statement { signed, at } => {
                self.charge_for_list(at.map(|(log, _)| log), source, deadline).await?;
                self.statement_line(&signed, at, deadline).await
            }
        }
    }

    /// Charges a question, if it is one about a log that is known.
    async fn charge_for_list(
        &self,
        log: Option<[u8; 32]>,
        source: Option<Source>,
        deadline: Deadline,
    ) -> Result<(), Refusal> {
        if self.verdicts.log_id(log).is_none() {
            return Err(Refusal::UnknownLog);
        }
        self.lists.charge(source, deadline).await.map_err(Refusal::TooManyLists)
    }

    async fn page_of_sightings(
        &self,
        log: Option<[u8; 32]>,
        from: u64,
        n: usize,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let page = self.verdicts.sightings_of(log, from, n, deadline).await.map_err(Refusal::no_evidence)?;
        let page = page.ok_or(Refusal::UnknownLog)?;
        let mut response = text(page.sightings.iter().map(line).collect(), NDJSON);
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, A_MINUTE);
        let next = page.next.map(|next| format!("</sightings/?log={}&from={next}&n={n}>; rel=\"next\"", page.log_id));
        // Hexadecimal digits and numbers are valid in a header.
        if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
            headers.insert(LINK, next);
        }
        Ok(response)
    }

    async fn statement_line(
        &self,
        signed: &[u8; 32],
        at: Option<([u8; 32], u64)>,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        let at = at.map(|(log, index)| (hex::encode(log), index));
        let place = at.as_ref().map(|(log, index)| (log.as_str(), *index));
        let found = self.verdicts.statement(signed, place, deadline).await.map_err(Refusal::no_evidence)?;
        let found = found.ok_or(Refusal::NotStated { with_place: at.is_some() })?;
        Ok(text(line(&found), NDJSON))
    }
}

/// The parameters of the list.
const PARAMETERS: [&str; 5] = ["log", "from", "n", "signed", "at"];

impl ListQuery {
    /// Parameters of other names are passed over. One that is there twice is refused: it has two meanings.
    fn parse(query: &str) -> Result<Self, Refusal> {
        let (mut log, mut from, mut n, mut signed, mut at) = (None, None, None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let fault = |expected| Refusal::Parameter { name: name.to_string(), expected };
            let is_again = match &*name {
                "log" => log.replace(sha256(&value).ok_or_else(|| fault(A_SHA256))?).is_some(),
                "from" => from.replace(number(&value).ok_or_else(|| fault(AN_INDEX))?).is_some(),
                "n" => n.replace(lines(&value).ok_or_else(|| fault(A_NUMBER_OF_LINES))?).is_some(),
                "signed" => signed.replace(sha256(&value).ok_or_else(|| fault(A_SHA256))?).is_some(),
                "at" => at.replace(place(&value).ok_or_else(|| fault(A_PLACE))?).is_some(),
                _ => false,
            };
            if is_again {
                return Err(fault("it once"));
            }
        }
        let alone = |name: &str, expected| Refusal::Parameter { name: name.to_owned(), expected };
        match (signed, at) {
            (Some(_), _) if log.is_some() || from.is_some() || n.is_some() => {
                Err(alone("signed", "it without 'log', 'from' and 'n', which are of the list"))
            }
            (Some(signed), at) => Ok(Self::Statement { signed, at }),
            (None, Some(_)) => Err(alone("at", "it beside 'signed'")),
            (None, None) => Ok(Self::Page { log, from: from.unwrap_or(0), n: n.unwrap_or(DEFAULT_LINES) }),
        }
    }
}

fn line(sighting: &ListedSighting) -> String {
    let signed = &sighting.statement;
    let signature =
        KeySignature { keyid: hex::encode(signed.key().id()), sig: BASE64_STANDARD.encode(signed.signature()) };
    let line = Line {
        tag: signed.tag().canonical(),
        digest: signed.digest().as_str(),
        log_id: &sighting.log_id,
        log_index: sighting.log_index.map(|index| index.to_string()),
        time: sighting.time.as_deref(),
        pending: sighting.log_index.is_none(),
        envelope: SignedEnvelope {
            payload: BASE64_STANDARD.encode(statement(signed.tag(), signed.digest())),
            payload_type: dsse::IN_TOTO,
            signatures: [signature],
        },
    };
    serde_json::to_string(&line).expect("structs of strings always serialise") + "\n"
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

fn lines(text: &str) -> Option<usize> {
    number(text).and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=MAX_LINES).contains(n))
}

fn place(text: &str) -> Option<([u8; 32], u64)> {
    let (log, index) = text.split_once(':')?;
    Some((sha256(log)?, number(index)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_of_a_page_or_of_a_statement() {
        let (ff, hex) = ([0xff; 32], "ff".repeat(32));
        let page = |log, from, n| ListQuery::Page { log, from, n };
        for (query, expected) in [
            (String::new(), page(None, 0, 500)),
            (format!("log={hex}"), page(Some(ff), 0, 500)),
            (format!("log={}&from=7&n=1000", hex.to_uppercase()), page(Some(ff), 7, 1000)),
            ("from=18446744073709551615&n=1".to_owned(), page(None, u64::MAX, 1)),
            ("from=007&ns=ghcr.io&last=x".to_owned(), page(None, 7, 500)),
            (format!("signed={hex}"), ListQuery::Statement { signed: ff, at: None }),
            (format!("signed={hex}&at={hex}%3A12"), ListQuery::Statement { signed: ff, at: Some((ff, 12)) }),
        ] {
            assert_eq!(ListQuery::parse(&query).unwrap(), expected, "{query}");
        }
    }

    #[test]
    fn what_is_malformed_twice_or_of_both_kinds_is_refused() {
        let hex = "ff".repeat(32);
        for (query, part) in [
            (format!("log={}", "f".repeat(63)), "'log' is not understood: expected 64 hexadecimal digits"),
            (format!("log={hex}00"), "64 hexadecimal digits"),
            (format!("log={}", "g".repeat(64)), "64 hexadecimal digits"),
            ("log=".to_owned(), "64 hexadecimal digits"),
            ("log=@pending".to_owned(), "64 hexadecimal digits"),
            ("from=".to_owned(), "a log index"),
            ("from=-1".to_owned(), "a log index"),
            ("from=%2B1".to_owned(), "a log index"),
            ("from=1.0".to_owned(), "a log index"),
            ("from=18446744073709551616".to_owned(), "a log index"),
            ("n=0".to_owned(), "a number from 1 to 1000"),
            ("n=1001".to_owned(), "a number from 1 to 1000"),
            ("n=1&n=1".to_owned(), "expected it once"),
            ("from=1&from=2".to_owned(), "expected it once"),
            (format!("log={hex}&log={hex}"), "expected it once"),
            (format!("signed={hex}&signed={hex}"), "expected it once"),
            (format!("signed={hex}&log={hex}"), "without 'log'"),
            (format!("signed={hex}&n=1"), "without 'log'"),
            (format!("at={hex}:1"), "it beside 'signed'"),
            (format!("signed={hex}&at={hex}"), "a log id and a log index"),
            (format!("signed={hex}&at={hex}:"), "a log id and a log index"),
            (format!("signed={hex}&at=1:{hex}"), "a log id and a log index"),
            (format!("signed=sha256:{hex}"), "64 hexadecimal digits"),
        ] {
            let refusal = ListQuery::parse(&query).expect_err(&query);
            assert_eq!((refusal.status().as_u16(), refusal.code()), (400, "UNSUPPORTED"), "{query}");
            assert!(refusal.message().contains(part), "{query}: {}", refusal.message());
        }
    }
}
