//! `--min-age`: the time since the first sight, by the log's clock.

use std::time::Duration;

use serde_json::Value;
use testing::process::{Process, cli};

use tlogistry::sighting::SightingTime;

use crate::scene::Scene;

const TAG: &str = "registry.test/app:v1";

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_must_have_been_recorded_for_as_long_as_is_demanded() {
    let scene = Scene::set().await;
    let (digest, uploaded) = scene.seen("v1").await;
    let ended = scene.run("verify", &[TAG, "--min-age", "1w"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let (index, time) = (uploaded.entry.log_index(), SightingTime::of_entry(&uploaded.entry).unwrap().rfc3339());
    let line = ended.stdout.lines().next().unwrap();
    assert!(line.starts_with(&format!("{TAG} is too young: first seen ")), "{line}");
    assert!(line.ends_with(&format!(" ago, on {time} (log index {index}), and --min-age demands 7d")), "{line}");
    assert!(ended.stdout.contains(&format!("  digest    {digest}\n")), "{}", ended.stdout);
    let shown = scene.run("verify", &[TAG, "--min-age", "1w", "--json"]);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!((&shown["verdict"], &shown["digest"]), (&"young".into(), &digest.as_str().into()));

    assert_eq!(scene.run("verify", &[TAG, "--min-age", "0s"]).code, Some(0));
    std::thread::sleep(Duration::from_secs(1));
    let ended = scene.run("verify", &[TAG, "--min-age", "1s"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{TAG} holds\n")), "{}", ended.stdout);
}

/// A later entry about the same fact does not make a tag younger, and a move or a doubt is said before its age.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_sight_counts_and_worse_goes_before_age() {
    let scene = Scene::set().await;
    let (digest, _) = scene.seen("v1").await;
    std::thread::sleep(Duration::from_secs(1));
    scene.record("v1", &digest).await;
    assert_eq!(scene.run("verify", &[TAG, "--min-age", "1s"]).code, Some(0));

    scene.tags.push("v1", "moved");
    let ended = scene.run("verify", &[TAG, "--min-age", "1w"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{TAG} has moved\n")), "{}", ended.stdout);
    let ended = scene.run("verify", &["registry.test/app:none", "--min-age", "0s", "--no-registry"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

#[test]
fn an_age_that_is_none_is_refused() {
    for age in ["7", "7days", "-1d", "1.5h", "", "99999999999999999999w"] {
        let ended =
            Process::start(cli().args(["verify", TAG, "--key", "/dev/null", &format!("--min-age={age}")])).finish();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{age}: {ended:?}");
        assert!(ended.stderr.contains("--min-age"), "{age}: {}", ended.stderr);
    }
}
