//! Bundles of entries: 256 leaves, each after its length in two bytes (C2SP tlog-tiles, "Log Entries").

use super::client::RekorV2;
use crate::deadline::Deadline;
use crate::tlog::{LogError, TILE_WIDTH, bundle_width, entries_path};

const REQUEST: &str = "a request for entries";

/// The leaves of a bundle, from its first one on.
#[derive(Debug)]
pub(crate) struct EntryBundle {
    bytes: bytes::Bytes,
    /// The start and the end of each leaf in `bytes`, without the two bytes of its length.
    spans: Vec<(usize, usize)>,
}

impl EntryBundle {
    /// The leaf's bytes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|(start, end)| &self.bytes[*start..*end])
    }

    /// Reads the first `width` leaves; `None` if the bytes are not whole leaves, or fewer.
    fn parse(bytes: bytes::Bytes, width: usize) -> Option<Self> {
        let (mut spans, mut at) = (Vec::with_capacity(width), 0);
        while at < bytes.len() {
            let start = at + size_of::<u16>();
            let length = bytes.get(at..start)?.try_into().ok().map(u16::from_be_bytes)?;
            let end = start + usize::from(length);
            bytes.get(start..end)?;
            spans.push((start, end));
            at = end;
        }
        let fits = spans.len() >= width && spans.len() as u64 <= TILE_WIDTH;
        spans.truncate(width);
        fits.then_some(Self { bytes, spans })
    }
}

impl RekorV2 {
    /// The leaves of the bundle that `index` is in, as it is in a tree of `size`, which is larger. Nothing proves them yet.
    /// An error if the bundle is longer than `limit`.
    pub(crate) async fn leaves(
        &self,
        index: u64,
        size: u64,
        limit: usize,
        deadline: Deadline,
    ) -> Result<EntryBundle, LogError> {
        let (path, full_path) = (entries_path(index, size), entries_path(index, u64::MAX));
        let bytes = self.tile_file(&path, &full_path, limit, deadline).await?;
        let width = usize::try_from(bundle_width(index, size)).unwrap_or(usize::MAX);
        EntryBundle::parse(bytes, width)
            .ok_or_else(|| LogError::malformed(REQUEST, "the bundle is not of as many entries as its name says"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8], width: usize) -> Option<Vec<Vec<u8>>> {
        let leaves = EntryBundle::parse(bytes::Bytes::copy_from_slice(bytes), width)?;
        Some(leaves.iter().map(<[u8]>::to_vec).collect())
    }

    #[test]
    fn a_bundle_is_read_as_far_as_the_tree_goes() {
        let bundle = b"\x00\x01a\x00\x00\x00\x02bc";
        assert_eq!(parsed(bundle, 3).unwrap(), [&b"a"[..], b"", b"bc"]);
        assert_eq!(parsed(bundle, 1).unwrap(), [b"a"], "a later bundle has more");
        assert_eq!(parsed(bundle, 4), None);
        for cut in 1..bundle.len() {
            if ![3, 5].contains(&cut) {
                assert_eq!(parsed(&bundle[..cut], 1), None, "{cut}");
            }
        }
        assert_eq!(parsed(&[0; 2 * 257], 256), None, "more than a bundle can hold");
    }
}
