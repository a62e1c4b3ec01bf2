//! The surroundings of every instance: a registry and a log.

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
        [
            ("INSECURE_REGISTRIES", registries),
            ("REKOR_URL", self.log.url.clone()),
            ("REKOR_PUBLIC_KEYS", self.log.public_key.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}
