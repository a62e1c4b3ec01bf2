//! Starts as Lambda has them: all of the processor until the first call for an event, and a part of one from then on.
//!
//!     cargo bench --bench startup               the whole run: a part of docs/bench.md
//!     cargo bench --bench startup -- try        a short run, shown only
//!
//! Everything is asked by TLS, as in Lambda: a handshake is much of what a first answer costs.

#[path = "../apparatus/mod.rs"]
mod apparatus;

mod cpu_group;
mod instance;
mod memory_size;
mod start;

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use testing::image::OCI_INDEX;
use testing::tls_front::TlsFront;
use tlogistry::image::Digest;

use apparatus::distance::delayed;
use apparatus::known_tags::{Addresses, KnownTags};
use apparatus::replay::replayed;
use cpu_group::CpuGroup;

pub const KNOWN_TAG: &str = "/v2/registry.test/demo/app/manifests/known-0";

/// Round trips to AWS's services, their own time included, and to a registry.
const AWS: Duration = Duration::from_millis(5);
const REGISTRY: Duration = Duration::from_millis(20);

/// The servers around a function, and the variables that name them: without a distance, and at the distance that an instance in
/// AWS has from them.
pub struct World {
    pub near: Vec<(String, String)>,
    pub away: Vec<(String, String)>,
    digest: Digest,
    _known: KnownTags,
    _front: TlsFront,
}

impl World {
    async fn make() -> Self {
        let known = KnownTags::start(|_| manifest(), memory_size::tags()).await;
        let front = TlsFront::new();
        let near = Addresses {
            registry: front.before(&known.addresses.registry),
            kms: front.before(&known.addresses.kms),
            dynamodb: front.before(&replayed(&known.addresses.dynamodb)),
        };
        let away = Addresses {
            registry: delayed(&near.registry, REGISTRY),
            kms: delayed(&near.kms, AWS),
            dynamodb: delayed(&near.dynamodb, AWS),
        };
        let environment = |at: &Addresses| {
            let root = ("SSL_CERT_FILE".to_owned(), front.root().display().to_string());
            let mut environment = known.environment("https", at);
            environment.push(root);
            environment
        };
        let (near, away) = (environment(&near), environment(&away));
        Self { near, away, digest: Digest::sha256(&manifest()), _known: known, _front: front }
    }

    /// The path of something that its digest names, a manifest or a blob.
    pub fn by_digest(&self, kind: &str) -> String {
        format!("/v2/registry.test/demo/app/{kind}/{}", self.digest)
    }
}

/// An index of several platforms is of about this size.
const MANIFEST: usize = 3 << 10;

/// The same for all tags.
fn manifest() -> Arc<[u8]> {
    static BYTES: LazyLock<Arc<[u8]>> = LazyLock::new(|| {
        let text = "x".repeat(MANIFEST);
        let index = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","annotations":{{"text":"{text}"}}}}"#);
        index.into_bytes().into()
    });
    BYTES.clone()
}

fn main() {
    let mode = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let (rounds, instances) = match mode.as_str() {
        "" => (40, 20),
        "try" => (8, 3),
        other => panic!("expected try, found '{other}'"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::make());
    let group = match CpuGroup::make() {
        Ok(group) => Some(Arc::new(group)),
        Err(error) => {
            eprintln!("NOT MEASURED: starts under Lambda's limits, because no control group can be made: {error}");
            None
        }
    };
    let starts = start::table(&world, group.as_ref(), rounds);
    let sizes = group.map_or_else(
        || "Not measured under Lambda's limits: no control group could be made.".to_owned(),
        |group| memory_size::table(&world, &group, instances),
    );
    let text = format!("### The start\n\n{starts}\n\n### What memory a pull is cheapest with\n\n{sizes}");
    println!("{text}");
    if mode.is_empty() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bench.md");
        apparatus::page::replace(&page, "bench-startup", &text);
    }
}
