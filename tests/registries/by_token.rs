//! Registries that give an anonymous token to anyone who asks, and have their blobs elsewhere.

use testing::network::inside;
use testing::network::web::status;

use crate::scene::{Asked, Scene};
use crate::shape::{Blobs, Challenge, Shape};

/// The requests to most of them.
const USUAL: Asked = Asked {
    first: &["GET manifests", "GET token", "GET manifests"],
    again: &["HEAD manifests"],
    blob: &["GET blobs"],
    blob_head: &["HEAD blobs"],
};

/// Tokens and limits: <https://docs.docker.com/docker-hub/usage/pulls/>. Hosts of blobs:
/// <https://docs.docker.com/desktop/setup/allow-list/>.
const DOCKER_HUB: Shape = Shape {
    name: "docker.io",
    host: "registry-1.docker.io",
    repository: "library/alpine",
    headers: &[
        ("ratelimit-limit", "100;w=21600"),
        ("ratelimit-remaining", "99;w=21600"),
        ("docker-ratelimit-source", "192.0.2.1"),
    ],
    ..Shape::by_token("", "https://auth.docker.io/token", "registry.docker.io", Blobs::at(307, HUB_BLOBS))
};
const HUB_BLOBS: &str = "https://docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com/blobs/";

#[test]
fn docker_hub() {
    inside(async {
        let scene = Scene::set(DOCKER_HUB).await;
        scene.assert_works(USUAL, HUB_BLOBS).await;
        // The rest of its limit is the instance's and not the client's.
        let answer = scene.get("manifests/v1").await;
        assert!(!answer.headers.keys().any(|name| name.as_str().contains("ratelimit")), "{answer:?}");
        // Its refusal is told to the client, with the status that makes it wait.
        let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;
        scene.network.web.site(DOCKER_HUB.host, move |_| status(429, &[("retry-after", "60")], body));
        for path in ["manifests/v1", "manifests/v2", &scene.blob()] {
            let answer = scene.get(path).await;
            assert_eq!((answer.status, answer.header("retry-after")), (429, "60"), "{path}");
            let (code, message, _) = answer.error();
            assert_eq!((code.as_str(), message.as_str()), ("TOOMANYREQUESTS", LIMITED));
        }
    });
}

const LIMITED: &str = "index.docker.io allows no more requests for now";

/// Token: <https://github.com/Mic92/niks3/issues/229>. Blobs by 307:
/// <https://github.com/containerd/stargz-snapshotter/pull/167>, at <https://pullist.d0t.se/ghcr.json>.
#[test]
fn ghcr_io() {
    inside(async {
        let blobs = "https://pkg-containers.githubusercontent.com/ghcr1/blobs/";
        let shape = Shape::by_token("ghcr.io", "https://ghcr.io/token", "ghcr.io", Blobs::at(307, blobs));
        Scene::set(shape).await.assert_works(USUAL, blobs).await;
    });
}

/// Blobs by 302 with a page, at cdn03: <https://github.com/oras-project/rust-oci-client/issues/226>. Token:
/// <https://docs.quay.io/api/> and <https://distribution.github.io/distribution/spec/auth/token/>.
#[test]
fn quay_io() {
    inside(async {
        let blobs = "https://cdn03.quay.io/quayio-production-s3/sha256/";
        let shape = Shape::by_token("quay.io", "https://quay.io/v2/auth", "quay.io", Blobs::at(302, blobs));
        Scene::set(shape).await.assert_works(USUAL, blobs).await;
    });
}

/// Token: <https://github.com/bazelbuild/rules_docker/issues/1175>. Blobs by 302 to a path on the same host, which
/// needs no token: <https://github.com/ahmetb/serverless-registry-proxy/issues/8>.
#[test]
fn gcr_io() {
    inside(async {
        let blobs = Blobs::at(302, ARTIFACTS);
        let shape = Shape::by_token("gcr.io", "https://gcr.io/v2/token", "gcr.io", blobs);
        Scene::set(shape).await.assert_works(USUAL, &format!("https://gcr.io{ARTIFACTS}")).await;
    });
}

const ARTIFACTS: &str = "/artifacts-downloads/namespaces/p/repositories/r/downloads/";

/// As gcr.io, which it serves too.
#[test]
fn artifact_registry() {
    inside(async {
        let host = "us-docker.pkg.dev";
        let shape = Shape::by_token(host, "https://us-docker.pkg.dev/v2/token", host, Blobs::at(302, ARTIFACTS));
        Scene::set(shape).await.assert_works(USUAL, &format!("https://{host}{ARTIFACTS}")).await;
    });
}

/// Token by the scope `aws`, and HEAD of a blob refused with 401:
/// <https://github.com/aws/containers-roadmap/issues/2671>. `Docker-Content-Digest` on HEAD alone:
/// <https://github.com/aws/containers-roadmap/issues/1931> and <https://github.com/estesp/manifest-tool/issues/124>.
const ECR_PUBLIC: Shape = Shape {
    challenge: Challenge::Bearer {
        realm: "https://public.ecr.aws/token/",
        service: "public.ecr.aws",
        scope: Some("aws"),
    },
    blobs: Blobs::At { status: 307, prefix: ECR_BLOBS, head: false },
    get_announces: false,
    ..Shape::plain("public.ecr.aws")
};
const ECR_BLOBS: &str = "https://d2glxqk2uabbnd.cloudfront.net/docker/";

#[test]
fn ecr_public() {
    inside(async {
        let scene = Scene::set(ECR_PUBLIC).await;
        // Refused like a token that has ended, so asked from the start; then by GET.
        let blob_head = &["HEAD blobs", "HEAD blobs", "GET token", "HEAD blobs", "GET blobs"];
        scene.assert_works(Asked { blob_head, ..USUAL }, ECR_BLOBS).await;
    });
}

/// A token of the one scope is good for every repository, and one is fetched for each all the same.
#[test]
fn a_registry_with_one_scope_is_asked_for_it_at_once() {
    inside(async {
        let mut scene = Scene::set(ECR_PUBLIC).await;
        scene.get("manifests/v1").await;
        scene.asked();
        let another = Shape { repository: "org/another", ..ECR_PUBLIC };
        another.serve(&scene.network, &scene.image);
        scene.shape = another;
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        assert_eq!(scene.asked(), ["GET token", "GET manifests"]);
    });
}

/// Token: <https://docs.gitlab.com/administration/packages/container_registry/>. Blobs by a signed URL of its CDN, for
/// HEAD and GET: <https://runbooks.gitlab-static.net/registry/cdn/>.
#[test]
fn registry_gitlab_com() {
    inside(async {
        let blobs = "https://cdn.registry.gitlab-static.net/gitlab/docker/registry/v2/blobs/";
        let realm = "https://gitlab.com/jwt/auth";
        let shape = Shape::by_token("registry.gitlab.com", realm, "container_registry", Blobs::at(307, blobs));
        Scene::set(shape).await.assert_works(USUAL, blobs).await;
    });
}

/// Hosts: <https://edu.chainguard.dev/chainguard/administration/network-requirements/>.
#[test]
fn cgr_dev() {
    inside(async {
        let blobs = "https://9236a389bd48b984df91adc1bc924620.r2.cloudflarestorage.com/blobs/";
        let shape = Shape::by_token("cgr.dev", "https://cgr.dev/token", "cgr.dev", Blobs::at(307, blobs));
        Scene::set(shape).await.assert_works(USUAL, blobs).await;
    });
}
