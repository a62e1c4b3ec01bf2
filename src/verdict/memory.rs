//! Sightings that this process has verified.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::image::Tag;
use crate::sighting::Sighting;

/// Room for 7,000 sightings of usual size: a sixth of the function's memory. A stranger can upload ours with much around
/// it, so the limit is in bytes.
const BYTES: u64 = 42 << 20;
const USUAL_SIGHTING_BYTES: u64 = 6 << 10;
/// Bytes stored beside a sighting's own.
const OVERHEAD_BYTES: usize = 1 << 10;

/// Sightings by canonical tag. A tag's sighting never changes, so none is ever out of date.
#[derive(Debug)]
pub(super) struct Memory(Cache<String, Arc<Sighting>, Size>);

/// Weighs a sighting by its bytes.
#[derive(Debug, Clone)]
struct Size;

impl Weighter<String, Arc<Sighting>> for Size {
    fn weight(&self, tag: &String, sighting: &Arc<Sighting>) -> u64 {
        (tag.len() + sighting.entry().size() + OVERHEAD_BYTES) as u64
    }
}

impl Default for Memory {
    fn default() -> Self {
        let count = usize::try_from(BYTES / USUAL_SIGHTING_BYTES).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(count, BYTES, Size))
    }
}

impl Memory {
    pub(super) fn get(&self, tag: &Tag) -> Option<Arc<Sighting>> {
        self.0.get(tag.canonical())
    }

    pub(super) fn keep(&self, sighting: Sighting) -> Arc<Sighting> {
        let sighting = Arc::new(sighting);
        self.0.insert(sighting.tag().to_string(), sighting.clone());
        sighting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsse::IN_TOTO;
    use crate::image::Digest;
    use crate::sighting::test_log::TestLog;
    use crate::sighting::{Finding, statement};

    #[test]
    fn a_sighting_is_weighed_by_its_bytes_so_that_large_ones_leave_room_for_fewer() {
        let (log, tag) = (TestLog::new(), "registry.test/app:v1".parse::<Tag>().unwrap());
        let said = statement(&tag, &Digest::sha256(b"one"));
        let found = log.read(&tag, 5, &log.intoto(IN_TOTO, &said), Some(&said));
        let Finding::Sighting(sighting) = found else { panic!("{found:?}") };
        let size = sighting.entry().size();
        assert!((1_000..20_000).contains(&size), "{size}");
        let memory = Memory::default();
        memory.keep(*sighting);
        assert_eq!(memory.0.weight(), (tag.canonical().len() + size + OVERHEAD_BYTES) as u64);
        assert_eq!(memory.0.capacity(), BYTES);
    }
}
