//! Docker Hub's limit and mirrors: what is fetched from where, and what is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response};
use testing::client::Answer;
use testing::faulty::registry::{Fault, Registry};
use testing::image::{DOCKER_MANIFEST, Image};
use testing::instance::Instance;
use testing::network::inside_trusting;
use testing::network::web::status;
use testing::service::{get, head};
use testing::skopeo::{self, Destination};
use testing::story::assert_holds;
use tlogistry::http::Service;
use tlogistry::image::Digest;
use tokio::time::Instant;

use crate::hub::{ECR, HUB, HUB_BLOBS, Internet, MIRROR, MIRROR_BLOBS, OTHER, limited, manifest, mirror, parts};

const NAME: &str = "library/alpine";
const TAG: &str = "/v2/library/alpine/manifests/v1";

fn image() -> Image {
    Image::index("of Docker Hub")
}

async fn internet(image: &Image) -> Internet {
    Internet::of(&[(NAME, image)]).await
}

fn by_digest(digest: &Digest) -> String {
    format!("/v2/{NAME}/manifests/{digest}")
}

#[track_caller]
fn assert_is(answer: &Answer, image: &Image) {
    assert_eq!((answer.status, &answer.bytes), (200, &image.manifest), "{answer:?}");
    assert_eq!(answer.header("content-type"), image.media_type);
    assert_eq!(answer.header("docker-content-digest"), image.digest().as_str());
}

#[track_caller]
fn assert_limited(answer: &Answer) {
    assert_eq!((answer.status, answer.error().0.as_str()), (429, "TOOMANYREQUESTS"), "{answer:?}");
}

/// The requests to Docker Hub and its mirror, with digests left out.
fn asked(internet: &Internet) -> Vec<String> {
    let kind = |asked: String| {
        let (method, host) = asked.rsplit_once(' ').unwrap().0.split_once(' ').unwrap();
        let what = if asked.contains("/blobs/") { "blob" } else { "manifest" };
        let by = if asked.ends_with("/manifests/v1") { " by tag" } else { "" };
        format!("{method} {what}{by} at {host}")
    };
    internet.asked().into_iter().map(kind).collect()
}

#[test]
fn an_image_is_pulled_whole_while_docker_hub_allows_nothing() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        internet.hub.use_up();
        let service = internet.start();
        let answer = get(&service, TAG).await;
        assert_is(&answer, &image);
        assert_eq!(answer.header("tlog-first-seen"), "true");
        let first = asked(&internet);
        // Each is asked once without its token.
        let expected = [
            "GET manifest by tag at hub",
            "GET manifest by tag at hub",
            "HEAD manifest by tag at hub",
            "GET manifest at mirror.gcr.io",
            "GET manifest at mirror.gcr.io",
        ];
        assert_eq!(first, expected);

        let platform = &image.images[0];
        let answer = get(&service, &by_digest(&platform.digest())).await;
        assert_is(&answer, platform);
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(asked(&internet), ["HEAD manifest at hub", "GET manifest at mirror.gcr.io"]);

        // The pulled image is at hand; the registry is asked whether the tag is still there.
        assert_is(&get(&service, TAG).await, &image);
        assert_is(&get(&service, &by_digest(&platform.digest())).await, platform);
        let answer = head(&service, TAG).await;
        assert_eq!((answer.status, answer.header("docker-content-digest")), (200, image.digest().as_str()));
        assert_eq!(asked(&internet), ["HEAD manifest by tag at hub", "HEAD manifest by tag at hub"]);

        // Docker Hub does not count blobs.
        let blob = Digest::sha256(&platform.blobs[0]);
        let answer = get(&service, &format!("/v2/{NAME}/blobs/{blob}")).await;
        assert_eq!((answer.status, answer.header("location")), (307, &*format!("{HUB_BLOBS}{blob}?signed=GET")));
        assert_eq!(asked(&internet), ["GET blob at hub"]);
        assert_eq!(internet.hub.metered(), (0, 1));
    });
}

#[test]
fn a_known_tag_is_served_by_an_instance_that_has_nothing() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        let folder = tempfile::tempdir().unwrap();
        let key = || tlogistry::sighting::LocalKey::open_or_generate(&folder.path().join("key.pem")).unwrap();
        assert_is(&get(&internet.service().key(key()).build(), TAG).await, &image);
        internet.hub.use_up();
        let service = internet.service().key(key()).build();
        let answer = get(&service, TAG).await;
        assert_is(&answer, &image);
        assert_eq!(answer.find("tlog-first-seen"), None);
    });
}

#[test]
fn a_client_that_begins_with_head_is_served() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        internet.hub.use_up();
        let service = internet.start();
        let answer = head(&service, TAG).await;
        assert_eq!((answer.status, answer.header("tlog-first-seen")), (200, "true"));
        assert_eq!(answer.header("docker-content-digest"), image.digest().as_str());
        assert_is(&get(&service, &by_digest(&image.digest())).await, &image);
    });
}

#[test]
fn the_last_request_that_is_allowed_says_so_and_no_further_one_is_counted() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        internet.hub.leave(1);
        let service = internet.start();
        assert_is(&get(&service, TAG).await, &image);
        asked(&internet);
        for platform in &image.images {
            assert_is(&get(&service, &by_digest(&platform.digest())).await, platform);
        }
        let at_mirror = "GET manifest at mirror.gcr.io";
        assert_eq!(asked(&internet), ["HEAD manifest at hub", at_mirror, at_mirror, "HEAD manifest at hub", at_mirror]);
        assert_eq!(internet.hub.metered(), (1, 0));
    });
}

#[test]
fn once_its_time_is_over_the_registry_is_asked_again_and_the_mirror_is_not() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        let hub = internet.hub.clone();
        let refusals = Arc::new(AtomicUsize::new(1));
        internet.network.web.site(HUB, move |request| {
            let is_counted = request.method() == Method::GET && request.headers().contains_key("authorization");
            let once = |left: usize| left.checked_sub(1);
            match is_counted && refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, once).is_ok() {
                true => limited(&[("retry-after", "60")]),
                false => hub.answer(request),
            }
        });
        let service = internet.start();
        let [one, two] = [&image.images[0], &image.images[1]];
        assert_is(&get(&service, &by_digest(&one.digest())).await, one);
        assert!(asked(&internet).contains(&"GET manifest at mirror.gcr.io".to_owned()));
        internet.pass(Duration::from_secs(61)).await;
        assert_is(&get(&service, &by_digest(&two.digest())).await, two);
        assert_eq!(asked(&internet), ["GET manifest at hub"]);
    });
}

#[test]
fn without_mirrors_a_limit_reaches_the_client() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        internet.hub.use_up();
        let service = internet.service().set("DIGEST_MIRRORS", "").build();
        for path in [TAG.to_owned(), by_digest(&image.digest())] {
            assert_limited(&get(&service, &path).await);
            assert_limited(&get(&service, &path).await);
        }
        assert!(asked(&internet).iter().all(|asked| asked.starts_with("GET") && asked.ends_with("hub")));
    });
}

/// The answers to a first sight: whether the bytes were taken, and nothing is recorded if not.
async fn assert_first_sight_is_limited(internet: &Internet, service: &Service) {
    assert_limited(&get(service, TAG).await);
    assert_limited(&head(service, TAG).await.with_json());
    let answer = get(service, &format!("/sightings/index.docker.io/{NAME}:v1")).await;
    assert_eq!(answer.status, 404, "nothing is recorded: {answer:?}");
    internet.asked();
}

trait WithJson {
    fn with_json(self) -> Self;
}

impl WithJson for Answer {
    /// An answer to HEAD, with a body to be read.
    fn with_json(self) -> Self {
        Self { bytes: Bytes::from_static(br#"{"errors":[{"code":"TOOMANYREQUESTS","message":""}]}"#), ..self }
    }
}

#[test]
fn a_first_sight_takes_bytes_that_match_digest_type_and_length() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        let hub = internet.hub.clone();
        internet.hub.use_up();
        let right = || {
            let announced = manifest(Some(&image), &[]);
            announced.headers().clone()
        };
        // Docker Hub's HEAD lacks something, or says something else than the mirror's bytes.
        let other = Digest::sha256(b"{}").to_string();
        let spoilt: [(&str, Option<&str>); 8] = [
            ("docker-content-digest", None),
            ("docker-content-digest", Some(&other)),
            ("docker-content-digest", Some("sha256:short")),
            ("content-type", None),
            ("content-type", Some(DOCKER_MANIFEST)),
            ("content-length", None),
            ("content-length", Some("1")),
            ("content-length", Some("4194305")),
        ];
        for (name, value) in spoilt {
            let mut headers = right();
            let length = image.manifest.len().to_string();
            headers.insert("content-length", length.parse().unwrap());
            headers.remove(name);
            headers.extend(value.map(|value| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())));
            let hub = hub.clone();
            internet.network.web.site(HUB, move |request| {
                if request.method() == Method::HEAD && request.headers().contains_key("authorization") {
                    let mut answer = Response::new(Bytes::new());
                    *answer.headers_mut() = headers.clone();
                    return answer;
                }
                hub.answer(request)
            });
            let service = internet.start();
            assert_first_sight_is_limited(&internet, &service).await;
        }
        let answering = hub.clone();
        internet.network.web.site(HUB, move |request| answering.answer(request));

        // The mirror lies.
        let lie = |change: fn(&mut Image)| {
            let mut lie = image.clone();
            change(&mut lie);
            let honest = image.digest();
            move |_: &http::Request<()>| {
                let mut answer = manifest(Some(&lie), &[]);
                answer.headers_mut().insert("docker-content-digest", honest.as_str().parse().unwrap());
                answer
            }
        };
        internet.network.web.site(MIRROR, lie(|lie| lie.manifest = Bytes::from_static(br#"{"schemaVersion":2}"#)));
        assert_first_sight_is_limited(&internet, &internet.start()).await;
        internet.network.web.site(MIRROR, lie(|lie| lie.media_type = testing::image::DOCKER_LIST));
        assert_first_sight_is_limited(&internet, &internet.start()).await;
        internet.network.web.site(MIRROR, lie(|lie| lie.media_type = "text/html"));
        assert_first_sight_is_limited(&internet, &internet.start()).await;

        // The same, with nothing spoilt.
        internet.network.web.site(MIRROR, mirror(&hub, "", MIRROR_BLOBS));
        assert_is(&get(&internet.start(), TAG).await, &image);
    });
}

/// The mirror has what the registry has, and the registry's word on the tag would do for a known one.
#[test]
fn a_first_sight_at_another_registry_than_docker_hub_waits_for_the_registry() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        let allowed = Arc::new(AtomicUsize::new(0));
        let (allows, served) = (allowed.clone(), image.clone());
        internet.network.web.site(OTHER, move |request| {
            let is_allowed = request.method() == Method::HEAD || allows.load(Ordering::Relaxed) > 0;
            let is_there = parts(request).is_some_and(|(_, _, at)| at == "v1" || at == served.digest().as_str());
            match is_allowed {
                true => manifest(is_there.then_some(&served), &[]),
                false => limited(&[("retry-after", "60")]),
            }
        });
        internet.network.web.site(MIRROR, mirror(&internet.hub, "of/other/", MIRROR_BLOBS));
        let folder = tempfile::tempdir().unwrap();
        let start = || {
            let key = tlogistry::sighting::LocalKey::open_or_generate(&folder.path().join("key.pem")).unwrap();
            let service = internet.service().key(key).set("MANIFEST_CACHE_BYTES", 0);
            service.set("DIGEST_MIRRORS", "registry.example=mirror.gcr.io/of/other")
        };
        let path = format!("/v2/{OTHER}/{NAME}/manifests/v1");
        let service = start().build();
        for _ in 0..2 {
            let answer = get(&service, &path).await;
            assert_limited(&answer);
            assert_eq!(answer.header("retry-after"), "60");
        }
        assert!(internet.asked().iter().all(|asked| !asked.contains(MIRROR)), "for nothing that could be used");

        // Once it was recorded, HEAD is enough to confirm it, and the bytes may come from anyone.
        allowed.store(1, Ordering::Relaxed);
        let service = start().build();
        assert_is(&get(&service, &path).await, &image);
        allowed.store(0, Ordering::Relaxed);
        let answer = get(&service, &path).await;
        assert_is(&answer, &image);
        assert_eq!(answer.find("tlog-first-seen"), None);
        assert!(internet.asked().iter().any(|asked| asked.contains(MIRROR)));
    });
}

#[test]
fn a_tag_that_moved_is_refused_while_docker_hub_allows_nothing() {
    inside_trusting(async {
        let (image, moved) = (image(), Image::index("moved to"));
        let internet = internet(&image).await;
        let service = internet.start();
        assert_is(&get(&service, TAG).await, &image);
        let (hub, there) = (internet.hub.clone(), moved.clone());
        internet.hub.use_up();
        internet.network.web.site(HUB, move |request| {
            match request.method() == Method::HEAD && request.headers().contains_key("authorization") {
                true => manifest(Some(&there), &[]),
                false => hub.answer(request),
            }
        });
        // HEAD alone moves nothing.
        assert_limited(&get(&service, TAG).await);
        let there = moved.clone();
        internet.network.web.site(MIRROR, move |_| manifest(Some(&there), &[]));
        let answer = get(&service, TAG).await;
        let (code, message, _) = answer.error();
        assert_eq!((answer.status, code.as_str()), (403, "DENIED"));
        assert!(message.contains(moved.digest().as_str()), "{message}");
    });
}

/// By the pinned name it is served, and by the plain one the refusal says what changed.
#[test]
fn what_was_recorded_of_a_moved_tag_comes_from_a_mirror_while_docker_hub_allows_nothing() {
    inside_trusting(async {
        let (recorded, moved) = (image(), Image::index("moved to"));
        let internet = internet(&recorded).await;
        // Manifests are not kept: each is asked for.
        let service = internet.service().set("MANIFEST_CACHE_BYTES", "0").build();
        assert_is(&get(&service, TAG).await, &recorded);
        internet.hub.use_up();
        let (hub, there) = (internet.hub.clone(), moved.clone());
        internet.network.web.site(HUB, move |request| {
            let is_head = request.method() == Method::HEAD && request.headers().contains_key("authorization");
            match parts(request) {
                Some((_, "manifests", "v1")) if is_head => manifest(Some(&there), &[]),
                _ => hub.answer(request),
            }
        });
        let images = [recorded.clone(), moved.clone()];
        internet.network.web.site(MIRROR, move |request| {
            let (_, _, reference) = parts(request).unwrap();
            manifest(images.iter().find(|image| image.digest().as_str() == reference), &[])
        });
        let pinned = TAG.replace("/v2/", "/v2/pinned.alt/");
        let answer = get(&service, &pinned).await;
        assert_is(&answer, &recorded);
        assert_eq!(answer.header("tlog-moved"), moved.digest().as_str());
        assert_eq!(head(&service, &pinned).await.header("docker-content-digest"), recorded.digest().as_str());
        let refused = get(&service, TAG).await;
        let (code, message, error) = refused.error();
        assert_eq!((refused.status, code.as_str()), (403, "DENIED"));
        assert!(message.contains(moved.digest().as_str()), "{message}");
        assert!(error["detail"]["difference"]["platforms"].is_object(), "{error}");
        assert_eq!(internet.hub.metered().0, 1, "the first pull alone was counted");

        // Not even a HEAD is answered.
        internet.network.web.site(HUB, |_| limited(&[("retry-after", "60")]));
        for answer in [get(&service, &pinned).await, head(&service, &pinned).await] {
            assert_eq!((answer.status, answer.header("tlog-moved")), (200, "unknown"), "{answer:?}");
            assert_eq!(answer.header("docker-content-digest"), recorded.digest().as_str());
            assert!(answer.header("warning").contains("it allows no more requests for now"), "{answer:?}");
        }
        assert_limited(&get(&service, TAG).await);
    });
}

#[test]
fn no_mirror_overrules_a_registry_that_says_no() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        let service = internet.start();
        internet.hub.use_up();
        assert_is(&get(&service, TAG).await, &image);
        internet.asked();
        let platform = &image.images[0];
        let blob = format!("/v2/{NAME}/blobs/{}", Digest::sha256(&platform.blobs[0]));
        // By HEAD while it is limited, and by GET once it is not.
        for (code, expected) in [(401, 403), (403, 403), (404, 404)] {
            let hub = internet.hub.clone();
            internet.network.web.site(HUB, move |request| {
                let is_counted = request.method() == Method::GET && request.uri().path().contains("/manifests/");
                match request.headers().contains_key("authorization") && !is_counted {
                    true => status(code, &[], ""),
                    false => hub.answer(request),
                }
            });
            for path in [by_digest(&platform.digest()), blob.clone(), format!("/v2/{NAME}/manifests/v2")] {
                assert_eq!(get(&service, &path).await.status, expected, "{code} {path}");
            }
            assert_eq!(get(&service, TAG).await.status, expected, "{code} for a known tag");
            assert!(asked(&internet).iter().all(|asked| asked.ends_with("hub")), "{code}");
        }
        let service = internet.start();
        internet.network.web.site(HUB, |_| status(404, &[], ""));
        for path in [TAG, &by_digest(&platform.digest()), &blob] {
            assert_eq!(get(&service, path).await.status, 404);
        }
        assert!(asked(&internet).iter().all(|asked| asked.ends_with("hub")));
    });
}

#[test]
fn a_registry_that_is_down_is_no_reason_to_ask_a_mirror() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        let service = internet.start();
        for code in [500, 403, 408] {
            internet.network.web.site(HUB, move |_| status(code, &[("retry-after", "60")], ""));
            let answer = get(&service, &by_digest(&image.digest())).await;
            assert!([502, 403].contains(&answer.status), "{code}: {answer:?}");
        }
        // A token server's limit is not the registry's.
        let hub = internet.hub.clone();
        internet.network.web.site(HUB, move |request| hub.answer(request));
        internet.network.web.site("auth.docker.io", |_| limited(&[("retry-after", "60")]));
        assert_limited(&get(&service, &by_digest(&image.digest())).await);
        assert!(internet.asked().iter().all(|asked| !asked.contains(MIRROR)));
    });
}

#[test]
fn a_head_by_tag_that_is_limited_is_the_end_and_a_digest_comes_from_a_mirror() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        internet.network.web.site(HUB, |_| limited(&[("retry-after", "60")]));
        let service = internet.start();
        for _ in 0..2 {
            let answer = head(&service, TAG).await;
            assert_eq!((answer.status, answer.header("retry-after")), (429, "60"));
            assert_limited(&get(&service, TAG).await);
        }
        assert!(internet.asked().iter().all(|asked| !asked.contains(MIRROR)), "a tag is nothing to ask a mirror for");
        let platform = &image.images[0];
        for _ in 0..2 {
            assert_is(&get(&service, &by_digest(&platform.digest())).await, platform);
            let answer = head(&service, &by_digest(&platform.digest())).await;
            assert_eq!((answer.status, answer.header("docker-content-digest")), (200, platform.digest().as_str()));
        }
        let blob = Digest::sha256(&platform.blobs[0]);
        let answer = get(&service, &format!("/v2/{NAME}/blobs/{blob}")).await;
        assert_eq!((answer.status, answer.header("location")), (307, &*format!("{MIRROR_BLOBS}{blob}?signed=GET")));
        let answer = head(&service, &format!("/v2/{NAME}/blobs/{blob}")).await;
        assert_eq!((answer.status, answer.header("location")), (307, &*format!("{MIRROR_BLOBS}{blob}?signed=HEAD")));
        for list in ["tags/list".to_owned(), format!("referrers/{}", image.digest())] {
            internet.asked();
            get(&service, &format!("/v2/{NAME}/{list}")).await;
            assert!(internet.asked().iter().all(|asked| !asked.contains(MIRROR)), "{list}");
        }
        // The registry has not said that it has the manifest, so that the mirror's is not kept.
        internet.network.web.site(HUB, |_| status(404, &[], ""));
        assert_eq!(get(&service, &by_digest(&platform.digest())).await.status, 404);
    });
}

#[test]
fn mirrors_are_asked_in_order_and_one_that_is_of_no_use_is_passed_over() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        internet.hub.use_up();
        let mirrors = "docker.io=mirror.gcr.io docker.io/library=public.ecr.aws/docker/library";
        internet.network.web.site(ECR, mirror(&internet.hub, "docker/", MIRROR_BLOBS));
        let moves: [fn() -> Response<Bytes>; 7] = [
            || status(404, &[], ""),
            || status(500, &[], ""),
            || status(401, &[("www-authenticate", "Basic realm=\"x\"")], ""),
            || status(200, &[("content-type", "text/html")], "<title>Sign in</title>"),
            || status(307, &[("location", "https://localhost/")], ""),
            || status(307, &[("location", "http://mirror.gcr.io/")], ""),
            || status(307, &[("location", "https://169.254.169.254/")], ""),
        ];
        for answer in moves {
            internet.network.web.site(MIRROR, move |_| answer());
            let service = internet.service().set("DIGEST_MIRRORS", mirrors).build();
            assert_is(&get(&service, TAG).await, &image);
            let asked = internet.asked();
            let first = asked.iter().position(|asked| asked.contains(MIRROR)).unwrap();
            let name = "public.ecr.aws docker/library/alpine/manifests/";
            assert!(asked[first..].iter().any(|asked| asked.contains(name)), "{asked:?}");
        }
        // One that is limited itself is left alone until its time is over.
        internet.network.web.site(MIRROR, |_| limited(&[("retry-after", "60")]));
        let service = internet.service().set("DIGEST_MIRRORS", mirrors).build();
        assert_is(&get(&service, TAG).await, &image);
        assert!(internet.asked().iter().any(|asked| asked.contains(MIRROR)));
        assert_is(&get(&service, &by_digest(&image.images[0].digest())).await, &image.images[0]);
        assert!(internet.asked().iter().all(|asked| !asked.contains(MIRROR)));
        internet.pass(Duration::from_secs(61)).await;
        assert_is(&get(&service, &by_digest(&image.images[1].digest())).await, &image.images[1]);
        assert!(internet.asked().iter().any(|asked| asked.contains(MIRROR)));
        // A repository that is in none of them.
        internet.network.web.site(MIRROR, |_| status(404, &[], ""));
        let service = internet.service().set("DIGEST_MIRRORS", "docker.io/org=mirror.gcr.io").build();
        assert_limited(&get(&service, TAG).await);
        assert!(internet.asked().iter().all(|asked| !asked.contains(MIRROR)));
    });
}

#[test]
fn a_mirror_has_no_place_among_the_registries_that_are_served() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        internet.hub.use_up();
        let service = internet.service().set("ALLOWED_REGISTRIES", "docker.io").build();
        assert_is(&get(&service, TAG).await, &image);
        let named = get(&service, &format!("/v2/{MIRROR}/{NAME}/manifests/{}", image.digest())).await;
        assert_eq!((named.status, named.error().0.as_str()), (403, "DENIED"));
        // Inside addresses are refused to a mirror's name as to any.
        internet.network.names.lead(ECR, &["10.0.0.1"]);
        internet.network.web.connections();
        let service = internet.service().set("DIGEST_MIRRORS", "docker.io=public.ecr.aws").build();
        assert_limited(&get(&service, TAG).await);
        assert!(internet.network.web.connections().iter().all(|address| !address.starts_with("10.")));
    });
}

#[test]
fn a_mirror_that_hangs_costs_four_seconds() {
    inside_trusting(async {
        let image = image();
        let internet = internet(&image).await;
        internet.hub.use_up();
        let digest = image.digest();
        for hangs in [Fault::Silent, Fault::TarPit, Fault::Stalled] {
            let mirror = Registry::start().await;
            mirror.push("unused", image.manifest.clone());
            mirror.fails("/manifests/", hangs);
            let service = internet.service().set("INSECURE_REGISTRIES", format!("mirror.test={}", mirror.address));
            let service = service.set("DIGEST_MIRRORS", "docker.io=mirror.test,docker.io=mirror.gcr.io").build();
            let began = Instant::now();
            let passing = async {
                mirror.asks(digest.as_str(), 1).await;
                internet.pass(Duration::from_millis(4_010)).await;
            };
            let (answer, ()) = tokio::join!(get(&service, TAG), passing);
            assert_is(&answer, &image);
            assert_eq!(began.elapsed().as_secs(), 4);
        }
    });
}

/// With nothing from Docker Hub but what a tag is.
#[test]
fn skopeo_pulls_an_image_from_a_mirror() {
    inside_trusting(async {
        let image = Image::oci("of Docker Hub");
        let internet = internet(&image).await;
        let hub = internet.hub.clone();
        internet.network.web.site(HUB, move |request| {
            match request.method() == Method::GET && request.headers().contains_key("authorization") {
                true => limited(&[]),
                false => hub.answer(request),
            }
        });
        let authority = internet.network.authority().to_str().unwrap().to_owned();
        let instance = Instance::serve_alone(&[("SSL_CERT_FILE".to_owned(), authority)]);
        let to = Destination::oci();
        let name = format!("{}/docker.io/{NAME}:v1", instance.address);
        // The internet is served by this thread.
        let (ended, to) = tokio::task::spawn_blocking(move || (skopeo::pull(&name, &to), to)).await.unwrap();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_holds(&to, &image);
        // A line for each blob, and before them the manifest's.
        instance.wait_for(|line| {
            line.contains("/blobs/").then(|| assert!(line.contains("\"from_mirror\":true"), "{line}"))
        });
        instance.wait_for(|line| {
            let is_manifest = line.contains("/manifests/v1") && line.contains("FirstSeen");
            is_manifest.then(|| assert!(line.contains("\"from_mirror\":true"), "{line}"))
        });
    });
}
