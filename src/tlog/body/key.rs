//! The key in an entry, as Rekor reads it.

use x509_cert::der::asn1::{AnyRef, BitString, ObjectIdentifier};
use x509_cert::der::{Decode, Encode, Reader as _, SliceReader, Tag, Tagged as _};
use x509_cert::spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::go;
use crate::key::PublicKey;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// A public key of any kind, with the certificate that it came in.
#[derive(Debug, Clone)]
pub struct EntryKey {
    /// SubjectPublicKeyInfo, DER, in one form for each key, so that equal keys are equal bytes.
    der: Vec<u8>,
    /// DER.
    certificate: Option<Vec<u8>>,
}

impl EntryKey {
    /// The key that Rekor's `x509.NewPublicKey` reads in PEM: that of the first block, a `PUBLIC KEY` or a certificate. Of
    /// a chain the first certificate's counts. A certificate shows nothing: anyone can make one around any key.
    pub fn from_pem(pem: &[u8]) -> Option<Self> {
        let block = go::first_block(pem)?;
        // Blocks in front of others are read as certificates, whatever they are called.
        let bare = (block.kind == "PUBLIC KEY").then(|| Self::from_spki(&block.contents)).flatten();
        bare.or_else(|| Self::from_certificate(block.contents))
    }

    /// The key in a line of OpenSSH's `authorized_keys`: of a certificate, its subject's. Only ECDSA on P-256 is read.
    pub fn from_ssh(line: &[u8]) -> Option<Self> {
        let blob = line.split(|byte| matches!(byte, b' ' | b'\n')).nth(1)?;
        let blob = go::base64(blob)?;
        let mut rest = &blob[..];
        let kind = ssh_string(&mut rest)?;
        if kind.windows(9).any(|part| part == b"-cert-v01") {
            ssh_string(&mut rest)?;
        }
        let (curve, point) = (ssh_string(&mut rest)?, ssh_string(&mut rest)?);
        if curve == b"nistp256" { Self::p256(point) } else { None }
    }

    /// A point on P-256, uncompressed (SEC 1 section 2.3.3).
    pub(super) fn p256(point: &[u8]) -> Option<Self> {
        let parameters = P256.to_der().ok()?;
        let der = spki(EC_PUBLIC_KEY, Some(AnyRef::from_der(&parameters).ok()?), point)?;
        Some(Self { der, certificate: None })
    }

    /// The subject's key of a certificate in DER.
    pub(super) fn from_certificate(der: Vec<u8>) -> Option<Self> {
        // Fields are found by position: Go takes certificates that a strict reader does not.
        let mut fields = SliceReader::new(first(first(&der)?.value())?.value()).ok()?;
        let version = fields.peek_byte() == Some(0xa0);
        // Version, serial number, signature algorithm, issuer, validity, subject.
        for _ in 0..5 + usize::from(version) {
            fields.tlv_bytes().ok()?;
        }
        let key = Self::from_spki(fields.tlv_bytes().ok()?)?;
        Some(Self { certificate: Some(der), ..key })
    }

    /// The key of a SubjectPublicKeyInfo in DER. Bytes behind the two fields, and bits that the last byte of the key is
    /// shifted by, do not belong to the key.
    pub(super) fn from_spki(der: &[u8]) -> Option<Self> {
        let outer = AnyRef::from_der(der).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
        let mut fields = SliceReader::new(outer.value()).ok()?;
        let algorithm = AnyRef::decode(&mut fields).ok()?;
        let key = AnyRef::decode(&mut fields).ok()?;
        let mut algorithm = SliceReader::new(algorithm.value()).ok()?;
        let oid = ObjectIdentifier::decode(&mut algorithm).ok()?;
        let parameters = if algorithm.is_finished() { None } else { Some(AnyRef::decode(&mut algorithm).ok()?) };
        let key = right_aligned(key)?;
        Some(Self { der: spki(oid, parameters, &key)?, certificate: None })
    }

    /// True if this is `key`.
    pub fn is(&self, key: &PublicKey) -> bool {
        self.der == key.der()
    }

    /// The key, if it is of a kind that signatures can be checked with here.
    pub fn public_key(&self) -> Option<PublicKey> {
        PublicKey::from_der(&self.der).ok()
    }

    /// SubjectPublicKeyInfo, DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// True if the certificate, if there is one, holds a name that the log's index may take for `name`, which is ASCII.
    /// Rekor files an entry under each of its certificate's alternative names, and whoever makes the certificate chooses
    /// them. MySQL compares them without case and accents: `É` is `e`.
    pub fn certificate_may_name(&self, name: &str) -> bool {
        let Some(certificate) = &self.certificate else { return false };
        let text: Vec<char> = String::from_utf8_lossy(certificate).chars().collect();
        let may_be = |(char, wanted): (&char, u8)| !char.is_ascii() || char.eq_ignore_ascii_case(&char::from(wanted));
        text.windows(name.len()).any(|part| part.iter().zip(name.bytes()).all(may_be))
    }
}

/// The first value in `der`, whatever follows.
fn first(der: &[u8]) -> Option<AnyRef<'_>> {
    AnyRef::decode(&mut SliceReader::new(der).ok()?).ok()
}

fn spki(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Option<Vec<u8>> {
    let algorithm = AlgorithmIdentifier { oid, parameters };
    SubjectPublicKeyInfo { algorithm, subject_public_key: BitString::from_bytes(key).ok()? }.to_der().ok()
}

/// The bits of a BIT STRING as Go's `RightAlign` has them.
fn right_aligned(value: AnyRef<'_>) -> Option<Vec<u8>> {
    if value.tag() != Tag::BitString {
        return None;
    }
    let (unused, bytes) = value.value().split_first()?;
    let shift = u32::from(*unused);
    if shift == 0 {
        return Some(bytes.to_vec());
    }
    let mut before = 0u8;
    let aligned = bytes.iter().map(|byte| {
        let aligned = u16::from_be_bytes([before, *byte]) >> shift;
        before = *byte;
        aligned.to_be_bytes()[1]
    });
    (shift < 8).then(|| aligned.collect())
}

/// A string of RFC 4251 section 5.
fn ssh_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk()?;
    let (string, behind) = behind.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = behind;
    Some(string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_may_name_what_the_index_takes_for_the_name() {
        let names = |certificate: &str| {
            EntryKey { der: Vec::new(), certificate: Some(certificate.into()) }.certificate_may_name("sha256:0e")
        };
        assert!(names("xsha256:0ex") && names("SHA256:0E") && names("shá256:0É"));
        assert!(!names("sha256:0f") && !names("sha256:0") && !names("") && !names("tib256:0e"));
    }

    #[test]
    fn bits_are_shifted_to_the_right_by_less_than_a_byte() {
        let shifted = |contents: &[u8]| right_aligned(AnyRef::new(Tag::BitString, contents).unwrap());
        assert_eq!(shifted(&[0, 0xab, 0xcd]), Some(vec![0xab, 0xcd]));
        assert_eq!(shifted(&[4, 0xab, 0xcd]), Some(vec![0x0a, 0xbc]));
        assert_eq!(shifted(&[7, 0xff]), Some(vec![1]));
        assert_eq!((shifted(&[8, 0xab, 0xcd]), shifted(&[])), (None, None));
        assert_eq!(right_aligned(AnyRef::new(Tag::OctetString, &[0, 1]).unwrap()), None);
    }
}
