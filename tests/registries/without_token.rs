//! Registries that want no token.

use http::Method;
use testing::network::inside;
use testing::network::web::status;

use crate::scene::{Asked, Scene};
use crate::shape::{Blobs, Shape};

/// Clients are sent to the registry itself for blobs, and it redirects them.
const USUAL: Asked = Asked { first: &["GET manifests"], again: &["HEAD manifests"], blob: &[], blob_head: &[] };

/// Registry and regional data endpoints:
/// <https://github.com/microsoft/containerregistry/blob/main/docs/mcr-endpoints-guidance.md>; the 307 between them:
/// <https://learn.microsoft.com/azure/container-registry/container-registry-dedicated-data-endpoints>.
#[test]
fn mcr_microsoft_com() {
    inside(async {
        let blobs = "https://westeurope.data.mcr.microsoft.com/0123456789abcdef/";
        let shape = Shape { blobs: Blobs::at(307, blobs), ..Shape::plain("mcr.microsoft.com") };
        Scene::set(shape).await.assert_works(USUAL, "https://mcr.microsoft.com/v2/org/app/blobs/").await;
    });
}

/// Manifests by redirect to a regional Artifact Registry, blobs to that or to S3:
/// <https://github.com/kubernetes/registry.k8s.io/blob/main/cmd/archeio/docs/request-handling.md>.
#[test]
fn registry_k8s_io() {
    inside(async {
        let blobs =
            "https://prod-registry-k8s-io-eu-central-1.s3.dualstack.eu-central-1.amazonaws.com/containers/images/";
        let shape = Shape {
            repository: "pause",
            manifests_at: Some("https://europe-west3-docker.pkg.dev/v2/k8s-artifacts-prod/images/pause"),
            blobs: Blobs::at(307, blobs),
            ..Shape::plain("registry.k8s.io")
        };
        let asked = Asked {
            first: &["GET manifests", "GET manifests at europe-west3-docker.pkg.dev"],
            again: &["HEAD manifests", "HEAD manifests at europe-west3-docker.pkg.dev"],
            ..USUAL
        };
        Scene::set(shape).await.assert_works(asked, "https://registry.k8s.io/v2/pause/blobs/").await;
    });
}

#[test]
fn a_registry_elsewhere_that_wants_a_token_of_its_own_is_not_pulled_from() {
    inside(async {
        let elsewhere = "elsewhere.example";
        let manifests_at = Some("https://elsewhere.example/v2/org/app");
        let scene = Scene::set(Shape { manifests_at, ..Shape::plain("registry.example") }).await;
        scene.network.web.site(elsewhere, |_| {
            let challenge = r#"Bearer realm="https://elsewhere.example/token",service="a""#;
            status(401, &[("www-authenticate", challenge)], "")
        });
        let answer = scene.get("manifests/v1").await;
        let (code, message, _) = answer.error();
        assert_eq!((answer.status, code.as_str()), (403, "DENIED"));
        let reason = "registry.example redirects to elsewhere.example, which wants a token of its own; tlogistry gets \
                      tokens only for the registry that was named, so name elsewhere.example instead";
        assert_eq!(message, reason);
        assert_eq!(scene.asked(), ["GET manifests", "GET manifests at elsewhere.example"]);
        assert_eq!(scene.head("manifests/v1").await.status, 403);
        let by_head = ["HEAD manifests", "HEAD manifests at elsewhere.example"];
        let by_get = ["GET manifests", "GET manifests at elsewhere.example"];
        assert_eq!(scene.asked(), [by_head, by_get].concat());
        let what = "redirects to a registry that wants a token of its own";
        let through = "registry.example redirects to elsewhere.example, which wants a token of its own";
        scene.assert_pulls_as(what, Err("unauthorized"), Err(through)).await;
    });
}

#[test]
fn a_blob_that_is_redirected_to_itself_is_nowhere() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.example")).await;
        let blob = scene.blob();
        let own = format!("https://registry.example/v2/{}/{blob}#a", scene.shape.repository);
        for location in [String::new(), "#".to_owned(), "#a".to_owned(), own] {
            let to = location.clone();
            scene.network.web.site("registry.example", move |_| status(302, &[("location", &to)], ""));
            let answer = scene.get(&blob).await;
            assert_eq!(answer.status, 502, "'{location}': {answer:?}");
            assert!(
                answer.error().1.contains("registry.example redirects a blob to nowhere"),
                "'{location}': {answer:?}"
            );
            assert_eq!(scene.asked(), ["GET blobs"], "'{location}'");
        }
    });
}

#[test]
fn a_registry_that_knows_no_head_of_a_blob_is_asked_where_it_is_by_get() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.example")).await;
        for (code, expected) in [(405, 307), (501, 307), (401, 403), (404, 404), (500, 502)] {
            scene.network.web.site("registry.example", move |request| match *request.method() {
                Method::HEAD => status(code, &[], ""),
                _ => status(302, &[("location", "https://cdn.example/layer")], ""),
            });
            let answer = scene.head(&scene.blob()).await;
            assert_eq!(answer.status, expected, "{code}: {answer:?}");
            let asked = scene.asked();
            match expected {
                307 => assert_eq!(asked, ["HEAD blobs", "GET blobs"]),
                _ => assert_eq!(asked, ["HEAD blobs"]),
            }
        }
    });
}
