//! The most that the function holds over many pulls of distinct tags.

use std::sync::Arc;

use testing::image::OCI_INDEX;

use crate::apparatus::known_tags::{KnownTags, Manifest};
use crate::apparatus::pulls::known;
use crate::apparatus::runtime_api::Function;

/// An index of several platforms is of about this size.
const MANIFEST: usize = 3 << 10;

/// Each tag's manifest is another.
fn manifest(name: &str) -> Arc<[u8]> {
    let text = "x".repeat(MANIFEST);
    format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","annotations":{{"{name}":"{text}"}}}}"#)
        .into_bytes()
        .into()
}

/// Of a manifest that is asked for by this name, the size: the largest that there may be.
const LARGE: (usize, &str) = (4 << 20, "known-0");

/// A function whose ledger knows `tags` tags. What is around it has to be kept as long as it.
async fn function(manifest: Manifest, tags: usize) -> (Function, KnownTags) {
    let known = KnownTags::start(manifest, tags).await;
    (Function::start(&known.environment("http", &known.addresses)), known)
}

fn pull(function: &Function, number: usize) {
    let path = format!("/v2/registry.test/demo/app/manifests/{}", known(number));
    let answer = function.invoke(Function::event("GET", &path));
    let (status, _) = Function::parse(&answer);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
}

/// MiB more that are held at most when the largest manifest is pulled.
pub async fn of_large() -> f64 {
    let large = |name: &str| match name == LARGE.1 {
        true => [&b"{\"a\":\""[..], &vec![b'x'; LARGE.0 - 8], b"\"}"].concat().into(),
        false => manifest(name),
    };
    let (function, _known) = function(large, 2).await;
    pull(&function, 1);
    let before = function.peak_mib();
    pull(&function, 0);
    function.peak_mib() - before
}

/// MiB held at most after so many pulls of distinct tags: `pulls` in all, in `steps` steps.
pub async fn over(pulls: usize, steps: usize) -> Vec<(usize, f64)> {
    let (function, _known) = function(manifest, pulls).await;
    let mut peaks = Vec::new();
    for number in 0..pulls {
        pull(&function, number);
        if number == 0 || (number + 1) % (pulls / steps) == 0 {
            peaks.push((number + 1, function.peak_mib()));
        }
    }
    peaks
}
