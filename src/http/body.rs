//! What an answer carries.

use bytes::Bytes;

/// The body of an answer. The two front ends send it differently: API Gateway computes `Content-Length` from the body
/// that it is handed, also for HEAD, and drops the body itself; an HTTP server sets the header alone.
#[derive(Debug, Clone)]
pub enum Body {
    Bytes(Bytes),
    /// The answer to a HEAD whose GET would carry this many bytes, which are not at hand.
    OfLength(u64),
}

impl Body {
    pub fn empty() -> Self {
        Self::Bytes(Bytes::new())
    }

    /// What GET would carry, in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::OfLength(length) => *length,
        }
    }
}
