//! `serve` in front of a registry and a log of their own.

use super::instance::Instance;
use super::stage::{REPOSITORY, Stage};
use super::transparency_log::TransparencyLog;

pub struct Scene {
    pub stage: Stage,
    pub instance: Instance,
    /// The folder that `serve` keeps its key in.
    pub state: tempfile::TempDir,
}

impl Scene {
    pub fn set() -> Self {
        Self::with(Stage::set(), Stage::environment)
    }

    /// As [`Scene::set`], with this log.
    pub fn with_log(log: TransparencyLog) -> Self {
        Self::with(Stage::with(log), Stage::environment)
    }

    /// As [`Scene::set`], where the registry goes by its own address too. A mirror's client asks for it by that, to be
    /// able to pass the mirror by.
    pub fn mirror() -> Self {
        Self::with(Stage::set(), Stage::environment_of_mirror)
    }

    fn with(stage: Stage, environment: fn(&Stage) -> Vec<(String, String)>) -> Self {
        let state = tempfile::tempdir().unwrap();
        let instance = Instance::serve(state.path(), &environment(&stage));
        Self { stage, instance, state }
    }

    /// The URL that a mirror's client asks for `path` of the repository.
    pub fn mirror_url(&self, path: &str) -> String {
        format!("http://{}/v2/{REPOSITORY}/{path}?ns={}", self.instance.address, self.stage.registry.address)
    }
}
