//! A fleet: a thousand clients pull one image at about the same time, through ten instances that begin with nothing.
//! It counts the requests at the registry. It measures no time, so any machine will do.
//!
//!     cargo bench --bench fleet

#[path = "../apparatus/mod.rs"]
mod apparatus;

mod client;
mod table;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use testing::docker_registry::DockerRegistry;
use testing::image::Image;
use testing::instance::Instance;
use testing::stage::{REGISTRY, REPOSITORY};
use tokio::task::JoinSet;

use apparatus::distance::delayed;
use apparatus::front::{Counts, Front};
use client::Client;
use table::Row;

const INSTANCES: usize = 10;
const CLIENTS: usize = 1_000;
/// The registry's distance.
const ROUND_TRIP: Duration = Duration::from_millis(20);
/// All clients come within this time, as many as a machine can start at once; a minute is easier for everybody.
const WITHIN: Duration = Duration::from_secs(20);

/// A registry that the fleet pulls from.
struct Case {
    name: &'static str,
    wants_token: bool,
    redirects: bool,
    /// GETs of manifests that it allows.
    allowed: Option<usize>,
    /// True if a mirror has what it has.
    mirror: bool,
}

const CASES: [Case; 4] = [
    Case { name: "no tokens", wants_token: false, redirects: false, allowed: None, mirror: false },
    Case { name: "tokens, signed redirects", wants_token: true, redirects: true, allowed: None, mirror: false },
    Case {
        name: "the same, with a limit of 5 and a mirror",
        wants_token: true,
        redirects: true,
        allowed: Some(5),
        mirror: true,
    },
    Case {
        name: "the same, the limit used up before",
        wants_token: true,
        redirects: true,
        allowed: Some(0),
        mirror: true,
    },
];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let rows: Vec<Row> = CASES.iter().map(|case| runtime.block_on(pull(case))).collect();
    println!("{}", table::markdown(&rows));
    let missed: Vec<String> = rows.iter().flat_map(Row::missed).collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

async fn pull(case: &Case) -> Row {
    let image = Image::index("for a fleet");
    let registry = DockerRegistry::start();
    registry.push(REPOSITORY, "v1", &image).await;
    let (counts, mirrored) = (Counts::default(), Counts::default());
    let storage = case.redirects.then(|| "127.0.0.1:9".to_owned());
    let allowed = Arc::new(Mutex::new(usize::MAX));
    let front = Front {
        wants_token: case.wants_token,
        storage: storage.clone(),
        allowed: Some(allowed.clone()),
        counts: counts.clone(),
    };
    let front = delayed(&front.start(&registry.address), ROUND_TRIP);
    let mirror = Front { wants_token: false, storage, allowed: None, counts: mirrored.clone() };
    let mirror = mirror.start(&registry.address);
    let mirrors = if case.mirror { format!("{REGISTRY}=mirror.test") } else { String::new() };
    let environment = [
        ("INSECURE_REGISTRIES".to_owned(), format!("{REGISTRY}={front},mirror.test={mirror}")),
        ("DIGEST_MIRRORS".to_owned(), mirrors),
    ];
    let folder = tempfile::tempdir().unwrap();
    // Each with a ledger of its own, so that no other program's speed matters.
    let serve = |number: usize| Instance::serve(&folder.path().join(number.to_string()), &environment);
    // The tag is known to each, and nothing else is when it starts again.
    for number in 0..INSTANCES {
        Client::of(&serve(number).address, &image).pull().await;
    }
    counts.take();
    mirrored.take();
    *allowed.lock().unwrap() = case.allowed.unwrap_or(usize::MAX);
    let instances: Vec<Instance> = (0..INSTANCES).map(serve).collect();
    let mut pulls = JoinSet::new();
    for number in 0..CLIENTS {
        let client = Client::of(&instances[number % INSTANCES].address, &image);
        pulls.spawn(async move {
            // Three hundred come at once, as nodes that start; the others one by one at each instance.
            let moment = if number < 300 { 0 } else { number / INSTANCES };
            tokio::time::sleep(WITHIN * u32::try_from(moment).unwrap() / u32::try_from(CLIENTS / INSTANCES).unwrap())
                .await;
            client.pull().await;
        });
    }
    while let Some(pulled) = pulls.join_next().await {
        pulled.unwrap();
    }
    Row {
        name: case.name,
        limited: case.allowed,
        open: !case.wants_token,
        objects: 3,
        registry: counts.take(),
        mirror: mirrored.take(),
    }
}
