//! Registries that the operator opened for local use.

use std::str::FromStr;

use url::Url;

use crate::image::{NameError, Registry};

/// Top-level names that no real registry can have (RFC 6761).
const RESERVED: [&str; 4] = ["test", "localhost", "example", "invalid"];

/// A registry for local use. It is called at any address, by plain http or, if so configured, by https with a valid
/// certificate.
///
/// Written `host:port`, or `name=host:port` for clients that cannot write a port within a path (docker, podman and
/// skopeo cannot), or `name=https://host:port`. The name must be reserved (RFC 6761): otherwise a local registry could
/// record tags in a real one's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsecureRegistry {
    name: Registry,
    base: Url,
}

impl InsecureRegistry {
    pub(super) fn name(&self) -> &str {
        self.name.as_str()
    }

    /// `http://host:port/`, or the same with https.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }
}

impl FromStr for InsecureRegistry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = text.split_once('=').unwrap_or((text, text));
        let (scheme, address) =
            address.strip_prefix("https://").map_or(("http", address), |address| ("https", address));
        let fault = |error: NameError| error.to_string();
        let (name, called): (Registry, Registry) = (name.parse().map_err(fault)?, address.parse().map_err(fault)?);
        if !address.contains(':') {
            return Err(format!("'{address}' has no port"));
        }
        // A name with a port is its own address. Other instances never call it: they call port 443 alone.
        let has_port = name == called && name.as_str().contains(':');
        let top = name.as_str().rsplit('.').next().unwrap_or_default();
        if !has_port && !RESERVED.contains(&top) {
            return Err(format!("'{name}' could be a real registry: another name for {address} must end in .test"));
        }
        let base = format!("{scheme}://{address}/");
        Ok(Self { name, base: base.parse().map_err(|_| format!("'{base}' is not a URL"))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_registry_cannot_take_the_name_of_a_real_one() {
        let cases = [
            ("127.0.0.1:5000", "127.0.0.1:5000", "http://127.0.0.1:5000/"),
            ("ghcr.io:5000", "ghcr.io:5000", "http://ghcr.io:5000/"),
            ("registry.test=127.0.0.1:5000", "registry.test", "http://127.0.0.1:5000/"),
            ("registry.test=127.0.0.1:443", "registry.test", "http://127.0.0.1:443/"),
            ("localhost=127.0.0.1:5000", "localhost", "http://127.0.0.1:5000/"),
            ("registry.test=https://10.0.0.1:5000", "registry.test", "https://10.0.0.1:5000/"),
            ("registry.test=https://registry.internal:443", "registry.test", "https://registry.internal/"),
        ];
        for (text, name, base) in cases {
            let parsed: InsecureRegistry = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((parsed.name(), parsed.base().as_str()), (name, base));
        }
        let bad = [
            ("ghcr.io=127.0.0.1:5000", "could be a real registry"),
            ("ghcr.io=https://127.0.0.1:5000", "could be a real registry"),
            ("docker.io=127.0.0.1:5000", "could be a real registry"),
            ("ghcr.io:443", "could be a real registry"),
            ("ghcr.io", "has no port"),
            ("a.test=127.0.0.1", "has no port"),
            ("https://127.0.0.1:5000", "is not a registry host"),
            ("a.test=http://127.0.0.1:5000", "is not a registry host"),
            ("a.test=https://user@127.0.0.1:5000", "is not a registry host"),
            ("a.test=https://127.0.0.1:5000/path", "is not a registry host"),
            ("a.test=", "is not a registry host"),
            ("=127.0.0.1:5000", "is not a registry host"),
            ("gh_cr.io", "is not a registry host"),
        ];
        for (text, fault) in bad {
            let error = text.parse::<InsecureRegistry>().expect_err(text);
            assert!(error.contains(fault), "{text}: {error}");
        }
    }
}
