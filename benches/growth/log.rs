//! Time per write and search of the embedded log, by how many entries it holds.

use std::time::Instant;

use bytes::Bytes;
use http::Request;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::image::Digest;
use tlogistry::sighting::{LocalKey, Signer};

use crate::apparatus::pulls::{soon, tag};

/// Entries written and searched for in each log.
const ROUNDS: usize = 60;

pub struct Filled {
    log: Devlog,
    signer: Signer,
    next: usize,
}

impl Filled {
    /// A log in memory with `entries` entries.
    pub async fn with(entries: usize) -> Self {
        let log = Devlog::open(None, Options::default()).await.unwrap();
        let mut filled = Self { log, signer: Signer::Local(LocalKey::generate().unwrap()), next: 0 };
        for _ in 0..entries {
            let entry = filled.entry().await;
            filled.ask("log/entries", entry, 201).await;
        }
        filled
    }

    async fn entry(&mut self) -> Vec<u8> {
        self.next += 1;
        let tag = tag(&format!("v{}", self.next));
        let digest = Digest::sha256(tag.canonical().as_bytes());
        self.signer.sign(&tag, &digest, soon()).await.unwrap().signed_payload().proposed_entry()
    }

    /// Milliseconds.
    async fn ask(&self, what: &str, body: Vec<u8>, status: u16) -> f64 {
        let uri = format!("/api/v1/{what}");
        let request = Request::post(uri).header("content-type", "application/json").body(Bytes::from(body)).unwrap();
        let began = Instant::now();
        let answer = self.log.handle(request).await;
        let took = began.elapsed();
        assert_eq!(answer.status().as_u16(), status, "{answer:?}");
        took.as_secs_f64() * 1e3
    }
}

/// Milliseconds of writes and of searches in each log, in turns.
pub async fn writes_and_searches(logs: &mut [Filled]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let (mut writes, mut searches) = (vec![Vec::new(); logs.len()], vec![Vec::new(); logs.len()]);
    for _ in 0..ROUNDS {
        for (at, filled) in logs.iter_mut().enumerate() {
            let entry = filled.entry().await;
            writes[at].push(filled.ask("log/entries", entry, 201).await);
            let canonical = tag(&format!("v{}", filled.next / 2 + 1)).canonical().to_owned();
            let query = format!("{{\"hash\":\"{}\"}}", Digest::sha256(canonical.as_bytes()));
            searches[at].push(filled.ask("index/retrieve", query.into_bytes(), 200).await);
        }
    }
    (writes, searches)
}
