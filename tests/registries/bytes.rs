//! Bytes and headers as storage and registries really send them.

use testing::network::inside;
use testing::network::web::status;
use testing::skopeo;
use tlogistry::image::Digest;

use crate::scene::{Asked, IMAGE, Scene};
use crate::shape::{Blobs, Shape};

const USUAL: Asked = Asked { first: &["GET manifests"], again: &["HEAD manifests"], blob: &[], blob_head: &[] };

/// Locations that are signed to the byte, for the default port as well:
/// <https://github.com/apache/opendal-reqsign/issues/365>, <https://github.com/adam-fowler/aws-signer-v4/issues/7>.
#[test]
fn a_signed_location_is_passed_on_as_it_came() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.example")).await;
        for location in [
            "https://storage.example:443/docker/a?X-Amz-Signature=00&response-content-disposition=a;filename='a\"b'",
            "HTTPS://Storage.example/a/./b/../c//d?x=%2f%2F+%20",
            "https://storage.example/a b|c^d`e{f}?g h",
            "https://storage.example",
        ] {
            scene.network.web.site("registry.example", move |_| status(302, &[("location", location)], ""));
            for answer in [scene.get(&scene.blob()).await, scene.head(&scene.blob()).await] {
                assert_eq!((answer.status, answer.header("location")), (307, location));
            }
            assert_eq!(scene.asked(), ["GET blobs", "HEAD blobs"]);
        }
        // Relative to the registry, as it is no more to a client of tlogistry.
        for (location, whole) in [
            ("/down/./loads?sig='1'", "https://registry.example/down/./loads?sig='1'"),
            ("//storage.example:443/a'b", "https://storage.example:443/a'b"),
            ("../down'loads/x", "https://registry.example/v2/org/app/down'loads/x"),
        ] {
            scene.network.web.site("registry.example", move |_| status(302, &[("location", location)], ""));
            assert_eq!(scene.get(&scene.blob()).await.header("location"), whole);
        }
    });
}

/// skopeo follows the location directly and through tlogistry, to storage that takes this URL alone.
#[test]
fn skopeo_gets_a_blob_by_a_signed_location() {
    inside(async {
        let cdn = "https://storage.example/docker/registry'v2'/";
        let scene = Scene::set(Shape { blobs: Blobs::at(307, cdn), ..Shape::plain("registry.example") }).await;
        scene.assert_pulls_as("a signed location with quotes", IMAGE, IMAGE).await;
    });
}

/// `Docker-Content-Digest` without its algorithm: <https://github.com/GoogleContainerTools/kaniko/issues/298>.
#[test]
fn huawei_swr() {
    inside(async {
        let host = "swr.eu-west-101.myhuaweicloud.eu";
        let shape = Shape { bare_digests: true, ..Shape::plain(host) };
        let scene = Scene::set(shape).await;
        scene.assert_works(USUAL, &format!("https://{host}/v2/org/app/blobs/")).await;
        scene.assert_pulls_as("Huawei SWR: a digest header without `sha256:`", IMAGE, IMAGE).await;
        // Another hex is a lie, with or without it.
        let image = scene.image.clone();
        for digest in [Digest::sha256(b"other").hex().to_owned(), Digest::sha256(b"other").to_string()] {
            let image = image.clone();
            scene.network.web.site(host, move |_| {
                let headers = [("content-type", image.media_type), ("docker-content-digest", &digest)];
                status(200, &headers, image.manifest.clone())
            });
            let answer = scene.get("manifests/v2").await;
            assert_eq!((answer.status, answer.error().0.as_str()), (502, "MANIFEST_INVALID"));
        }
    });
}

/// Storage hands out the `Content-Encoding` that an object was stored with:
/// <https://github.com/noobaa/noobaa-core/issues/9138>, <https://github.com/dondai44423/donsetch/issues/290>.
#[test]
fn a_content_encoding_that_is_none_is_no_lie() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.example")).await;
        let digest = scene.image.digest();
        let send = |encoding: &'static str| {
            let image = scene.image.clone();
            scene.network.web.site("registry.example", move |_| {
                let headers = [("content-type", image.media_type), ("content-encoding", encoding)];
                status(200, &headers, image.manifest.clone())
            });
        };
        let harmless = ["Identity", "", "UTF-8", "aws-chunked", "aws-chunked, identity", "application/json"];
        for (number, encoding) in harmless.into_iter().enumerate() {
            send(encoding);
            let answer = scene.get(&format!("manifests/v{number}")).await;
            assert_eq!(
                (answer.status, &answer.bytes, answer.find("content-encoding")),
                (200, &scene.image.manifest, None)
            );
            assert_eq!(scene.asked(), ["GET manifests"], "{encoding}");
            let (what, tag) = (format!("`Content-Encoding: {encoding}`"), format!(":v{number}"));
            let [directly, through] = scene.compare(&what, skopeo::inspect, &tag).await;
            assert_eq!((directly.code, through.code), (Some(0), Some(0)), "{encoding}");
            assert_eq!(directly.stdout, through.stdout, "{encoding}");
        }
        for encoding in ["gzip", "GZIP", "aws-chunked,gzip", "br"] {
            send(encoding);
            let answer = scene.get("manifests/packed").await;
            assert_eq!((answer.status, answer.error().0.as_str()), (502, "MANIFEST_INVALID"), "{encoding}");
            assert_eq!(answer.error().1, format!("registry.example sent a manifest encoded as '{encoding}'"));
            assert_eq!(scene.head("manifests/packed").await.status, 502, "{encoding}");
            // A manifest at hand was checked when it came.
            assert_eq!(scene.get(&format!("manifests/{digest}")).await.status, 200);
        }
    });
}
