//! The evidence for a sighting: the same bytes wherever it is asked for, and all that it takes to check it.

use testing::instance::Instance;
use testing::stage::Stage;

mod attestations;
mod bundles;

/// A stage, and an instance in front of it.
struct Scene {
    stage: Stage,
    instance: Instance,
    state: tempfile::TempDir,
}

impl Scene {
    fn set() -> Self {
        let (stage, state) = (Stage::set(), tempfile::tempdir().unwrap());
        let instance = Instance::serve(state.path(), &stage.environment());
        Self { stage, instance, state }
    }

    /// A URL of the instance.
    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.instance.address)
    }
}
