//! Lists, from registries of all kinds: they are passed on whole or not at all.

use testing::faulty::registry::Fault;

use super::world::{REGISTRY, World};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const EMPTY: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
/// As written by some registry: other spaces, a field that no spec has.
const REFERRERS: &str = r#"{ "schemaVersion":2,"manifests":[ ],"x":1}"#;

fn tags() -> String {
    format!("/v2/{REGISTRY}/demo/app/tags/list")
}

fn referrers(query: &str) -> String {
    format!("/v2/{REGISTRY}/demo/app/referrers/sha256:{}{query}", "0".repeat(64))
}

fn status(status: u16, media_type: &str, body: &'static str) -> Fault {
    Fault::Status(status, vec![("content-type", media_type.to_owned())], body)
}

#[tokio::test]
async fn referrers_are_passed_on_as_the_registry_sends_them() {
    let world = World::start().await;
    let headers = vec![
        ("content-type", format!("{INDEX}; charset=utf-8")),
        ("oci-filters-applied", "artifactType".to_owned()),
        ("link", format!("</v2/demo/app/referrers/sha256:{}?page=2>; rel=\"next\"", "0".repeat(64))),
    ];
    world.registry.fails("referrers", Fault::Status(200, headers, REFERRERS));
    let answer = world.get(&referrers("?artifactType=a%2Fb")).await;
    assert_eq!((answer.status.as_u16(), answer.bytes()), (200, REFERRERS.as_bytes()));
    assert_eq!(answer.header("content-type"), Some(INDEX));
    assert_eq!(answer.header("oci-filters-applied"), Some("artifactType"));
    assert_eq!(answer.header("link"), Some(&*format!("<{}>; rel=\"next\"", referrers("?page=2"))));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_list_goes_on_through_this_host() {
    let world = World::start().await;
    let body = r#"{"name":"demo/app","tags":["a","b"]}"#;
    let next = "</v2/demo/app/tags/list?last=b&n=2>; rel=\"next\"";
    world.registry.fails("tags/list", Fault::Status(200, vec![("link", next.to_owned())], body));
    let named = (format!("{}?n=2", tags()), format!("<{}?last=b&n=2>; rel=\"next\"", tags()));
    let mirror = "/v2/demo/app/tags/list";
    let mirrored =
        (format!("{mirror}?ns={REGISTRY}&n=2"), format!("<{mirror}?last=b&n=2&ns={REGISTRY}>; rel=\"next\""));
    for (path, link) in [named, mirrored] {
        let answer = world.get(&path).await;
        assert_eq!((answer.status.as_u16(), answer.bytes()), (200, body.as_bytes()));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("link"), Some(&*link));
    }
    // An `ns` of the registry's would lead to another one.
    world.registry.heals();
    let astray = "</v2/demo/app/tags/list?last=b&ns=other.example>; rel=\"next\"";
    world.registry.fails("tags/list", Fault::Status(200, vec![("link", astray.to_owned())], body));
    assert_eq!(world.get(&tags()).await.header("link"), Some(&*format!("<{}?last=b>; rel=\"next\"", tags())));
}

#[tokio::test]
async fn a_registry_without_the_api_has_no_referrers_however_it_says_so() {
    let world = World::start().await;
    for fault in [
        status(404, "text/plain", "404 page not found"),
        status(400, "application/json", "{}"),
        status(405, "text/plain", ""),
        status(406, "text/plain", ""),
        status(200, "text/html", "<html>not an index</html>"),
        status(200, "application/json", "{}"),
    ] {
        world.registry.fails("referrers", fault);
        let answer = world.get(&referrers("")).await;
        assert_eq!((answer.status.as_u16(), answer.bytes()), (200, EMPTY.as_bytes()));
        world.registry.heals();
    }
}

#[tokio::test]
async fn what_fails_is_not_an_empty_list() {
    let world = World::start().await;
    world.registry.fails("referrers", status(500, "text/plain", ""));
    world.get(&referrers("")).await.assert_refused(502, "UNAVAILABLE", &[REGISTRY]);
    world.registry.heals();
    // Without the API, and the fall-back tag cannot be read.
    world.registry.fails("manifests", status(500, "text/plain", ""));
    world.get(&referrers("")).await.assert_refused(502, "UNAVAILABLE", &[REGISTRY]);
    world.registry.heals();

    for (fault, message) in [
        (status(200, INDEX, "[]"), "sent a list that is not a whole JSON object"),
        (status(200, INDEX, "{\"manifests\":["), "sent a list that is not a whole JSON object"),
        (Fault::Endless, "sent more than the 4194304 bytes"),
    ] {
        world.registry.fails("tags/list", fault);
        world.get(&tags()).await.assert_refused(502, "MANIFEST_INVALID", &[REGISTRY, message]);
        world.registry.heals();
    }
    let nowhere = vec![("link", "</v2/demo/app/tags/list>; rel=\"next\"".to_owned())];
    world.registry.fails("tags/list", Fault::Status(200, nowhere, "{}"));
    world.get(&tags()).await.assert_refused(502, "MANIFEST_INVALID", &["says that a list goes on, and not from where"]);
}
