//! Helm 4.

use testing::artifact::helm_chart;
use testing::client::get;
use testing::documented;
use testing::process::{Ended, Process, go_tool};
use testing::scene::Scene;

fn pull(repository: &str, to: &tempfile::TempDir) -> Ended {
    let mut command = go_tool("helm");
    command.env("HOME", to.path()).arg("pull").arg(format!("oci://{repository}"));
    command.args(["--version", "1.0.0", "--plain-http", "--destination"]).arg(to.path());
    Process::start(&mut command).finish()
}

#[tokio::test]
async fn helm_refuses_a_chart_whose_tag_moved_and_gets_the_recorded_one_by_the_pinned_name() {
    let (scene, to) = (Scene::set(), tempfile::tempdir().unwrap());
    let chart = || std::fs::read_to_string(to.path().join("app-1.0.0.tgz")).unwrap();
    scene.stage.push("1.0.0", &helm_chart("an archive")).await;
    let ended = pull(&scene.instance.image(""), &to);
    assert_eq!((ended.code, chart().as_str()), (Some(0), "an archive"), "{ended:?}");

    scene.stage.push("1.0.0", &helm_chart("another archive")).await;
    let message = get(&scene.instance.url("manifests/1.0.0")).await.error().1;
    let ended = pull(&scene.instance.image(""), &to);
    assert_eq!((ended.code, chart().as_str()), (Some(1), "an archive"), "{ended:?}");
    documented::assert_reads("Helm 4.3.1", &ended.stderr, &message);

    std::fs::remove_file(to.path().join("app-1.0.0.tgz")).unwrap();
    let ended = pull(&scene.instance.pinned(""), &to);
    assert_eq!((ended.code, chart().as_str()), (Some(0), "an archive"), "{ended:?}");
}
