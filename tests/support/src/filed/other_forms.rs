//! Signatures in forms of their own: OpenSSH's, COSE's, OpenPGP's.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use super::{Filed, Key, base64, entry, leaf, numbers, pem, rekord, sha256};

const SSH_KIND: &str = "ecdsa-sha2-nistp256";

fn ssh(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&(part.len() as u32).to_be_bytes()[..], part].concat()).collect()
}

fn ssh_key(key: &Key) -> Vec<u8> {
    ssh(&[SSH_KIND.as_bytes(), b"nistp256", key.point()])
}

/// Numbers with their sign, as short as they can be (RFC 4251 section 5).
fn ssh_number(number: [u8; 32]) -> Vec<u8> {
    let digits = &number[number.iter().take_while(|byte| **byte == 0).count()..];
    if digits[0] < 0x80 { digits.to_vec() } else { [&[0], digits].concat() }
}

/// A file signed as `ssh-keygen -Y sign -n file` does. `stated` is the key that stands in the entry, a blob of OpenSSH's.
fn rekord_ssh_with(name: &'static str, content: &[u8], key: &Key, kind: &str, stated: &[u8]) -> Filed {
    let hash = Sha512::digest(content);
    let message = [b"SSHSIG".to_vec(), ssh(&[b"file", b"", b"sha512", &hash])].concat();
    let [r, s] = numbers(&key.sign(&message)).map(ssh_number);
    let signature = ssh(&[SSH_KIND.as_bytes(), &ssh(&[&r, &s])]);
    let wrapped = [b"SSHSIG\0\0\0\x01".to_vec(), ssh(&[&ssh_key(key), b"file", b"", b"sha512", &signature])];
    let line = format!("{kind} {}\n", base64(stated));
    rekord(name, "ssh", content, line.as_bytes(), pem("SSH SIGNATURE", &wrapped.concat()).as_bytes())
}

pub fn rekord_ssh(name: &'static str, content: &[u8], key: &Key) -> Filed {
    rekord_ssh_with(name, content, key, SSH_KIND, &ssh_key(key))
}

/// With a certificate of OpenSSH's by `issuer` around the key.
pub fn rekord_ssh_certified(name: &'static str, content: &[u8], key: &Key, issuer: &Key) -> Filed {
    let kind = format!("{SSH_KIND}-cert-v01@openssh.com");
    let before = [
        ssh(&[kind.as_bytes(), b"nonce", b"nistp256", key.point()]),
        1u64.to_be_bytes().to_vec(),
        1u32.to_be_bytes().to_vec(),
        ssh(&[b"id", b""]),
        0u64.to_be_bytes().to_vec(),
        u64::MAX.to_be_bytes().to_vec(),
        ssh(&[b"", b"", b"", &ssh_key(issuer)]),
    ]
    .concat();
    let [r, s] = numbers(&issuer.sign(&before)).map(ssh_number);
    let signature = ssh(&[&ssh(&[SSH_KIND.as_bytes(), &ssh(&[&r, &s])])]);
    rekord_ssh_with(name, content, key, &kind, &[before, signature].concat())
}

fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len();
    let head = if length < 24 { vec![0x40 | length as u8] } else { vec![0x59, (length >> 8) as u8, length as u8] };
    // Lengths from 24 to 255 have a shorter form, and CBOR's reader wants that alone of deterministic writers.
    [if (24..256).contains(&length) { vec![0x58, length as u8] } else { head }, bytes.to_vec()].concat()
}

fn cbor_text(text: &str) -> Vec<u8> {
    let mut encoded = cbor_bytes(text.as_bytes());
    encoded[0] |= 0x20;
    encoded
}

/// A message of COSE with one signature (RFC 9052 section 4.2), of the content type of in-toto statements.
pub fn cose(name: &'static str, payload: &[u8], key: &Key) -> Filed {
    // {1: -7, 3: type}: ES256, and the content type.
    let protected = [&[0xa2, 1, 0x26, 3][..], &cbor_text(tlogistry::dsse::IN_TOTO)].concat();
    let (protected, payload_bytes) = (cbor_bytes(&protected), cbor_bytes(payload));
    let signed = [&[0x84][..], &cbor_text("Signature1"), &protected, &cbor_bytes(b""), &payload_bytes].concat();
    let signature = cbor_bytes(&key.sign_in_numbers(&signed));
    let message = [&[0xd2, 0x84][..], &protected, &[0xa0], &payload_bytes, &signature].concat();
    let data = json!({"envelopeHash": sha256(&message), "payloadHash": sha256(payload)});
    let spec = |with: Value| entry("cose", "0.0.1", with);
    Filed {
        name,
        proposed: Some(spec(json!({"data": {}, "message": base64(&message), "publicKey": base64(key.pem())}))),
        leaf: spec(json!({"data": data, "publicKey": base64(key.pem())})),
        attestation: Some(message),
    }
}

/// Rekor keeps the key, and the hash of the package.
pub fn alpine(name: &'static str, key: &Key) -> Filed {
    let package = json!({"hash": sha256(b"a package"), "pkginfo": {"pkgname": "a"}});
    leaf(name, "alpine", "0.0.1", json!({"package": package, "publicKey": {"content": base64(key.pem())}}))
}

/// Rekor keeps the first certificate beside the signature, whoever made that.
pub fn jar(name: &'static str, certificate: &[u8]) -> Filed {
    let key = json!({"content": base64(pem("CERTIFICATE", certificate))});
    let signature = json!({"content": base64(pem("PKCS7", b"a signature")), "publicKey": key});
    leaf(name, "jar", "0.0.1", json!({"archive": {"hash": sha256(b"an archive")}, "signature": signature}))
}

/// A root that names a key.
pub fn tuf(name: &'static str, key: &Key) -> Filed {
    let keys = json!({"1": {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": key.pem()}}});
    let root = json!({"signatures": [], "signed": {"_type": "root", "keys": keys}});
    let content = json!({"content": base64(root.to_string())});
    leaf(name, "tuf", "0.0.1", json!({"metadata": content, "root": content, "spec_version": "1.0"}))
}

const OPENPGP_SIGNATURE: u8 = 2;
const OPENPGP_KEY: u8 = 6;
const OPENPGP_IDENTITY: u8 = 13;
const OPENPGP_SUBKEY: u8 = 14;
const SIGNS_DATA: u8 = 2;
const ENCRYPTS: u8 = 12;

fn packet(kind: u8, contents: &[u8]) -> Vec<u8> {
    [&[0xc0 | kind, 255][..], &(contents.len() as u32).to_be_bytes(), contents].concat()
}

fn openpgp_key(key: &Key) -> Vec<u8> {
    // ECDSA on P-256, a point of 515 bits.
    [&[4, 0x60, 0, 0, 0, 19, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 2, 3][..], key.point()].concat()
}

/// A signature of this kind with key flags; its numbers are none, since no test here has Rekor check them.
fn openpgp_signature(kind: u8, flags: u8) -> Vec<u8> {
    let time = [5, 2, 0x60, 0, 0, 0];
    [&[4, kind, 19, 8, 0, 9][..], &time, &[2, 27, flags], &[0, 0], &[0; 2]].concat()
}

fn armoured(packets: &[Vec<u8>]) -> Vec<u8> {
    let text = base64(packets.concat());
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let (begin, end) = ("-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----");
    format!("{begin}\n\n{}\n=AAAA\n{end}", lines.join("\n")).into()
}

fn ring_of(key: &Key) -> Vec<Vec<u8>> {
    let identity = packet(OPENPGP_IDENTITY, b"a <a@example.org>");
    vec![packet(OPENPGP_KEY, &openpgp_key(key)), identity, packet(OPENPGP_SIGNATURE, &openpgp_signature(0x13, 3))]
}

/// A key ring whose one key signed an identity of its own.
pub fn openpgp_ring(key: &Key) -> Vec<u8> {
    armoured(&ring_of(key))
}

fn with_subkey(key: &Key, subkey: &Key, flags: u8) -> Vec<u8> {
    let binding = openpgp_signature(0x18, flags);
    let subkey = [packet(OPENPGP_SUBKEY, &openpgp_key(subkey)), packet(OPENPGP_SIGNATURE, &binding)];
    armoured(&[ring_of(key), subkey.to_vec()].concat())
}

/// The same, with a subkey that signs: Rekor takes it only with the subkey's own signature.
pub fn openpgp_ring_with_signing_subkey(key: &Key, subkey: &Key) -> Vec<u8> {
    with_subkey(key, subkey, SIGNS_DATA)
}

/// The same, with a subkey that does not sign: anyone's key can be one.
pub fn openpgp_ring_with_other_subkey(key: &Key, subkey: &Key) -> Vec<u8> {
    with_subkey(key, subkey, ENCRYPTS)
}

pub fn rekord_pgp(name: &'static str, content: &[u8], ring: &[u8]) -> Filed {
    rekord(name, "pgp", content, ring, b"a signature").listed_by_hand()
}

pub fn helm(name: &'static str, chart: &str, ring: &[u8]) -> Filed {
    let chart = json!({
        "hash": {"algorithm": "sha256", "value": chart}, "provenance": {"signature": {"content": base64("a signature")}},
    });
    leaf(name, "helm", "0.0.1", json!({"chart": chart, "publicKey": {"content": base64(ring)}}))
}

pub fn rpm(name: &'static str, ring: &[u8]) -> Filed {
    let package = json!({"hash": {"algorithm": "sha256", "value": hex::encode(Sha256::digest("a package"))}});
    leaf(name, "rpm", "0.0.1", json!({"package": package, "publicKey": {"content": base64(ring)}}))
}
