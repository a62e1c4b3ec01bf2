//! OpenPGP keys in entries, as far as one may be ours (RFC 9580; ECDSA in it: RFC 6637).

use super::go;
use super::key::EntryKey;

const SIGNATURE: u8 = 2;
const PUBLIC_KEY: u8 = 6;
const PUBLIC_SUBKEY: u8 = 14;
const ECDSA: u8 = 19;
/// The type of signature by which a primary key binds a subkey (RFC 9580 section 5.2.1).
const SUBKEY_BINDING: u8 = 0x18;
/// The subpacket of a signature for the uses of a key, and the flag in it for signing data.
const KEY_FLAGS: u8 = 27;
const SIGNS_DATA: u8 = 2;
/// NIST P-256 as an OpenPGP curve: the length of its object identifier, and that.
const P256: &[u8] = b"\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";

/// The keys on P-256 in an armoured key ring that made a signature in it.
///
/// Rekor keeps a ring as its library writes it, checked: each primary key signed an identity, or a statement of its own,
/// and each subkey that may sign data signed that it belongs to the primary key. Any other subkey proves nothing about its
/// owner.
pub(super) fn signing_keys(armoured: &[u8]) -> Vec<EntryKey> {
    let Some(packets) = unarmoured(armoured) else { return Vec::new() };
    let (mut rest, mut keys, mut subkey) = (&packets[..], Vec::new(), None);
    while let Some((kind, contents)) = packet(&mut rest) {
        match kind {
            PUBLIC_KEY => {
                keys.extend(p256(contents));
                subkey = None;
            }
            PUBLIC_SUBKEY => subkey = p256(contents),
            SIGNATURE if binds_for_signing(contents) => keys.extend(subkey.take()),
            _ => {}
        }
    }
    keys
}

/// True if a signature binds a subkey that signs data. Rekor's library reads the flags in the signed subpackets alone.
fn binds_for_signing(signature: &[u8]) -> bool {
    let hashed = || {
        let (head, rest) = signature.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_at_checked(if head[0] == 6 { 4 } else { 2 })?;
        (head[1] == SUBKEY_BINDING).then_some(())?;
        rest.get(..big_endian(length))
    };
    let mut rest = hashed().unwrap_or_default();
    std::iter::from_fn(|| subpacket(&mut rest))
        .any(|(kind, flags)| kind == KEY_FLAGS && flags.first().is_some_and(|flags| flags & SIGNS_DATA != 0))
}

/// The next subpacket's type and contents (RFC 9580 section 5.2.3.7).
fn subpacket<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (length, behind) = match *rest {
        [first @ 0..192, rest @ ..] => (usize::from(*first), rest),
        [first @ 192..255, second, rest @ ..] => {
            (((usize::from(*first) - 192) << 8) + usize::from(*second) + 192, rest)
        }
        [255, rest @ ..] => rest.split_at_checked(4).map(|(length, rest)| (big_endian(length), rest))?,
        _ => return None,
    };
    let (subpacket, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    subpacket.split_first().map(|(kind, contents)| (kind & 0x7f, contents))
}

/// The bytes between the armour's header and its checksum (RFC 9580 section 6.2).
fn unarmoured(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, body) = text.split_once("-----BEGIN PGP PUBLIC KEY BLOCK-----")?;
    let lines = body.lines().map(str::trim).skip_while(|line| !line.is_empty()).skip(1);
    let lines = lines.take_while(|line| !line.starts_with(['=', '-']));
    go::base64(lines.collect::<String>().as_bytes())
}

/// The next packet's type and contents (RFC 9580 section 4.2). Those of unknown length are not in a ring.
fn packet<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (first, behind) = rest.split_first()?;
    let (tag, length, behind) = if first & 0x40 != 0 {
        let (length, behind) = new_length(behind)?;
        (first & 0x3f, length, behind)
    } else {
        let size = 1usize << (first & 3);
        let (length, behind) = behind.split_at_checked(size).filter(|_| size < 8)?;
        (first >> 2 & 0xf, big_endian(length), behind)
    };
    let (contents, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some((tag, contents))
}

fn new_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    match first {
        0..192 => Some((usize::from(*first), rest)),
        192..224 => {
            let (second, rest) = rest.split_first()?;
            Some((((usize::from(*first) - 192) << 8) + usize::from(*second) + 192, rest))
        }
        255 => rest.split_at_checked(4).map(|(length, rest)| (big_endian(length), rest)),
        _ => None,
    }
}

fn big_endian(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// The point in a key's packet: version, time, algorithm, (of version 6 the length of what follows,) curve, and a
/// multiprecision integer.
fn p256(contents: &[u8]) -> Option<EntryKey> {
    let (head, rest) = contents.split_first_chunk::<6>()?;
    let rest = if head[0] == 6 { rest.get(4..)? } else { rest };
    let point = rest.strip_prefix(P256)?.get(2..)?;
    (head[5] == ECDSA).then(|| EntryKey::p256(point)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length, as a header gives it, and a packet or subpacket of so many bytes with one more behind it.
    fn framed(header: &[u8], length: usize) -> Vec<u8> {
        [header, &vec![7; length], &[9]].concat()
    }

    #[test]
    fn a_packets_length_is_read_in_each_form_of_rfc_9580() {
        for (header, tag, length) in [
            // The new format, with lengths of one, two and five octets.
            (&[0xc6, 0][..], 6, 0),
            (&[0xc6, 191], 6, 191),
            (&[0xc2, 192, 0], 2, 192),
            (&[0xc2, 193, 5], 2, 256 + 5 + 192),
            (&[0xce, 223, 255], 14, 8383),
            (&[0xce, 255, 0, 1, 2, 3], 14, 0x0001_0203),
            // The old format, with lengths of one, two and four octets.
            (&[0x98, 200], 6, 200),
            (&[0x89, 1, 2], 2, 258),
            (&[0xba, 0, 1, 2, 3], 14, 0x0001_0203),
        ] {
            let framed = framed(header, length);
            let mut rest = &framed[..];
            let (found, contents) = packet(&mut rest).unwrap();
            assert_eq!((found, contents.len(), rest), (tag, length, &[9][..]), "{header:?}");
        }
    }

    #[test]
    fn a_packet_without_a_length_or_its_bytes_ends_the_ring() {
        for bytes in [
            &[][..],
            &[0xc6],
            // Of unknown length, in the old format and in parts of the new one.
            &[0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 7],
            &[0xc6, 224, 1],
            &[0xc6, 2, 1],
            &[0xc6, 192],
            &[0xc6, 255, 0, 0, 0],
            &[0x99, 0],
        ] {
            let mut rest = bytes;
            assert_eq!(packet(&mut rest), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_subpackets_length_is_read_in_each_form_of_rfc_9580() {
        for (header, length) in [
            (&[1][..], 1),
            (&[191], 191),
            (&[192, 0], 192),
            (&[193, 5], 453),
            (&[254, 255], 16_319),
            (&[255, 0, 0, 1, 2], 258),
        ] {
            let mut framed = framed(header, length);
            // The type, marked as critical.
            framed[header.len()] = 0x80 | KEY_FLAGS;
            let mut rest = &framed[..];
            let (kind, contents) = subpacket(&mut rest).unwrap();
            assert_eq!((kind, contents.len(), rest), (KEY_FLAGS, length - 1, &[9][..]), "{header:?}");
        }
        for bytes in [&[][..], &[0], &[2, 1], &[192], &[255, 0, 0, 1]] {
            let mut rest = bytes;
            assert_eq!(subpacket(&mut rest), None, "{bytes:?}");
        }
    }
}
