//! Names that a time stamp gives its signer's certificate. Each is under the tag that its specification gives it.

use sha2::{Digest as _, Sha256};
use testing::filed::der::{sequence, tlv};
use testing::time_stamps::{Edit, Part, SIGNING_CERTIFICATE_V2, Stamper, attribute};
use tlogistry::timestamp::TimestampFault;

use super::trusted;

const SIGNATURE: &[u8] = b"a signature";

fn edited(stamper: &Stamper, edit: Edit<'_>) -> Result<(), TimestampFault> {
    let token = stamper.stamp_of(SIGNATURE, "20260101000000Z", &[edit]);
    trusted(stamper).verify(&token, SIGNATURE).map(|_| ())
}

/// RFC 5652 section 5.3: `subjectKeyIdentifier [0]`.
#[test]
fn the_keys_identifier_counts_under_its_tag_alone() {
    let stamper = Stamper::default();
    let id = Stamper::key_id();
    let under = |tag: u8| edited(&stamper, (Part::Signer, &|parts| parts[1] = tlv(tag, &id[2..])));
    assert_eq!(under(0x80), Ok(()));
    // Other numbers, then the number in other classes, then an octet string.
    for tag in [0x81, 0x84, 0x9e, 0x40, 0xc0, 0x41, 0x04] {
        assert_eq!(under(tag), Err(TimestampFault::UnknownAuthority), "{tag:#04x}");
    }
}

/// RFC 5280 section 4.2.1.6: `directoryName [4]`, one of the kinds that a GeneralName may be.
#[test]
fn the_issuer_beside_the_certificates_hash_counts_as_a_directory_name_alone() {
    let stamper = Stamper::default();
    let issuer = sequence(&[&tlv(0x31, &sequence(&[&[6, 3, 0x55, 4, 3], &tlv(12, b"stand-in root")]))]);
    let named = |names: &[&[u8]]| {
        let id = sequence(&[&tlv(4, &Sha256::digest(&stamper.chain[0])), &sequence(&[&sequence(names), &[2, 1, 7]])]);
        let attribute = attribute(SIGNING_CERTIFICATE_V2, &sequence(&[&sequence(&[&id])]));
        edited(&stamper, (Part::Attributes, &|parts| parts[2].clone_from(&attribute)))
    };
    let wrong = Err(TimestampFault::Attribute("signing-certificate"));
    assert_eq!(named(&[&tlv(0xa4, &issuer)]), Ok(()));
    assert_eq!(named(&[&tlv(0x82, b"stand-in.test"), &tlv(0xa4, &issuer)]), Ok(()));
    assert_eq!(named(&[]), wrong);
    assert_eq!(named(&[&tlv(0x82, b"stand-in.test")]), wrong);
    // Other numbers, then the number in other classes.
    for tag in [0xa0, 0xa1, 0xa3, 0xa5, 0x82, 0x86, 0x64, 0xe4, 0x04] {
        assert_eq!(named(&[&tlv(tag, &issuer)]), wrong, "{tag:#04x}");
    }
}
