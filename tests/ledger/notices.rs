//! The notice that an operator reads of a move: the ledger's own stream, through the filters and the text of
//! `infra/moves.yaml`.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;
use testing::process::script;
use testing::tags::tag;
use tlogistry::image::Digest;

use crate::scene::{Scene, pull};
use crate::version::soon;

/// The texts that the pipes publish of these records: notices and pages.
fn published(records: &[Value], page_on_moves_of: &str) -> [Vec<String>; 2] {
    let mut command = script("tests/template/notice.py");
    command.arg(page_on_moves_of).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut pipes = command.spawn().unwrap();
    pipes.stdin.take().unwrap().write_all(Value::from(records).to_string().as_bytes()).unwrap();
    let ended = pipes.wait_with_output().unwrap();
    assert!(ended.status.success(), "{:?}", ended.status);
    let mut texts: Value = serde_json::from_slice(&ended.stdout).unwrap();
    ["notices", "pages"].map(|kind| serde_json::from_value(texts[kind].take()).unwrap())
}

async fn refuse(scene: &Scene, name: &str, text: &str) -> Digest {
    let digest = scene.tags.push(name, text);
    let instance = scene.instance();
    assert_eq!(pull(&instance, name).await.status, 403);
    instance.finish().await;
    digest
}

#[tokio::test]
async fn the_operator_reads_of_each_move_once_and_of_nothing_else() {
    let scene = Scene::set().await;
    scene.table.stream_new_images().await;
    let recorded = scene.tags.push("v1", "a");
    scene.tags.push("other", "a");
    for name in ["v1", "other"] {
        assert!(scene.pull(name).await.first_seen);
        assert_eq!(scene.pull(name).await.status, 200);
    }
    let records = scene.table.streamed().await;
    assert!(records.len() >= 8, "inserted, completed, indexed: {}", records.len());
    assert_eq!(published(&records, "registry.test/"), [vec![], vec![]] as [Vec<String>; 2]);

    let second = refuse(&scene, "v1", "b").await;
    let third = refuse(&scene, "v1", "c").await;
    // Told of already, by whichever process.
    for text in ["b", "c", "b"] {
        refuse(&scene, "v1", text).await;
    }
    refuse(&scene, "other", "b").await;
    scene.ledger().mark_indexed(&tag("v1"), soon()).await.unwrap();
    let [notices, pages] = published(&scene.table.streamed().await, "registry.test/app:v");
    println!("{}", notices[0]);

    let [first, then, other] = notices.as_slice() else { panic!("{notices:#?}") };
    assert_eq!(pages, [first.clone(), then.clone()]);
    assert!(other.contains("Tag:       registry.test/app:other\n"), "{other}");
    for (text, current, number) in [(first, &second, 1), (then, &third, 2)] {
        let lines = [
            "Tag:       registry.test/app:v1".to_owned(),
            format!("Recorded:  {recorded}"),
            format!("Now:       {current}"),
            format!("  registry.test/app@{recorded}"),
        ];
        for line in &lines {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(text.contains(&format!("Z, number {number} of this tag's moves\n")), "{text}");
        assert!(text.contains("log index ") && text.contains("What to do:"), "{text}");
        let size = testing::registry::image("b").len();
        assert!(text.contains(&format!("application/vnd.oci.image.manifest.v1+json, {size} bytes\n")), "{text}");
    }
}
