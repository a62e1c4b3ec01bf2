//! The evidence for a sighting: the same bytes wherever it is asked for, and all that it takes to check it.

#[path = "../support/mod.rs"]
mod support;

mod attestations;
mod bundles;

use support::instance::Instance;
use support::stage::Stage;

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
