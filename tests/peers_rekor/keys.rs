//! The key that stands in an entry: ours is the one that Rekor's own readers find.

use std::io::Write as _;
use std::process::Stdio;

use ::base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;
use testing::filed::der::Certificate;
use testing::filed::ours::{second_digests, shifted, with_more_elements};
use testing::filed::{Case, Key, base64, pem};
use testing::process::go_tool;
use tlogistry::tlog::body::EntryKey;

const INPUTS: usize = 20_000;

/// The output of `rekor-reads` for an input.
pub fn rekor_reads(what: &str, input: &[u8]) -> String {
    let mut command = go_tool("rekor-reads");
    let mut child = command.arg(what).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let writing = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Keys in PEM as Rekor may get them.
fn texts(case: &Case) -> Vec<Vec<u8>> {
    let in_entries = second_digests(case).into_iter().flat_map(|(filed, _)| {
        let signatures = filed.leaf["spec"]["content"]["envelope"]["signatures"].as_array().cloned();
        signatures.unwrap_or_default().into_iter().map(|signature| signature["publicKey"].as_str().unwrap().to_owned())
    });
    in_entries.map(|text| BASE64_STANDARD.decode(text).unwrap()).collect()
}

/// DER of keys and certificates, for PEM that is whole around DER that is not.
fn encoded(case: &Case) -> Vec<(&'static str, Vec<u8>)> {
    let spki = case.ours.public.der();
    let uri = case.listing_name();
    let certificate = Certificate { uri: Some(&uri), subject: "anyone", ..Default::default() };
    vec![
        ("PUBLIC KEY", spki.to_vec()),
        ("PUBLIC KEY", with_more_elements(spki)),
        ("PUBLIC KEY", shifted(spki)),
        ("CERTIFICATE", certificate.around(spki, &case.theirs)),
        ("CERTIFICATE", certificate.around(&with_more_elements(spki), &case.theirs)),
    ]
}

/// A few changes at random places, as often as not where a line begins: bytes, and the parts that PEM is made of.
fn mutated(random: &mut fastrand::Rng, original: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut text = original.to_vec();
    for _ in 0..random.usize(1..4) {
        let begins = |at: usize| at == 0 || at == text.len() || text[at - 1] == b'\n';
        let lines: Vec<usize> = (0..=text.len()).filter(|at| begins(*at)).collect();
        let at = if random.bool() { *random.choice(&lines).unwrap() } else { random.usize(..=text.len()) };
        let end = (at + random.usize(1..80)).min(text.len());
        match random.u8(..12) {
            0..7 => drop(text.splice(at..at, random.choice(parts).unwrap().iter().copied())),
            7 if at < text.len() => text[at] ^= 1 << random.u8(..8),
            8 => drop(text.drain(at..end)),
            9 => drop(text.splice(at..at, text[at..end].to_vec())),
            10 => text.truncate(at),
            _ => text.insert(at, random.u8(..)),
        }
    }
    text
}

#[test]
fn the_key_is_the_one_that_rekor_reads_in_thousands_of_spoilt_inputs() {
    let case = Case {
        tag: "registry.test/app:v1".parse().unwrap(),
        seen: tlogistry::image::Digest::sha256(b"seen"),
        other: tlogistry::image::Digest::sha256(b"other"),
        ours: Key::generate(),
        theirs: Key::generate(),
    };
    let (texts, encoded) = (texts(&case), encoded(&case));
    let their_pem = case.theirs.pem();
    let parts: [&[u8]; 19] = [
        b"\n",
        b"\r\n",
        b" ",
        b"\t",
        b":",
        b"=",
        b"-----",
        b"-----BEGIN ",
        b"-----END ",
        b"\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\n",
        b"Comment: x\n",
        b"Comment: x\n\n",
        b"\xc2\xa0",
        b"\xe2\x80\xa8",
        b"\0",
        b"\x0c",
        their_pem.as_bytes(),
    ];
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut inputs: Vec<Vec<u8>> = texts.clone();
    while inputs.len() < INPUTS {
        let input = if random.u8(..8) > 0 {
            let original = random.choice(&texts).unwrap().clone();
            mutated(&mut random, &original, &parts)
        } else {
            let (kind, der) = random.choice(&encoded).unwrap().clone();
            pem(kind, &mutated(&mut random, &der, &[&[0x30], &[0], &[0x80], &[5, 0]])).into_bytes()
        };
        inputs.push(input);
    }
    let lines: Vec<String> = inputs.iter().map(|input| base64(input) + "\n").collect();
    let read = rekor_reads("keys", lines.concat().as_bytes());
    let read: Vec<&str> = read.lines().collect();
    assert_eq!(read.len(), INPUTS);
    for (input, rekors) in inputs.iter().zip(&read) {
        let ours = EntryKey::from_pem(input).map(|key| hex::encode(key.der()));
        // An entry that Rekor refuses is in no log.
        assert!(*rekors == "-" || ours.as_deref() == Some(rekors), "seed {seed}: {:?}", String::from_utf8_lossy(input));
    }
    let of_ours = hex::encode(case.ours.public.der());
    let count = |wanted: &dyn Fn(&str) -> bool| read.iter().filter(|read| wanted(read)).count();
    let (keys, ours) = (count(&|read| read != "-"), count(&|read| read == of_ours));
    println!("of {INPUTS} inputs Rekor reads a key in {keys}, ours in {ours}");
    assert!(ours > INPUTS / 20 && keys > ours, "of {INPUTS} inputs Rekor reads a key in {keys}, ours in {ours}");
}

/// A key ring with a signature by one of its keys.
pub struct Ring(pub Value);

impl Ring {
    pub fn that_signed(what: &str, content: &[u8]) -> Self {
        Self(serde_json::from_str(&rekor_reads(what, content)).unwrap())
    }

    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap()
    }
}
