//! Requests that no registry answers.

use http::{Method, Uri};

use super::world::{World, ask};

#[tokio::test]
async fn a_request_that_names_nothing_is_refused_by_what_is_wrong_with_it() {
    let zeros = "0".repeat(64);
    let cases = [
        ("/v2/registry.test/Demo/manifests/v1".to_owned(), 400, "NAME_INVALID", "'Demo' is not a repository name"),
        ("/v2/registry.test/demo%2fapp/manifests/v1".to_owned(), 400, "NAME_INVALID", "not a repository name"),
        ("/v2/registry.test/../manifests/v1".to_owned(), 400, "NAME_INVALID", "'..' is not a repository name"),
        (
            "/v2/registry..test/a/manifests/v1".to_owned(),
            400,
            "NAME_INVALID",
            "'registry..test' is not a registry host",
        ),
        (format!("/v2/registry.test/{}/manifests/v1", "a".repeat(242)), 400, "NAME_INVALID", "256 characters"),
        ("/v2/a/manifests/v1?ns=x%0d%0ay".to_owned(), 400, "NAME_INVALID", "is not a registry host"),
        ("/v2/registry.test/a/manifests/.v1".to_owned(), 400, "TAG_INVALID", "'.v1' is not a tag"),
        (format!("/v2/registry.test/a/manifests/{}", "t".repeat(129)), 400, "TAG_INVALID", "is not a tag"),
        ("/v2/registry.test/a/manifests/v1%0d%0ax:y".to_owned(), 400, "DIGEST_INVALID", "is not a digest"),
        ("/v2/registry.test/a/manifests/md5:00".to_owned(), 400, "DIGEST_INVALID", "'md5:00' is not a digest"),
        (format!("/v2/registry.test/a/blobs/sha512:{zeros}"), 400, "DIGEST_INVALID", "is not a digest"),
        ("/v2/registry.test/a/blobs/uploads/".to_owned(), 404, "UNSUPPORTED", "no such path in a registry"),
        ("/v2/_catalog".to_owned(), 404, "UNSUPPORTED", "stands in front of all others and cannot list them"),
        ("/v1/".to_owned(), 404, "UNSUPPORTED", "no such path in a registry"),
        ("/v2/alpine".to_owned(), 404, "UNSUPPORTED", "no such path in a registry"),
    ];
    let world = World::start().await;
    for (path, status, code, message) in cases {
        let answer = world.get(&path).await;
        answer.assert_refused(status, code, &[message]);
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"), "{path}");
        assert!(answer.headers.get("x").is_none());
        world.head(&path).await.assert_refused(status, code, &[message]);
    }
    assert!(world.registry.asked().is_empty());
    assert!(world.log.asked().is_empty());
}

#[tokio::test]
async fn only_get_and_head_are_served() {
    let world = World::start().await;
    world.registry.push("v1", "{}");
    for method in ["PUT", "POST", "PATCH", "DELETE", "OPTIONS", "get", "TRACE"] {
        for path in ["/v2/registry.test/demo/app/manifests/v1", "/v2/", "/", "/v2/_catalog"] {
            let answer = ask(&world.service, method.parse().unwrap(), path).await;
            answer.assert_refused(405, "UNSUPPORTED", &["read-only"]);
            assert_eq!(answer.header("allow"), Some("GET, HEAD"));
        }
    }
    assert!(world.registry.asked().is_empty());
}

#[tokio::test]
async fn a_target_other_than_a_path_is_answered_too() {
    let world = World::start().await;
    for target in ["*", "http://registry.test/v3/", "registry.test:443"] {
        let uri: Uri = target.parse().unwrap();
        let request = http::Request::builder().method(Method::GET).uri(uri).body(()).unwrap();
        assert_eq!(world.service.handle(&request).await.status(), 404, "{target}");
    }
}

#[tokio::test]
async fn the_registry_says_that_it_is_one_without_asking_anyone() {
    let world = World::start().await;
    world.log.is_down(testing::faulty::log::Fault::Dropped);
    for path in ["/v2/", "/v2", "/healthz"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"));
    }
    assert!(world.registry.asked().is_empty() && world.log.asked().is_empty());
}
