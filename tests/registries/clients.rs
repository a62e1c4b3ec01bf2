//! Clients' shapes, and what each costs at the registry.

use testing::client::{client, get, send};
use testing::network::inside;

use crate::scene::Scene;
use crate::shape::Shape;

/// `override_path` leaves this instance's path for the registry in the request, and `ns` is added all the same:
/// <https://github.com/containerd/containerd/blob/main/docs/hosts.md>,
/// <https://github.com/aws/eks-anywhere/pull/10765>.
#[test]
fn containerd_with_override_path_names_the_registry_twice() {
    inside(async {
        let scene = Scene::set(Shape::plain("ghcr.io")).await;
        for path in ["ghcr.io/org/app/manifests/v1?ns=ghcr.io", "org/app/manifests/v1?ns=ghcr.io"] {
            let answer = get(&scene.at(path)).await;
            assert_eq!((answer.status, &answer.bytes), (200, &scene.image.manifest), "{path}");
            let asked = scene.network.web.asked();
            assert!(asked.len() == 1 && asked[0].ends_with(" ghcr.io/v2/org/app/manifests/v1"), "{asked:?}");
        }
        // Another host in the path is a part of the repository's name.
        assert_eq!(get(&scene.at("quay.io/org/app/manifests/v1?ns=ghcr.io")).await.status, 200);
        assert_eq!(scene.network.web.asked(), ["GET ghcr.io/v2/quay.io/org/app/manifests/v1"]);
    });
}

/// As Java's `URLEncoder` and JavaScript's `encodeURIComponent` write it:
/// <https://github.com/package-url/packageurl-java/issues/92>.
#[test]
fn a_digest_with_an_encoded_colon_is_asked_for_with_a_plain_one() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.example")).await;
        let digest = scene.image.digest().to_string();
        let answer = scene.get(&format!("manifests/{}", digest.replace(':', "%3A"))).await;
        assert_eq!((answer.status, &answer.bytes), (200, &scene.image.manifest));
        assert_eq!(scene.network.web.asked(), [format!("GET registry.example/v2/org/app/manifests/{digest}")]);
        let answer = scene.get(&scene.blob().replace(':', "%3a")).await;
        assert_eq!(answer.header("location"), format!("https://registry.example/v2/org/app/{}", scene.blob()));
        assert_eq!(scene.asked(), [""; 0]);
    });
}

/// RFC 9110 section 13.1.2, as distribution has it: <https://distribution.github.io/distribution/spec/api/>.
#[test]
fn what_a_client_has_already_costs_what_its_verdict_costs() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.example")).await;
        let etag = scene.get("manifests/v1").await.header("etag").to_owned();
        scene.asked();
        let digest = scene.image.digest();
        for (path, asked) in
            [("manifests/v1".to_owned(), &["HEAD manifests"][..]), (format!("manifests/{digest}"), &[])]
        {
            let url = scene.at(&format!("registry.example/org/app/{path}"));
            let answer = send(client().get(url).header("if-none-match", &etag)).await;
            assert_eq!((answer.status, answer.bytes.len(), answer.find("content-length")), (304, 0, None));
            assert_eq!(scene.asked(), asked, "{path}");
        }
        Shape::plain("registry.example").serve(&scene.network, &testing::image::Image::oci("another"));
        let url = scene.at("registry.example/org/app/manifests/v1");
        let answer = send(client().get(url).header("if-none-match", &etag)).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (403, "DENIED"));
        assert_eq!(scene.asked(), ["HEAD manifests", "GET manifests"]);
    });
}
