//! Public keys of those who sign entries, as PEM.

use crate::key::PublicKey;

/// Parses one `PUBLIC KEY` block that holds a P-256 key, and nothing else.
pub(super) fn signing_key(pem: &[u8]) -> Option<PublicKey> {
    let text = std::str::from_utf8(pem).ok()?.trim();
    // A PEM parser passes over the text around the blocks.
    if !text.starts_with("-----BEGIN PUBLIC KEY-----") || !text.ends_with("-----END PUBLIC KEY-----") {
        return None;
    }
    PublicKey::from_pem(text).ok().filter(PublicKey::is_p256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local_key::LocalKey;
    use sigstore::crypto::signing_key::KeyPair;
    use sigstore::crypto::signing_key::ecdsa::EllipticCurve;
    use sigstore::crypto::signing_key::ecdsa::ec::EcdsaKeys;

    #[test]
    fn one_key_has_one_pem_however_it_was_spelt() {
        let pem = LocalKey::generate().unwrap().public_key().pem().to_owned();
        let spelt = format!("\n{}  ", pem.trim_end().replace('\n', "\r\n"));
        assert_eq!(signing_key(spelt.as_bytes()).unwrap().pem(), pem);
    }

    #[test]
    fn only_a_single_p256_public_key_is_taken() {
        let pem = LocalKey::generate().unwrap().public_key().pem().to_owned();
        assert!(signing_key(pem.as_bytes()).is_some());
        let p384 = EcdsaKeys::new(EllipticCurve::P384).unwrap();
        for refused in [
            String::new(),
            "no PEM".to_owned(),
            format!("{pem}{pem}"),
            pem.replace("PUBLIC", "PRIVATE"),
            pem.replace("PUBLIC KEY", "CERTIFICATE"),
            pem.replace("MFkw", "MFkx"),
            p384.public_key_to_pem().unwrap(),
        ] {
            assert!(signing_key(refused.as_bytes()).is_none(), "{refused}");
        }
    }
}
