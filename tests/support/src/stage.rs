//! The surroundings of every instance: a registry and a log.

use tlogistry::tlog::RekorApi;

use super::docker_registry::DockerRegistry;
use super::image::Image;
use super::transparency_log::TransparencyLog;

/// The registry's name in paths: skopeo, docker and podman cannot write a port there.
pub const REGISTRY: &str = "registry.test";
pub const REPOSITORY: &str = "demo/app";

pub struct Stage {
    pub registry: DockerRegistry,
    pub log: TransparencyLog,
}

impl Stage {
    pub fn set() -> Self {
        Self::with(TransparencyLog::start())
    }

    pub fn with(log: TransparencyLog) -> Self {
        Self { registry: DockerRegistry::start(), log }
    }

    pub async fn push(&self, tag: &str, image: &Image) {
        self.registry.push(REPOSITORY, tag, image).await;
    }

    /// The variables by which an instance knows them.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.environment_with(format!("{REGISTRY}={}", self.registry.address))
    }

    /// The same, where the registry goes by its own address too.
    pub fn environment_of_mirror(&self) -> Vec<(String, String)> {
        self.environment_with(format!("{REGISTRY}={0},{0}", self.registry.address))
    }

    fn environment_with(&self, registries: String) -> Vec<(String, String)> {
        let mut variables = vec![
            ("INSECURE_REGISTRIES", registries),
            ("REKOR_URL", self.log.url.clone()),
            ("REKOR_PUBLIC_KEYS", self.log.public_key.clone()),
        ];
        if self.log.api == RekorApi::V2 {
            // No test asks the public time-stamping authority.
            variables.extend([("REKOR_API_VERSION", "2".to_owned()), ("TIMESTAMP_URL", "none".to_owned())]);
        }
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
