//! The recorded digest decides, by whatever name a tag is pulled.

use testing::client::get;
use testing::image::Image;
use testing::process::root;

use crate::scene::{Node, TAG};

#[tokio::test]
async fn an_unchanged_tag_passes_and_a_moved_one_is_refused_with_the_message() {
    let (node, image) = Node::with_a_record().await;
    let (recorded, other) = (image.digest(), Image::oci("something else").digest());
    let answer = get(&node.scene.instance.url("manifests/v1")).await;
    let (time, index) = (answer.header("tlog-integratedtime"), answer.header("tlog-logindex"));
    node.assert_allowed(
        TAG,
        recorded.as_str(),
        &format!("{TAG} is what it was recorded as on {time} (Rekor log index {index})"),
    );
    let told = node.verify(TAG, other.as_str());
    let host = &node.scene.instance.address;
    let message = format!(
        "the tag {TAG} has moved and is refused: it was recorded as {recorded} on {time} (Rekor log index {index}), but \
         this pull found {other}; if you trust what was recorded, pull registry.test/demo/app@{recorded} or \
         {host}/pinned.alt/{TAG}"
    );
    assert_eq!((told.code, told.reason, told.stderr.as_str()), (Some(1), message, ""));
}

#[tokio::test]
async fn each_name_of_a_tag_is_that_tag() {
    let (node, image) = Node::with_a_record().await;
    let (digest, other) = (image.digest().to_string(), Image::oci("something else").digest().to_string());
    let host = node.scene.instance.address.clone();
    for name in [
        TAG.to_owned(),
        "REGISTRY.test:443/demo/app:v1".to_owned(),
        format!("{host}/{TAG}"),
        format!("{host}/pinned.alt/{TAG}"),
    ] {
        node.assert_allowed(&name, &digest, "is what it was recorded as");
        node.assert_refused(1, &name, &other, "has moved and is refused");
    }
}

#[tokio::test]
async fn digests_and_tags_that_stand_for_one_pass_and_nobody_is_asked() {
    let node = Node::set().await;
    node.configure(&node.with_instance("http://127.0.0.1:1"));
    let digest = Image::oci("any").digest().to_string();
    let long = format!("sha512:{}", "0".repeat(128));
    for (name, digest) in [
        (format!("registry.test/demo/app@{digest}"), &digest),
        (format!("{TAG}@{digest}"), &digest),
        (format!("127.0.0.1:1/pinned.alt/{TAG}@{digest}"), &digest),
        (format!("{TAG}@{long}"), &long),
    ] {
        node.assert_allowed(&name, digest, "is pulled by its digest");
    }
    for suffix in ["", ".sig", ".att"] {
        let name = format!("registry.test/demo/app:sha256-{}{suffix}", "0".repeat(64));
        node.assert_allowed(&name, &digest, "rewritten by protocol");
    }
    let name = format!("{TAG}@{}", Image::oci("another").digest());
    node.assert_refused(2, &name, &digest, "and the name has another");
}

#[tokio::test]
async fn a_tag_never_seen_is_recorded_allowed_or_denied() {
    let node = Node::set().await;
    let (image, other) = (Image::oci("new"), Image::oci("something else"));
    for tag in ["v1", "v2", "v3", "v4"] {
        node.scene.stage.push(tag, &image).await;
    }
    let name = |tag: &str| format!("registry.test/demo/app:{tag}");
    let sighting = |tag: &str| node.scene.instance.at(&format!("/sightings/registry.test/demo/app:{tag}"));
    let digest = image.digest().to_string();

    // By default it is recorded, and then compared.
    node.assert_allowed(&name("v1"), &digest, "is what it was recorded as");
    assert_eq!(get(&sighting("v1")).await.status, 200);
    node.assert_refused(1, &name("v2"), other.digest().as_str(), "has moved and is refused");
    assert_eq!(get(&sighting("v2")).await.status, 200);

    // A tag that the registry does not have cannot be recorded.
    node.assert_refused(2, &name("none"), &digest, "cannot be recorded: the instance answered 404 Not Found: ");

    node.configure(&format!("{}unseen = 'deny'\n", node.usual()));
    node.assert_refused(1, &name("v3"), &digest, "was never seen, and 'unseen' denies that");
    node.configure(&format!("{}unseen = 'allow'\n", node.usual()));
    node.assert_allowed(&name("v3"), &digest, "was never seen, and 'unseen' allows that: it is not checked");
    assert_eq!(get(&sighting("v3")).await.status, 404);
    // A tag that was seen is checked all the same.
    node.assert_refused(1, &name("v2"), other.digest().as_str(), "has moved and is refused");
}

#[tokio::test]
async fn what_is_private_or_the_nodes_own_is_left_out() {
    let (node, _) = Node::with_a_record().await;
    let other = Image::oci("something else").digest().to_string();
    let host = node.scene.instance.address.clone();
    node.configure(&format!("{}except = ['registry.k8s.io/pause', 'registry.test/demo']\n", node.usual()));
    for name in [TAG.to_owned(), format!("{host}/{TAG}"), "registry.k8s.io/pause:3.10".to_owned()] {
        node.assert_allowed(&name, &other, "is not checked: 'except' has ");
    }
    node.configure(&format!("{}only = ['ghcr.io']\n", node.usual()));
    node.assert_allowed(TAG, &other, "is not checked: 'only' has other registries");
    node.configure(&format!("{}only = ['registry.test']\n", node.usual()));
    node.assert_refused(1, TAG, &other, "has moved and is refused");
}

/// A node that follows docs/node.md comes up while its instance is down, and pulls what is not public.
#[tokio::test]
async fn the_example_in_the_documentation_leaves_out_what_the_node_needs_and_what_is_private() {
    let (node, image) = Node::with_a_record().await;
    let (digest, other) = (image.digest().to_string(), Image::oci("something else").digest().to_string());
    let page = std::fs::read_to_string(root().join("docs/node.md")).unwrap();
    let (_, example) = page.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    for (instance, down) in [("http://127.0.0.1:1".to_owned(), true), (node.scene.instance.at(""), false)] {
        let mut text = example.to_owned();
        for (written, here) in [
            ("https://registry.example.com", instance.as_str()),
            ("/etc/tlogistry/key.pem", node.path("key.pem").to_str().unwrap()),
            ("# log_key = \"/etc/tlogistry/log.pem\"", &format!("log_key = \"{}\"", node.path("log.pem").display())),
            ("/var/lib/tlogistry/sightings", node.path("cache").to_str().unwrap()),
        ] {
            assert!(text.contains(written), "{written}");
            text = text.replace(written, here);
        }
        node.configure(&text);
        for name in [
            "registry.k8s.io/pause:3.10",
            "registry.internal:5000/app:v1",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com/app:v1",
            "ghcr.io/our-company/app:v1",
        ] {
            node.assert_allowed(name, &other, "is not checked: 'except' has ");
        }
        if down {
            node.assert_refused(2, TAG, &digest, "the instance could not be reached");
        } else {
            node.assert_allowed(TAG, &digest, "is what it was recorded as");
            node.assert_refused(1, TAG, &other, "has moved and is refused");
        }
    }
}
