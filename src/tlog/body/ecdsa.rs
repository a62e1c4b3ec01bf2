//! Signatures as Rekor checks them.

use crate::key::PublicKey;

/// The longest number in a signature on P-256, bytes.
const NUMBER: usize = 32;

/// Checks that `signature` is by `key` over `message`. Rekor takes a signature by an ECDSA key in ASN.1 DER, and as two
/// numbers of equal length too (IEEE P1363): anyone can write ours so.
///
/// Source: `ECDSAVerifier` in `pkg/signature/ecdsa.go` of sigstore/sigstore.
pub fn verifies(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let in_der = || der(signature).is_some_and(|signature| key.verifies(message, &signature));
    key.verifies(message, signature) || key.is_p256() && in_der()
}

fn der(numbers: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = numbers.split_at_checked(numbers.len() / 2).filter(|(r, s)| r.len() == s.len())?;
    let both = [integer(r)?, integer(s)?].concat();
    Some([&[0x30, u8::try_from(both.len()).ok()?], &both[..]].concat())
}

fn integer(number: &[u8]) -> Option<Vec<u8>> {
    let first = number.iter().position(|byte| *byte != 0)?;
    let digits = &number[first..];
    let sign: &[u8] = if digits[0] & 0x80 == 0 { &[] } else { &[0] };
    let length = u8::try_from(sign.len() + digits.len()).ok().filter(|_| digits.len() <= NUMBER)?;
    Some([&[0x02, length], sign, digits].concat())
}

#[cfg(test)]
mod tests {
    use sigstore::crypto::SigningScheme;

    use super::*;

    /// The two numbers of a signature in DER, in `length` bytes each.
    fn numbers(der: &[u8], length: usize) -> Vec<u8> {
        let r = &der[4..4 + usize::from(der[3])];
        let s = &der[4 + r.len() + 2..];
        let padded = |number: &[u8]| {
            let number = &number[number.iter().take_while(|byte| **byte == 0).count()..];
            [&vec![0; length - number.len()], number].concat()
        };
        [padded(r), padded(s)].concat()
    }

    #[test]
    fn a_signature_verifies_in_both_forms_and_only_over_its_message() {
        let [signer, another] = [(); 2].map(|()| SigningScheme::ECDSA_P256_SHA256_ASN1.create_signer().unwrap());
        let [key, other] = [&signer, &another].map(|signer| {
            PublicKey::from_der(&signer.to_sigstore_keypair().unwrap().public_key_to_der().unwrap()).unwrap()
        });
        for message in 0..50u8 {
            let signature = signer.sign(&[message]).unwrap();
            for form in [signature.clone(), numbers(&signature, 32), numbers(&signature, 66)] {
                assert!(verifies(&key, &[message], &form));
                assert!(!verifies(&key, &[message, 0], &form));
                assert!(!verifies(&other, &[message], &form));
            }
        }
        for form in [&[][..], &[0; 64], &[1; 63], &[255; 132], &[0x30, 0]] {
            assert!(!verifies(&key, b"x", form));
        }
    }
}
