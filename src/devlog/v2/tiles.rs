//! Tiles: 256 hashes of one level of the tree, or 256 entries (C2SP tlog-tiles).
//!
//! ```text
//! /api/v2/tile/<level>/<N>[.p/<width>]     hashes of subtrees of 256^level leaves
//! /api/v2/tile/entries/<N>[.p/<width>]     entries, each after its length in two bytes
//! ```
//!
//! `N` is written in groups of three digits, all but the last of which begin with `x`: 1234067 is `x001/x234/067`. A tile with
//! a width is the beginning of one that was not full at the time.
//!
//! Format: <https://github.com/C2SP/C2SP/blob/main/tlog-tiles.md>.

use bytes::Bytes;
use http::Response;

use super::log::TileLog;
use super::response::{ApiError, immutable};

/// The longest entry that a tile can hold, bytes.
pub(super) const MAX_ENTRY: usize = u16::MAX as usize;

/// Hashes, or entries, of a full tile.
const WIDTH: u64 = 256;
/// Levels of the tree in one level of tiles: 256 is 2^8.
const HEIGHT: usize = 8;
/// C2SP's highest level.
const MAX_LEVEL: u8 = 63;

/// A tile that a path names. It need not be there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TilePath {
    kind: Kind,
    number: u64,
    width: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Hashes { level: u8 },
    Entries,
}

impl TilePath {
    /// Parses what stands behind `/api/v2/tile/`. A tile has one path, as a file has.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let (kind, number) = path.split_once('/')?;
        let (number, width) = match number.split_once(".p/") {
            None => (number, WIDTH),
            Some((number, width)) => (number, decimal(width).filter(|width| (1..WIDTH).contains(width))?),
        };
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Hashes { level: decimal(level)?.try_into().ok().filter(|level| *level <= MAX_LEVEL)? },
        };
        Some(Self { kind, number: grouped(number)?, width })
    }

    /// The tile's bytes. An error if the log is not so large.
    pub(super) fn read(&self, log: &TileLog) -> Result<Response<Bytes>, ApiError> {
        let begin = self.number.checked_mul(WIDTH);
        let range = begin.and_then(|begin| Some(begin..begin.checked_add(self.width)?));
        let range = range.ok_or_else(ApiError::not_found)?;
        let bytes = match self.kind {
            Kind::Hashes { level } => log.hashes(usize::from(level) * HEIGHT, range).map(|hashes| hashes.concat()),
            Kind::Entries => log.bodies(range)?.map(|bodies| bundle(&bodies)),
        };
        bytes.map(|bytes| immutable(bytes.into())).ok_or_else(ApiError::not_found)
    }
}

/// Entries in a row, each after its length.
fn bundle(bodies: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for body in bodies {
        // No longer one is taken.
        let length = u16::try_from(body.len()).expect("an entry fits into a tile");
        bytes.extend(length.to_be_bytes());
        bytes.extend(body.as_bytes());
    }
    bytes
}

/// A number in groups of three digits.
fn grouped(text: &str) -> Option<u64> {
    let mut number: u64 = 0;
    let mut groups = text.split('/').peekable();
    let first = text.starts_with("x000");
    while let Some(group) = groups.next() {
        let digits = if groups.peek().is_some() { group.strip_prefix('x')? } else { group };
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        number = number.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    (!first).then_some(number)
}

/// Decimal digits without a sign or leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(level: u8, number: u64, width: u64) -> Option<TilePath> {
        Some(TilePath { kind: Kind::Hashes { level }, number, width })
    }

    #[test]
    fn a_path_names_one_tile() {
        assert_eq!(TilePath::parse("0/000"), hashes(0, 0, 256));
        assert_eq!(TilePath::parse("63/x001/x234/067.p/8"), hashes(63, 1_234_067, 8));
        assert_eq!(TilePath::parse("1/x256/000.p/255"), hashes(1, 256_000, 255));
        let entries = |number, width| Some(TilePath { kind: Kind::Entries, number, width });
        assert_eq!(TilePath::parse("entries/999"), entries(999, 256));
        assert_eq!(TilePath::parse("entries/000.p/1"), entries(0, 1));
        assert_eq!(TilePath::parse("0/x018/x446/x744/x073/x709/x551/615"), hashes(0, u64::MAX, 256));
    }

    #[test]
    fn any_other_path_names_none() {
        for path in [
            "",
            "0",
            "0/",
            "0/0",
            "0/00",
            "0/0000",
            "0/-01",
            "0/+01",
            "0/x001",
            "0/001/002",
            "0/x000/001",
            "0/x01/001",
            "0/x001/x002",
            "0/x001//002",
            "0/000/",
            "0/000.p",
            "0/000.p/",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/1/",
            "0/000.p/1.p/1",
            "00/000",
            "64/000",
            "-1/000",
            "256/000",
            "entries",
            "entry/000",
            "0/x018/x446/x744/x073/x709/x551/616",
            "0/x999/x999/x999/x999/x999/x999/x999/999",
            "0/０００",
            "../checkpoint",
        ] {
            assert_eq!(TilePath::parse(path), None, "{path}");
        }
    }
}
