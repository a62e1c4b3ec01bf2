//! Strangers' entries about our tag that hold our key somewhere.

use serde_json::json;
use tlogistry::dsse::IN_TOTO;

use super::der::Certificate;
use super::{Case, Filed, Signature, base64, dsse, intoto_1, intoto_2, other_forms, pem};

pub fn that_hold_our_key(case: &Case) -> Vec<Filed> {
    let (ours, theirs, payload) = (&case.ours, &case.theirs, case.other());
    let (our_pem, their_pem) = (ours.pem(), theirs.pem());
    let sealed = || theirs.signer_of(IN_TOTO, &payload);
    let filed = |name, signature: Signature| intoto_2(name, IN_TOTO, &payload, &[signature]);
    let around = |certificate: Certificate<'_>| certificate.around(theirs.public.der(), theirs);
    let plain = around(Certificate { subject: "a stranger", ..Default::default() });
    let our_certificate = Certificate { subject: "ours", ..Default::default() }.around(ours.public.der(), theirs);
    let in_extension = around(Certificate { extension: Some(ours.public.der()), ..Default::default() });
    let text_in_extension = around(Certificate { extension: Some(our_pem.as_bytes()), ..Default::default() });
    let in_subject = around(Certificate { subject: &our_pem, ..Default::default() });
    let in_name = around(Certificate { uri: Some(&our_pem.replace('\n', "")), ..Default::default() });
    let with_header = their_pem.replacen("-----\n", &format!("-----\nKey: {}\n\n", base64(ours.public.der())), 1);
    let our_lines = our_pem.replace("-----BEGIN", "# -----BEGIN").replace("-----END", "# -----END");
    let (other_kind, name) = (format!("text/{our_pem}"), case.tag.canonical().as_bytes());
    let mut with_key_id = filed("with our key as key id", sealed());
    for side in [with_key_id.proposed.as_mut(), Some(&mut with_key_id.leaf)].into_iter().flatten() {
        side["spec"]["content"]["envelope"]["signatures"][0]["keyid"] = json!(our_pem);
    }
    let ring = other_forms::openpgp_ring_with_other_subkey(theirs, ours);
    vec![
        filed("of their own", sealed()),
        filed(
            "with our certificate behind theirs",
            sealed().with_certificates(&[plain.clone(), our_certificate.clone()]),
        ),
        filed("with our key in a comment", sealed().with_key(format!("{our_lines}{their_pem}"))),
        filed(
            "with our key in a block without end",
            sealed().with_key(format!("{}\n{their_pem}", our_pem.split_once("-----END").unwrap().0)),
        ),
        filed(
            "with our key in a block that ends otherwise",
            sealed().with_key(format!("{}{their_pem}", our_pem.replace("END PUBLIC KEY", "END KEY"))),
        ),
        filed("with our key in a header", sealed().with_key(with_header)),
        filed("with our key in an extension", sealed().with_certificates(std::slice::from_ref(&in_extension))),
        filed("with our key as text in an extension", sealed().with_certificates(&[text_in_extension])),
        filed("with our key as the subject", sealed().with_certificates(&[in_subject])),
        filed("with our key as another name", sealed().with_certificates(&[in_name])),
        with_key_id,
        intoto_2("with our key as the type", &other_kind, &payload, &[theirs.signer_of(&other_kind, &payload)])
            .listed_by_hand(),
        dsse("as dsse", IN_TOTO, &payload, &[sealed()]),
        dsse(
            "as dsse, with our certificate behind theirs",
            IN_TOTO,
            &payload,
            &[sealed().with_certificates(&[plain, our_certificate])],
        ),
        dsse(
            "as dsse, with our key in an extension",
            IN_TOTO,
            &payload,
            &[sealed().with_certificates(&[in_extension])],
        ),
        intoto_1("as intoto 0.0.1", IN_TOTO, &payload, &sealed()),
        super::hashedrekord("as the signed name", "sha256", &case.listing_name()[7..], &their_pem, &theirs.sign(name)),
        super::rekord("as the signed name, as rekord", "x509", name, their_pem.as_bytes(), &theirs.sign(name)),
        other_forms::rekord_ssh("as the name signed by OpenSSH", name, theirs),
        other_forms::rekord_ssh_certified("as the same, certified by our key", name, theirs, ours),
        other_forms::rekord_pgp("as the name signed by OpenPGP, our key a subkey", name, &ring),
        other_forms::helm("as a chart, our key a subkey", &case.listing_name()[7..], &ring),
        other_forms::cose("as COSE", &payload, theirs),
        other_forms::alpine("as a package of Alpine's", theirs).listed_by_hand(),
        other_forms::jar(
            "as a JAR",
            &Certificate { subject: "a stranger", ..Default::default() }.around(theirs.public.der(), theirs),
        ),
        other_forms::tuf("as TUF", theirs),
        super::leaf("as a time stamp", "rfc3161", "0.0.1", json!({"tsr": {"content": base64(ours.public.der())}})),
        super::leaf(
            "as a kind to come",
            "to-come",
            "0.0.1",
            json!({"key": base64(pem("PUBLIC KEY", theirs.public.der()))}),
        ),
    ]
}
