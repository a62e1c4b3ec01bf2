//! DER, and certificates made of it.

use super::Key;

const OBJECT_IDENTIFIER: u8 = 6;
const OCTET_STRING: u8 = 4;
const UTF8_STRING: u8 = 12;
const UTC_TIME: u8 = 23;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// Uniform resource identifiers among a certificate's alternative names.
const URI: u8 = 0x86;

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
/// Sigstore's `otherName`, and an extension that nobody knows.
const OTHER_NAME: &[u8] = &[0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1, 7];
const UNKNOWN: &[u8] = &[0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 9, 9];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

pub fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let head: &[u8] = match length {
        0..128 => &[tag, length as u8],
        128..256 => &[tag, 0x81, length as u8],
        _ => &[tag, 0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8],
    };
    // The longer form with a leading zero is no DER.
    let head = if (256..65_536).contains(&length) { vec![tag, 0x82, head[3], head[4]] } else { head.to_vec() };
    [head, contents.to_vec()].concat()
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

/// A certificate of version 3, whatever may be in it.
#[derive(Default)]
pub struct Certificate<'a> {
    /// An alternative name, as URI.
    pub uri: Option<&'a str>,
    /// An alternative name, as Sigstore's `otherName`.
    pub other_name: Option<&'a str>,
    /// The subject's common name.
    pub subject: &'a str,
    /// The contents of an extension.
    pub extension: Option<&'a [u8]>,
}

impl Certificate<'_> {
    /// The certificate around a key (SubjectPublicKeyInfo), signed by `issuer`.
    pub fn around(&self, spki: &[u8], issuer: &Key) -> Vec<u8> {
        let algorithm = sequence(&[&tlv(OBJECT_IDENTIFIER, ECDSA_WITH_SHA256)]);
        let validity = sequence(&[&tlv(UTC_TIME, b"250101000000Z"), &tlv(UTC_TIME, b"350101000000Z")]);
        let to_be_signed = sequence(&[
            &tlv(0xa0, &[2, 1, 2]),
            &[2, 1, 7],
            &algorithm,
            &name("issuer"),
            &validity,
            &name(self.subject),
            spki,
            &tlv(0xa3, &sequence(&[&self.extensions()])),
        ]);
        let signature = tlv(3, &[&[0], &issuer.sign(&to_be_signed)[..]].concat());
        sequence(&[&to_be_signed, &algorithm, &signature])
    }

    fn extensions(&self) -> Vec<u8> {
        let uri = self.uri.map(|uri| tlv(URI, uri.as_bytes()));
        let other_name = self.other_name.map(|name| {
            let value = tlv(0xa0, &tlv(UTF8_STRING, name.as_bytes()));
            tlv(0xa0, &[tlv(OBJECT_IDENTIFIER, OTHER_NAME), value].concat())
        });
        let names = [uri, other_name].into_iter().flatten().collect::<Vec<_>>().concat();
        let names = (!names.is_empty()).then(|| extension(ALTERNATIVE_NAMES, &tlv(SEQUENCE, &names)));
        let unknown = extension(UNKNOWN, self.extension.unwrap_or(&[5, 0]));
        [names.unwrap_or_default(), unknown].concat()
    }
}

fn extension(kind: &[u8], contents: &[u8]) -> Vec<u8> {
    sequence(&[&tlv(OBJECT_IDENTIFIER, kind), &tlv(OCTET_STRING, contents)])
}

fn name(common_name: &str) -> Vec<u8> {
    let attribute = sequence(&[&tlv(OBJECT_IDENTIFIER, COMMON_NAME), &tlv(UTF8_STRING, common_name.as_bytes())]);
    sequence(&[&tlv(SET, &attribute)])
}
