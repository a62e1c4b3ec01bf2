//! The Dead Simple Signing Envelope, v1 (<https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md>).

use crate::key::PublicKey;

/// The payload type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// The parts of an envelope with one signature.
#[derive(Debug, Clone)]
pub struct SignedPayload<'a> {
    /// A media type.
    pub payload_type: &'static str,
    /// The bytes that are signed, with their type.
    pub payload: Vec<u8>,
    /// Over [`pae`], ASN.1 DER for ECDSA.
    pub signature: &'a [u8],
    /// The key that made the signature.
    pub key: &'a PublicKey,
}

/// The pre-authentication encoding: the bytes that a DSSE signature covers.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::pae;

    /// The example of the protocol page.
    #[test]
    fn pae_is_the_protocols_example() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
