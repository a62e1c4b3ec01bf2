//! The edge: what an operator puts in front of all requests, such as infra/edge.yaml. It proves itself by a secret in a
//! header. Only then is it believed whose request it passes on, and requests without a secret are refused.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::image::Registry;
use crate::rate_limit::Source;

/// The header with the secret. CloudFront overwrites what a client sends under this name.
const SECRET_HEADER: &str = "x-tlogistry-edge";
/// The header in which CloudFront writes the client's address and port. It overwrites what a client sends.
const VIEWER_HEADER: &str = "cloudfront-viewer-address";
/// Characters of a secret. With 64 to choose from, 32 are 192 bits.
const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 32..=128;

/// A secret that the edge and this instance share.
///
/// Only its SHA-256 is kept: all secrets are then of one length to compare, and a dump of it is not the secret.
#[derive(Clone)]
pub struct EdgeSecret([u8; 32]);

impl EdgeSecret {
    fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Takes as long whether the two differ early, late or not.
    fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for EdgeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EdgeSecret")
    }
}

/// The text is no secret of an edge. The error does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret has 32 to 128 letters, digits, '-' or '_'")]
pub struct NotASecret;

impl FromStr for EdgeSecret {
    type Err = NotASecret;

    fn from_str(text: &str) -> Result<Self, NotASecret> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let holds = SECRET_LENGTH.contains(&text.len()) && text.bytes().all(is_plain);
        if holds { Ok(Self::of(text.as_bytes())) } else { Err(NotASecret) }
    }
}

/// The knowledge of what stands in front, if anything does.
#[derive(Debug, Default)]
pub struct Edge {
    public_host: Option<Registry>,
    secrets: Vec<EdgeSecret>,
}

/// The way that a request took.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Nothing stands in front. The address is the connection's.
    Direct,
    /// Through the edge, which says whose request it is.
    ThroughEdge(Source),
    /// Past the edge.
    PastEdge,
}

impl Edge {
    /// `public_host` is the host that clients know the instance by; without one, what each client claims. With any of
    /// `secrets`, all requests must come through the edge. More than one are valid while one takes another's place.
    pub fn new(public_host: Option<Registry>, secrets: Vec<EdgeSecret>) -> Self {
        Self { public_host, secrets }
    }

    /// The host that clients know the instance by, if it is set.
    pub(crate) fn public_host(&self) -> Option<&Registry> {
        self.public_host.as_ref()
    }

    pub(crate) fn passage(&self, headers: &HeaderMap) -> Passage {
        if self.secrets.is_empty() {
            return Passage::Direct;
        }
        let Some(given) = only(headers, SECRET_HEADER) else { return Passage::PastEdge };
        let given = EdgeSecret::of(given);
        // All are compared: the time does not say which one it was.
        if self.secrets.iter().fold(false, |found, secret| secret.is(&given) | found) {
            // Never the connection's address: that is the edge's, and all clients would be one.
            let viewer = only(headers, VIEWER_HEADER).and_then(viewer_address);
            Passage::ThroughEdge(viewer.map_or(Source::UNKNOWN, Source::from))
        } else {
            Passage::PastEdge
        }
    }
}

/// The header's value. `None` if there are several.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

/// The address in `198.51.100.10:46532`. An IPv6 address has brackets around it or none.
fn viewer_address(value: &[u8]) -> Option<IpAddr> {
    let (address, port) = str::from_utf8(value).ok()?.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
    bare.unwrap_or(address).parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const OLD: &str = "old-secret-old-secret-old-secret";
    const NEW: &str = "new_secret_new_secret_new_secret_";

    fn edge(secrets: &[&str]) -> Edge {
        Edge::new(None, secrets.iter().map(|secret| secret.parse().unwrap()).collect())
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn source(address: &str) -> Source {
        address.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn without_a_secret_no_header_is_believed() {
        let sent = headers(&[(SECRET_HEADER, OLD), (VIEWER_HEADER, "198.51.100.10:46532")]);
        assert_eq!(edge(&[]).passage(&sent), Passage::Direct);
        assert_eq!(Edge::default().passage(&HeaderMap::new()), Passage::Direct);
    }

    #[test]
    fn two_secrets_are_valid_at_once_and_no_other_is() {
        let passage = |edge: &Edge, secret: &str| edge.passage(&headers(&[(SECRET_HEADER, secret)]));
        let through = Passage::ThroughEdge(Source::UNKNOWN);
        for secrets in [&[OLD, NEW], &[NEW, OLD]] {
            for secret in secrets {
                assert_eq!(passage(&edge(secrets), secret), through, "{secret}");
            }
        }
        assert_eq!(passage(&edge(&[NEW]), OLD), Passage::PastEdge);
        for wrong in ["", "old", &OLD[..31], &format!("{OLD}x"), &OLD.to_uppercase(), &format!("{OLD},{NEW}")] {
            assert_eq!(passage(&edge(&[OLD, NEW]), wrong), Passage::PastEdge, "{wrong}");
        }
        assert_eq!(edge(&[OLD]).passage(&HeaderMap::new()), Passage::PastEdge);
        let twice = headers(&[(SECRET_HEADER, OLD), (SECRET_HEADER, OLD)]);
        assert_eq!(edge(&[OLD]).passage(&twice), Passage::PastEdge, "one was sent by the client");
    }

    #[test]
    fn the_clients_address_is_the_edges_word_or_unknown() {
        for (value, address) in [
            ("198.51.100.10:46532", Some("198.51.100.10")),
            ("2001:db8:1:2:3:4:5:6:46532", Some("2001:db8:1:2:3:4:5:6")),
            ("2001:db8::6:46532", Some("2001:db8::6")),
            ("[2001:db8::6]:46532", Some("2001:db8::6")),
            ("198.51.100.10", None),
            ("198.51.100.10:port", None),
            ("198.51.100.10:46532,198.51.100.11:1", None),
            ("2001:db8:1:2:3:4:5:6", None),
            ("", None),
        ] {
            let sent = headers(&[(SECRET_HEADER, OLD), (VIEWER_HEADER, value)]);
            let expected = address.map_or(Source::UNKNOWN, source);
            assert_eq!(edge(&[OLD]).passage(&sent), Passage::ThroughEdge(expected), "{value}");
        }
        let viewer = (VIEWER_HEADER, "198.51.100.10:46532");
        let twice = headers(&[(SECRET_HEADER, OLD), viewer, viewer]);
        assert_eq!(edge(&[OLD]).passage(&twice), Passage::ThroughEdge(Source::UNKNOWN));
    }

    #[test]
    fn a_secret_is_long_plain_and_never_shown() {
        for text in
            ["", "short", &OLD[..31], &"x".repeat(129), "with a space with a space with a space", &"é".repeat(32)]
        {
            assert_eq!(text.parse::<EdgeSecret>().unwrap_err(), NotASecret, "{text}");
        }
        let shown = format!("{:?} {NotASecret}", edge(&[OLD, NEW]));
        assert!(!shown.contains("old") && !shown.contains(&hex::encode(Sha256::digest(OLD))[..8]), "{shown}");
    }
}
