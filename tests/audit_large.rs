//! An audit of 10,000 tags: how long it takes, and that the number of tags does not decide how much memory it takes.
//! `make audit-10000` runs it.

#[path = "audit/scene.rs"]
mod scene;

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use scene::Scene;
use tlogistry::image::Digest;

/// Two audits differ by less, whatever they audit: allocators and the log's answers vary.
const MARGIN_KIB: u64 = 6 << 10;

/// Audits a list of the first `count` tags. Returns the time it took and the peak of its resident memory in KiB.
fn audit(scene: &Scene, count: usize) -> (Duration, u64) {
    let names: Vec<String> = (0..count).map(|number| format!("v{number}")).collect();
    let list = scene.list(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let state = scene.file(&format!("state-{count}.json"));
    let began = Instant::now();
    let (ended, peak) = scene.run_measured("audit", &["--tags", &list, "--state", state.to_str().unwrap()]);
    let took = began.elapsed();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout.lines().last(), Some(format!("{count} tags checked: all hold").as_str()));
    println!(
        "{count} tags audited in {took:.1?} ({:.0} a second), {peak} KiB at most",
        count as f64 / took.as_secs_f64()
    );
    (took, peak)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_tags_take_no_more_memory_than_a_thousand() {
    let scene = Scene::set().await;
    let began = Instant::now();
    let uploads = (0..10_000).map(|number| {
        let scene = &scene;
        async move {
            let name = format!("v{number}");
            scene.record(&name, &Digest::sha256(name.as_bytes())).await;
        }
    });
    stream::iter(uploads).buffer_unordered(8).collect::<Vec<()>>().await;
    println!("10000 tags recorded in {:.1?}", began.elapsed());
    let (_, few) = audit(&scene, 1_000);
    let (_, many) = audit(&scene, 10_000);
    assert!(many < few + MARGIN_KIB, "{few} KiB for 1000 tags, {many} KiB for 10000");
}
