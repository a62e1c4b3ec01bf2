//! https with a certificate of one's own authority, inside a network.

use testing::client::get;
use testing::docker_registry::Storage;
use testing::process::{Process, script};

use crate::scene::Scene;

/// A folder with an authority, and a certificate of its for 127.0.0.1.
fn certificates() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = Process::start(script("tests/tools/certificates.py").arg(folder.path()).arg("127.0.0.1")).finish();
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    folder
}

#[tokio::test]
async fn an_authority_that_is_trusted_is_enough() {
    let folder = certificates();
    let trusted = folder.path().join("ca.pem").display().to_string();
    let more = [("SSL_CERT_FILE", trusted.as_str())];
    for (storage, tokens) in [(Storage::Files, false), (Storage::S3, true)] {
        Scene::with(storage, tokens, Some(folder.path()), &more).await.tell().await;
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_not_trusted() {
    let (folder, another) = (certificates(), certificates());
    let trusted = another.path().join("ca.pem").display().to_string();
    let more = [("SSL_CERT_FILE", trusted.as_str())];
    let scene = Scene::with(Storage::Files, false, Some(folder.path()), &more).await;
    for path in ["manifests/v1".to_owned(), scene.blob()] {
        let answer = get(&scene.instance.url(&path)).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (502, "UNAVAILABLE"), "{answer:?}");
    }
}
