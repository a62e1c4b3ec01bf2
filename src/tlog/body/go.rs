//! Encodings as Go reads them. Rekor is written in Go, and an entry is by the key that *Go* finds in it: a reader that
//! takes less, or takes another block, would call our own entry a stranger's or a stranger's ours.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// `base64.StdEncoding`: line ends are skipped, and the bits behind the last byte may be set.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    decode(text, &STANDARD)
}

/// `b64Decode` of go-securesystemslib, which reads payloads and signatures of DSSE envelopes: the standard alphabet, else
/// the URL-safe one.
pub(super) fn base64_of_dsse(text: &[u8]) -> Option<Vec<u8>> {
    decode(text, &STANDARD).or_else(|| decode(text, &URL_SAFE))
}

fn decode(text: &[u8], engine: &GeneralPurpose) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    engine.decode(text).ok()
}

/// A PEM block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub kind: String,
    pub contents: Vec<u8>,
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

/// The first block that `pem.Decode` returns, after `bytes.TrimSpace` as Rekor calls it. Text before it, headers, any line
/// end and broken blocks are passed over.
///
/// Source: `src/encoding/pem/pem.go` of Go 1.26. Of several `BEGIN` lines before an `END` line the last one counts.
pub(super) fn first_block(pem: &[u8]) -> Option<Block> {
    let mut rest = trim_space(pem);
    loop {
        let end = memmem::find(rest, END)?;
        let trailer = end + END.len();
        let begin = memmem::rfind(&rest[..end], BEGIN).filter(|begin| *begin == 0 || rest[begin - 1] == b'\n');
        if let Some(begin) = begin
            && let Some(block) = block(&rest[begin + BEGIN.len()..], end - begin - BEGIN.len())
        {
            return Some(block);
        }
        rest = &rest[trailer..];
    }
}

/// The block whose type line is at the beginning of `text` and whose `END` line is at `end`.
fn block(text: &[u8], end: usize) -> Option<Block> {
    let (type_line, mut at) = line(text, 0);
    let kind = type_line.strip_suffix(DASHES)?;
    let mut headers = false;
    loop {
        if at >= text.len() {
            return None;
        }
        let (header, next) = line(text, at);
        if !header.contains(&b':') {
            break;
        }
        headers = true;
        at = next;
    }
    // Without headers an empty block's END line begins with the line end of its BEGIN line.
    if at > end && headers {
        return None;
    }
    let trailer = text.get(end + END.len()..)?;
    let after = trailer.strip_prefix(kind)?.strip_prefix(DASHES)?;
    if !line(after, 0).0.is_empty() {
        return None;
    }
    let body: Vec<u8> =
        text.get(at..end).unwrap_or_default().iter().copied().filter(|byte| !matches!(byte, b' ' | b'\t')).collect();
    Some(Block { kind: String::from_utf8_lossy(kind).into_owned(), contents: base64(&body)? })
}

/// The line that begins at `at`, without its end and white space before that, and the beginning of the next one.
fn line(text: &[u8], at: usize) -> (&[u8], usize) {
    let rest = &text[at..];
    let (line, next) = match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) => (rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]), at + end + 1),
        None => (rest, text.len()),
    };
    let length = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
    (&line[..length], next)
}

/// `bytes.TrimSpace`: white space as Unicode has it, in UTF-8.
fn trim_space(text: &[u8]) -> &[u8] {
    let first_char = |text: &[u8]| (1..=text.len().min(4)).find_map(|length| space(&text[..length]));
    let last_char = |text: &[u8]| (1..=text.len().min(4)).find_map(|length| space(&text[text.len() - length..]));
    let mut text = text;
    while let Some(length) = first_char(text) {
        text = &text[length..];
    }
    while let Some(length) = last_char(text) {
        text = &text[..text.len() - length];
    }
    text
}

/// The length of `bytes` if they are one character of white space.
fn space(bytes: &[u8]) -> Option<usize> {
    let mut chars = std::str::from_utf8(bytes).ok()?.chars();
    let is_space = chars.next().is_some_and(char::is_whitespace) && chars.next().is_none();
    is_space.then_some(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(pem: &str) -> Option<String> {
        first_block(pem.as_bytes()).map(|block| format!("{} {}", block.kind, String::from_utf8_lossy(&block.contents)))
    }

    const KEY: &str = "-----BEGIN KEY-----\naGVs\nbG8=\n-----END KEY-----\n";

    /// Each text was run through Go 1.26's `pem.Decode(bytes.TrimSpace(…))`.
    #[test]
    fn the_first_block_is_the_one_that_go_reads() {
        let read = Some("KEY hello".to_owned());
        let other = "-----BEGIN OTHER-----\nb3RoZXI=\n-----END OTHER-----\n";
        for text in [
            KEY.to_owned(),
            KEY.replace('\n', "\r\n"),
            format!("{}\n{KEY}", "#".repeat(100_000)),
            format!("\u{a0}\u{2028} \t{KEY}\u{3000}\n"),
            format!("\u{2000}{}\u{85}\u{3000}", KEY.trim_end()),
            format!("{KEY}{other}"),
            format!("-----BEGIN OTHER-----\n{KEY}"),
            format!("-----BEGIN OTHER-----\nb3RoZXI=\n-----END NONE-----\n{KEY}"),
            KEY.replace("-----\na", "----- \t\nComment: x\nProc-Type: 4,ENCRYPTED\n\na"),
            KEY.replace("aGVs\nbG8=", "a G V s b\tG 8 ="),
            KEY.replace("aGVs\nbG8=", "aGVsbG9="),
            KEY.trim_end().to_owned(),
            KEY.replace("END KEY-----", "END KEY-----  "),
            format!("x{other}{KEY}"),
        ] {
            assert_eq!(contents(&text), read, "{text:?}");
        }
        for empty in ["-----BEGIN KEY-----\n-----END KEY-----", "-----BEGIN KEY-----\nComment: x\n\n-----END KEY-----"]
        {
            assert_eq!(contents(empty).as_deref(), Some("KEY "), "{empty:?}");
        }
        for text in [
            "",
            "KEY",
            "-----BEGIN KEY-----\naGVsbG8\n-----END KEY-----",
            "-----BEGIN KEY-----\naGVsbG8=\n-----END KEYS-----",
            "-----BEGIN KEY-----\naGVsbG8=\n-----END KEY-----x",
            "-----BEGIN KEY----\naGVsbG8=\n-----END KEY-----",
            "-----BEGIN KEY-----aGVsbG8=-----END KEY-----",
            "x-----BEGIN KEY-----\naGVsbG8=\n-----END KEY-----",
            "-----BEGIN KEY-----\nComment: x\n-----END KEY-----",
        ] {
            assert_eq!(contents(text), None, "{text:?}");
        }
    }

    #[test]
    fn base64_is_read_as_go_reads_it() {
        assert_eq!(base64(b"aGV\r\nsbG8=\n").as_deref(), Some(&b"hello"[..]));
        assert_eq!(base64(b"aGVsbG9="), base64(b"aGVsbG8="));
        for bad in [&b"aGVsbG8"[..], b"aGVsbG8==", b"aGV sbG8=", b"-_-_"] {
            assert_eq!(base64(bad), None);
        }
        assert_eq!(base64_of_dsse(b"-_-_"), base64(b"+/+/"));
        assert_eq!(base64_of_dsse(b"+_-_"), None);
    }
}
