//! `--rekor-tiles`: a log that is read elsewhere than it is written.

use testing::altered_log;
use testing::process::{Process, cli};
use testing::tags::tag;
use testing::witness::Witness;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::tlog::RekorApi;

use crate::scene::Scene;
use crate::verify::{instance, verify};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_where_rekor_tiles_says() {
    let devlog = Devlog::open(None, Options::of(RekorApi::V2)).await.unwrap();
    let tiles = altered_log::serve(devlog.clone(), altered_log::unaltered()).await;
    let scene = Scene::with_log(devlog).await;
    let first = scene.seen("v1").await;
    let served = instance(&scene, &first).await;
    scene.alter(|path, response| match path.starts_with("/api/v2/log/") {
        true => response,
        false => http::Response::builder().status(404).body(bytes::Bytes::new()).unwrap(),
    });
    assert_eq!(scene.audit(&[]).code, Some(2), "there are no tiles");
    let at = format!("{tiles}/api/v2/");
    let ended = scene.audit(&["--rekor-tiles", &at]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // A proof under the current checkpoint is read there too.
    let nobody = scene.file("nobody");
    let witness = Witness::new("w0.test");
    std::fs::write(&nobody, format!("witness w0 {}\nquorum w0\n", witness.vkey())).unwrap();
    let ended = verify(&scene, "v1", &served, &["--policy", &nobody, "--rekor-tiles", &at]);
    assert!(ended.stdout.contains("the quorum 'w0' is not met (w0 did not cosign)"), "{ended:?}");
    let ended = verify(&scene, "v1", &served, &["--policy", &nobody]);
    assert!(ended.stdout.contains("no proof under a later checkpoint"), "{ended:?}");

    for (url, said) in [
        ("ftp://tiles.test", "--rekor-tiles: it is not an http or https URL"),
        ("https://u:hunter2@tiles.test", "--rekor-tiles: it has a user name or a password"),
        ("https://tiles.test/?a", "--rekor-tiles: it has a query"),
    ] {
        let ended = scene.audit(&["--rekor-tiles", url]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(said) && !ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
    let mut command = cli();
    command.args(["verify", tag("v1").canonical(), "--no-registry", "--key", &scene.file("key.pub.pem")]);
    let ended = Process::start(command.args(["--rekor-tiles", &at])).finish();
    let said =
        "--rekor-tiles is for a log of API version 2, and https://rekor.sigstore.dev/ is told to be of version 1";
    assert!(ended.code == Some(2) && ended.stderr.contains(said), "{ended:?}");
}
