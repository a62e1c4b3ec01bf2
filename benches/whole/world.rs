//! The parts that all pulls share: a registry with the image, storage with its blobs, a log, a table and a key; and each hop's
//! length.

use std::path::Path;
use std::time::Duration;

use testing::docker_registry::DockerRegistry;
use testing::image::Image;
use testing::instance::Instance;
use testing::kms::Kms;
use testing::stage::{REGISTRY, REPOSITORY};
use testing::table::Table;
use testing::transparency_log::TransparencyLog;

use super::apparatus::distance::delayed;
use super::apparatus::front::{Counts, Front};
use super::apparatus::gateway::Gateway;
use super::apparatus::storage;
use super::image;

/// From the client to the instance.
const NEAR: Duration = Duration::from_millis(5);
/// Instances of the function. skopeo asks for six blobs at once.
const INSTANCES: usize = 6;
/// The tag that is known.
pub const KNOWN: &str = "known";

type Environment = Vec<(String, String)>;

pub struct World {
    pub image: Image,
    registry: DockerRegistry,
    storage: String,
    log: TransparencyLog,
    table: Table,
    kms: Kms,
    state: tempfile::TempDir,
}

/// A registry at some distance, and the instances before it.
pub struct Setting {
    pub millis: u64,
    pub token: bool,
    /// The registry's address, as clients and instances reach it.
    pub registry: String,
    pub counts: Counts,
    environment: Environment,
}

impl World {
    /// With a known tag, and as many that nobody has seen.
    pub async fn make(new: usize) -> Self {
        let (registry, log, kms) = (DockerRegistry::start(), TransparencyLog::start(), Kms::start());
        let (table, image) = (Table::start().await, image::index());
        registry.push(REPOSITORY, KNOWN, &image).await;
        for number in 0..new {
            registry.push(REPOSITORY, &new_tag(number), &Image { images: Vec::new(), ..image.clone() }).await;
        }
        let storage = storage::start(image.images.iter().flat_map(|image| image.blobs.clone()));
        Self { image, registry, storage, log, table, kms, state: tempfile::tempdir().unwrap() }
    }

    pub fn setting(&self, millis: u64, token: bool) -> Setting {
        let far = Duration::from_millis(millis);
        let counts = Counts::default();
        let storage = Some(delayed(&self.storage, far));
        let front = Front { wants_token: token, storage, allowed: None, counts: counts.clone() };
        let registry = delayed(&front.start(&self.registry.address), far);
        let mut environment = self.kms.environment();
        let own = [
            ("LEDGER_TABLE", self.table.name.as_str()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.table.endpoint),
            ("REKOR_URL", &self.log.url),
            ("REKOR_PUBLIC_KEYS", &self.log.public_key),
            ("INSECURE_REGISTRIES", &format!("{REGISTRY}={registry}")),
            ("FIRST_SIGHTS_PER_MINUTE", "1000000"),
            ("FIRST_SIGHTS_PER_MINUTE_PER_SOURCE", "1000000"),
        ];
        environment.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Setting { millis, token, registry, counts, environment }
    }

    /// `serve`, with its address as clients reach it.
    pub fn serve(&self, setting: &Setting, name: &str) -> (Instance, String) {
        let folder = self.state.path().join(format!("{name}-{}-{}", setting.millis, setting.token));
        let instance = Instance::serve(Path::new(&folder), &setting.environment);
        let address = delayed(&instance.address, NEAR);
        (instance, address)
    }

    /// The function's instances behind a gateway, at the address that clients reach.
    pub fn function(&self, setting: &Setting) -> (Gateway, String) {
        let gateway = Gateway::start(INSTANCES, &setting.environment);
        let address = delayed(&gateway.address, NEAR);
        (gateway, address)
    }
}

/// A tag that nobody has seen.
pub fn new_tag(number: usize) -> String {
    format!("new-{number}")
}

/// The image's name at the registry itself.
pub fn direct(address: &str) -> String {
    format!("{address}/{REPOSITORY}:{KNOWN}")
}

/// A tag's name at an instance.
pub fn through(address: &str, tag: &str) -> String {
    format!("{address}/{REGISTRY}/{REPOSITORY}:{tag}")
}
