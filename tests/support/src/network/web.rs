//! One https server at every address, which knows its sites by `Host` and sees every connection.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Ports that are listened on to see who comes, besides https's.
const OTHERS: [u16; 5] = [22, 80, 5000, 8080, 8443];

type Site = Arc<dyn Fn(&Request<()>) -> Response<Bytes> + Send + Sync>;

#[derive(Default)]
struct State {
    sites: HashMap<String, Site>,
    connections: Vec<SocketAddr>,
    asked: Vec<(Method, String)>,
}

/// Clones are one server.
#[derive(Clone)]
pub struct Web(Arc<Mutex<State>>);

impl Web {
    /// With `cert.pem` and `key.pem` of a folder.
    pub async fn serve(folder: &Path) -> Self {
        let web = Self(Arc::default());
        let chain = CertificateDer::pem_file_iter(folder.join("cert.pem")).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let tls = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
        for port in OTHERS {
            web.listen(port, |_| async {}).await;
        }
        let serving = web.clone();
        web.listen(443, move |stream| serving.clone().answer(tls.clone(), stream)).await;
        web
    }

    async fn listen<F>(&self, port: u16, then: impl Fn(TcpStream) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(("::", port)).await.expect("a web server needs a network of its own");
        let web = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let at = stream.local_addr().unwrap();
                web.0.lock().unwrap().connections.push(SocketAddr::new(at.ip().to_canonical(), at.port()));
                tokio::spawn(then(stream));
            }
        });
    }

    async fn answer(self, tls: TlsAcceptor, stream: TcpStream) {
        let Ok(stream) = tls.accept(stream).await else { return };
        let service = service_fn(|request: Request<Incoming>| {
            let response = self.respond(&request.map(drop));
            async { Ok::<_, Infallible>(response.map(Full::new)) }
        });
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    fn respond(&self, request: &Request<()>) -> Response<Bytes> {
        let host = request.headers()["host"].to_str().unwrap();
        let site = {
            let mut state = self.0.lock().unwrap();
            state.asked.push((request.method().clone(), format!("{host}{}", request.uri())));
            state.sites.get(host).cloned()
        };
        site.map_or_else(|| status(404, &[], ""), |site| site(request))
    }

    /// Sets the answers of a host from now on.
    pub fn site(&self, host: &str, site: impl Fn(&Request<()>) -> Response<Bytes> + Send + Sync + 'static) {
        self.0.lock().unwrap().sites.insert(host.to_owned(), Arc::new(site));
    }

    /// Every connection since this was called last, as the address that was connected to.
    pub fn connections(&self) -> Vec<String> {
        let connections = std::mem::take(&mut self.0.lock().unwrap().connections);
        connections.iter().map(SocketAddr::to_string).collect()
    }

    /// Every request since this was called last, as `GET host/path`.
    pub fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut self.0.lock().unwrap().asked);
        asked.iter().map(|(method, url)| format!("{method} {url}")).collect()
    }
}

pub fn status(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}
