//! Registries that people run themselves, on a public host.

use testing::network::inside;

use crate::scene::{Asked, Scene};
use crate::shape::{Blobs, Challenge, Shape};

const WITHOUT_TOKEN: Asked = Asked { first: &["GET manifests"], again: &["HEAD manifests"], blob: &[], blob_head: &[] };
const BY_TOKEN: [&str; 3] = ["GET manifests", "GET token", "GET manifests"];

/// Without `auth` and with storage in files: <https://distribution.github.io/distribution/about/configuration/>.
#[test]
fn distribution_without_tokens_is_where_clients_are_sent_for_blobs() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.example")).await;
        scene.assert_works(WITHOUT_TOKEN, "https://registry.example/v2/org/app/blobs/").await;
    });
}

/// Token service: <https://goharbor.io/docs/main/install-config/customize-token-service/>. Storage in files, or with
/// `redirect.disable`, is sent by Harbor itself: <https://github.com/goharbor/harbor/issues/20750>.
#[test]
fn harbor_that_sends_blobs_itself_is_refused_by_name_and_reason() {
    inside(async {
        let realm = "https://harbor.example/service/token";
        let scene = Scene::set(Shape::by_token("harbor.example", realm, "harbor-registry", Blobs::Here)).await;
        scene.assert_manifests(&BY_TOKEN, &["HEAD manifests"]).await;
        let answer = scene.get(&scene.blob()).await;
        let (code, message, _) = answer.error();
        assert_eq!((answer.status, code.as_str()), (501, "UNSUPPORTED"));
        let reason = "harbor.example sends the bytes of blobs itself, and only to holders of a token; tlogistry never \
                      carries blobs, so images of this registry cannot be pulled through it";
        assert_eq!(message, reason);
        assert_eq!(scene.head(&scene.blob()).await.status, 501);
        // Once more without the token, to be sure.
        assert_eq!(scene.asked(), ["GET blobs", "GET blobs", "HEAD blobs", "HEAD blobs"]);
    });
}

/// As distribution with a token server that asks for tokens for some repositories alone.
#[test]
fn a_registry_that_wants_tokens_for_another_repository_alone_works() {
    inside(async {
        let realm = "https://mixed.example/token";
        let scene = Scene::set(Shape::by_token("mixed.example", realm, "a", Blobs::Here)).await;
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        Shape::plain("mixed.example").serve(&scene.network, &scene.image);
        let answer = scene.get(&scene.blob()).await;
        let location = format!("https://mixed.example/v2/org/app/{}", scene.blob());
        assert_eq!((answer.status, answer.header("location")), (307, location.as_str()), "{answer:?}");
        scene.assert_pulls().await;
    });
}

/// With storage that can be redirected to, it does: <https://github.com/goharbor/harbor/issues/23050>.
#[test]
fn harbor_that_redirects_to_its_storage_works() {
    inside(async {
        let (realm, blobs) = ("https://harbor.example/service/token", "https://s3.harbor.example/docker/registry/v2/");
        let shape = Shape::by_token("harbor.example", realm, "harbor-registry", Blobs::at(307, blobs));
        let asked =
            Asked { first: &BY_TOKEN, again: &["HEAD manifests"], blob: &["GET blobs"], blob_head: &["HEAD blobs"] };
        Scene::set(shape).await.assert_works(asked, blobs).await;
    });
}

/// <https://zotregistry.dev/v2.1.3/articles/authn-authz>: everyone may read without authentication, or nobody without a
/// password.
#[test]
fn zot_works_where_everyone_may_read() {
    inside(async {
        let scene = Scene::set(Shape::plain("zot.example")).await;
        scene.assert_works(WITHOUT_TOKEN, "https://zot.example/v2/org/app/blobs/").await;
    });
}

#[test]
fn zot_with_passwords_is_not_public() {
    inside(async {
        let scene = Scene::set(Shape { challenge: Challenge::Basic, ..Shape::plain("zot.example") }).await;
        for path in ["manifests/v1".to_owned(), format!("manifests/{}", scene.image.digest()), scene.blob()] {
            let answer = scene.get(&path).await;
            let (code, message, _) = answer.error();
            assert_eq!((answer.status, code.as_str()), (403, "DENIED"), "{path}");
            assert_eq!(message, "not found, or not public: zot.example wants credentials");
            assert_eq!(scene.head(&path).await.status, 403);
        }
        let manifest = ["GET manifests", "HEAD manifests", "GET manifests"];
        assert_eq!(scene.asked(), [&manifest[..], &manifest[..], &["GET blobs", "HEAD blobs"]].concat());
    });
}
