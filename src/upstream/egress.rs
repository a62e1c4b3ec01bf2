//! The egress guard: which hosts may be called.
//!
//! The caller names the registry, and the registry names token realms and redirects. None of them may make this process
//! call anything that is not a public https server: the URL is checked before each request, the addresses when the name
//! is resolved (the connection is made to just those, so that a second look-up cannot differ), and the peer once more
//! when it has answered.

use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::dns::{Name, Resolve, Resolving};
use reqwest::{Client, Response};
use url::{Host, Url};

use crate::image::{NameError, Registry};
use crate::outgoing;

/// Why a host is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the registry {0} is not one that this instance serves")]
    NotServed(String),
    #[error("{0} is not called: only https on port 443, to a host with a name, is")]
    Url(String),
    #[error(transparent)]
    NotPublic(NotPublic),
}

/// A name that leads to an address outside the public internet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not called: it leads to an address that is not public")]
pub struct NotPublic(String);

impl NotPublic {
    /// The refusal that made a request fail, if it was one.
    pub fn behind<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        std::iter::successors(Some(error), |error| (*error).source()).find_map(|error| error.downcast_ref())
    }
}

/// A registry for local use: it is called by plain http, at any address.
///
/// Written `host:port`, or `name=host:port` for clients that cannot write a port within a path (docker, podman and
/// skopeo cannot). Such a name must be one that no real registry can have (RFC 6761), so that nothing recorded of a
/// real registry can come from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsecureRegistry {
    name: Registry,
    address: Registry,
}

impl FromStr for InsecureRegistry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = text.split_once('=').unwrap_or((text, text));
        let name: Registry = name.parse().map_err(|error: NameError| error.to_string())?;
        let address: Registry = address.parse().map_err(|error: NameError| error.to_string())?;
        let top = name.as_str().rsplit('.').next().unwrap_or_default();
        if name != address && !["test", "localhost", "example", "invalid"].contains(&top) {
            return Err(format!("'{name}' could be a real registry: another name for {address} must end in .test"));
        }
        Ok(Self { name, address })
    }
}

/// The clients for calling registries, and the rules for using them.
pub struct Egress {
    /// Registries served; all if `None`.
    allowed: Option<Vec<Registry>>,
    insecure: Vec<InsecureRegistry>,
    guarded: Client,
    /// Only where there is an insecure registry to call: a client loads all root certificates.
    unguarded: Option<Client>,
}

impl Egress {
    pub fn new(allowed: Option<Vec<Registry>>, insecure: Vec<InsecureRegistry>) -> Result<Self, reqwest::Error> {
        let guarded = outgoing::builder().https_only(true).dns_resolver(Arc::new(PublicOnly)).build()?;
        let unguarded = if insecure.is_empty() { None } else { Some(outgoing::builder().build()?) };
        Ok(Self { allowed, insecure, guarded, unguarded })
    }

    /// The base URL of a registry that may be served.
    pub fn base(&self, registry: &Registry) -> Result<Url, Refused> {
        let served = self.allowed.as_ref().is_none_or(|allowed| allowed.contains(registry));
        if !served {
            return Err(Refused::NotServed(registry.to_string()));
        }
        let url = match self.insecure.iter().find(|insecure| insecure.name == *registry) {
            Some(insecure) => format!("http://{}/", insecure.address),
            None => format!("https://{}/", registry.endpoint()),
        };
        url.parse().map_err(|_| Refused::Url(url))
    }

    /// The client that may call `url`.
    pub fn client(&self, url: &Url) -> Result<&Client, Refused> {
        if let Some(unguarded) = self.unguarded.as_ref().filter(|_| self.is_insecure(url)) {
            return Ok(unguarded);
        }
        let has_name = matches!(url.host(), Some(Host::Domain(_)));
        let plain = url.username().is_empty() && url.password().is_none();
        if url.scheme() == "https" && url.port().is_none() && has_name && plain {
            Ok(&self.guarded)
        } else {
            Err(Refused::Url(described(url)))
        }
    }

    /// Checks the address that an answer came from.
    pub fn check_peer(&self, response: &Response) -> Result<(), Refused> {
        let is_public = response.remote_addr().is_some_and(|peer| is_public(peer.ip()));
        if is_public || self.is_insecure(response.url()) {
            return Ok(());
        }
        Err(Refused::NotPublic(NotPublic(described(response.url()))))
    }

    /// Whether this instance is set up for local use, where storage behind a registry speaks plain http too.
    pub fn allows_plain_http(&self) -> bool {
        !self.insecure.is_empty()
    }

    /// Whether a URL is of a `host:port` that the operator opened for local use.
    fn is_insecure(&self, url: &Url) -> bool {
        let authority = match (url.scheme(), url.host_str(), url.port_or_known_default()) {
            ("http", Some(host), Some(port)) => format!("{host}:{port}"),
            _ => return false,
        };
        let plain = url.username().is_empty() && url.password().is_none();
        plain && self.insecure.iter().any(|insecure| insecure.address.as_str() == authority)
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("allowed", &self.allowed).field("insecure", &self.insecure).finish()
    }
}

/// A URL as it may be told to a caller: without credentials, path and query.
fn described(url: &Url) -> String {
    match url.port() {
        Some(port) => format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or_default()),
        None => format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()),
    }
}

/// Resolves names of which every address is public.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            // The port is the URL's, whatever stands here.
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            if addresses.iter().all(|address| is_public(address.ip())) {
                Ok(Box::new(addresses.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>)
            } else {
                Err(NotPublic(host.to_owned()).into())
            }
        })
    }
}

/// Whether an address is globally reachable unicast, by the IANA special-purpose address registries.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Prefixes of IPv4 that are not public: <https://www.iana.org/assignments/iana-ipv4-special-registry>, and multicast.
const SPECIAL_V4: [([u8; 4], u32); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|(prefix, length)| {
        let mask = u32::MAX << (32 - length);
        address.to_bits() & mask == Ipv4Addr::from(*prefix).to_bits()
    })
}

/// Prefixes within 2000::/3 that are not public, or that lead to an IPv4 address inside them (Teredo is in 2001::/23,
/// 6to4 is 2002::/16): <https://www.iana.org/assignments/iana-ipv6-special-registry>.
const SPECIAL_V6: [([u16; 2], u32); 4] =
    [([0x2001, 0], 23), ([0x2001, 0xdb8], 32), ([0x2002, 0], 16), ([0x3fff, 0], 20)];

/// Everything outside 2000::/3 is refused: loopback, link-local, unique local, multicast, and the forms that hold an
/// IPv4 address (mapped, compatible, NAT64).
fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    let within = |prefix: u128, length: u32| bits >> (128 - length) == prefix >> (128 - length);
    let special =
        SPECIAL_V6.iter().any(|([a, b], length)| within(Ipv6Addr::new(*a, *b, 0, 0, 0, 0, 0, 0).to_bits(), *length));
    within(0x2000 << 112, 3) && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let not_public = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in not_public {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2001:200::1",
            "2600:1f18::1",
            "2a00:1450:4001::1",
            "2003::1",
            "3ffe::1",
        ];
        for address in public {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn another_name_for_a_local_registry_can_be_no_real_one() {
        for ok in ["127.0.0.1:5000", "registry.test=127.0.0.1:5000", "localhost=127.0.0.1:5000"] {
            assert!(ok.parse::<InsecureRegistry>().is_ok(), "{ok}");
        }
        for bad in ["ghcr.io=127.0.0.1:5000", "docker.io=127.0.0.1:5000", "a.test=", "=127.0.0.1:5000", "gh_cr.io"] {
            assert!(bad.parse::<InsecureRegistry>().is_err(), "{bad}");
        }
        let egress = Egress::new(None, vec!["registry.test=127.0.0.1:5000".parse().unwrap()]).unwrap();
        assert_eq!(egress.base(&"registry.test".parse().unwrap()).unwrap().as_str(), "http://127.0.0.1:5000/");
        assert_eq!(egress.base(&"127.0.0.1:5000".parse().unwrap()).unwrap().as_str(), "https://127.0.0.1:5000/");
    }

    #[test]
    fn only_https_to_a_named_host_on_its_port_may_be_called() {
        let egress = Egress::new(None, vec!["127.0.0.1:5000".parse().unwrap()]).unwrap();
        let allowed = ["https://ghcr.io/v2/", "https://ghcr.io:443/v2/", "http://127.0.0.1:5000/v2/"];
        for url in allowed {
            assert!(egress.client(&url.parse().unwrap()).is_ok(), "{url}");
        }
        let refused = [
            "http://ghcr.io/",
            "https://ghcr.io:8443/",
            "https://user@ghcr.io/",
            "https://user:pw@ghcr.io/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "ftp://ghcr.io/",
            "file:///etc/passwd",
            "https://169.254.169.254/",
            "http://127.0.0.1:5001/",
            "https://127.0.0.1:5000/",
            "http://user@127.0.0.1:5000/",
            "http://localhost:5000/",
        ];
        for url in refused {
            assert!(egress.client(&url.parse().unwrap()).is_err(), "{url}");
        }
    }
}
