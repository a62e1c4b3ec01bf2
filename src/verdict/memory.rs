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
    pub fn get(&self, tag: &Tag) -> Option<Arc<Sighting>> {
        self.0.get(tag.canonical())
    }

    pub fn keep(&self, sighting: Sighting) -> Arc<Sighting> {
        let sighting = Arc::new(sighting);
        self.0.insert(sighting.tag().to_string(), sighting.clone());
        sighting
    }
}
