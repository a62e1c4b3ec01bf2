//! Every form of a time stamp, genuine and not.

use sha2::{Digest as _, Sha256, Sha384};
use testing::filed::der::{sequence, tlv};
use testing::time_stamps::{
    CODE_SIGNING, CONTENT_TYPE, Certified, Edit, MESSAGE_DIGEST, Part, SHA384, SIGNING_CERTIFICATE,
    SIGNING_CERTIFICATE_V2, Stamper, TIME_STAMPING, TST_INFO, attribute, extensions, imprint, rcgen, refusal,
};
use tlogistry::timestamp::{Authorities, TimestampAuthority, TimestampFault};
use tlogistry::validity::Validity;

use super::{by_root, trusted};

const SIGNATURE: &[u8] = b"a signature";
/// 2026-01-01T00:00:00Z.
const TIME: &str = "20260101000000Z";
const SECONDS: u64 = 1_767_225_600;

type Elements = Vec<Vec<u8>>;

fn verify(authorities: &Authorities, token: &[u8]) -> Result<u64, String> {
    authorities.verify(token, SIGNATURE).map(|stamp| stamp.seconds()).map_err(|fault| fault.to_string())
}

fn edited(stamper: &Stamper, edits: &[Edit<'_>]) -> Result<u64, String> {
    verify(&trusted(stamper), &stamper.stamp_of(SIGNATURE, TIME, edits))
}

#[test]
fn a_time_stamp_says_when_and_by_whom() {
    let stamper = Stamper::default();
    let token = stamper.stamp_of(SIGNATURE, TIME, &[]);
    let stamp = trusted(&stamper).verify(&token, SIGNATURE).unwrap();
    assert_eq!((stamp.seconds(), stamp.authority()), (SECONDS, "stand-in"));
    assert_eq!(trusted(&stamper).verify(&token, b"another"), Err(TimestampFault::Imprint));
    let all = Authorities::new(trusted(&Stamper::default()).iter().chain(trusted(&stamper).iter()).cloned().collect());
    assert_eq!(verify(&all, &token), Ok(SECONDS));
    assert_eq!(Authorities::default().verify(&token, SIGNATURE), Err(TimestampFault::UnknownAuthority));
}

#[test]
fn every_key_and_every_genuine_form_counts() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_RSA_SHA256,
        &rcgen::PKCS_ED25519,
    ] {
        for has_intermediate in [false, true] {
            let stamper = Stamper::of(&Certified { algorithm, has_intermediate, ..Certified::default() });
            assert_eq!(edited(&stamper, &[]), Ok(SECONDS), "{algorithm:?}");
        }
    }
    let stamper = Stamper::of(&Certified { has_intermediate: true, ..Certified::default() });
    let v1 = sequence(&[&sequence(&[&sequence(&[&tlv(4, &sha1(&stamper.chain[0]))])])]);
    let is_v1 = |parts: &mut Elements| parts[2] = attribute(SIGNING_CERTIFICATE, &v1);
    let both = |parts: &mut Elements| parts.push(attribute(SIGNING_CERTIFICATE, &v1));
    let by_sha384 =
        sequence(&[&sequence(&[&sequence(&[&sequence(&[SHA384]), &tlv(4, &Sha384::digest(&stamper.chain[0]))])])]);
    let forms: [(&str, Edit<'_>); 14] = [
        (
            "a name by another hash",
            (Part::Attributes, &|parts| parts[2] = attribute(SIGNING_CERTIFICATE_V2, &by_sha384)),
        ),
        (
            "an algorithm that names the key alone",
            (Part::Signer, &|parts| parts[4] = sequence(&[&[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]])),
        ),
        ("no certificate", (Part::SignedData, &|parts| parts[3].clear())),
        (
            "the whole chain, in no order",
            (Part::SignedData, &|parts| {
                parts[3] = tlv(0xa0, &[&stamper.chain[2][..], &stamper.chain[0], &stamper.chain[1]].concat());
            }),
        ),
        ("a certificate that is none", (Part::SignedData, &|parts| parts[3] = tlv(0xa0, &sequence(&[&[5, 0]])))),
        ("revocations", (Part::SignedData, &|parts| parts.insert(4, tlv(0xa1, &sequence(&[&[5, 0]]))))),
        ("the key's identifier", (Part::Signer, &|parts| parts[1] = Stamper::key_id())),
        ("attributes that nobody signs", (Part::Signer, &|parts| parts.push(tlv(0xa1, &attribute(TST_INFO, &[5, 0]))))),
        ("a name of version 1", (Part::Attributes, &is_v1)),
        ("names of both versions", (Part::Attributes, &both)),
        ("attributes in another order", (Part::Attributes, &|parts| parts.reverse())),
        (
            "a signing time",
            (Part::Attributes, &|parts| {
                parts.push(attribute(&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 9, 5], &tlv(23, b"200101000000Z")));
            }),
        ),
        (
            "all that a TSTInfo can have",
            (Part::Info, &|parts| {
                parts.insert(5, sequence(&[&[2, 1, 1], &[0x80, 1, 5]]));
                parts.insert(6, vec![1, 1, 0xff]);
                parts.push(tlv(0xa0, &tlv(0x82, b"authority.test")));
                parts.push(extensions(false));
            }),
        ),
        (
            "granted with changes",
            (Part::Response, &|parts| {
                parts[0] = sequence(&[&[2, 1, 1], &sequence(&[&tlv(12, b"words")]), &tlv(3, &[0])]);
            }),
        ),
    ];
    for (form, edit) in forms {
        assert_eq!(edited(&stamper, &[edit]), Ok(SECONDS), "{form}");
    }
    for (text, seconds) in [("20260101000000.0Z", SECONDS), ("20260101000000.25Z", SECONDS + 1)] {
        assert_eq!(verify(&trusted(&stamper), &stamper.stamp_of(SIGNATURE, text, &[])), Ok(seconds), "{text}");
    }
}

#[test]
fn what_no_authority_made_is_refused_for_its_reason() {
    let stamper = Stamper::default();
    let other = Stamper::default();
    let wrong = |name: &str| format!("the time stamp's signed attribute '{name}' is missing, repeated or wrong");
    let repeated = "the time stamp is malformed: signed attributes: one is there twice, or has no value".to_owned();
    let unknown = "the time stamp is by no trusted time-stamping authority".to_owned();
    let unsigned = "the time stamp's signature does not verify with the certificate of stand-in".to_owned();
    let other_id = other.certificate_id();
    let cases: [(&str, Edit<'_>, String); 34] = [
        (
            "another hash",
            (Part::Info, &|parts| parts[2] = imprint(SHA384, &[1; 48])),
            "the time stamp is for another signature".into(),
        ),
        (
            "a shorter hash",
            (Part::Info, &|parts| parts[2] = imprint(SHA384, &[])),
            "the time stamp is for another signature".into(),
        ),
        (
            "sha1",
            (Part::Info, &|parts| parts[2] = imprint(&[6, 5, 0x2b, 14, 3, 2, 26], &sha1(SIGNATURE))),
            "the time stamp uses the hash function 1.3.14.3.2.26, which is not supported".into(),
        ),
        (
            "a later version",
            (Part::Info, &|parts| parts[0] = vec![2, 1, 2]),
            "the time stamp is malformed: TSTInfo: its version is not 1".into(),
        ),
        (
            "a critical extension",
            (Part::Info, &|parts| parts.push(extensions(true))),
            "the time stamp has the critical extension 1.2.3.4, which is not supported".into(),
        ),
        (
            "no time",
            (Part::Info, &|parts| parts[4] = tlv(24, b"now")),
            "the time stamp is malformed: TSTInfo: it has no time".into(),
        ),
        (
            "no signer",
            (Part::SignedData, &|parts| parts[4] = tlv(0x31, &[])),
            "the time stamp must have one signer".into(),
        ),
        (
            "two signers",
            (Part::SignedData, &|parts| {
                let signer = parts[4][3..].to_vec();
                parts[4] = tlv(0x31, &[signer.clone(), signer].concat());
            }),
            "the time stamp must have one signer".into(),
        ),
        (
            "another content",
            (Part::SignedData, &|parts| parts[2] = sequence(&[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 7, 1]])),
            "the time stamp is malformed: SignedData: it holds no TSTInfo".into(),
        ),
        (
            "a content whose type is another",
            (Part::SignedData, &|parts| {
                let at = parts[2].windows(TST_INFO.len()).position(|bytes| bytes == TST_INFO).unwrap();
                parts[2][at + TST_INFO.len() - 1] ^= 1;
            }),
            "the time stamp is malformed: SignedData: it holds no TSTInfo".into(),
        ),
        (
            "no content",
            (Part::SignedData, &|parts| parts[2] = sequence(&[TST_INFO])),
            "the time stamp is malformed: SignedData: it holds no TSTInfo".into(),
        ),
        ("no attributes", (Part::Signer, &|parts| parts[3].clear()), wrong("message-digest")),
        ("no digest", (Part::Attributes, &|parts| drop(parts.remove(1))), wrong("message-digest")),
        (
            "a wrong digest",
            (Part::Attributes, &|parts| parts[1] = attribute(MESSAGE_DIGEST, &tlv(4, &[0; 32]))),
            wrong("message-digest"),
        ),
        (
            "no digest but a number",
            (Part::Attributes, &|parts| parts[1] = attribute(MESSAGE_DIGEST, &[2, 1, 0])),
            wrong("message-digest"),
        ),
        ("two digests", (Part::Attributes, &|parts| parts.push(parts[1].clone())), repeated.clone()),
        ("no content type", (Part::Attributes, &|parts| drop(parts.remove(0))), wrong("content-type")),
        (
            "another content type",
            (Part::Attributes, &|parts| parts[0] = attribute(CONTENT_TYPE, &[6, 1, 0x2a])),
            wrong("content-type"),
        ),
        ("two content types", (Part::Attributes, &|parts| parts.push(parts[0].clone())), repeated.clone()),
        (
            "an attribute without a value",
            (Part::Attributes, &|parts| parts[0] = sequence(&[CONTENT_TYPE, &[0x31, 0]])),
            repeated,
        ),
        ("no name of a certificate", (Part::Attributes, &|parts| drop(parts.pop())), wrong("signing-certificate")),
        (
            "another's name",
            (Part::Attributes, &|parts| parts[2] = attribute(SIGNING_CERTIFICATE_V2, &other_id)),
            wrong("signing-certificate"),
        ),
        (
            "another's name beside its own",
            (Part::Attributes, &|parts| {
                let id = sequence(&[&sequence(&[&sequence(&[&tlv(4, &[0; 20])])])]);
                parts.push(attribute(SIGNING_CERTIFICATE, &id));
            }),
            wrong("signing-certificate"),
        ),
        (
            "a name of nobody",
            (Part::Attributes, &|parts| parts[2] = attribute(SIGNING_CERTIFICATE_V2, &sequence(&[&sequence(&[])]))),
            wrong("signing-certificate"),
        ),
        (
            "another signer",
            (Part::Signer, &|parts| parts[1] = sequence(&[&sequence(&[]), &[2, 1, 7]])),
            unknown.clone(),
        ),
        ("another key's identifier", (Part::Signer, &|parts| parts[1] = tlv(0x80, &[8; 20])), unknown.clone()),
        ("another serial number", (Part::Signer, &|parts| *parts[1].last_mut().unwrap() ^= 1), unknown.clone()),
        (
            "another's serial number beside the name",
            (Part::Attributes, &|parts| {
                let mut id = stamper.certificate_id();
                *id.last_mut().unwrap() ^= 1;
                parts[2] = attribute(SIGNING_CERTIFICATE_V2, &id);
            }),
            wrong("signing-certificate"),
        ),
        (
            "another's issuer beside the name",
            (Part::Attributes, &|parts| {
                let issuer = sequence(&[&sequence(&[&tlv(0xa4, &sequence(&[]))]), &[2, 1, 7]]);
                let id = sequence(&[&tlv(4, &Sha256::digest(&stamper.chain[0])), &issuer]);
                parts[2] = attribute(SIGNING_CERTIFICATE_V2, &sequence(&[&sequence(&[&id])]));
            }),
            wrong("signing-certificate"),
        ),
        (
            "many attributes",
            (Part::Attributes, &|parts| {
                parts.extend((0..14).map(|number| attribute(&[6, 2, 0x2a, number], &[5, 0])));
            }),
            "the time stamp is malformed: signed attributes: there are too many".into(),
        ),
        (
            "no signed data",
            (Part::Response, &|parts| {
                // The last byte of the object identifier.
                let at =
                    parts[1].windows(9).position(|bytes| bytes == [0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 7, 2]).unwrap();
                parts[1][at + 8] = 3;
            }),
            "the time stamp is malformed: ContentInfo: it holds no signed data".into(),
        ),
        (
            "a hash that does not go with the signature",
            (Part::Signer, &|parts| {
                parts[4] = sequence(&[&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3]]);
            }),
            "the time stamp uses the signature algorithm 1.2.840.10045.4.3.3, which is not supported".into(),
        ),
        ("a changed signature", (Part::Signer, &|parts| *parts[5].last_mut().unwrap() ^= 1), unsigned.clone()),
        (
            "attributes changed after signing",
            (Part::Signer, &|parts| {
                let at = parts[3].len() - 1;
                parts[3][at] ^= 1;
            }),
            unsigned.clone(),
        ),
    ];
    for (form, edit, expected) in cases {
        assert_eq!(edited(&stamper, &[edit]), Err(expected), "{form}");
    }
    let token = other.stamp_of(SIGNATURE, TIME, &[]);
    // Both name their issuers and serial numbers alike.
    assert_eq!(verify(&trusted(&stamper), &token), Err(unsigned));
}

#[test]
fn a_certificate_is_for_time_stamps_alone_and_valid_at_that_time() {
    let usage = |fault: &str| Err(format!("the certificate of stand-in is not for time stamps alone: {fault}"));
    let valid =
        |fault: &str| Err(format!("the certificate of stand-in was not valid at 2026-01-01T00:00:00Z: {fault}"));
    let of = Certified::default;
    for (certified, expected) in [
        (Certified { is_critical: false, ..of() }, usage("its extended key usage is not critical")),
        (
            Certified { is_critical: false, purposes: &[CODE_SIGNING], ..of() },
            usage("its extended key usage is not 'time stamping'"),
        ),
        (
            Certified { is_critical: false, purposes: &[TIME_STAMPING, CODE_SIGNING], ..of() },
            usage("its extended key usage is not 'time stamping'"),
        ),
        (Certified { purposes: &[], ..of() }, usage("its extended key usage is not 'time stamping'")),
        (Certified { purposes: &[CODE_SIGNING], ..of() }, usage("its extended key usage is not 'time stamping'")),
        (
            Certified { purposes: &[TIME_STAMPING, CODE_SIGNING], ..of() },
            usage("its extended key usage is not 'time stamping'"),
        ),
        (
            Certified { key_usages: &[rcgen::KeyUsagePurpose::KeyEncipherment], ..of() },
            usage("its key usage is not 'digital signature'"),
        ),
        (Certified { key_usages: &[rcgen::KeyUsagePurpose::ContentCommitment], ..of() }, Ok(SECONDS)),
        (Certified { key_usages: &[], ..of() }, Ok(SECONDS)),
        (Certified { years: (2020, 2025), ..of() }, valid("it had expired")),
        (Certified { years: (2027, 2049), ..of() }, valid("it was not valid yet")),
        (Certified { root_until: 2025, ..of() }, valid("the trusted certificate was not")),
        (Certified { years: (2026, 2026), root_until: 2026, ..of() }, Ok(SECONDS)),
    ] {
        assert_eq!(edited(&Stamper::of(&certified), &[]), expected);
    }
}

#[test]
fn an_authority_counts_in_its_time_alone() {
    let stamper = Stamper::default();
    let token = stamper.stamp_of(SIGNATURE, TIME, &[]);
    let within = |start, end| {
        let validity = Validity::parse(start, end).unwrap();
        let authority = TimestampAuthority::new("stand-in", None, &stamper.chain, validity).unwrap();
        verify(&Authorities::new(vec![authority]), &token)
    };
    let time = Some("2026-01-01T00:00:00Z");
    assert_eq!(within(time, time), Ok(SECONDS));
    assert_eq!(
        within(None, Some("2025-12-31T23:59:59Z")),
        Err("stand-in is trusted until 2025-12-31T23:59:59Z, and the time stamp is of 2026-01-01T00:00:00Z".into())
    );
    assert!(within(Some("2026-01-01T00:00:01Z"), None).is_err());
    // Listed twice, it counts in either time, and a stranger before it hides no fault.
    let until = |end: &'static str| {
        TimestampAuthority::new("stand-in", None, &stamper.chain, Validity::parse(None, Some(end)).unwrap()).unwrap()
    };
    let stranger = trusted(&Stamper::default()).iter().next().unwrap().clone();
    let of = |ends: &[&'static str]| {
        let listed = ends.iter().map(|end| until(end));
        verify(
            &Authorities::new([stranger.clone()].into_iter().chain(listed).chain([stranger.clone()]).collect()),
            &token,
        )
    };
    assert_eq!(of(&["2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]), Ok(SECONDS));
    assert_eq!(
        of(&["2025-01-01T00:00:00Z"]),
        Err("stand-in is trusted until 2025-01-01T00:00:00Z, and the time stamp is of 2026-01-01T00:00:00Z".into())
    );
}

#[test]
fn a_chain_leads_to_the_trusted_root_through_certificates_that_are_known() {
    let stamper = Stamper::of(&Certified { has_intermediate: true, ..Certified::default() });
    let whole = |parts: &mut Elements| parts[3] = tlv(0xa0, &stamper.chain.concat());
    let token = stamper.stamp_of(SIGNATURE, TIME, &[(Part::SignedData, &whole)]);
    let without = stamper.stamp_of(SIGNATURE, TIME, &[(Part::SignedData, &|parts| parts[3].clear())]);
    // The root alone is trusted: the time stamp has to bring the rest.
    assert_eq!(verify(&by_root(&stamper), &token), Ok(SECONDS));
    assert_eq!(
        verify(&by_root(&stamper), &without),
        Err("the time stamp is by no trusted time-stamping authority".into())
    );
    let unknown = "the certificate of stand-in was not valid at 2026-01-01T00:00:00Z: it does not lead to the trusted \
                   certificate";
    let unknown = Err(unknown.to_owned());
    let leaf_alone = stamper.stamp_of(SIGNATURE, TIME, &[]);
    assert_eq!(verify(&by_root(&stamper), &leaf_alone), unknown);
    let between: [(&[&[u8]], _); 2] = [(&[TIME_STAMPING], Ok(SECONDS)), (&[CODE_SIGNING], Err(()))];
    for (purposes_between, expected) in between {
        let stamper = Stamper::of(&Certified { has_intermediate: true, purposes_between, ..Certified::default() });
        assert_eq!(edited(&stamper, &[]).map_err(|_| ()), expected);
    }
    // Another root of the same name.
    let other = Stamper::of(&Certified { has_intermediate: true, ..Certified::default() });
    assert!(verify(&by_root(&other), &token).is_err());
    // If the certificate that signs is known, so must be those between: an enclosed one is anybody's.
    let chain = [stamper.chain[0].clone(), stamper.chain[2].clone()];
    let pinned = TimestampAuthority::new("stand-in", None, &chain, Validity::ALWAYS).unwrap();
    assert_eq!(verify(&Authorities::new(vec![pinned]), &token), unknown);
    let pem = TimestampAuthority::from_pem(None, &stamper.pem()).unwrap();
    assert_eq!(pem.name(), "CN=stand-in root");
    assert_eq!(verify(&Authorities::new(vec![pem]), &without), Ok(SECONDS));
}

#[test]
fn pem_of_something_else_is_refused() {
    for pem in ["", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
        assert!(TimestampAuthority::from_pem(None, pem).is_err(), "{pem}");
    }
    let mut stamper = Stamper::default();
    stamper.chain.reverse();
    let error = TimestampAuthority::from_pem(None, &stamper.pem()).unwrap_err().to_string();
    assert_eq!(error, "the last certificate must be a certification authority's");
}

#[test]
fn an_answer_without_a_time_stamp_says_why() {
    let authorities = trusted(&Stamper::default());
    for (answer, expected) in [
        (
            refusal("try later\u{1b}[2J", &[1, 0, 2]),
            "the time-stamping authority refused: its clock is not available, 'try later\u{fffd}[2J'",
        ),
        (refusal("no", &[0]), "the time-stamping authority refused: 'no'"),
        (sequence(&[&sequence(&[&[2, 1, 3]])]), "the time-stamping authority refused: Waiting"),
        (sequence(&[&sequence(&[&[2, 1, 0]])]), "the time stamp is malformed: TimeStampResp: it has no time stamp"),
    ] {
        assert_eq!(verify(&authorities, &answer), Err(expected.into()));
    }
}

#[test]
fn bytes_that_are_no_time_stamp_are_refused() {
    let stamper = Stamper::default();
    let (authorities, token) = (trusted(&stamper), stamper.stamp_of(SIGNATURE, TIME, &[]));
    for end in 0..token.len() {
        assert!(verify(&authorities, &token[..end]).is_err(), "{end}");
    }
    let longer = [&token[..], &[0]].concat();
    for bytes in [
        &longer[..],
        b"",
        b"<html>",
        &[0x30, 0x80, 0, 0],
        &[0x30; 1000],
        &[0xff; 40_000],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert!(verify(&authorities, bytes).is_err(), "{bytes:02x?}");
    }
    // A change anywhere but in what nobody signs.
    let unsigned = |at: usize| {
        let mut changed = token.clone();
        changed[at] ^= 0x40;
        verify(&authorities, &changed).is_ok()
    };
    let accepted = (0..token.len()).filter(|at| unsigned(*at)).count();
    let enclosed = stamper.chain[0].len();
    assert!(
        accepted <= enclosed + 64,
        "{accepted} of {} bytes can be changed, {enclosed} are of the certificate",
        token.len()
    );
    let many = stamper.stamp_of(
        SIGNATURE,
        TIME,
        &[(Part::SignedData, &|parts| {
            parts[3] = tlv(0xa0, &vec![sequence(&[&[5, 0]]); 17].concat());
        })],
    );
    assert_eq!(
        verify(&authorities, &many),
        Err("the time stamp is malformed: certificates: there are too many".into())
    );
}

#[test]
fn a_time_stamp_has_at_most_32_kib() {
    // Its signatures are all of one length.
    let stamper = Stamper::of(&Certified { algorithm: &rcgen::PKCS_ED25519, ..Certified::default() });
    let enclosing = |bytes: usize| {
        let edit = |parts: &mut Elements| parts[3] = tlv(0xa0, &tlv(0x30, &vec![0; bytes]));
        stamper.stamp_of(SIGNATURE, TIME, &[(Part::SignedData, &edit)])
    };
    let largest = 30_000 + 32_768 - enclosing(30_000).len();
    assert_eq!(enclosing(largest).len(), 32_768);
    assert_eq!(verify(&trusted(&stamper), &enclosing(largest)), Ok(SECONDS));
    for bytes in [largest + 1, 33_000, 100_000] {
        let expected = Err("the time stamp has more than 32768 bytes".into());
        assert_eq!(verify(&trusted(&stamper), &enclosing(bytes)), expected, "{bytes}");
    }
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}
