//! Values that unit tests of several rooms share.

use super::checkpoint::Checkpoint;

/// The verifier key of a log of Rekor v2: of Sigstore's staging.
pub(crate) const V2_KEY: &str =
    "log2025-alpha3.rekor.sigstage.dev+d3d3a70c+AZQ93VXPMmj9uZj7U/7CefQ9yy8RgYFv6mKzOseipjqp";

/// A checkpoint of a tree of this size. Nobody signed it.
pub(crate) fn checkpoint(size: u64) -> Checkpoint {
    let root = "LmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=";
    Checkpoint::parse(&format!("log\n{size}\n{root}\n\n\u{2014} log wNI9ajBE\n")).unwrap()
}
