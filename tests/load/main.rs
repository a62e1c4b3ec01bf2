//! `serve`, with its own log, under mixed pulls from many connections: every answer is the right one, memory stops
//! growing, and no connection is left behind. TLOGISTRY_SECONDS says for how long.

mod measured;
mod pulls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use measured::Measured;
use pulls::Pulls;
use testing::docker_registry::DockerRegistry;
use testing::instance::Instance;

const CONNECTIONS: usize = 64;
/// Caches, buffers and the allocator's own reserves have their size by then, where the whole takes longer.
const WARM: Duration = Duration::from_secs(10);
/// The time between two lines about memory.
const EVERY: Duration = Duration::from_secs(10);
/// The noise of allocator and kernel: with known tags alone, memory goes up and down by 2 MiB.
const NOISE_KIB: u64 = 4 << 10;
/// A sighting is kept for good, in the log, and in the cache of the ledger file until that is full.
const SIGHTING_KIB: u64 = 16;
/// Listener, what the runtime needs, and connections to the log, which is in the same process: both ends of each.
const FEW: usize = 48;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_fails_or_piles_up_under_load() {
    let seconds = std::env::var("TLOGISTRY_SECONDS").map_or(5, |seconds| seconds.parse().unwrap());
    let (registry, state) = (DockerRegistry::start(), tempfile::tempdir().unwrap());
    let registries = format!("{}={}", testing::stage::REGISTRY, registry.address);
    let limits = ["FIRST_SIGHTS_PER_MINUTE", "FIRST_SIGHTS_PER_MINUTE_PER_SOURCE"].map(|name| (name, "100000"));
    let environment = [("INSECURE_REGISTRIES", registries.as_str())].into_iter().chain(limits);
    let environment: Vec<_> = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let instance = Instance::serve(state.path(), &environment);
    for process in [&registry.process, instance.process()] {
        process.keep_last(100); // each writes a line or two for every request
    }
    let pulls = Arc::new(Pulls::prepare(&registry, &instance, seconds).await);

    let before = Measured::of(instance.process());
    let began = Instant::now();
    let end = began + Duration::from_secs(seconds);
    let connections: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(pulls.clone().until(end))).collect();

    // The second half is compared with the first where all of it is warming up.
    tokio::time::sleep(WARM.min(Duration::from_secs(seconds) / 2)).await;
    let warm = Measured::of(instance.process());
    let (mut most, mut steps) = (warm, Vec::new());
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = Measured::of(instance.process());
        most = most.max(now);
        if began.elapsed() >= EVERY * (steps.len() as u32 + 1) {
            steps.push(format!("{:.1}", now.rss_kib as f64 / 1024.0));
        }
    }
    let mut counts = pulls::Counts::default();
    for connection in connections {
        counts += connection.await.unwrap();
    }
    let took = began.elapsed();
    // A short run does not wait until connections to the registry have been idle for too long.
    let (left, patience) = if seconds < 30 { (CONNECTIONS + FEW, 5) } else { (FEW, 70) };
    let after = settled(&instance, before.descriptors + left, Duration::from_secs(patience)).await;

    println!("{} answers in {took:.1?}, {:.0}/s: {counts}", counts.all(), counts.all() as f64 / took.as_secs_f64());
    println!("memory in MiB, every {EVERY:?}: {}", steps.join(", "));
    println!("before {before}; warm {warm}; at most {most}; after {after}");
    assert!(counts.all() > 20 * seconds, "too few answers to speak of load");
    assert!(most.rss_kib < warm.rss_kib + NOISE_KIB + SIGHTING_KIB * counts.first_seen, "memory grows");
    let in_use = 2 * CONNECTIONS; // each with one to the registry
    assert!(most.descriptors <= before.descriptors + in_use + FEW, "connections pile up");
    assert!(after.descriptors <= before.descriptors + left, "connections are left behind");
}

/// The measurements once it has no more descriptors than this, or has had its time. Connections to the registry are
/// closed when they have been idle for 30 s, and that is looked at every 30 s.
async fn settled(instance: &Instance, descriptors: usize, patience: Duration) -> Measured {
    let deadline = Instant::now() + patience;
    loop {
        let measured = Measured::of(instance.process());
        if measured.descriptors <= descriptors || Instant::now() > deadline {
            return measured;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
