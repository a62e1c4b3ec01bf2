//! regctl and regsync: where they ask by HEAD, they lose the message.

use std::cell::RefCell;
use std::process::Command;

use testing::client::get;
use testing::documented;
use testing::image::Image;
use testing::moving::{Seen, pulls_as_recorded};
use testing::process::{Ended, Process, go_tool};
use testing::scene::Scene;
use testing::skopeo::{Destination, NAME};
use testing::story::assert_holds;

/// regctl with the configuration of somebody who has none.
fn regctl(scene: &Scene, home: &Destination) -> Command {
    let mut command = go_tool("regctl");
    command.env("HOME", home.path()).args(["--host", &format!("reg={},tls=disabled", scene.instance.address)]);
    command
}

fn copy(scene: &Scene, image: &str, to: &Destination) -> Ended {
    let mut command = regctl(scene, to);
    command.args(["image", "copy", image]).arg(format!("ocidir://{}:{NAME}", to.path().display()));
    Process::start(&mut command).finish()
}

#[tokio::test]
async fn regctl_refuses_a_tag_that_moved() {
    let (scene, to) = (Scene::set(), RefCell::new(Destination::oci()));
    let seen = Seen {
        client: "regctl 0.11.7, `image copy`",
        repository: scene.instance.image(""),
        // If the target is there already, it asks by HEAD.
        pull: &|image| {
            to.replace(Destination::oci());
            copy(&scene, image, &to.borrow())
        },
        holds: &|text| assert_holds(&to.borrow(), &Image::files(text)),
        refusal: &|message| format!("\"message\":\"{message}\"}}]}}"),
        takes_tag_and_digest: true,
        hosts: 1,
    };
    seen.tell(&scene.stage, &scene.instance, &scene.instance.url("manifests/v1")).await;
}

#[tokio::test]
async fn regctl_gets_what_was_recorded_by_the_pinned_name_and_shows_the_warning() {
    let (scene, to) = (Scene::set(), Destination::oci());
    let (url, name) = (scene.instance.url("manifests/v1"), scene.instance.pinned(":v1"));
    let holds = |text: &str| assert_holds(&to, &Image::files(text));
    let ended = pulls_as_recorded(&scene.stage, &url, &name, &|image| copy(&scene, image, &to), &holds).await;
    let warning = crate::pinned::warning(&url).await;
    assert!(ended.stderr.contains(&warning), "{warning}\nis not in\n{}", ended.stderr);
    // It asks by HEAD, whose answer has the warning too.
    let asked = Process::start(regctl(&scene, &to).args(["image", "digest", &name])).finish();
    assert_eq!((asked.code, asked.stdout.trim()), (Some(0), Image::files("reviewed").digest().as_str()), "{asked:?}");
    assert!(asked.stderr.contains(&warning), "{warning}\nis not in\n{}", asked.stderr);
}

#[tokio::test]
async fn what_asks_by_head_fails_without_the_message() {
    let scene = Scene::set();
    scene.stage.push("v1", &Image::oci("reviewed")).await;
    assert_eq!(get(&scene.instance.url("manifests/v1")).await.status, 200);
    scene.stage.push("v1", &Image::oci("something else")).await;
    let message = get(&scene.instance.url("manifests/v1")).await.error().1;
    let (image, home) = (scene.instance.image(":v1"), Destination::oci());

    for question in [["image", "digest"], ["artifact", "list"]] {
        let mut command = regctl(&scene, &home);
        let ended = Process::start(command.args(question).arg(&image)).finish();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        documented::assert_reads("regctl 0.11.7, `image digest`, `artifact list`", &ended.stderr, &message);
    }

    let config = format!(
        "version: 1\ncreds: [{{registry: '{}', tls: disabled}}]\n\
         sync: [{{source: '{image}', target: 'ocidir://{}:v1', type: image}}]\n",
        scene.instance.address,
        home.path().join("synced").display()
    );
    std::fs::write(home.path().join("regsync.yaml"), config).unwrap();
    let mut command = go_tool("regsync");
    command.env("HOME", home.path()).args(["once", "-c"]).arg(home.path().join("regsync.yaml"));
    let ended = Process::start(&mut command).finish();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    documented::assert_reads("regsync 0.11.7", &ended.stderr, &message);
}
