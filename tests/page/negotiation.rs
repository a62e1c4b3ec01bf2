//! Browsers get a page, programs get JSON; and the form leads to a page.

use http::{Method, Request};
use tlogistry::evidence::BUNDLE_TYPE;

use crate::{BROWSER, HOST, HTML, SIGHTING, Scene, ask, request};

const JSON: &str = "application/json";

#[tokio::test]
async fn a_browser_gets_a_page_of_a_sighting_and_a_program_the_bundle() {
    let scene = Scene::set().await;
    for (accept, kind) in [
        (BROWSER, HTML),
        ("text/html", HTML),
        ("text/*;q=0.5", HTML),
        ("application/json;q=0.5, text/html;q=0.6", HTML),
        ("application/json;q=0.6, text/html;q=0.5", BUNDLE_TYPE),
        ("text/html;q=0", BUNDLE_TYPE),
        ("*/*", BUNDLE_TYPE),
        ("application/json", BUNDLE_TYPE),
        (BUNDLE_TYPE, BUNDLE_TYPE),
        ("", BUNDLE_TYPE),
    ] {
        let answer = ask(&scene.service, &request(Method::GET, SIGHTING, HOST, accept)).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(kind)), "{accept}");
        assert_eq!(answer.header("vary"), Some("accept"), "{accept}");
    }
    let without = ask(&scene.service, &Request::get(SIGHTING).body(()).unwrap()).await;
    assert_eq!(without.header("content-type"), Some(BUNDLE_TYPE));
}

#[tokio::test]
async fn errors_are_pages_for_browsers_and_json_for_programs() {
    let scene = Scene::set().await;
    for (method, path, status) in [
        (Method::GET, "/sightings/alpine:3.16.0", 404),
        (Method::GET, "/sightings/Alpine:3.16.0", 400),
        (Method::GET, "/nothing", 404),
        (Method::POST, "/", 405),
    ] {
        let page = ask(&scene.service, &request(method.clone(), path, HOST, BROWSER)).await;
        page.assert_page(status);
        let json = ask(&scene.service, &request(method, path, HOST, "*/*")).await;
        assert_eq!((json.status.as_u16(), json.header("content-type")), (status, Some(JSON)), "{path}");
        for answer in [page, json] {
            assert_eq!(
                (answer.header("allow"), answer.header("vary")),
                ((status == 405).then_some("GET, HEAD"), Some("accept"))
            );
        }
    }
}

/// A registry client's errors are JSON whatever it accepts, and nothing that it is answered depends on that.
#[tokio::test]
async fn the_registry_has_no_pages() {
    let scene = Scene::set().await;
    for (path, status) in [("/v2/registry.test/demo/app/manifests/-", 400), ("/v2/_catalog", 404), ("/v2", 200)] {
        let answer = scene.browse(path).await;
        let kind = (status != 200).then_some(JSON);
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (status, kind), "{path}");
        assert_eq!(answer.header("vary"), None, "{path}");
    }
}

#[tokio::test]
async fn the_start_is_a_page_for_everyone() {
    let scene = Scene::set().await;
    for accept in [BROWSER, "*/*", "application/json", "text/html;q=0"] {
        ask(&scene.service, &request(Method::GET, "/", HOST, accept)).await.assert_page(200);
    }
    ask(&scene.service, &Request::get("/").body(()).unwrap()).await.assert_page(200);
}

#[tokio::test]
async fn the_form_leads_to_the_tags_page() {
    let scene = Scene::set().await;
    for (query, location) in [
        ("tag=alpine:3.16.0", "/sightings/index.docker.io/library/alpine:3.16.0"),
        ("tag=+alpine%3A3.16.0%0d%0a", "/sightings/index.docker.io/library/alpine:3.16.0"),
        ("tag=GHCR.io%2Forg%2Fapp%3Av1&tag=other", "/sightings/ghcr.io/org/app:v1"),
        ("a=b&tag=tlog.example.org/ghcr.io/org/app:v1", "/sightings/ghcr.io/org/app:v1"),
    ] {
        for path in ["/sightings", "/sightings/"] {
            let answer = scene.browse(&format!("{path}?{query}")).await;
            assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(location)), "{query}");
            assert_eq!(answer.text, "");
        }
    }
}

#[tokio::test]
async fn what_is_no_tag_gets_the_form_again_with_the_reason() {
    let scene = Scene::set().await;
    let long = format!("tag={}", "a".repeat(641));
    let digest = format!("tag=alpine@sha256:{}", "0".repeat(64));
    for (query, written, reason) in [
        ("tag=alpine", "alpine", "'alpine' has no tag. Write it behind a colon"),
        ("tag=Alpine:1", "Alpine:1", "'Alpine' is not a repository name"),
        ("tag=alpine:-1", "alpine:-1", "'-1' is not a tag"),
        ("tag=", "", "Write an image and its tag"),
        ("", "", "Write an image and its tag"),
        ("gat=alpine:1", "", "Write an image and its tag"),
        (&long, "", "longer than any tag"),
        (&digest, &digest[4..], "A digest names one image and cannot move"),
    ] {
        let page = scene.browse(&format!("/sightings?{query}")).await;
        page.assert_page(400).assert_shows(&[reason, &format!("value=\"{written}\""), "aria-invalid=\"true\""]);
    }
    // The form needs no browser.
    let plain = ask(&scene.service, &request(Method::GET, "/sightings?tag=-", HOST, "*/*")).await;
    plain.assert_page(400);
}
