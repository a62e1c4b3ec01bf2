//! Registries that are known from reports of those who use them.

use testing::network::inside;
use testing::network::web::status;

use crate::scene::{Asked, Scene};
use crate::shape::{Blobs, Shape};

const USUAL: Asked = Asked {
    first: &["GET manifests", "GET token", "GET manifests"],
    again: &["HEAD manifests"],
    blob: &["GET blobs"],
    blob_head: &["HEAD blobs"],
};

/// Answers for ghcr.io, with its challenge: <https://github.com/getwud/wud/issues/143>.
#[test]
fn lscr_io() {
    inside(async {
        let blobs = "https://pkg-containers.githubusercontent.com/ghcr1/blobs/";
        let shape = Shape::by_token("lscr.io", "https://ghcr.io/token", "ghcr.io", Blobs::at(307, blobs));
        Scene::set(Shape { repository: "linuxserver/heimdall", ..shape }).await.assert_works(USUAL, blobs).await;
    });
}

/// Redirects to cloud storage:
/// <https://jfrog.com/help/r/jfrog-installation-setup-documentation/direct-cloud-storage-download>.
#[test]
fn artifactory_that_redirects_to_its_storage() {
    inside(async {
        let realm = "https://artifactory.example/artifactory/api/docker/docker/v2/token";
        let blobs = "https://artifactory-storage.s3.eu-central-1.amazonaws.com/filestore/";
        let shape = Shape::by_token("artifactory.example", realm, "artifactory.example", Blobs::at(302, blobs));
        Scene::set(Shape { repository: "docker/org/app", ..shape }).await.assert_works(USUAL, blobs).await;
    });
}

/// Anonymous pulls by token: <https://help.sonatype.com/repomanager3/formats/docker-registry/authentication>.
#[test]
fn nexus_sends_blobs_itself() {
    inside(async {
        let realm = "https://nexus.example/v2/token";
        let scene =
            Scene::set(Shape::by_token("nexus.example", realm, "https://nexus.example/v2/token", Blobs::Here)).await;
        scene.assert_manifests(USUAL.first, USUAL.again).await;
        let answer = scene.get(&scene.blob()).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (501, "UNSUPPORTED"));
        assert_eq!(scene.asked(), ["GET blobs", "GET blobs"]);
    });
}

/// A challenge without a service: <https://github.com/sapcc/keppel/pull/731>.
#[test]
fn nvcr_io() {
    inside(async {
        let scene = Scene::set(Shape::plain("nvcr.io")).await;
        let image = scene.image.clone();
        scene.network.web.site("nvcr.io", move |request| {
            if request.uri().path() == "/proxy_auth" {
                let is_asked_for = request.uri().query() == Some("scope=repository%3Aorg%2Fapp%3Apull");
                return status(if is_asked_for { 200 } else { 400 }, &[], r#"{"token":"t","expires_in":600}"#);
            }
            if request.headers().get("authorization").is_none_or(|value| value != "Bearer t") {
                let challenge = "Bearer realm=\"https://nvcr.io/proxy_auth\",scope=\"repository:org/app:pull\"";
                return status(401, &[("www-authenticate", challenge)], "");
            }
            let digest = image.digest();
            let headers = [("content-type", image.media_type), ("docker-content-digest", digest.as_str())];
            match request.uri().path().ends_with("/v1") {
                true => status(200, &headers, image.manifest.clone()),
                false => status(404, &[], ""),
            }
        });
        scene.assert_manifests(USUAL.first, USUAL.again).await;
    });
}

/// A login is wanted for public groups too: <https://gitlab.com/gitlab-com/www-gitlab-com/-/issues/9529>. The
/// challenge: <https://github.com/torizon/torizoncore-builder/issues/131>.
#[test]
fn the_dependency_proxy_of_gitlab_says_that_it_wants_a_login() {
    inside(async {
        let scene =
            Scene::set(Shape { repository: "org/dependency_proxy/containers/alpine", ..Shape::plain("gitlab.com") })
                .await;
        scene.network.web.site("gitlab.com", |request| match request.uri().path() {
            "/jwt/auth" => {
                let body = r#"{"errors":[{"code":"DENIED","message":"access forbidden"}]}"#;
                status(403, &[("content-type", "application/json")], body)
            }
            _ => {
                let challenge = "Bearer realm=\"https://gitlab.com/jwt/auth\",service=\"dependency_proxy\",scope=\"\"";
                status(401, &[("www-authenticate", challenge)], "")
            }
        });
        let answer = scene.get("manifests/3").await;
        let (code, message, _) = answer.error();
        assert_eq!((answer.status, code.as_str()), (403, "DENIED"));
        assert_eq!(message, "not found, or not public: gitlab.com wants credentials, and says 'access forbidden'");
        assert_eq!(scene.asked(), ["GET manifests", "GET token"]);
    });
}
