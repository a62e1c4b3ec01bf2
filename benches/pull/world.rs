//! The things that all contenders share: a registry with its tags, a table whose rows are known tags, a key.

use std::cell::RefCell;
use std::time::Duration;

use testing::docker_registry::DockerRegistry;
use testing::image::Image;
use testing::instance::Instance;
use testing::kms::Kms;
use testing::stage::{REGISTRY, REPOSITORY};
use testing::table::Table;
use testing::transparency_log::TransparencyLog;

use super::apparatus::distance::slow;
use super::apparatus::runtime_api::Function;
use super::apparatus::wire::{ACCEPT, Wire};

/// A tag that the table has a row of, and that has moved since.
pub const MOVED: &str = "moved";

pub type Environment = Vec<(String, String)>;

pub struct World {
    pub registry: DockerRegistry,
    pub image: Image,
    /// The log that the table's rows were recorded in.
    log: TransparencyLog,
    table: Table,
    /// For ledger and counters of an instance that has a table of its own, as many as there are setups.
    empty: RefCell<Vec<[Table; 2]>>,
    kms: Kms,
}

impl World {
    /// A registry with `tags` tags, each known to the table; as many that nobody has seen; and one that has moved.
    pub async fn make(tags: usize, setups: usize) -> Self {
        let (registry, log, kms) = (DockerRegistry::start(), TransparencyLog::start(), Kms::start());
        let (table, image) = (Table::start().await, Image::oci("bench"));
        registry.push(REPOSITORY, "v1", &image).await;
        let mut wire = Wire::open(&registry.address);
        let of_registry = (0..tags).flat_map(|number| [known(number), new(number)]).chain([MOVED.to_owned()]);
        for tag in of_registry {
            let headers = format!("content-type: {}\r\n", image.media_type);
            let put = wire.ask("PUT", &format!("/v2/{REPOSITORY}/manifests/{tag}"), &headers, &image.manifest);
            assert_eq!(put.status(), 201, "{tag}: {}", String::from_utf8_lossy(&put.body));
        }
        let mut empty = Vec::new();
        for _ in 0..setups {
            empty.push([Table::start().await, Table::counters().await]);
        }
        let world = Self { registry, image, log, table, empty: empty.into(), kms };
        let folder = tempfile::tempdir().unwrap();
        let writer = Instance::serve(folder.path(), &world.shared(&world.registry.address));
        let mut wire = Wire::open(&writer.address);
        for tag in (0..tags).map(known).chain([MOVED.to_owned()]) {
            let answer = wire.ask("GET", &through(&tag), ACCEPT, b"");
            assert_eq!(answer.header("tlog-first-seen"), Some("true"), "{}", String::from_utf8_lossy(&answer.body));
        }
        world.registry.push(REPOSITORY, MOVED, &Image::oci("something else")).await;
        let answer = wire.ask("GET", &pinned(MOVED), ACCEPT, b"");
        assert!(answer.header("tlog-moved").is_some_and(|moved| moved.starts_with("sha256:")), "{:?}", answer.status());
        world
    }

    /// For an instance that shares the table and the key with all others, before the registry at `upstream`.
    pub fn shared(&self, upstream: &str) -> Environment {
        let mut environment = self.kms.environment();
        let own = [
            ("LEDGER_TABLE", self.table.name.as_str()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.table.endpoint),
            ("REKOR_URL", &self.log.url),
            ("REKOR_PUBLIC_KEYS", &self.log.public_key),
        ];
        environment.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        environment.extend(before(upstream));
        environment
    }

    /// The variables of an instance with a ledger and counters of its own, each of whose calls takes `time`.
    pub fn slow(&self, upstream: &str, time: Duration) -> Environment {
        let [ledger, counters] = self.empty.borrow_mut().pop().expect("there is one for each setup");
        let endpoint = slow(ledger.endpoint.strip_prefix("http://").expect("its URL begins with http://"), time);
        let mut environment = self.kms.environment();
        let own = [
            ("LEDGER_TABLE", ledger.name.as_str()),
            ("COUNTERS_TABLE", &counters.name),
            ("AWS_ENDPOINT_URL_DYNAMODB", &format!("http://{endpoint}")),
        ];
        environment.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        environment.extend(before(upstream));
        environment
    }

    /// Checks that an answer holds the image, to the byte where it has a body.
    pub fn check(&self, answer: &super::apparatus::wire::Message, method: &str) {
        let digest = answer.header("docker-content-digest");
        let body = String::from_utf8_lossy(&answer.body);
        assert_eq!((answer.status(), digest), (200, Some(self.image.digest().as_str())), "{body}");
        assert!(method == "HEAD" || answer.body == self.image.manifest, "{body}");
    }

    /// Checks the function's answer.
    pub fn check_event(&self, answer: &[u8]) {
        let (status, headers) = Function::parse(answer);
        assert_eq!((status, headers["docker-content-digest"].as_str()), (200, Some(self.image.digest().as_str())));
    }
}

/// For an instance before the registry at `upstream`, which is no public one.
pub fn before(upstream: &str) -> Environment {
    [
        ("INSECURE_REGISTRIES", format!("{REGISTRY}={upstream}")),
        // A bench pulls more new tags than people do.
        ("FIRST_SIGHTS_PER_MINUTE", "1000000".to_owned()),
        ("FIRST_SIGHTS_PER_MINUTE_PER_SOURCE", "1000000".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// A tag that the table has a row of.
pub fn known(number: usize) -> String {
    format!("known-{number}")
}

/// A tag that nobody has seen.
pub fn new(number: usize) -> String {
    format!("new-{number}")
}

/// A tag's path at the registry itself.
pub fn direct(tag: &str) -> String {
    format!("/v2/{REPOSITORY}/manifests/{tag}")
}

/// The path of a tag's pinned name at an instance.
pub fn pinned(tag: &str) -> String {
    format!("/v2/pinned.alt/{REGISTRY}/{REPOSITORY}/manifests/{tag}")
}

/// A tag's path at an instance.
pub fn through(tag: &str) -> String {
    format!("/v2/{REGISTRY}/{REPOSITORY}/manifests/{tag}")
}
