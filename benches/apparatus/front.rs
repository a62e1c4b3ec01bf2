//! A registry's front as public ones have it: it wants a token or none, sends clients elsewhere for blobs, and counts
//! what it is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::Utc;

use super::distance::listen;
use super::wire::{Message, Wire};

const TOKEN: &str = "a-token-of-the-front";

/// Requests, by what they ask for: `GET manifest by tag`, `HEAD blob`, `401`, `token`.
#[derive(Debug, Clone, Default)]
pub struct Counts(Arc<Mutex<BTreeMap<String, usize>>>);

impl Counts {
    /// The counts since this was called last.
    pub fn take(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn add(&self, what: String) {
        *self.0.lock().unwrap().entry(what).or_default() += 1;
    }
}

/// Settings of the front, which otherwise passes requests on.
#[derive(Debug, Clone)]
pub struct Front {
    pub wants_token: bool,
    /// The address that blobs are redirected to, by signed URLs. `None`: they are passed on too.
    pub storage: Option<String>,
    /// GETs of manifests that are answered before all others are refused with 429. `None`: no limit.
    pub allowed: Option<Arc<Mutex<usize>>>,
    pub counts: Counts,
}

impl Front {
    /// Starts before `registry`. Returns the address.
    pub fn start(self, registry: &str) -> String {
        let registry = registry.to_owned();
        listen(move |client| {
            let (mut client, mut upstream) = (Wire::new(client).patient(), Wire::open(&registry));
            while let Ok(Some(request)) = client.read(false) {
                let answer = self.answer(&request).unwrap_or_else(|| {
                    upstream.write(&request.head).unwrap();
                    let answer = upstream.read(request.first.starts_with("HEAD")).unwrap().unwrap();
                    [answer.head, answer.body].concat()
                });
                if client.write(&answer).is_err() {
                    return;
                }
            }
        })
    }

    /// `None` for what the registry itself answers.
    fn answer(&self, request: &Message) -> Option<Vec<u8>> {
        let (method, path) = request.first.split_once(' ')?;
        let path = path.split(' ').next()?;
        if path.starts_with("/token") {
            self.counts.add("token".to_owned());
            let body = format!(r#"{{"token":"{TOKEN}","expires_in":3600}}"#);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
            return Some(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes());
        }
        if self.wants_token && request.header("authorization").is_none_or(|value| !value.ends_with(TOKEN)) {
            self.counts.add("401".to_owned());
            let host = request.header("host").unwrap_or_default();
            let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"bench\"");
            let head = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n";
            return Some(format!("{head}www-authenticate: {challenge}\r\n\r\n").into_bytes());
        }
        let (rest, reference) = path.rsplit_once('/')?;
        let by = if reference.contains(':') { "digest" } else { "tag" };
        if rest.ends_with("/manifests") {
            self.counts.add(format!("{method} manifest by {by}"));
            return self.limited(method);
        }
        if !rest.ends_with("/blobs") {
            self.counts.add("ping".to_owned());
            return None;
        }
        self.counts.add(format!("{method} blob"));
        let storage = self.storage.as_ref()?;
        let now = Utc::now().format("%Y%m%dT%H%M%SZ");
        let signed = format!("X-Amz-Date={now}&X-Amz-Expires=1200&X-Amz-Signature={method}");
        let head = "HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\n";
        Some(format!("{head}location: http://{storage}/{reference}?{signed}\r\n\r\n").into_bytes())
    }

    /// 429 for a GET beyond what is allowed.
    fn limited(&self, method: &str) -> Option<Vec<u8>> {
        let mut left = self.allowed.as_ref().filter(|_| method == "GET")?.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return None;
        }
        self.counts.add("429".to_owned());
        let head = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 600\r\n";
        Some(format!("{head}content-length: 0\r\n\r\n").into_bytes())
    }
}
