//! Instances, names and configurations that are not what they should be: nothing passes, and the reason is said.

use http::{Request, Response};
use http_body_util::Full;
use testing::image::Image;
use testing::process::{built, clean};
use tlogistry::cli::listen;

use crate::scene::{Node, TAG, told};

/// A server that answers everything with a status and a body.
async fn answering(status: u16, body: impl Into<bytes::Bytes>) -> String {
    let (listener, address) = listen::bind("127.0.0.1:0").await.unwrap();
    let body = body.into();
    let handler = move |_: Request<hyper::body::Incoming>| {
        let response =
            Response::builder().status(status).header("location", "/").body(Full::new(body.clone())).unwrap();
        async move { response }
    };
    tokio::spawn(listen::serve(listener, handler, std::future::pending()));
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_of_an_instance_lets_anything_pass() {
    let (node, image) = Node::with_a_record().await;
    let digest = image.digest().to_string();
    let unseen = r#"{"errors":[{"code":"TAG_UNKNOWN","message":"never seen"}]}"#;
    let bundle = node.bundle().await;
    let of_another_tag = String::from_utf8(bundle.clone()).unwrap();
    for (status, body, reason) in [
        (200, b"<html>".to_vec(), "the instance's evidence does not hold: "),
        (200, Vec::new(), "the instance's evidence does not hold: "),
        (200, b"{}".to_vec(), "the instance's evidence does not hold: "),
        (200, vec![b' '; 65 << 10], "the answer is larger than 65536 bytes"),
        (
            200,
            of_another_tag.replace("\"tlogEntries\":[{", "\"tlogEntries\":[{\"logIndex\":\"1\"},{").into(),
            "does not hold: ",
        ),
        (404, b"not here".to_vec(), "may not be a tlogistry"),
        (
            404,
            unseen.into(),
            "cannot be recorded: the instance answered 404 Not Found: never seen; an image that is not public",
        ),
        (301, Vec::new(), "the instance answered 301 Moved Permanently"),
        (401, Vec::new(), "the instance answered 401 Unauthorized"),
        (403, Vec::new(), "the instance answered 403 Forbidden"),
    ] {
        // Not even where tags may pass while the instance is down.
        node.configure(&format!("{}unavailable = 'allow'\n", node.with_instance(&answering(status, body).await)));
        node.assert_refused(2, TAG, &digest, reason);
    }
    for status in [429, 500, 502, 503, 504] {
        let down = answering(status, "<html>").await;
        node.configure(&node.with_instance(&down));
        node.assert_refused(2, TAG, &digest, &format!("the instance answered {status} "));
        node.configure(&format!("{}unavailable = 'allow'\n", node.with_instance(&down)));
        node.assert_allowed(TAG, &digest, "'unavailable' allows that: the instance answered ");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instances_words_are_cleaned_and_cut() {
    let node = Node::set().await;
    let words = format!("\\u001b[2Ja\\nb{}", "c".repeat(2000));
    let body = format!(r#"{{"errors":[{{"code":"TAG_UNKNOWN","message":"{words}"}}]}}"#);
    node.configure(&node.with_instance(&answering(404, body).await));
    let told = node.verify(TAG, Image::oci("any").digest().as_str());
    assert_eq!(told.code, Some(2));
    assert!(told.reason.contains("404 Not Found: \u{fffd}[2Ja\u{fffd}bccc") && told.reason.len() < 1000, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_of_another_tag_or_by_another_key_does_not_count() {
    let (node, image) = Node::with_a_record().await;
    let digest = image.digest().to_string();
    let bundle = node.bundle().await;
    let url = answering(200, bundle).await;
    node.configure(&node.with_instance(&url));
    let other = "registry.test/demo/app:v2";
    node.assert_refused(2, other, &digest, "it is about another tag: registry.test/demo/app:v1");
    node.configure(&node.usual().replace("/key.pem", "/log.pem"));
    node.assert_refused(2, TAG, &digest, "does not record the statement with a signature by a trusted key");
    node.configure(&node.usual().replace("log_key = ", "#"));
    node.assert_refused(2, TAG, &digest, "its log entry does not verify");
}

#[tokio::test]
async fn names_and_digests_that_are_none_are_refused() {
    let (node, image) = Node::with_a_record().await;
    let digest = image.digest().to_string();
    node.configure(&format!("{}except = ['private.test', 'registry.test/private']\n", node.usual()));
    for name in [
        "",
        "registry.test/demo/app",
        "registry.test/demo/app:",
        "registry.test/demo/app:v1@",
        "registry.test/Demo/app:v1",
        "registry.test/demo/app:v 1",
        "registry.test/demo/app:v1:v2",
        "registry.test/demo//app:v1",
        "registry.test/private/../demo/app:v1",
        "private.test/../registry.test/demo/app:v1",
        "private.test@registry.test/demo/app:v1",
        "registry.test/%70rivate/app:v1",
        "registry.test/private/app?:v1",
        "my_registry:5000/demo/app:v1",
        "[::1]:5000/demo/app:v1",
        "registry.test/demo/app:\u{1b}[2J",
    ] {
        node.assert_refused(2, name, &digest, "could not be checked and is refused: ");
    }
    for digest in ["", "sha256:", "sha256:0", &digest.to_uppercase(), "latest", &format!("sha384:{}", "0".repeat(96))] {
        node.assert_refused(2, TAG, digest, "-digest: ");
    }
    let long = format!("sha512:{}", "0".repeat(128));
    node.assert_refused(2, TAG, &long, "sightings are of sha256 digests alone");
}

#[tokio::test]
async fn a_descriptor_with_another_digest_is_refused() {
    let (node, image) = Node::with_a_record().await;
    let digest = image.digest().to_string();
    let verify = |stdin: &str| node.verify_with(TAG, &digest, stdin);
    for (stdin, reason) in [
        (
            format!(r#"{{"digest":"{}"}}"#, Image::oci("something else").digest()),
            "the descriptor has another digest than -digest",
        ),
        ("{}".to_owned(), "standard input holds no descriptor: "),
        ("[".repeat(100_000), "standard input holds no descriptor: "),
        (" ".repeat((1 << 20) + 1), "the descriptor is too large"),
    ] {
        let told = verify(&stdin);
        assert_eq!(told.code, Some(2), "{told:?}");
        assert!(told.reason.contains(reason), "{told:?}");
    }
    let annotated = format!(r#"{{"digest":"{digest}","annotations":{{"a":"{}"}}}}"#, "b".repeat(100_000));
    assert_eq!(verify(&annotated).code, Some(0), "it is read to its end");
    assert_eq!(verify("").code, Some(0), "as when a person calls it");
}

#[tokio::test]
async fn without_a_configuration_that_can_be_trusted_nothing_passes() {
    use std::os::unix::fs::PermissionsExt as _;
    let (node, image) = Node::with_a_record().await;
    let digest = image.digest().to_string();
    let config = node.path("image-verifier.toml");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o666)).unwrap();
    node.assert_refused(2, TAG, &digest, "others can write it");
    std::fs::remove_file(&config).unwrap();
    node.assert_refused(2, TAG, &digest, "there is no such file");
    node.configure("instance = ");
    node.assert_refused(2, TAG, &digest, "image-verifier.toml: TOML parse error");
    // containerd would run it.
    node.configure(&format!("{}bundles = '{}'\n", node.usual(), node.path("bin").display()));
    node.assert_refused(2, TAG, &digest, "and containerd runs every file there");
}

/// A wrapper of two lines names the configuration.
#[tokio::test]
async fn a_wrapper_or_a_person_can_call_the_command_by_its_name() {
    let (node, image) = Node::with_a_record().await;
    let wrapper = node.path("bin/wrapper");
    let (program, config) = (built("tlogistry-cli"), node.path("image-verifier.toml"));
    let text = format!("#!/bin/sh\nexec {} image-verifier --config {} \"$@\"\n", program.display(), config.display());
    std::fs::write(&wrapper, text).unwrap();
    let run = |digest: &str| {
        let mut command = clean("/bin/sh");
        command.arg(&wrapper).args(["-name", TAG, "-digest", digest, "-stdin-media-type", "application/x-new"]);
        told(command.stdin(std::process::Stdio::null()).output().unwrap())
    };
    assert_eq!(run(image.digest().as_str()).code, Some(0));
    assert_eq!(run(Image::oci("something else").digest().as_str()).code, Some(1));

    let mut command = clean(built("tlogistry-cli"));
    command.arg("image-verifier").arg("--config").arg(&config).args(["-name", TAG]);
    let told = told(command.stdin(std::process::Stdio::null()).output().unwrap());
    assert_eq!(
        (told.code, told.reason.as_str()),
        (Some(2), "the image could not be checked and is refused: -digest is missing")
    );
}
