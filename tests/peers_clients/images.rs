//! crane and oras copy an image whole, with all its architectures.

use std::cell::RefCell;
use std::process::Command;

use testing::image::Image;
use testing::moving::Seen;
use testing::process::{Process, go_tool};
use testing::scene::Scene;
use testing::skopeo::Destination;
use testing::story::assert_holds;

/// Tells the story with the command that copies an image to an OCI layout.
async fn assert_refuses(client: &str, copy: impl Fn(&str, &Destination) -> Command, words: fn(&str) -> String) {
    let (scene, to) = (Scene::set(), RefCell::new(Destination::oci()));
    let seen = Seen {
        client,
        repository: scene.instance.image(""),
        pull: &|image| {
            to.replace(Destination::oci());
            Process::start(&mut copy(image, &to.borrow())).finish()
        },
        holds: &|text| assert_holds(&to.borrow(), &Image::files(text)),
        refusal: &|message| words(message),
        takes_tag_and_digest: true,
        hosts: 1,
    };
    seen.tell(&scene.stage, &scene.instance, &scene.instance.url("manifests/v1")).await;
}

#[tokio::test]
async fn crane_refuses_a_tag_that_moved() {
    let copy = |image: &str, to: &Destination| {
        let mut command = go_tool("crane");
        command.args(["pull", "--insecure", "--format=oci", image]).arg(to.path());
        command
    };
    assert_refuses("crane 0.22.1", copy, |message| format!("DENIED: {message}; map[current:sha256:")).await;
}

#[tokio::test]
async fn oras_refuses_a_tag_that_moved() {
    let copy = |image: &str, to: &Destination| {
        let mut command = go_tool("oras");
        command.args(["copy", "--from-plain-http", image, "--to-oci-layout"]);
        command.arg(format!("{}:pulled", to.path().display()));
        command
    };
    assert_refuses("oras 1.3.6", copy, |message| format!("denied: {message}: map[current:sha256:")).await;
}
