//! Output without a reader (`| head`): the exit code is still the verdict's.

use testing::process::into_closed_pipe;
use tlogistry::image::Digest;

use crate::scene::Scene;

const TAG: &str = "registry.test/app:v1";

#[track_caller]
fn assert_all_end_with(scene: &Scene, code: i32) {
    let list = scene.list(&["v1"]);
    for (command, arguments) in [("verify", &[TAG][..]), ("history", &[TAG]), ("audit", &["--tags", &list])] {
        for form in [&[][..], &["--json"]] {
            let (ended, stderr) = into_closed_pipe(&mut scene.command(command, &[arguments, form].concat()));
            assert_eq!((ended, stderr.as_str()), (Some(code), ""), "{command} {form:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_that_nobody_reads_is_still_the_exit_code() {
    let scene = Scene::set().await;
    assert_all_end_with(&scene, 2);
    scene.seen("v1").await;
    assert_all_end_with(&scene, 0);
    scene.record("v1", &Digest::sha256(b"another")).await;
    assert_all_end_with(&scene, 1);
}
