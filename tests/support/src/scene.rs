//! `serve` in front of a registry and a log of their own.

use super::instance::Instance;
use super::stage::{REPOSITORY, Stage};
use super::transparency_log::TransparencyLog;

pub struct Scene {
    pub stage: Stage,
    pub instance: Instance,
}

impl Scene {
    pub fn set() -> Self {
        Self::with_log(TransparencyLog::start())
    }

    /// As [`Scene::set`], with this log.
    pub fn with_log(log: TransparencyLog) -> Self {
        Self::with_variables(log, &[])
    }

    /// As [`Scene::with_log`], with these variables in place of those that the stage gives.
    pub fn with_variables(log: TransparencyLog, variables: &[(&str, String)]) -> Self {
        let stage = Stage::with(log);
        let mut environment = stage.environment();
        environment.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Self::with(stage, &environment)
    }

    /// As [`Scene::set`], where the registry goes by its own address too. A mirror's client asks for it by that, to be
    /// able to pass the mirror by.
    pub fn mirror() -> Self {
        let stage = Stage::set();
        let environment = stage.environment_of_mirror();
        Self::with(stage, &environment)
    }

    fn with(stage: Stage, environment: &[(String, String)]) -> Self {
        let instance = Instance::serve_alone(environment);
        Self { stage, instance }
    }

    /// The URL that a mirror's client asks for `path` of the repository.
    pub fn mirror_url(&self, path: &str) -> String {
        format!("http://{}/v2/{REPOSITORY}/{path}?ns={}", self.instance.address, self.stage.registry.address)
    }
}
