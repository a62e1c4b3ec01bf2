//! A small registry in memory that images are pushed to. Unlike tlogistry it lets tags move.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::net::TcpListener;

use crate::cli::listen;
use crate::image::Digest;
use crate::oci::CONTENT_DIGEST;

const MAX_REQUEST_BYTES: usize = 8 << 20;

type DemoResponse = Response<Full<Bytes>>;

/// Manifests, tags and blobs of one repository, under any name.
#[derive(Default)]
struct DemoRepository {
    /// By digest, with their media types.
    manifests: HashMap<String, (HeaderValue, Bytes)>,
    /// To digests.
    tags: HashMap<String, String>,
    /// By digest.
    blobs: HashMap<String, Bytes>,
}

/// Serves until `stop` is done.
pub(super) async fn serve(listener: TcpListener, stop: impl Future<Output = ()>) {
    let contents = Arc::new(Mutex::new(DemoRepository::default()));
    let handler = move |request| {
        let contents = contents.clone();
        async move {
            match listen::read(request, MAX_REQUEST_BYTES).await {
                // A poisoned lock is usable: nothing panics while holding it.
                Ok(request) => contents.lock().unwrap_or_else(PoisonError::into_inner).answer(&request),
                Err(refusal) => refusal,
            }
        }
    };
    listen::serve(listener, handler, stop).await;
}

impl DemoRepository {
    fn answer(&mut self, request: &Request<Bytes>) -> DemoResponse {
        let path = request.uri().path();
        let mut parts = path.rsplitn(3, '/');
        let (last, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        match (request.method(), kind) {
            (_, _) if path == "/v2/" => status(StatusCode::OK),
            (&Method::PUT, "manifests") => self.put_manifest(last, request),
            // Monolithic upload: POST with the digest in the query.
            (&Method::POST, "blobs") if last == "uploads" => self.put_blob(request),
            (&Method::GET | &Method::HEAD, "manifests") => self.manifest(last),
            (&Method::GET | &Method::HEAD, "blobs") => match self.blobs.get(last) {
                Some(blob) => Response::new(Full::new(blob.clone())),
                None => error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
            },
            _ => error(StatusCode::NOT_FOUND, "UNSUPPORTED"),
        }
    }

    fn put_manifest(&mut self, reference: &str, request: &Request<Bytes>) -> DemoResponse {
        let digest = Digest::sha256(request.body()).to_string();
        let Some(media_type) = request.headers().get(CONTENT_TYPE) else {
            return error(StatusCode::BAD_REQUEST, "MANIFEST_INVALID");
        };
        self.manifests.insert(digest.clone(), (media_type.clone(), request.body().clone()));
        if reference != digest {
            self.tags.insert(reference.to_owned(), digest);
        }
        status(StatusCode::CREATED)
    }

    fn put_blob(&mut self, request: &Request<Bytes>) -> DemoResponse {
        let digest = Digest::sha256(request.body()).to_string();
        self.blobs.insert(digest.clone(), request.body().clone());
        let mut response = status(StatusCode::CREATED);
        if let Ok(location) = HeaderValue::from_str(&format!("{}{digest}", request.uri().path())) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }

    fn manifest(&self, reference: &str) -> DemoResponse {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        let Some((media_type, manifest)) = self.manifests.get(digest) else {
            return error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN");
        };
        let mut response = Response::new(Full::new(manifest.clone()));
        response.headers_mut().insert(CONTENT_TYPE, media_type.clone());
        if let Ok(digest) = HeaderValue::from_str(digest) {
            response.headers_mut().insert(CONTENT_DIGEST, digest);
        }
        response
    }
}

fn status(status: StatusCode) -> DemoResponse {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn error(status: StatusCode, code: &str) -> DemoResponse {
    let body = format!(r#"{{"errors":[{{"code":"{code}","message":"not here"}}]}}"#);
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
}
