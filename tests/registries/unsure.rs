//! A registry that allows nothing, and whose HEAD does not say whether it has a manifest: a digest may come from a mirror.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use testing::client::Answer;
use testing::faulty::registry::{Fault, Registry};
use testing::image::Image;
use testing::network::inside_trusting;
use testing::network::web::status;
use testing::service::get;
use tlogistry::http::Service;

use crate::hub::{HUB, Internet, MIRROR, MIRROR_BLOBS, limited, mirror};

const NAME: &str = "library/alpine";

type Heads = fn() -> Response<Bytes>;

fn is_without_token(request: &Request<()>) -> bool {
    !request.headers().contains_key("authorization")
}

/// Another registry than Docker Hub: it answers 429 to GET, and its mirror has an image.
struct Limited {
    image: Image,
    internet: Internet,
    registry: Registry,
    service: Service,
    /// The image's, by digest.
    path: String,
}

impl Limited {
    async fn set() -> Self {
        let image = Image::index("of another registry");
        let internet = Internet::of(&[(NAME, &image)]).await;
        internet.network.web.site(MIRROR, mirror(&internet.hub, "of/other/", MIRROR_BLOBS));
        let registry = Registry::start().await;
        registry.method_fails(Method::GET, "manifests", Fault::Status(429, vec![("retry-after", "60".to_owned())], ""));
        let service = internet.service().set("INSECURE_REGISTRIES", format!("registry.test={}", registry.address));
        let service = service.set("DIGEST_MIRRORS", "registry.test=mirror.gcr.io/of/other").build();
        let path = format!("/v2/registry.test/{NAME}/manifests/{}", image.digest());
        Self { image, internet, registry, service, path }
    }
}

#[track_caller]
fn assert_is(answer: &Answer, image: &Image) {
    assert_eq!((answer.status, &answer.bytes), (200, &image.manifest), "{answer:?}");
}

#[test]
fn a_digest_comes_from_a_mirror_if_docker_hubs_head_says_nothing_certain() {
    inside_trusting(async {
        let image = Image::index("of Docker Hub");
        let internet = Internet::of(&[(NAME, &image)]).await;
        let by_digest = format!("/v2/{NAME}/manifests/{}", image.digest());
        let unsure: [(&str, Heads); 7] = [
            ("405", || status(405, &[], "")),
            ("400", || status(400, &[], "")),
            ("410", || status(410, &[], "")),
            ("500", || status(500, &[], "")),
            ("501", || status(501, &[], "")),
            ("a 200 without digest", || status(200, &[("content-type", "text/html")], "")),
            ("a redirect to nowhere", || status(302, &[], "")),
        ];
        let said: [(&str, Heads, u16); 3] = [
            ("401", || status(401, &[], ""), 403),
            ("403", || status(403, &[], ""), 403),
            ("404", || status(404, &[], ""), 404),
        ];
        let cases = unsure.map(|(what, heads)| (what, heads, 200)).into_iter().chain(said);
        for (what, heads, expected) in cases {
            let hub = internet.hub.clone();
            internet.network.web.site(HUB, move |request| match (request.method(), is_without_token(request)) {
                (_, true) => hub.answer(request),
                (&Method::HEAD, false) => heads(),
                _ => limited(&[("retry-after", "60")]),
            });
            let service = internet.service().set("MANIFEST_CACHE_BYTES", 0).build();
            // The first finds the limit, and the second knows it.
            for pull in 1..=2 {
                let answer = get(&service, &by_digest).await;
                assert_eq!(answer.status, expected, "{what}, {pull}: {answer:?}");
                if expected == 200 {
                    assert_is(&answer, &image);
                }
            }
            internet.asked();
            let answer = get(&service, &format!("/v2/{NAME}/manifests/v1")).await;
            let expected = if expected == 200 { 429 } else { expected };
            assert_eq!(answer.status, expected, "{what}: a tag is its registry's to say");
            assert!(internet.asked().iter().all(|asked| !asked.contains(MIRROR)), "{what}");
        }
        // A digest that no mirror has is refused as the registry refused it; the registry is not asked a third time.
        internet.network.web.site(HUB, {
            let hub = internet.hub.clone();
            move |request| match (request.method(), is_without_token(request)) {
                (_, true) => hub.answer(request),
                (&Method::HEAD, false) => status(405, &[], ""),
                _ => limited(&[("retry-after", "60")]),
            }
        });
        internet.network.web.site(MIRROR, |_| status(404, &[], ""));
        let service = internet.start();
        get(&service, &by_digest).await;
        internet.asked();
        let answer = get(&service, &by_digest).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "60"));
        let at_hub = |asked: &String| asked.contains(" hub ").then(|| asked.split(' ').next().unwrap().to_owned());
        assert_eq!(internet.asked().iter().filter_map(at_hub).collect::<Vec<_>>(), ["HEAD", "GET"]);
    });
}

#[test]
fn a_digest_comes_from_a_mirror_if_the_registry_is_silent_for_head() {
    inside_trusting(async {
        let Limited { image, internet, registry, service, path } = Limited::set().await;
        registry.method_fails(Method::HEAD, "manifests", Fault::Silent);
        let passing = async {
            registry.asks(image.digest().as_str(), 2).await;
            internet.pass(Duration::from_millis(8_010)).await;
        };
        let (answer, ()) = tokio::join!(get(&service, &path), passing);
        assert_is(&answer, &image);
        let path_asked = format!("manifests/{}", image.digest());
        assert_eq!(registry.asked(), [format!("GET {path_asked}"), format!("HEAD {path_asked}")]);
        // The next is not a HEAD, and takes no time.
        assert_is(&get(&service, &path).await, &image);
        assert_eq!(registry.asked(), [format!("GET {path_asked}")]);
    });
}

/// It may be that no, or a registry that answers no HEAD well.
#[test]
fn a_no_to_head_of_a_registry_whose_get_is_refused_is_overruled_by_no_mirror() {
    inside_trusting(async {
        let Limited { image, internet, registry, service, path } = Limited::set().await;
        for no in [403, 404] {
            registry.method_fails(Method::HEAD, "manifests", Fault::Status(no, vec![], ""));
            for pull in 1..=2 {
                assert_eq!(get(&service, &path).await.status, 429, "{no}, {pull}");
            }
            registry.heals();
            registry.method_fails(Method::GET, "manifests", Fault::Status(429, vec![], ""));
        }
        assert!(internet.asked().iter().all(|asked| !asked.contains(MIRROR)));
        // A HEAD that says nothing is no such word.
        registry.method_fails(Method::HEAD, "manifests", Fault::Status(405, vec![], ""));
        assert_is(&get(&service, &path).await, &image);
    });
}
