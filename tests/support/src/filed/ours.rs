//! Entries that no honest instance files: signatures of our own key.

use serde_json::json;
use sha2::{Digest as _, Sha256, Sha512};
use tlogistry::dsse::{IN_TOTO, pae};

use super::der::{Certificate, sequence, tlv};
use super::{
    Case, Filed, Signature, base64, dsse, hashedrekord, in_der, intoto_1, intoto_2, numbers, other_forms, pem,
};
use super::{leaf, rekord};

const OTHER_TYPE: &str = "application/vnd.example+json";

/// The command line's words on an entry beside the honest sighting, where the registry serves what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Two digests: exit code 1. With how the entry stands.
    Contradicted(&'static str),
    /// Signed for something else: exit code 1.
    Misused,
    /// It does not say what was signed: exit code 2.
    Unattested,
    /// It cannot be understood: exit code 2.
    Unreadable,
}

/// All of it.
pub fn everything(case: &Case) -> Vec<(Filed, Says)> {
    let contradict = |(filed, standing)| (filed, Says::Contradicted(standing));
    second_digests(case).into_iter().map(contradict).chain(misuses(case)).collect()
}

/// Another digest, in every form of key and signature that Rekor reads. With how each stands: a form that no instance
/// writes is no sighting's.
pub fn second_digests(case: &Case) -> Vec<(Filed, &'static str)> {
    let (ours, payload) = (&case.ours, case.other());
    let sealed = || ours.signer_of(IN_TOTO, &payload);
    let filed = |name, signatures: &[Signature]| (intoto_2(name, IN_TOTO, &payload, signatures), "refiled");
    let sighting = |name, signatures: &[Signature]| (intoto_2(name, IN_TOTO, &payload, signatures), "sighting");
    let around = |spki: &[u8]| Certificate { subject: "anyone", ..Default::default() }.around(spki, &case.theirs);
    let (spki, pem_text) = (ours.public.der(), ours.pem());
    let der = ours.sign(&pae(IN_TOTO, &payload));
    let [r, s] = numbers(&der);
    let [text, url_safe] = text_in_both_alphabets(case, &payload);
    let theirs = case.theirs.signer_of(IN_TOTO, &payload);
    let (key, their_key) = (pem_text.clone(), case.theirs.pem());
    vec![
        sighting("as a sighting", &[sealed()]),
        sighting("with a certificate", &[sealed().with_certificates(&[around(spki)])]),
        filed(
            "with two certificates",
            &[sealed().with_certificates(&[around(spki), around(case.theirs.public.der())])],
        ),
        filed("with two certificates, both ours", &[sealed().with_certificates(&[around(spki), around(spki)])]),
        sighting(
            "with headers",
            &[sealed().with_key(pem_text.replacen("-----\n", "-----\nComment: a\nOther: b\n\n", 1))],
        ),
        sighting("with line ends of Windows", &[sealed().with_key(pem_text.replace('\n', "\r\n"))]),
        sighting("with text before the key", &[sealed().with_key(format!("# a key: with a colon\n{pem_text}"))]),
        sighting("with white space around", &[sealed().with_key(format!("\n \t\u{a0}\n{pem_text}\u{2003}\n\n"))]),
        filed("with a begun block before", &[sealed().with_key(format!("-----BEGIN PUBLIC KEY-----\n{pem_text}"))]),
        filed(
            "with a broken block before",
            &[sealed().with_key(format!("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n{pem_text}"))],
        ),
        sighting("with a key in one line", &[sealed().with_key(one_line(&pem_text))]),
        sighting("with a key in lines of one", &[sealed().with_key(lines_of_one(&pem_text))]),
        sighting("with a key full of spaces", &[sealed().with_key(spaced(&pem_text))]),
        filed("with elements behind the key", &[sealed().with_key(pem("PUBLIC KEY", &with_more_elements(spki)))]),
        filed("with a shifted bit string", &[sealed().with_key(pem("PUBLIC KEY", &shifted(spki)))]),
        filed(
            "with both in a certificate",
            &[sealed().with_certificates(&[around(&with_more_elements(&shifted(spki)))])],
        ),
        sighting("with a stranger's signature behind", &[sealed(), theirs.clone()]),
        sighting("with a stranger's signature before", &[theirs.clone(), sealed()]),
        sighting("with the keys exchanged", &[sealed().with_key(their_key), theirs.with_key(key)]),
        sighting("with the signature twice", &{
            let one = sealed();
            [one.clone(), one]
        }),
        filed("with a signature in URL-safe base64", &[sealed().with_text(url_safe)]),
        filed("with a signature in broken lines", &[sealed().with_text(format!("{}\r\n{}\n", &text[..9], &text[9..]))]),
        filed("with bits behind the signature", &[sealed().with_text(with_set_bits(case, &payload))]),
        filed("with two bare numbers", &[sealed().with_text(base64([r, s].concat()))]),
        filed(
            "with two longer numbers",
            &[sealed().with_text(base64([[0; 34].as_slice(), &r, &[0; 34], &s].concat()))],
        ),
        sighting("with the other number", &[sealed().with_text(base64(in_der([r, negated(s)])))]),
        (intoto_1("as intoto 0.0.1", IN_TOTO, &payload, &sealed()), "refiled"),
        (
            intoto_1(
                "as intoto 0.0.1 with a certificate",
                IN_TOTO,
                &payload,
                &sealed().with_certificates(&[around(spki)]),
            ),
            "refiled",
        ),
    ]
}

/// Everything else that our key can sign.
pub fn misuses(case: &Case) -> Vec<(Filed, Says)> {
    let (ours, theirs) = (&case.ours, &case.theirs);
    let name = case.tag.canonical().as_bytes();
    let text = String::from_utf8(case.other()).unwrap();
    let signed = |name, text: String| {
        let payload = text.into_bytes();
        (intoto_2(name, IN_TOTO, &payload, &[ours.signer_of(IN_TOTO, &payload)]), Says::Misused)
    };
    let (subjects, _) = text.split_once("],").unwrap();
    let (head, subjects) = subjects.split_once('[').unwrap();
    let (manifest, tag) = subjects.split_once("},{").unwrap();
    let seen = String::from_utf8(case.seen()).unwrap();
    let (other, name_hash) = (case.other(), hex::encode(Sha256::digest(name)));
    let over_name = ours.sign(name);
    let other_pae = pae(IN_TOTO, &other);
    let of_type = |kind: &str, payload: &[u8]| [ours.signer_of(kind, payload)];
    let certified = Certificate { subject: "anyone", ..Default::default() }.around(ours.public.der(), theirs);
    let in_certificate = pem("CERTIFICATE", &certified);
    let over_other = ours.sign(&other_pae);
    let (pae_hash, long_hash) = (hex::encode(Sha256::digest(&other_pae)), hex::encode(Sha512::digest(&other_pae)));
    let (ring, subkey) = (other_forms::openpgp_ring(ours), other_forms::openpgp_ring_with_signing_subkey(theirs, ours));
    vec![
        signed("with a space more", text.replacen("{\"_type", "{ \"_type", 1)),
        signed("with a line end behind", format!("{text}\n")),
        signed("with a field twice", text.replacen("\"predicate\":", "\"predicate\":0,\"predicate\":", 1)),
        signed("with a third subject", text.replacen("],", ",{\"name\":\"x\",\"digest\":{\"sha256\":\"00\"}}],", 1)),
        signed("in the old order", format!("{head}[{{{tag},{manifest}}}],{}", text.split_once("],").unwrap().1)),
        signed("with another predicate", text.replacen("tag-sighting/v1", "tag-sighting/v2", 1)),
        signed("of the seen digest, with a space more", seen.replacen("{\"_type", "{ \"_type", 1)),
        (
            intoto_1(
                "as intoto 0.0.1, with a space more",
                IN_TOTO,
                &[b" ", &other[..]].concat(),
                &of_type(IN_TOTO, &[b" ", &other[..]].concat())[0],
            ),
            Says::Misused,
        ),
        (intoto_2("of another type", OTHER_TYPE, &other, &of_type(OTHER_TYPE, &other)).listed_by_hand(), Says::Misused),
        (
            intoto_2(
                "of the seen digest, of another type",
                OTHER_TYPE,
                &case.seen(),
                &of_type(OTHER_TYPE, &case.seen()),
            )
            .listed_by_hand(),
            Says::Misused,
        ),
        (
            intoto_2("of another type, the statement lost", OTHER_TYPE, b"x", &of_type(OTHER_TYPE, b"x"))
                .without_attestation("of another type, the statement lost"),
            Says::Misused,
        ),
        (
            dsse(
                "as dsse, of the seen digest, of another type",
                OTHER_TYPE,
                &case.seen(),
                &of_type(OTHER_TYPE, &case.seen()),
            )
            .listed_by_hand(),
            Says::Misused,
        ),
        (hashedrekord("as the signed name", "sha256", &name_hash, &ours.pem(), &over_name), Says::Misused),
        (
            hashedrekord(
                "as the signed name, in capitals",
                "sha256",
                &name_hash.to_uppercase(),
                &ours.pem(),
                &over_name,
            ),
            Says::Misused,
        ),
        (
            hashedrekord("as the signed name, with a certificate", "sha256", &name_hash, &in_certificate, &over_name),
            Says::Misused,
        ),
        (rekord("as the signed name, as rekord", "x509", name, ours.pem().as_bytes(), &over_name), Says::Misused),
        (other_forms::rekord_ssh("as the name signed by OpenSSH", name, ours), Says::Misused),
        (other_forms::rekord_ssh_certified("as the same, certified", name, ours, theirs), Says::Misused),
        (other_forms::rekord_pgp("as the name signed by OpenPGP", name, &ring), Says::Misused),
        (other_forms::rekord_pgp("as the name signed by an OpenPGP subkey", name, &subkey), Says::Misused),
        (other_forms::cose("as COSE", &other, ours), Says::Misused),
        (other_forms::alpine("as a package of Alpine's", ours).listed_by_hand(), Says::Misused),
        (other_forms::helm("as a chart", &name_hash, &ring), Says::Misused),
        (other_forms::rpm("as a package of RPM's", &ring), Says::Misused),
        // The log does not keep what was signed.
        (dsse("as dsse", IN_TOTO, &other, &of_type(IN_TOTO, &other)), Says::Unattested),
        (
            dsse(
                "as dsse, with a certificate",
                IN_TOTO,
                &other,
                &[ours.signer_of(IN_TOTO, &other).with_certificates(std::slice::from_ref(&certified))],
            ),
            Says::Unattested,
        ),
        (dsse("as dsse, of a file", OTHER_TYPE, b"x", &of_type(OTHER_TYPE, b"x")).listed_by_hand(), Says::Unattested),
        (
            dsse(
                "as dsse, with two signers",
                IN_TOTO,
                &other,
                &[theirs.signer_of(IN_TOTO, &other), ours.signer_of(IN_TOTO, &other)],
            ),
            Says::Unattested,
        ),
        (
            intoto_1("", IN_TOTO, &other, &of_type(IN_TOTO, &other)[0])
                .without_attestation("as intoto 0.0.1, the statement lost"),
            Says::Unattested,
        ),
        (
            intoto_2("", IN_TOTO, &other, &of_type(IN_TOTO, &other))
                .without_attestation("as a sighting, the statement lost"),
            Says::Unattested,
        ),
        (
            hashedrekord("as the hash of what is signed", "sha256", &pae_hash, &ours.pem(), &over_other)
                .listed_by_hand(),
            Says::Unattested,
        ),
        (
            hashedrekord("as another hash of it", "sha512", &long_hash, &ours.pem(), &over_other).listed_by_hand(),
            Says::Unattested,
        ),
        (
            rekord("as rekord, of what is signed", "x509", &other_pae, ours.pem().as_bytes(), &over_other)
                .listed_by_hand(),
            Says::Unattested,
        ),
        // Its meaning cannot be told.
        (other_forms::jar("as a JAR", &certified), Says::Unreadable),
        (other_forms::tuf("as TUF", ours), Says::Unreadable),
        (leaf("as a kind to come", "to-come", "0.0.1", json!({"key": base64(ours.pem())})), Says::Unreadable),
        (
            leaf("as a kind to come, with the key's text", "to-come", "0.0.1", json!({"key": ours.pem()})),
            Says::Unreadable,
        ),
        (
            leaf(
                "as a kind to come, with the key's bytes",
                "to-come",
                "0.0.1",
                json!({"key": hex::encode(ours.public.der())}),
            ),
            Says::Unreadable,
        ),
        (
            leaf("as dsse of a version to come", "dsse", "0.0.2", json!({"verifiers": [base64(ours.pem())]})),
            Says::Unreadable,
        ),
        (
            leaf("as intoto of a version to come", "intoto", "0.0.3", json!({"publicKey": base64(ours.pem())})),
            Says::Unreadable,
        ),
        (
            leaf(
                "as dsse with a field missing",
                "dsse",
                "0.0.1",
                json!({"signatures": [{"verifier": base64(ours.pem())}]}),
            ),
            Says::Unreadable,
        ),
    ]
}

/// The signature over a payload in both alphabets of base64, which differ.
fn text_in_both_alphabets(case: &Case, payload: &[u8]) -> [String; 2] {
    loop {
        let text = case.ours.seal(IN_TOTO, payload);
        let url_safe = text.replace('+', "-").replace('/', "_");
        if text != url_safe {
            return [text, url_safe];
        }
    }
}

/// The signature in base64 whose last digit holds bits that no byte has.
fn with_set_bits(case: &Case, payload: &[u8]) -> String {
    loop {
        let text = case.ours.seal(IN_TOTO, payload);
        let digits = text.trim_end_matches('=');
        if digits.len() == text.len() {
            continue;
        }
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let last = ALPHABET.iter().position(|digit| digits.as_bytes().last() == Some(digit)).unwrap();
        let padding = &text[digits.len()..];
        return format!("{}{}{padding}", &digits[..digits.len() - 1], char::from(ALPHABET[last + 1]));
    }
}

fn body(pem: &str) -> (&str, String, &str) {
    let (begin, rest) = pem.split_once('\n').unwrap();
    let (body, end) = rest.split_once("-----END").unwrap();
    (begin, body.replace('\n', ""), end)
}

fn one_line(pem: &str) -> String {
    let (begin, body, end) = body(pem);
    format!("{begin}\n{body}\n-----END{end}")
}

fn lines_of_one(pem: &str) -> String {
    let (begin, body, end) = body(pem);
    let body: String = body.chars().flat_map(|digit| [digit, '\n']).collect();
    format!("{begin}\n{body}-----END{end}")
}

fn spaced(pem: &str) -> String {
    let (begin, body, end) = body(pem);
    let body: String = body.chars().flat_map(|digit| [digit, ' ', '\t']).collect();
    format!("{begin} \t\n{body}\n-----END{end}")
}

/// Elements behind those of a key, and of its algorithm.
pub fn with_more_elements(spki: &[u8]) -> Vec<u8> {
    let (algorithm, key) = spki[2..].split_at(2 + usize::from(spki[3]));
    let algorithm = sequence(&[&algorithm[2..], &[5, 0]]);
    sequence(&[&algorithm, key, &[2, 1, 1], &tlv(12, b"more")])
}

/// The same point in a bit string that begins one bit earlier.
pub fn shifted(spki: &[u8]) -> Vec<u8> {
    let (algorithm, key) = spki[2..].split_at(2 + usize::from(spki[3]));
    let point = &key[3..];
    let mut bits: Vec<u8> = point.iter().map(|byte| byte << 1).collect();
    for (place, byte) in point.iter().enumerate().skip(1) {
        bits[place - 1] |= byte >> 7;
    }
    sequence(&[algorithm, &tlv(3, &[&[1], &bits[..]].concat())])
}

/// n − s: the other half of a signature, which verifies as well.
pub fn negated(number: [u8; 32]) -> [u8; 32] {
    const N: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (mut difference, mut borrow) = ([0; 32], 0);
    for place in (0..32).rev() {
        let digit = i16::from(N[place]) - i16::from(number[place]) - borrow;
        borrow = i16::from(digit < 0);
        difference[place] = digit.rem_euclid(256) as u8;
    }
    difference
}
