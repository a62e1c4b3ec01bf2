//! Keys and signatures written otherwise than we do, as Go reads them all the same.

use tlogistry::dsse::IN_TOTO;

use super::Case;
use super::der::{sequence, tlv};

/// The signature over a payload in both alphabets of base64, which differ.
pub fn text_in_both_alphabets(case: &Case, payload: &[u8]) -> [String; 2] {
    loop {
        let text = case.ours.seal(IN_TOTO, payload);
        let url_safe = text.replace('+', "-").replace('/', "_");
        if text != url_safe {
            return [text, url_safe];
        }
    }
}

/// The signature in base64 whose last digit holds bits that no byte has.
pub fn with_set_bits(case: &Case, payload: &[u8]) -> String {
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

pub fn one_line(pem: &str) -> String {
    let (begin, body, end) = body(pem);
    format!("{begin}\n{body}\n-----END{end}")
}

pub fn lines_of_one(pem: &str) -> String {
    let (begin, body, end) = body(pem);
    let body: String = body.chars().flat_map(|digit| [digit, '\n']).collect();
    format!("{begin}\n{body}-----END{end}")
}

pub fn spaced(pem: &str) -> String {
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
