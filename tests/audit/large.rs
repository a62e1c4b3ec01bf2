//! Entries that are too large to be held all at once: anyone can file them.

use serde_json::Value;
use tlogistry::image::Digest;

use crate::scene::{Scene, stranger};

/// The bytes put behind each entry.
const PADDING: usize = 16 << 20;
/// Several such entries at once take more. One takes its bytes, some copies, and what the program has anyway.
const MOST_KIB: u64 = 150 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn large_entries_are_read_one_at_a_time() {
    let scene = Scene::set().await;
    let names = ["v1", "v2", "v3", "v4", "v5", "v6"];
    for name in names {
        scene.record(name, &Digest::sha256(name.as_bytes())).await;
        for text in ["a", "b", "c"] {
            scene.record_by(&stranger(), name, &Digest::sha256(text.as_bytes())).await;
        }
    }
    scene.alter(|path, response| {
        if !path.ends_with("/entries/retrieve") {
            return response;
        }
        let entries = serde_json::from_slice::<Vec<Value>>(response.body()).unwrap().len();
        response.map(|body| [&body[..], &vec![b' '; entries * PADDING]].concat().into())
    });
    let (ended, peak) = scene.run_measured("audit", &["--tags", &scene.list(&names)]);
    assert_eq!((ended.code, ended.stdout.lines().last()), (Some(0), Some("6 tags checked: all hold")), "{ended:?}");
    assert!(peak < MOST_KIB, "{peak} KiB");
}
