//! TLS before a plain server at 127.0.0.1, with certificates made at run time.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate for 127.0.0.1, one between and a root, as public servers have them.
pub struct TlsFront {
    config: Arc<ServerConfig>,
    folder: TempDir,
}

impl TlsFront {
    pub fn new() -> Self {
        let (root, root_key) = (authority("a root"), KeyPair::generate().unwrap());
        let root_der = root.self_signed(&root_key).unwrap().der().to_vec();
        let root = Issuer::new(root, root_key);
        let (between, between_key) = (authority("one between"), KeyPair::generate().unwrap());
        let between_der = between.signed_by(&between_key, &root).unwrap().der().clone();
        let between = Issuer::new(between, between_key);
        let (leaf, key) = (CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap(), KeyPair::generate().unwrap());
        let leaf_der = leaf.signed_by(&key, &between).unwrap().der().clone();

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(root_file(folder.path()), pem(&root_der)).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let chain: Vec<CertificateDer<'static>> = vec![leaf_der, between_der];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Self { config: Arc::new(config.with_single_cert(chain, key).unwrap()), folder }
    }

    /// The root in PEM, for `SSL_CERT_FILE`.
    pub fn root(&self) -> PathBuf {
        root_file(self.folder.path())
    }

    /// The address of a server that speaks TLS, and hands what it receives to `server`, until the process ends.
    pub fn before(&self, server: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, server) = (listener.local_addr().unwrap().to_string(), server.to_owned());
        let tls = TlsAcceptor::from(self.config.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, tls, server));
        });
        address
    }
}

impl Default for TlsFront {
    fn default() -> Self {
        Self::new()
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, server: String) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        client.set_nodelay(true).unwrap();
        let (tls, server) = (tls.clone(), server.clone());
        tokio::spawn(async move {
            // Either side may end a connection at any time.
            let Ok(mut client) = tls.accept(client).await else { return };
            let Ok(mut upstream) = TcpStream::connect(&server).await else { return };
            let _ = upstream.set_nodelay(true);
            let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
        });
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn root_file(folder: &Path) -> PathBuf {
    folder.join("root.pem")
}

fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
