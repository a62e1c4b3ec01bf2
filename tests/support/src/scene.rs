//! `serve` in front of a registry and a log of their own.

use super::instance::Instance;
use super::stage::{REPOSITORY, Stage};

pub struct Scene {
    pub stage: Stage,
    pub instance: Instance,
    _state: tempfile::TempDir,
}

impl Scene {
    pub fn set() -> Self {
        Self::with(Stage::environment)
    }

    /// As [`Scene::set`], where the registry goes by its own address too. A mirror's client asks for it by that, to be
    /// able to pass the mirror by.
    pub fn mirror() -> Self {
        Self::with(Stage::environment_of_mirror)
    }

    fn with(environment: fn(&Stage) -> Vec<(String, String)>) -> Self {
        let (stage, state) = (Stage::set(), tempfile::tempdir().unwrap());
        let instance = Instance::serve(state.path(), &environment(&stage));
        Self { stage, instance, _state: state }
    }

    /// The URL that a mirror's client asks for `path` of the repository.
    pub fn mirror_url(&self, path: &str) -> String {
        format!("http://{}/v2/{REPOSITORY}/{path}?ns={}", self.instance.address, self.stage.registry.address)
    }
}
