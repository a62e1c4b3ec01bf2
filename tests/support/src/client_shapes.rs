//! Requests in the shapes of some clients, which both front ends answer alike.

use http::Method;

use super::client::{client, get, send};
use super::image::Image;
use super::instance::Instance;
use super::stage::{REGISTRY, REPOSITORY, Stage};

/// Asserts the answers about a new tag.
pub async fn assert_answered(stage: &Stage, instance: &Instance) {
    let image = Image::oci("in many shapes");
    stage.push("shaped", &image).await;
    let digest = image.digest().to_string();
    let etag = format!("\"{digest}\"");

    // A tag's first sight is answered whole, whatever the client has. Then it is asked for if it is another by now.
    let tag = instance.url("manifests/shaped");
    let conditional = |method: Method, url: &str| client().request(method, url).header("if-none-match", &etag);
    let first = send(conditional(Method::GET, &tag)).await;
    assert_eq!((first.status, &first.bytes, first.header("etag")), (200, &image.manifest, etag.as_str()));
    for url in [&tag, &instance.url(&format!("manifests/{digest}"))] {
        for method in [Method::GET, Method::HEAD] {
            let answer = send(conditional(method, url)).await;
            assert_eq!((answer.status, answer.bytes.len(), answer.header("etag")), (304, 0, etag.as_str()), "{url}");
            // HTTP allows the length of 200 there and no other.
            let length = image.manifest.len().to_string();
            assert!(answer.find("content-length").is_none_or(|announced| announced == length), "{answer:?}");
        }
    }

    // Go's `url.PathEscape` leaves a colon, Java's and JavaScript's functions encode it.
    for kind in ["manifests", "blobs", "referrers"] {
        let plain = get(&instance.url(&format!("{kind}/{digest}"))).await;
        for colon in ["%3A", "%3a"] {
            let encoded = get(&instance.url(&format!("{kind}/{}", digest.replace(':', colon)))).await;
            assert_eq!((encoded.status, &encoded.bytes), (plain.status, &plain.bytes), "{kind}");
        }
        assert!(kind == "blobs" || plain.status == 200, "{plain:?}");
    }

    // containerd's `override_path` with this host's path for the registry, and a plain mirror.
    for path in [format!("{REGISTRY}/{REPOSITORY}"), REPOSITORY.to_owned()] {
        let url = format!("http://{}/v2/{path}/manifests/shaped?ns={REGISTRY}", instance.address);
        let answer = get(&url).await;
        assert_eq!((answer.status, &answer.bytes), (200, &image.manifest), "{path}");
    }

    let missing = get(&instance.url("manifests/none")).await;
    assert_eq!((missing.status, missing.header("cache-control")), (404, "no-store"));
}
