//! TLS for all clients: the root certificates that are compiled in, and the system's beside them.
//!
//! The compiled-in roots cost neither a file nor a parser, so a process starts with them on any system. The system's are
//! read once a server shows a certificate that none of those vouches for, as that of a registry with an authority of its
//! own.

use std::sync::{Arc, LazyLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Both that registries and logs speak, the better one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The settings of every client. Clones share the roots and the sessions that can be resumed.
pub(super) fn settings() -> ClientConfig {
    static SETTINGS: LazyLock<ClientConfig> = LazyLock::new(|| with(Arc::new(Roots::new(system))));
    SETTINGS.clone()
}

fn with(roots: Arc<Roots>) -> ClientConfig {
    let settings = ClientConfig::builder_with_provider(provider().clone()).with_safe_default_protocol_versions();
    let settings = settings.expect("the provider has cipher suites for TLS 1.2 and 1.3");
    // 'Dangerous' is any verifier but rustls's own. This one asks two of those.
    let mut settings = settings.dangerous().with_custom_certificate_verifier(roots).with_no_client_auth();
    settings.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    settings
}

fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    &PROVIDER
}

/// Mozilla's list.
fn compiled_in() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// The certificates where this system has them, or in `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn system() -> RootCertStore {
    let loaded = rustls_native_certs::load_native_certs();
    for error in loaded.errors {
        tracing::warn!(%error, "a root certificate of the system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    roots
}

/// Rustls's own verifier, for these roots. `None` without any: it would trust nobody.
fn verifier(roots: RootCertStore) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(roots.into(), provider().clone()).build().ok()
}

type Read = Box<dyn FnOnce() -> Option<Arc<WebPkiServerVerifier>> + Send>;

/// A verifier that trusts a server if the compiled-in roots do, or else the system's.
#[derive(Debug)]
struct Roots {
    compiled_in: Arc<WebPkiServerVerifier>,
    /// `None` where the system has no certificates.
    system: LazyLock<Option<Arc<WebPkiServerVerifier>>, Read>,
}

impl Roots {
    fn new(system: impl FnOnce() -> RootCertStore + Send + 'static) -> Self {
        Self {
            compiled_in: verifier(compiled_in()).expect("Mozilla's list is not empty"),
            system: LazyLock::new(Box::new(|| verifier(system()))),
        }
    }
}

impl ServerCertVerifier for Roots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by = |roots: &WebPkiServerVerifier| {
            roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        match by(&self.compiled_in) {
            // No other fault becomes less of one by another root.
            Err(error @ Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                self.system.as_ref().map_or(Err(error), |system| by(system))
            }
            decided => decided,
        }
    }

    // The rest does not depend on the roots.

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.compiled_in.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.compiled_in.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.compiled_in.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use super::*;

    const PUBLIC: [&[u8]; 3] = [
        include_bytes!("../../tests/data/tls/public-1.der"),
        include_bytes!("../../tests/data/tls/public-2.der"),
        include_bytes!("../../tests/data/tls/public-3.der"),
    ];
    const PRIVATE: [&[u8]; 2] =
        [include_bytes!("../../tests/data/tls/private-1.der"), include_bytes!("../../tests/data/tls/private-2.der")];
    const PRIVATE_ROOT: &[u8] = include_bytes!("../../tests/data/tls/private-root.der");
    /// 2026-09-15, when all of them are valid; and a year before.
    const THEN: Duration = Duration::from_secs(1_789_430_400);
    const BEFORE: Duration = Duration::from_secs(1_757_894_400);

    /// Roots whose system has `certificates`. Each time that it is read is told to `read`.
    fn beside(certificates: &'static [&[u8]], read: Sender<()>) -> Roots {
        Roots::new(move || {
            read.send(()).unwrap();
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates.iter().map(|der| CertificateDer::from(*der)));
            roots
        })
    }

    fn verify(roots: &Roots, chain: &[&'static [u8]], name: &'static str, now: Duration) -> Result<(), Error> {
        let chain: Vec<CertificateDer<'_>> = chain.iter().map(|der| CertificateDer::from(*der)).collect();
        let name = ServerName::try_from(name).unwrap();
        let now = UnixTime::since_unix_epoch(now);
        roots.verify_server_cert(&chain[0], &chain[1..], &name, &[], now).map(|_| ())
    }

    fn unknown() -> Result<(), Error> {
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    #[test]
    fn a_public_server_is_trusted_by_what_is_compiled_in() {
        let (read, reads) = channel();
        let roots = beside(&[PRIVATE_ROOT], read);
        assert_eq!(verify(&roots, &PUBLIC, "letsencrypt.org", THEN), Ok(()));
        for (name, now) in [("example.com", THEN), ("letsencrypt.org", BEFORE)] {
            let refused = verify(&roots, &PUBLIC, name, now);
            assert!(refused.is_err() && refused != unknown(), "{name}: {refused:?}");
        }
        assert_eq!(reads.try_iter().count(), 0, "the system is not read");
    }

    #[test]
    fn a_server_of_a_private_authority_is_trusted_where_the_system_knows_it() {
        let (read, reads) = channel();
        let roots = beside(&[PRIVATE_ROOT], read);
        for _ in 0..2 {
            assert_eq!(verify(&roots, &PRIVATE, "example.com", THEN), Ok(()));
        }
        assert_eq!(reads.try_iter().count(), 1, "the system is read once");
        for (name, now) in [("letsencrypt.org", THEN), ("example.com", BEFORE)] {
            assert!(verify(&roots, &PRIVATE, name, now).is_err(), "{name}");
        }
    }

    #[test]
    fn a_server_of_an_unknown_authority_is_not_trusted() {
        let (read, reads) = channel();
        for certificates in [&[] as &[&[u8]], &[PUBLIC[2]], &[b"no certificate"]] {
            let roots = beside(certificates, read.clone());
            assert_eq!(verify(&roots, &PRIVATE, "example.com", THEN), unknown());
        }
        assert_eq!(reads.try_iter().count(), 3);
    }
}
