//! A registry in this process that answers what a test tells it to.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tlogistry::cli::listen;
use tlogistry::image::Digest;

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An image manifest that holds `text`.
pub fn image(text: &str) -> Bytes {
    format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","annotations":{{"text":"{text}"}}}}"#).into()
}

/// Starts a registry whose manifests are what `manifest` returns for the last part of their path. Returns its address.
pub async fn start(manifest: impl Fn(&str) -> Option<Bytes> + Clone + Send + Sync + 'static) -> String {
    let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
    let handler = move |request: Request<hyper::body::Incoming>| {
        let found = manifest(request.uri().path().rsplit('/').next().unwrap_or_default());
        async move {
            let response = Response::builder();
            match found {
                Some(manifest) => response
                    .header("content-type", OCI_MANIFEST)
                    .header("docker-content-digest", Digest::sha256(&manifest).as_str())
                    .body(Full::new(manifest)),
                None => response.status(404).body(Full::default()),
            }
            .unwrap()
        }
    };
    tokio::spawn(listen::serve(listener, handler, std::future::pending()));
    address
}
