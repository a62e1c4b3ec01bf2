//! A registry that costs next to nothing: it has one manifest for each tag, ready to be sent.

use std::sync::Arc;

use tlogistry::image::Digest;

use super::distance::listen;
use super::wire::Wire;

/// Starts a registry whose manifests are what `manifest` makes of a tag. Returns its address.
pub fn start(media_type: &'static str, manifest: impl Fn(&str) -> Arc<[u8]> + Clone + Send + 'static) -> String {
    listen(move |stream| {
        let mut wire = Wire::new(stream).patient();
        while let Ok(Some(request)) = wire.read(false) {
            let path = request.first.split(' ').nth(1).unwrap_or_default();
            let answer = if path == "/v2/" {
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()
            } else {
                let manifest = manifest(path.rsplit('/').next().unwrap_or_default());
                let (length, digest) = (manifest.len(), Digest::sha256(&manifest));
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ndocker-content-digest: {digest}\r\n\
                     content-length: {length}\r\n\r\n"
                );
                let body: &[u8] = if request.first.starts_with("HEAD") { b"" } else { &manifest };
                [head.as_bytes(), body].concat()
            };
            if wire.write(&answer).is_err() {
                return;
            }
        }
    })
}
