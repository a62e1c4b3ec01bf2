//! The egress guard: which hosts may be called.
//!
//! The caller names the registry, and the registry names token realms and redirects. Neither may make this process call
//! anything but a public https server. The URL is checked before each request, and the addresses when the name is
//! resolved: the connection goes to these addresses, so a second look-up cannot differ. The peer's address is checked
//! again when it has answered.

use std::error::Error as StdError;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Name, Resolve, Resolving};
use reqwest::{Client, Response};
use url::{Host, Url};

use super::insecure::InsecureRegistry;
use super::public_address::is_public;
use crate::foreign::shown;
use crate::http_client;
use crate::image::Registry;

/// The reason why a host is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EgressRefusal {
    /// `ALLOWED_REGISTRIES` does not list it.
    #[error("the registry {0} is not one that this instance serves")]
    NotServed(String),
    /// A URL by the caller or the registry, shown without credentials, path and query.
    #[error("{0} is not called: only https on port 443, to a host with a name, is")]
    Url(String),
    #[error(transparent)]
    NotPublic(NotPublic),
}

/// A name that does not lead to the public internet.
///
/// The details are for the operator alone: with them, a caller could find out which names exist inside. A caller gets
/// [`NotPublic::host`] and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotPublic {
    /// One address that is not public is enough.
    #[error("{host} is not called: it leads to an address that is not public")]
    Inside { host: String },
    /// The name does not resolve. `fault` is the resolver's word.
    #[error("{host} cannot be reached: {fault}")]
    Nowhere { host: String, fault: String },
}

impl NotPublic {
    pub(crate) fn host(&self) -> &str {
        match self {
            Self::Inside { host } | Self::Nowhere { host, .. } => host,
        }
    }

    /// The refusal among the causes of a failed request.
    pub(crate) fn behind<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        std::iter::successors(Some(error), |error| (*error).source()).find_map(|error| error.downcast_ref())
    }
}

/// The clients for calling registries, and the rules for using them.
pub(crate) struct Egress {
    /// Registries served; all if `None`.
    allowed: Option<Vec<Registry>>,
    insecure: Vec<InsecureRegistry>,
    guarded: Client,
    /// Built only if an insecure registry is configured.
    unguarded: Option<Client>,
}

impl Egress {
    pub(crate) fn new(allowed: Option<Vec<Registry>>, insecure: Vec<InsecureRegistry>) -> Result<Self, reqwest::Error> {
        let guarded = http_client::builder().https_only(true).dns_resolver(Arc::new(PublicOnly)).build()?;
        let unguarded = if insecure.is_empty() { None } else { Some(http_client::builder().build()?) };
        Ok(Self { allowed, insecure, guarded, unguarded })
    }

    /// The base URL of a registry that may be served.
    pub(crate) fn base(&self, registry: &Registry) -> Result<Url, EgressRefusal> {
        let served = self.allowed.as_ref().is_none_or(|allowed| allowed.contains(registry));
        if !served {
            return Err(EgressRefusal::NotServed(registry.to_string()));
        }
        if let Some(insecure) = self.insecure.iter().find(|insecure| insecure.name() == registry.as_str()) {
            return Ok(insecure.base().clone());
        }
        let url = format!("https://{}/", registry.endpoint());
        url.parse().map_err(|_| EgressRefusal::Url(url))
    }

    /// The same guard for mirrors of registries, which need not be served themselves. The connections are shared.
    pub(super) fn for_mirrors(&self) -> Self {
        let Self { allowed: _, insecure, guarded, unguarded } = self;
        Self { allowed: None, insecure: insecure.clone(), guarded: guarded.clone(), unguarded: unguarded.clone() }
    }

    /// The client that may call `url` for `registry`: a URL of its own, or one that it named.
    pub(crate) fn client(&self, url: &Url, registry: &str) -> Result<&Client, EgressRefusal> {
        if let Some(unguarded) = self.unguarded.as_ref().filter(|_| self.is_opened(url, registry)) {
            return Ok(unguarded);
        }
        if may_be_public(url) { Ok(&self.guarded) } else { Err(EgressRefusal::Url(described(url))) }
    }

    /// Checks the address that an answer came from.
    pub(crate) fn check_peer(&self, response: &Response, registry: &str) -> Result<(), EgressRefusal> {
        let is_public = response.remote_addr().is_some_and(|peer| is_public(peer.ip()));
        if is_public || self.is_opened(response.url(), registry) {
            return Ok(());
        }
        let host = shown(response.url().host_str().unwrap_or_default()).into_owned();
        Err(EgressRefusal::NotPublic(NotPublic::Inside { host }))
    }

    /// Returns whether the operator opened this registry for local use. The storage behind it may then speak plain http
    /// too.
    pub(crate) fn is_local(&self, registry: &str) -> bool {
        self.insecure.iter().any(|insecure| insecure.name() == registry)
    }

    /// Returns whether the operator opened both the URL's `host:port` and the registry: a public registry must not lead
    /// to a local address.
    fn is_opened(&self, url: &Url, registry: &str) -> bool {
        let plain = url.username().is_empty() && url.password().is_none();
        let opened = || self.insecure.iter().any(|insecure| insecure.base().origin() == url.origin());
        plain && self.is_local(registry) && opened()
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("allowed", &self.allowed).field("insecure", &self.insecure).finish()
    }
}

/// Returns whether a URL is of a kind that is called without being opened by the operator.
pub(super) fn may_be_public(url: &Url) -> bool {
    let has_name = matches!(url.host(), Some(Host::Domain(_)));
    let plain = url.username().is_empty() && url.password().is_none();
    url.scheme() == "https" && url.port().is_none() && has_name && plain
}

/// A URL without credentials, path and query, fit for a caller's eyes.
fn described(url: &Url) -> String {
    let (scheme, host) = (url.scheme(), url.host_str().unwrap_or_default());
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    shown(&format!("{scheme}://{host}{port}")).into_owned()
}

/// Resolves a name only if all its addresses are public.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = shown(name.as_str()).into_owned();
            // The client takes the port from the URL, not from here.
            let addresses: Vec<SocketAddr> = match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(addresses) => addresses.collect(),
                Err(error) => return Err(NotPublic::Nowhere { host, fault: error.to_string() }.into()),
            };
            if addresses.is_empty() {
                return Err(NotPublic::Nowhere { host, fault: "it has no address".to_owned() }.into());
            }
            if addresses.iter().all(|address| is_public(address.ip())) {
                Ok(Box::new(addresses.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>)
            } else {
                Err(NotPublic::Inside { host }.into())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Egress {
        Egress::new(None, vec!["local.test=127.0.0.1:5000".parse().unwrap()]).unwrap()
    }

    #[test]
    fn a_local_registry_is_called_where_it_was_opened() {
        let base = |name: &str| opened().base(&name.parse().unwrap()).unwrap();
        assert_eq!(base("local.test").as_str(), "http://127.0.0.1:5000/");
        assert_eq!(base("127.0.0.1:5000").as_str(), "https://127.0.0.1:5000/");
    }

    #[test]
    fn only_https_to_a_named_host_on_its_port_may_be_called() {
        let egress = opened();
        let may = |url: &str, registry: &str| egress.client(&url.parse().unwrap(), registry).is_ok();
        assert!(may("http://127.0.0.1:5000/v2/", "local.test"));
        assert!(!may("http://127.0.0.1:5000/v2/", "ghcr.io"), "a public registry must not lead to a local one");
        for url in ["https://ghcr.io/v2/", "https://ghcr.io:443/v2/"] {
            assert!(may(url, "ghcr.io") && may(url, "local.test"), "{url}");
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
            assert!(!may(url, "ghcr.io") && !may(url, "local.test"), "{url}");
        }
    }
}
