//! A stand-in for a time-stamping authority: it signs genuine time stamps with certificates of its own, and fails on
//! demand.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use der::Decode as _;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tlogistry::timestamp::{Authorities, TimestampAuthority, TimestampClient};
use tlogistry::validity::Validity;
use tokio::sync::{Semaphore, watch};
use url::Url;

use super::wire::{self, Wire};
use crate::time_stamps::{Part, SHA256, Stamper, TimeStampReq, imprint, refusal};

/// As Sigstore's has it.
const PATH: &str = "/api/v1/timestamp";

/// A fault of the authority.
#[derive(Clone)]
pub enum Fault {
    /// The connection closes.
    Dropped,
    Silent,
    Endless,
    TarPit,
    CutShort,
    Answer(u16, Vec<(&'static str, &'static str)>, &'static str),
    /// Status 200 with these bytes.
    Rubbish(&'static [u8]),
    /// Refuses in the words of RFC 3161.
    Refuses(&'static str),
    /// A genuine time stamp of something else.
    WrongImprint,
    WrongNonce,
    NoNonce,
    /// A clock that is ahead by so many seconds.
    Ahead(i64),
    /// A genuine time stamp by an authority that nobody trusts.
    OtherChain,
    /// No certificate, although it was asked for.
    NoCertificate,
    /// The answer comes once the gate has a permit.
    Gate(Arc<Semaphore>),
}

/// Clones are one authority.
#[derive(Clone)]
pub struct StandInAuthority {
    stamper: Arc<Stamper>,
    address: String,
    fault: Arc<Mutex<Option<Fault>>>,
    asked: watch::Receiver<usize>,
}

impl StandInAuthority {
    pub async fn start() -> Self {
        Self::of(Stamper::default()).await
    }

    pub async fn of(stamper: Stamper) -> Self {
        let (stamper, fault) = (Arc::new(stamper), Arc::new(Mutex::new(None)));
        let (told, asked) = watch::channel(0);
        let (signs, fails) = (stamper.clone(), fault.clone());
        let address = wire::serve(move |request| {
            told.send_modify(|asked| *asked += 1);
            let fault: Option<Fault> = fails.lock().unwrap().clone();
            answer(signs.clone(), fault, request)
        });
        Self { stamper, address: address.await, fault, asked }
    }

    /// The URL that is posted to.
    pub fn url(&self) -> Url {
        format!("http://{}{PATH}", self.address).parse().unwrap()
    }

    pub fn fails(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    pub fn heals(&self) {
        *self.fault.lock().unwrap() = None;
    }

    /// The number of requests so far.
    pub fn asked(&self) -> usize {
        *self.asked.borrow()
    }

    /// Waits for the next request from now on.
    pub fn next(&self) -> impl Future<Output = ()> + use<> {
        let (mut asked, before) = (self.asked.clone(), self.asked());
        async move { drop(asked.wait_for(|asked| *asked > before).await.unwrap()) }
    }

    /// The authority as a trusted root's `timestampAuthorities` has it.
    pub fn trusted(&self) -> Value {
        let certificates = self.stamper.chain.iter().map(|der| json!({"rawBytes": BASE64_STANDARD.encode(der)}));
        json!({
            "subject": {"organization": "stand-in", "commonName": "stand-in"},
            "uri": self.url().as_str(),
            "certChain": {"certificates": certificates.collect::<Vec<_>>()},
            "validFor": {"start": "2020-01-01T00:00:00Z"},
        })
    }

    /// A trusted root with this authority and no log.
    pub fn trusted_root(&self) -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "timestampAuthorities": [self.trusted()],
        })
    }

    pub fn authorities(&self) -> Authorities {
        let (url, chain) = (self.url(), &self.stamper.chain);
        let authority = TimestampAuthority::new(url.as_str(), Some(url.clone()), chain, Validity::ALWAYS);
        Authorities::new(vec![authority.unwrap()])
    }

    pub fn client(&self) -> TimestampClient {
        TimestampClient::new(self.url(), self.authorities()).unwrap()
    }

    pub fn stamper(&self) -> &Stamper {
        &self.stamper
    }
}

async fn answer(stamper: Arc<Stamper>, fault: Option<Fault>, request: Request<Bytes>) -> Wire {
    let head = || wire::status(200, &[("content-type", "application/timestamp-reply")], "").into_parts().0;
    let found = request.headers().get("content-type").map(|value| value.as_bytes());
    if request.method() != "POST" || found != Some(b"application/timestamp-query") {
        return wire::whole(wire::status(400, &[], "not a query"));
    }
    if request.uri().path() != PATH {
        return wire::whole(wire::status(404, &[], ""));
    }
    let Ok(query) = TimeStampReq::from_der(request.body()) else {
        return wire::whole(wire::status(400, &[], "not a TimeStampReq"));
    };
    let reply = |bytes: Vec<u8>| {
        // As Sigstore's answers.
        wire::status(201, &[("content-type", "application/timestamp-reply")], bytes)
    };
    let now = || time(0);
    match fault {
        None => wire::whole(reply(stamper.stamp(&query, &now(), &[]))),
        Some(Fault::Dropped) => wire::dropped(),
        Some(Fault::Silent) => wire::silent().await,
        Some(Fault::Endless) => wire::endless(head(), Bytes::from(vec![0x30; 64 << 10])),
        Some(Fault::TarPit) => wire::tar_pit(head()),
        Some(Fault::CutShort) => wire::cut_short(reply(stamper.stamp(&query, &now(), &[]))),
        Some(Fault::Answer(status, headers, body)) => wire::whole(wire::status(status, &headers, body)),
        Some(Fault::Rubbish(bytes)) => wire::whole(wire::status(StatusCode::OK.as_u16(), &[], bytes)),
        Some(Fault::Refuses(words)) => wire::whole(reply(refusal(words, &[2, 0x20]))),
        Some(Fault::WrongImprint) => {
            let other = imprint(SHA256, &[7; 32]);
            wire::whole(reply(stamper.stamp(&query, &now(), &[(Part::Info, &|parts| parts[2] = other.clone())])))
        }
        Some(Fault::WrongNonce) => {
            wire::whole(reply(stamper.stamp(&query, &now(), &[(Part::Info, &|parts| parts[5] = vec![2, 1, 1])])))
        }
        Some(Fault::NoNonce) => {
            wire::whole(reply(stamper.stamp(&query, &now(), &[(Part::Info, &|parts| parts[5].clear())])))
        }
        Some(Fault::Ahead(seconds)) => wire::whole(reply(stamper.stamp(&query, &time(seconds), &[]))),
        Some(Fault::OtherChain) => wire::whole(reply(Stamper::default().stamp(&query, &now(), &[]))),
        Some(Fault::NoCertificate) => {
            wire::whole(reply(stamper.stamp(&query, &now(), &[(Part::SignedData, &|parts| parts[3].clear())])))
        }
        Some(Fault::Gate(gate)) => {
            gate.acquire().await.unwrap().forget();
            wire::whole(reply(stamper.stamp(&query, &now(), &[])))
        }
    }
}

/// The time in so many seconds, as a time stamp has it.
pub fn time(ahead: i64) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let time: DateTime<Utc> = DateTime::from_timestamp(now + ahead, 0).unwrap();
    time.format("%Y%m%d%H%M%SZ").to_string()
}
