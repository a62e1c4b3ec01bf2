//! A stand-in for an instance's list of sightings (`GET /sightings/`), held to its form, that can forget rows and lie.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tlogistry::dsse::{IN_TOTO, pae};
use tlogistry::sighting::{SignedStatement, statement};
use url::form_urlencoded;

use super::faulty::wire;

/// A row, as its line says it, and the sha256 of what was signed.
#[derive(Debug, Clone)]
struct Row {
    line: Value,
    signed: String,
}

/// An answer to the next request whose query has this part.
struct Instead {
    part: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

#[derive(Default)]
struct State {
    rows: Vec<Row>,
    /// Logs that the instance does not know.
    unknown: Vec<String>,
    /// Requests, by their query.
    asked: Vec<String>,
    /// Answers that come before any other, and once.
    instead: Vec<Instead>,
    /// Rows that are only known once their statement was asked for so often.
    late: BTreeMap<String, usize>,
    page: Option<usize>,
    /// The bundles at `/sightings/<tag>`.
    bundles: BTreeMap<String, String>,
}

/// Clones are one list.
#[derive(Clone)]
pub struct SightingsList {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl SightingsList {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let address = wire::serve(move |request| {
            let response = shared.lock().unwrap().answer(&request);
            async move { wire::whole(response) }
        });
        Self { url: format!("http://{}", address.await), state }
    }

    /// Lists a sighting, at an index of the log with this id.
    pub fn add(&self, signed: &SignedStatement, log_id: &str, index: u64) {
        self.row(signed, json!({"logId": log_id, "logIndex": index.to_string()}));
    }

    /// A row whose entry is not known yet: only its statement's hash leads to it.
    pub fn add_pending(&self, signed: &SignedStatement) {
        self.row(signed, json!({"pending": true}));
    }

    /// Changes each line of the list.
    pub fn change(&self, change: impl Fn(&mut Value)) {
        self.state.lock().unwrap().rows.iter_mut().for_each(|row| change(&mut row.line));
    }

    /// The rows about this tag are gone.
    pub fn forget(&self, tag: &str) {
        self.state.lock().unwrap().rows.retain(|row| row.line["tag"] != tag);
    }

    /// The instance does not know this log.
    pub fn does_not_know(&self, log_id: &str) {
        self.state.lock().unwrap().unknown.push(log_id.to_owned());
    }

    /// The next request whose query has this part is answered so, and once.
    pub fn answers_once(&self, part: &str, status: u16, headers: &[(&str, &str)], body: &str) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let instead = Instead { part: part.to_owned(), status, headers, body: body.to_owned() };
        self.state.lock().unwrap().instead.push(instead);
    }

    /// The statement is known by its hash once it was asked for so often, and stands in no list.
    pub fn is_late(&self, signed: &SignedStatement, times: usize) {
        let hash = hash(signed);
        self.state.lock().unwrap().late.insert(hash, times);
    }

    /// A page has so many lines, whatever is asked for.
    pub fn pages_of(&self, lines: usize) {
        self.state.lock().unwrap().page = Some(lines);
    }

    /// The bundle of a tag, by its canonical name.
    pub fn has_bundle(&self, tag: &str, bundle: String) {
        self.state.lock().unwrap().bundles.insert(format!("/sightings/{tag}"), bundle);
    }

    /// The queries since the last call. Of a bundle it is the path.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    fn row(&self, signed: &SignedStatement, place: Value) {
        let payload = statement(signed.tag(), signed.digest());
        let mut line = json!({
            "tag": signed.tag().canonical(),
            "digest": signed.digest().as_str(),
            "envelope": {
                "payload": BASE64_STANDARD.encode(payload),
                "payloadType": IN_TOTO,
                "signatures": [{
                    "keyid": signed.key().fingerprint().to_string(),
                    "sig": BASE64_STANDARD.encode(signed.signature()),
                }],
            },
        });
        line.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        self.state.lock().unwrap().rows.push(Row { line, signed: hash(signed) });
    }
}

fn hash(signed: &SignedStatement) -> String {
    hex::encode(Sha256::digest(pae(IN_TOTO, &statement(signed.tag(), signed.digest()))))
}

impl State {
    fn answer(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        if let Some(bundle) = self.bundles.get(path) {
            self.asked.push(path.to_owned());
            return wire::status(200, &[], bundle.clone());
        }
        assert_eq!(path, "/sightings/");
        let query = request.uri().query().unwrap_or_default().to_owned();
        self.asked.push(query.clone());
        if let Some(at) = self.instead.iter().position(|instead| query.contains(instead.part.as_str())) {
            let Instead { status, headers, body, .. } = self.instead.remove(at);
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
            return wire::status(status, &headers, body);
        }
        let fields: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        match (fields.get("signed"), fields.get("log")) {
            (Some(signed), None) => self.signed(signed, &fields["at"]),
            (None, Some(log)) => self.page(log, fields["from"].parse().unwrap(), fields["n"].parse().unwrap()),
            _ => wire::status(400, &[], "{}"),
        }
    }

    /// A statement that is pending, or recorded at this place.
    fn signed(&mut self, hash: &str, at: &str) -> Response<Bytes> {
        let text = |row: &Row, name: &str| row.line[name].as_str().unwrap_or_default().to_owned();
        let is_there = |row: &Row| format!("{}:{}", text(row, "logId"), text(row, "logIndex")) == at;
        let is_it = |row: &&Row| row.signed == hash && (row.line["pending"] == true || is_there(row));
        let row = self.rows.iter().find(is_it).cloned();
        if let Some(left) = self.late.get_mut(hash).filter(|left| **left > 0) {
            *left -= 1;
            return wire::status(404, &[], "{}");
        }
        match row {
            Some(row) => wire::status(200, &[("cache-control", "no-store")], format!("{}\n", row.line)),
            None => wire::status(404, &[], "{}"),
        }
    }

    fn page(&self, log: &str, from: u64, count: usize) -> Response<Bytes> {
        if self.unknown.iter().any(|unknown| unknown == log) {
            return wire::status(404, &[], "{}");
        }
        let index = |row: &Row| row.line["logIndex"].as_str().and_then(|index| index.parse::<u64>().ok());
        let is_listed = |row: &&Row| row.line["logId"] == log && !self.late.contains_key(&row.signed);
        let mut rows: Vec<(u64, &Row)> =
            self.rows.iter().filter(is_listed).filter_map(|row| Some((index(row)?, row))).collect();
        rows.retain(|(index, _)| *index >= from);
        rows.sort_by_key(|(index, _)| *index);
        let count = self.page.unwrap_or(count).min(count);
        let next = rows.get(count).map(|(index, _)| *index);
        let lines: String = rows.iter().take(count).map(|(_, row)| format!("{}\n", row.line)).collect();
        let link = next.map(|next| format!("</sightings/?log={log}&from={next}&n={count}>; rel=\"next\""));
        let headers: Vec<(&str, &str)> = link.iter().map(|link| ("link", &**link)).collect();
        wire::status(200, &headers, lines)
    }
}
