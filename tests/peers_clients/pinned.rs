//! Pulls by the pinned name of a tag that has moved.

use std::process::Command;

use testing::client::get;
use testing::containerd::Containerd;
use testing::containerd_pulls::{pulls_pinned_as_mirror, pulls_pinned_by_name};
use testing::image::Image;
use testing::moving::pulls_as_recorded;
use testing::process::{Ended, Process, go_tool};
use testing::scene::Scene;
use testing::skopeo::Destination;
use testing::story::assert_holds;

fn containerd() -> Containerd {
    Containerd::start(go_tool("containerd"), || go_tool("ctr"))
}

#[tokio::test]
async fn containerd_gets_what_was_recorded() {
    pulls_pinned_by_name(&containerd()).await;
}

#[tokio::test]
async fn containerd_gets_what_was_recorded_by_a_mirrors_path() {
    pulls_pinned_as_mirror(&containerd()).await;
}

/// Copies an image to an OCI layout with a command, and returns what that wrote, and the warning that came with the image.
async fn copied(copy: impl Fn(&str, &Destination) -> Command) -> (Ended, String) {
    let (scene, to) = (Scene::set(), Destination::oci());
    let (url, name) = (scene.instance.url("manifests/v1"), scene.instance.pinned(":v1"));
    let pull = |image: &str| Process::start(&mut copy(image, &to)).finish();
    let holds = |text: &str| assert_holds(&to, &Image::files(text));
    let ended = pulls_as_recorded(&scene.stage, &url, &name, &pull, &holds).await;
    (ended, warning(&url).await)
}

/// The warning that comes with what was recorded of a tag that moved, whose plain name has this URL.
pub async fn warning(url: &str) -> String {
    let answer = get(&url.replace("/v2/", "/v2/pinned.alt/")).await;
    let warning = answer.header("warning").strip_prefix("299 - \"").and_then(|warning| warning.strip_suffix('"'));
    warning.unwrap().to_owned()
}

#[tokio::test]
async fn crane_gets_what_was_recorded() {
    copied(|image, to| {
        let mut command = go_tool("crane");
        command.args(["pull", "--insecure", "--format=oci", image]).arg(to.path());
        command
    })
    .await;
}

#[tokio::test]
async fn oras_gets_what_was_recorded_and_shows_the_warning() {
    let (ended, warning) = copied(|image, to| {
        let mut command = go_tool("oras");
        command.args(["copy", "--from-plain-http", image, "--to-oci-layout"]);
        command.arg(format!("{}:pulled", to.path().display()));
        command
    })
    .await;
    assert!(ended.stderr.contains(&warning), "{warning}\nis not in\n{}", ended.stderr);
}
