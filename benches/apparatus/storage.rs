//! Storage: blobs by digest, for whoever has a URL that was signed for the method.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tlogistry::image::Digest;

use super::distance::listen;
use super::wire::Wire;

/// Starts storage with these blobs. Returns the address.
pub fn start(blobs: impl Iterator<Item = Bytes>) -> String {
    let blobs: HashMap<String, Bytes> = blobs.map(|blob| (Digest::sha256(&blob).to_string(), blob)).collect();
    let blobs = Arc::new(blobs);
    listen(move |stream| {
        let mut wire = Wire::new(stream).patient();
        while let Ok(Some(request)) = wire.read(false) {
            let mut words = request.first.split(' ');
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let blob = blobs.get(path.trim_start_matches('/'));
            let answer = match blob.filter(|_| query.ends_with(&format!("X-Amz-Signature={method}"))) {
                Some(blob) => {
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n";
                    let head = format!("{head}content-length: {}\r\n\r\n", blob.len());
                    let body: &[u8] = if method == "HEAD" { b"" } else { blob };
                    [head.as_bytes(), body].concat()
                }
                None => b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_vec(),
            };
            if wire.write(&answer).is_err() {
                return;
            }
        }
    })
}
