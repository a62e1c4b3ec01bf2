//! The cost of a blob: nothing at a registry that needs no token, and little where a redirect says how long it is valid.
//!
//! Forms of signed URLs, as registries give them: ECR and Docker Hub (S3, R2), GHCR (Azure), Artifact Registry
//! (Google), quay.io and ECR Public (CloudFront).

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use http::{Method, Request, Response};
use testing::client::Answer;
use testing::image::Image;
use testing::network::web::status;
use testing::network::{inside, inside_trusting};
use testing::service::{get, head};
use tlogistry::http::Service;
use tlogistry::image::Digest;

use crate::hub::{Internet, OTHER};
use crate::scene::{IMAGE, Scene};
use crate::shape::{Blobs, Shape, TAG};

const HOST: &str = "registry.example";
const REALM: &str = "https://registry.example/token";
const REPOSITORY: &str = "registry.example/org/app";

/// The place that the registry then leads to is its own affair, and the client's.
#[test]
fn a_registry_that_needs_no_token_is_not_asked_where_the_blobs_of_its_images_are() {
    inside(async {
        let scene = Scene::set(Shape { blobs: Blobs::at(307, "https://cdn.example/"), ..Shape::plain(HOST) }).await;
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        scene.asked();
        for blob in &scene.image.blobs {
            let path = format!("blobs/{}", Digest::sha256(blob));
            for answer in [scene.get(&path).await, scene.head(&path).await] {
                let location = format!("https://{HOST}/v2/org/app/{path}");
                assert_eq!((answer.status, answer.header("location")), (307, location.as_str()));
            }
        }
        assert_eq!(scene.asked(), [""; 0]);
        scene.assert_pulls_as("needs no token, and redirects blobs", IMAGE, IMAGE).await;
    });
}

#[test]
fn what_no_image_names_is_asked_for_and_so_is_all_once_a_token_is_wanted() {
    inside(async {
        let scene = Scene::set(Shape::plain(HOST)).await;
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        scene.asked();
        let answer = scene.get(&format!("blobs/sha256:{}", "0".repeat(64))).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (404, "BLOB_UNKNOWN"));
        assert_eq!(scene.asked(), ["GET blobs"]);
        assert_eq!(scene.get(&scene.blob()).await.status, 307);
        assert_eq!(scene.asked(), [""; 0]);
        // The repository needs one from now on, and the next pull finds out.
        let cdn = "https://cdn.example/";
        Shape::by_token(HOST, REALM, "a", Blobs::at(307, cdn)).serve(&scene.network, &scene.image);
        assert_eq!(scene.get("manifests/v1").await.status, 200);
        assert_eq!(scene.asked(), ["HEAD manifests", "GET token", "HEAD manifests"]);
        let answer = scene.get(&scene.blob()).await;
        assert!(answer.header("location").starts_with(cdn), "{answer:?}");
        assert_eq!(scene.asked(), ["GET blobs"]);
    });
}

/// While the registry allows no more, a mirror may have what it has not.
#[test]
fn a_limited_registry_is_asked_so_that_a_mirror_can_be() {
    inside_trusting(async {
        let (internet, image) = internet().await;
        let service = internet.service().set("DIGEST_MIRRORS", "registry.example=public.ecr.aws/org").build();
        let shape = Shape { host: OTHER, ..Shape::plain(OTHER) };
        let served = image.clone();
        internet.network.web.site(OTHER, move |request| shape.answer(request, &served, true));
        assert_eq!(get(&service, &format!("/v2/{REPOSITORY}/manifests/{TAG}")).await.status, 200);
        internet.asked();
        let blob = format!("/v2/{REPOSITORY}/blobs/{}", Digest::sha256(&image.blobs[1]));
        assert_eq!(get(&service, &blob).await.status, 307);
        assert_eq!(internet.asked(), [""; 0]);
        internet.network.web.site(OTHER, |_| status(429, &[("retry-after", "30")], ""));
        internet.network.web.site("public.ecr.aws", |_| status(307, &[("location", "https://cdn.example/b")], ""));
        assert_eq!(get(&service, &format!("/v2/{REPOSITORY}/manifests/{TAG}")).await.status, 429);
        internet.asked();
        let answer = get(&service, &blob).await;
        assert_eq!((answer.status, answer.header("location")), (307, "https://cdn.example/b"));
        let asked = internet.asked();
        assert!(asked.len() == 2 && asked[1].starts_with("GET public.ecr.aws org/org/app/blobs/"), "{asked:?}");
        internet.pass(Duration::from_secs(30)).await;
        let answer = get(&service, &blob).await;
        assert!(answer.header("location").starts_with("https://registry.example/v2/"), "{answer:?}");
    });
}

/// An internet whose `OTHER` wants a token, and redirects blobs as a test says.
async fn internet() -> (Internet, Image) {
    let image = Image::oci("of a registry");
    (Internet::of(&[]).await, image)
}

/// A registry that gives tokens, and these redirects.
fn serve(internet: &Internet, redirect: impl Fn(&Request<()>) -> Response<Bytes> + Send + Sync + 'static) {
    let shape = Shape::by_token(OTHER, REALM, "a", Blobs::Here);
    let image = Image::oci("of a registry");
    internet.network.web.site(OTHER, move |request| {
        let is_blob = request.uri().path().contains("/blobs/") && request.headers().contains_key("authorization");
        if is_blob { redirect(request) } else { shape.answer(request, &image, true) }
    });
}

fn blob_path() -> String {
    format!("/v2/{REPOSITORY}/blobs/{}", Digest::sha256(b"a layer"))
}

/// Asks for a blob. Returns whether the registry was asked too.
async fn blob(internet: &Internet, service: &Service, method: &Method, path: &str) -> (Answer, bool) {
    internet.asked();
    let answer = if method == Method::HEAD { head(service, path).await } else { get(service, path).await };
    assert_eq!(answer.status, 307, "{answer:?}");
    (answer, internet.asked().iter().any(|asked| asked.contains("/blobs/")))
}

fn in_seconds(seconds: i64) -> DateTime<Utc> {
    DateTime::from(SystemTime::now()) + Duration::from_secs(seconds.unsigned_abs())
}

/// A URL of each kind that is valid for so many seconds.
fn signed(kind: &str, seconds: i64) -> String {
    let (now, end) = (in_seconds(0), in_seconds(seconds));
    let (compact, epoch) = (now.format("%Y%m%dT%H%M%SZ"), end.timestamp());
    let rfc3339 = end.to_rfc3339_opts(SecondsFormat::Secs, true);
    match kind {
        "s3" => format!("https://s3.example/b?X-Amz-Date={compact}&X-Amz-Expires={seconds}&X-Amz-Signature=1"),
        "google" => {
            format!("https://storage.example/b?X-Goog-Date={compact}&X-Goog-Expires={seconds}&X-Goog-Signature=1")
        }
        "azure" => format!("https://blob.example/b?se={}&sig=1&sp=r", rfc3339.replace(':', "%3A")),
        "cloudfront" => format!("https://d1.example/b?Expires={epoch}&Signature=1&Key-Pair-Id=K"),
        _ => format!("https://cdn.example/b?token=opaque-{epoch}"),
    }
}

#[test]
fn a_signed_redirect_is_given_again_for_a_minute_and_never_beyond_its_end() {
    inside_trusting(async {
        let (internet, _) = internet().await;
        for (kind, seconds, again, not_again) in [
            ("s3", 1200, 59, 61),
            ("google", 1200, 59, 61),
            ("azure", 300, 59, 61),
            ("cloudfront", 600, 59, 61),
            ("s3", 40, 1, 31),
            ("azure", 40, 1, 31),
            ("cloudfront", 40, 1, 31),
            ("s3", 8, 0, 0),
            ("opaque", 1200, 0, 0),
        ] {
            serve(&internet, move |_| status(307, &[("location", &signed(kind, seconds))], ""));
            let service = internet.start();
            let (first, asked) = blob(&internet, &service, &Method::GET, &blob_path()).await;
            assert!(asked, "{kind} {seconds}");
            if again > 0 {
                internet.pass(Duration::from_secs(again)).await;
                let (given, asked) = blob(&internet, &service, &Method::GET, &blob_path()).await;
                assert_eq!((asked, given.header("location")), (false, first.header("location")), "{kind} {seconds}");
            }
            internet.pass(Duration::from_secs(not_again - again)).await;
            let (_, asked) = blob(&internet, &service, &Method::GET, &blob_path()).await;
            assert!(asked, "{kind} {seconds}");
        }
    });
}

#[test]
fn what_a_registry_says_of_keeping_a_redirect_counts() {
    inside_trusting(async {
        let (internet, _) = internet().await;
        for (control, kind, kept) in [
            ("max-age=45", "opaque", 35),
            ("public, max-age=300", "opaque", 60),
            ("max-age=45", "s3", 35),
            ("no-store", "s3", 0),
            ("no-cache", "s3", 0),
            ("private, max-age=300", "s3", 0),
            ("max-age=0", "s3", 0),
            ("max-age=soon", "s3", 0),
        ] {
            serve(&internet, move |_| {
                status(307, &[("location", &signed(kind, 1200)), ("cache-control", control)], "")
            });
            let service = internet.start();
            blob(&internet, &service, &Method::GET, &blob_path()).await;
            let began = tokio::time::Instant::now();
            while !blob(&internet, &service, &Method::GET, &blob_path()).await.1 {
                internet.pass(Duration::from_secs(1)).await;
            }
            // The registry's answer is dated, and has aged by the time that it was read.
            let given = began.elapsed().as_secs();
            assert!(given <= kept && (given > 0) == (kept > 0), "{control} {kind}: {given}");
        }
    });
}

#[test]
fn a_redirect_is_of_one_method_one_repository_and_one_digest() {
    inside_trusting(async {
        let (internet, _) = internet().await;
        serve(&internet, |request| {
            let location = format!("{}&for={}{}", signed("s3", 1200), request.method(), request.uri().path());
            status(307, &[("location", &location)], "")
        });
        let service = internet.start();
        let other = blob_path().replace("org/app", "org/other");
        let another = format!("/v2/{REPOSITORY}/blobs/{}", Digest::sha256(b"another"));
        let asked = [(Method::GET, blob_path()), (Method::HEAD, blob_path()), (Method::GET, another)];
        for is_new in [true, false] {
            for (method, path) in &asked {
                let (answer, asked) = blob(&internet, &service, method, path).await;
                assert_eq!(asked, is_new, "{method} {path}");
                let digest = path.rsplit('/').next().unwrap();
                assert!(answer.header("location").ends_with(&format!("for={method}/v2/org/app/blobs/{digest}")));
            }
        }
        let (answer, asked) = blob(&internet, &service, &Method::GET, &other).await;
        assert!(asked && answer.header("location").contains("/v2/org/other/blobs/"), "{answer:?}");
    });
}
