//! The search for a key in bytes that cannot be understood.

use super::go;
use crate::key::PublicKey;

/// Length of a part that every encoding of a key has: the x coordinate of a point on P-256, the last bytes of other keys.
const PART: usize = 32;
/// Bytes before the coordinates in the SubjectPublicKeyInfo of a key on P-256 (RFC 5480).
const P256_PREFIX: usize = 27;
/// Layers of base64: a key in PEM or armour, in base64, in a JSON string that is base64 itself.
const DEPTH: usize = 3;

/// True if `bytes` hold the key as it is, in hexadecimal, or in base64 up to three times over, each perhaps in the strings
/// of JSON.
pub(crate) fn contains_key(bytes: &[u8], key: &PublicKey) -> bool {
    let der = key.der();
    let part = if key.is_p256() {
        der.get(P256_PREFIX..P256_PREFIX + PART)
    } else {
        der.last_chunk::<PART>().map(|part| &part[..])
    };
    part.is_some_and(|part| contains_part(bytes, part, hex::encode(part).as_bytes(), DEPTH))
}

fn contains_part(bytes: &[u8], part: &[u8], hex: &[u8], depth: usize) -> bool {
    let contains = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(wanted));
    if bytes.windows(PART).any(|window| window == part) || contains(hex) {
        return true;
    }
    let bytes = &without_escapes(bytes)[..];
    depth > 0
        && [b"+/", b"-_"].into_iter().any(|specials| {
            let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || specials.contains(byte);
            let runs = bytes.split(|byte| !is_digit(byte) && !matches!(byte, b'\r' | b'\n'));
            runs.filter(|run| run.len() > PART).any(|run| {
                let digits: Vec<u8> = run.iter().copied().filter(is_digit).collect();
                // A word before the base64 may end in the middle of its groups of four.
                (0..4).any(|skip| {
                    let digits = digits.get(skip..).unwrap_or_default();
                    let whole = &digits[..digits.len() / 4 * 4];
                    go::base64_of_dsse(whole).is_some_and(|decoded| contains_part(&decoded, part, hex, depth - 1))
                })
            })
        })
}

/// JSON writes line ends in a string as `\n` and `\r`, in a string of JSON in a string with more backslashes.
fn without_escapes(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().peekable();
    while let Some(byte) = rest.next() {
        if *byte != b'\\' {
            plain.push(*byte);
            continue;
        }
        while rest.next_if(|byte| **byte == b'\\').is_some() {}
        if rest.next_if(|byte| matches!(byte, b'n' | b'r')).is_none() {
            // `\/` stands for a digit of base64, so its backslash goes; other escapes keep theirs.
            plain.extend((rest.peek() != Some(&&b'/')).then_some(b'\\'));
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    use super::*;
    use crate::sighting::LocalKey;

    #[test]
    fn a_key_is_found_in_every_encoding_and_no_other_key_is() {
        // One whose base64 has a character that JSON may escape.
        let keys = std::iter::repeat_with(|| LocalKey::generate().unwrap().public_key().clone());
        let key = keys.into_iter().find(|key| BASE64_STANDARD.encode(&key.der()[27..57]).contains('/')).unwrap();
        let other = LocalKey::generate().unwrap().public_key().clone();
        let compressed = [&[2], &key.der()[27..59]].concat();
        let json = format!(r#"{{"spec":{{"key":"{}"}}}}"#, BASE64_STANDARD.encode(key.pem()));
        for text in [
            key.der().to_vec(),
            key.pem().as_bytes().to_vec(),
            key.pem().replace('\n', "\r\n").into_bytes(),
            hex::encode_upper(key.der()).into_bytes(),
            format!(r#"{{"point":"{}"}}"#, BASE64_STANDARD.encode(&compressed)).into_bytes(),
            json.clone().into_bytes(),
            serde_json::json!({"key": key.pem(), "in": serde_json::json!({"key": key.pem()}).to_string()})
                .to_string()
                .into(),
            serde_json::json!({"in": serde_json::json!({"key": key.pem()}).to_string()}).to_string().into(),
            BASE64_STANDARD.encode(serde_json::json!({"key": key.pem()}).to_string()).into_bytes(),
            key.pem().replace('/', "\\/").into_bytes(),
            format!(r#"{{"body":"{}"}}"#, BASE64_STANDARD.encode(&json)).into_bytes(),
            format!("Version: 1\n\n{}\n=AAAA", BASE64_STANDARD.encode(&compressed)).into_bytes(),
        ] {
            assert!(contains_key(&text, &key), "{}", String::from_utf8_lossy(&text));
            assert!(!contains_key(&text, &other));
        }
    }

    #[test]
    fn a_key_is_looked_for_in_three_layers_of_base64_and_no_more() {
        let key = LocalKey::generate().unwrap().public_key().clone();
        let mut text = key.der().to_vec();
        for layers in 0..=4 {
            assert_eq!(contains_key(&text, &key), layers <= 3, "{layers} layers");
            text = BASE64_STANDARD.encode(&text).into_bytes();
        }
    }

    #[test]
    fn escapes_other_than_line_ends_and_slashes_stay() {
        for (text, plain) in [(r"a\\nb\rc", "abc"), (r"a\/b\\\/c", "a/b/c"), (r#"a\"b\tc\"#, r#"a\"b\tc\"#)] {
            assert_eq!(String::from_utf8_lossy(&without_escapes(text.as_bytes())), plain, "{text}");
        }
    }
}
