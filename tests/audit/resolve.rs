//! `resolve`: one line for a script, or none and an exit code.

use tlogistry::image::Digest;
use tlogistry::sighting::SightingTime;

use crate::scene::Scene;

const TAG: &str = "registry.test/app:v1";

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_holds_is_one_line_and_nothing_else() {
    let scene = Scene::set().await;
    let (digest, _) = scene.seen("v1").await;
    for options in [&[][..], &["--pinned"], &["--min-age", "0s"]] {
        let ended = scene.run("resolve", &[&[TAG], options].concat());
        let line = format!("registry.test/app@{digest}\n");
        assert_eq!((ended.code, ended.stdout, ended.stderr.as_str()), (Some(0), line, ""), "{options:?}");
    }
    let (latest, _) = scene.seen("latest").await;
    let ended = scene.run("resolve", &["registry.test/app"]);
    assert_eq!((ended.code, ended.stdout), (Some(0), format!("registry.test/app@{latest}\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moved_is_resolved_only_when_pinned() {
    let scene = Scene::set().await;
    let (digest, uploaded) = scene.seen("v1").await;
    let current = scene.tags.push("v1", "moved");
    let ended = scene.run("resolve", &[TAG]);
    let said = format!(
        "tlogistry-cli: {TAG} has moved: it was recorded as {digest} on {} (log index {}), and registry.test serves \
         {current}; --pinned prints what was recorded\n",
        SightingTime::of_entry(&uploaded.entry).unwrap().rfc3339(),
        uploaded.entry.log_index()
    );
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr), (Some(1), "", said));
    let ended = scene.run("resolve", &[TAG, "--pinned"]);
    assert_eq!((ended.code, ended.stdout), (Some(0), format!("registry.test/app@{digest}\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_prints_no_digest() {
    let scene = Scene::set().await;
    let (digest, _) = scene.seen("v1").await;
    let young = scene.run("resolve", &[TAG, "--min-age", "1w"]);
    assert_eq!((young.code, young.stdout.as_str()), (Some(1), ""));
    assert!(young.stderr.contains(" is too young: first seen "), "{}", young.stderr);

    let never = scene.run("resolve", &["registry.test/app:never", "--pinned"]);
    let said = "tlogistry-cli: registry.test/app:never could not be checked: the log lists no entry for this tag\n";
    assert_eq!((never.code, never.stdout.as_str(), never.stderr.as_str()), (Some(2), "", said));
    let by_digest = scene.run("resolve", &[&format!("registry.test/app@{digest}")]);
    assert_eq!((by_digest.code, by_digest.stdout.as_str()), (Some(2), ""));

    scene.record("v1", &Digest::sha256(b"other")).await;
    let contradicted = scene.run("resolve", &[TAG, "--pinned"]);
    assert_eq!((contradicted.code, contradicted.stdout.as_str()), (Some(1), ""));
    assert!(contradicted.stderr.contains(" is contradicted: your keys signed "), "{}", contradicted.stderr);
}
