//! Copies of our published statements, which anyone can file.

use sha2::{Digest as _, Sha256};
use tlogistry::dsse::{IN_TOTO, pae};
use tlogistry::sighting::statement;

use super::der::Certificate;
use super::ours::negated;
use super::{Case, Filed, base64, dsse, hashedrekord, in_der, intoto_1, intoto_2, numbers, pem, rekord};

/// Copies of the sighting of this tag, with how each stands.
pub fn of_this_tag(case: &Case) -> Vec<(Filed, &'static str)> {
    let (payload, listing_name) = (case.seen(), case.listing_name());
    let sealed = case.ours.signer_of(IN_TOTO, &payload);
    let der = case.ours.sign(&pae(IN_TOTO, &payload));
    let [r, s] = numbers(&der);
    let certificate = Certificate { uri: Some(&listing_name), subject: "anyone", ..Default::default() };
    let certificate = certificate.around(case.ours.public.der(), &case.theirs);
    let certified = sealed.clone().with_certificates(std::slice::from_ref(&certificate));
    let chained = sealed.clone().with_certificates(&[certificate.clone(), certificate.clone()]);
    let (message, key) = (pae(IN_TOTO, &payload), pem("CERTIFICATE", &certificate));
    let hash = hex::encode(Sha256::digest(&message));
    // On P-256 the first half of a longer hash counts, so our signature fits any such. Rekor takes it where it is set up to
    // take another hash with such a key.
    let longer_hash = format!("{hash}{}", "5".repeat(64));
    let theirs = case.theirs.signer_of(IN_TOTO, &payload);
    vec![
        (dsse("as dsse", IN_TOTO, &payload, std::slice::from_ref(&sealed)), "refiled"),
        (dsse("as dsse, with a certificate", IN_TOTO, &payload, std::slice::from_ref(&certified)), "refiled"),
        (
            dsse(
                "as dsse, with two bare numbers",
                IN_TOTO,
                &payload,
                &[sealed.clone().with_text(base64([r, s].concat()))],
            ),
            "refiled",
        ),
        (
            dsse(
                "as dsse, with the other number",
                IN_TOTO,
                &payload,
                &[sealed.clone().with_text(base64(in_der([r, negated(s)])))],
            ),
            "refiled",
        ),
        (dsse("as dsse, with a stranger's signature", IN_TOTO, &payload, &[sealed.clone(), theirs.clone()]), "refiled"),
        (intoto_2("as it is, again", IN_TOTO, &payload, std::slice::from_ref(&sealed)), "sighting"),
        (
            intoto_2(
                "with the other number",
                IN_TOTO,
                &payload,
                &[sealed.clone().with_text(base64(in_der([r, negated(s)])))],
            ),
            "sighting",
        ),
        (
            intoto_2("with two bare numbers", IN_TOTO, &payload, &[sealed.clone().with_text(base64([r, s].concat()))]),
            "refiled",
        ),
        (intoto_2("with a stranger's certificate", IN_TOTO, &payload, std::slice::from_ref(&certified)), "sighting"),
        (intoto_2("with two certificates", IN_TOTO, &payload, &[chained]), "refiled"),
        (
            intoto_2(
                "with text before the key",
                IN_TOTO,
                &payload,
                &[sealed.clone().with_key(format!("#\n{}", case.ours.pem()))],
            ),
            "sighting",
        ),
        (intoto_2("with a stranger's signature", IN_TOTO, &payload, &[theirs, sealed.clone()]), "sighting"),
        (intoto_1("as intoto 0.0.1", IN_TOTO, &payload, &sealed), "refiled"),
        (
            intoto_1("", IN_TOTO, &payload, &case.ours.signer_of(IN_TOTO, &payload))
                .without_attestation("as intoto 0.0.1, the statement lost"),
            "refiled",
        ),
        (hashedrekord("as a signed file", "sha256", &hash, &key, &der), "refiled"),
        (hashedrekord("as a signed file, with two bare numbers", "sha256", &hash, &key, &[r, s].concat()), "refiled"),
        (
            hashedrekord("as a signed file of a longer hash", "sha512", &longer_hash, &key, &der).listed_by_hand(),
            "unrelated",
        ),
        (rekord("as rekord", "x509", &message, key.as_bytes(), &der), "refiled"),
    ]
}

/// Copies of our sighting of another tag, filed under this one by a certificate. With what a search for the statement finds.
pub struct OfAnotherTag {
    /// An honest instance's entry.
    pub original: Filed,
    /// The sha256 of its statement, which it is listed under.
    pub payload_hash: String,
    /// Each says what it is about, or only a hash of it.
    pub copies: Vec<Filed>,
    /// These say nothing without the original.
    pub bare: Vec<Filed>,
}

pub fn of_another_tag(case: &Case) -> OfAnotherTag {
    let tag = case.tag.to_string().replace("/app:", "/another:");
    let payload = statement(&tag.parse().unwrap(), &case.other);
    let sealed = case.ours.signer_of(IN_TOTO, &payload);
    let der = case.ours.sign(&pae(IN_TOTO, &payload));
    let listing_name = case.listing_name();
    let around = |certificate: Certificate<'_>| certificate.around(case.ours.public.der(), &case.theirs);
    let by_uri = around(Certificate { uri: Some(&listing_name), subject: "anyone", ..Default::default() });
    let capitals = listing_name.to_uppercase();
    let in_capitals = around(Certificate { uri: Some(&capitals), subject: "anyone", ..Default::default() });
    // MySQL's usual order takes an accented letter for the letter.
    let accented = listing_name.replacen('a', "á", 2);
    let with_accents = around(Certificate { other_name: Some(&accented), subject: "anyone", ..Default::default() });
    let message = pae(IN_TOTO, &payload);
    let hash = hex::encode(Sha256::digest(&message));
    let longer_hash = format!("{hash}{}", "5".repeat(64));
    let certified = |certificate: &Vec<u8>| sealed.clone().with_certificates(std::slice::from_ref(certificate));
    let file = |name, certificate: &[u8]| hashedrekord(name, "sha256", &hash, &pem("CERTIFICATE", certificate), &der);
    let key = pem("CERTIFICATE", &by_uri);
    OfAnotherTag {
        original: intoto_2("the original", IN_TOTO, &payload, std::slice::from_ref(&sealed)),
        payload_hash: hex::encode(Sha256::digest(&payload)),
        copies: vec![
            intoto_2("as intoto 0.0.2", IN_TOTO, &payload, &[certified(&by_uri)]),
            intoto_1("as intoto 0.0.1", IN_TOTO, &payload, &certified(&by_uri)),
            file("as a signed file", &by_uri),
            file("as a signed file, named in capitals", &in_capitals),
            file("as a signed file, named with accents", &with_accents),
            hashedrekord("as a signed file of a longer hash", "sha512", &longer_hash, &key, &der).listed_by_hand(),
            rekord("as rekord", "x509", &message, key.as_bytes(), &der),
        ],
        bare: vec![
            dsse("as dsse", IN_TOTO, &payload, &[certified(&by_uri)]),
            intoto_1("", IN_TOTO, &payload, &certified(&by_uri))
                .without_attestation("as intoto 0.0.1, the statement lost"),
        ],
    }
}
