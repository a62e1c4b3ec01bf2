//! The pages' content and headers.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use sha2::{Digest as _, Sha256};
use testing::tags::{self, Tags};
use tlogistry::config::LogConfig;
use tlogistry::sighting::{LocalKey, Signer};

use crate::{BROWSER, HOST, HTML, SIGHTING, Scene, ask, browse, pull, request, service};

#[tokio::test]
async fn every_page_has_the_same_strict_headers() {
    let scene = Scene::set().await;
    for (path, status) in [("/", 200), (SIGHTING, 200), ("/sightings?tag=-", 400), ("/sightings/a:b", 404), ("/x", 404)]
    {
        let page = scene.browse(path).await;
        page.assert_page(status);
        let style = page.text.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = BASE64_STANDARD.encode(Sha256::digest(style));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        assert_eq!(page.header("content-security-policy"), Some(&*policy), "{path}");
        for (name, value) in [
            ("content-type", HTML),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("vary", "accept"),
        ] {
            assert_eq!(page.header(name), Some(value), "{path}");
        }
        // Nothing runs and nothing is loaded.
        page.assert_hides(&["<script", " src=", "@import", "url(", " style=", " onclick"]);
        page.assert_shows(&["<meta name=\"viewport\"", "<meta name=\"description\"", "<main ", "<header>", "<footer>"]);
    }
}

#[tokio::test]
async fn a_head_has_the_headers_of_a_get() {
    let scene = Scene::set().await;
    for path in ["/", SIGHTING, "/sightings?tag=-", "/sightings?tag=alpine:1", "/sightings/a:b"] {
        let [got, headed] = [Method::GET, Method::HEAD].map(|method| request(method, path, HOST, BROWSER));
        let (got, headed) = (ask(&scene.service, &got).await, ask(&scene.service, &headed).await);
        // The front ends make the length from the body, and send none.
        assert_eq!((got.status, got.headers, got.text), (headed.status, headed.headers, headed.text), "{path}");
    }
}

#[tokio::test]
async fn the_start_shows_how_to_pull_through_the_host_that_was_asked() {
    let scene = Scene::set().await;
    let page = scene.browse("/").await;
    page.assert_page(200).assert_shows(&[
        "<code>docker pull tlog.example.org/alpine:3.16.0\n</code>",
        "<code>docker pull tlog.example.org/ghcr.io/org/app:v1\n</code>",
        "curl -fsSo key.pem https://tlog.example.org/key.pem",
        scene.key.pem(),
        &hex::encode(scene.key.id()),
    ]);
    page.assert_hides(&["tls-verify"]);
    let local = ask(&scene.service, &request(Method::GET, "/", "localhost:8080", BROWSER)).await;
    local.assert_page(200).assert_shows(&[
        "docker pull localhost:8080/alpine:3.16.0",
        "http://localhost:8080/key.pem",
        "--tls-verify=false",
    ]);
}

#[tokio::test]
async fn a_sighting_shows_what_was_seen_when_and_where_that_is() {
    let scene = Scene::set().await;
    let pulled = ask(&scene.service, &pull("v1")).await;
    let (index, time) = (pulled.header("tlog-logindex").unwrap(), pulled.header("tlog-integratedtime").unwrap());
    let log = scene.log.url.as_str().trim_end_matches('/');
    scene.browse(SIGHTING).await.assert_page(200).assert_shows(&[
        "<h1 class=\"tag\">registry.test/demo/app:v1</h1>",
        &format!("<code class=\"hex\">{}</code>", scene.digest),
        &format!("<time datetime=\"{time}\">{}", &time[..10]),
        &format!("<a href=\"{}\">{index}</a>", pulled.header("tlog-entry").unwrap()),
        "this host’s key",
        &hex::encode(scene.key.id()),
        "docker pull tlog.example.org/registry.test/demo/app:v1\n",
        "docker pull tlog.example.org/pinned.alt/registry.test/demo/app:v1\n",
        &format!("docker pull tlog.example.org/registry.test/demo/app@{}\n", scene.digest),
        "curl -fsSo key.pem https://tlog.example.org/key.pem",
        "curl -fsSo bundle.json https://tlog.example.org/sightings/registry.test/demo/app:v1",
        &format!("--digest \\\n{}", scene.digest.hex()),
        &format!("--log-index {index}"),
        &format!("--rekor {log} \\\n--rekor-key log.pem registry.test/demo/app:v1"),
    ]);
}

#[tokio::test]
async fn a_pinned_name_is_looked_up_as_the_tag_that_it_is() {
    let scene = Scene::set().await;
    ask(&scene.service, &pull("v1")).await;
    for written in ["pinned.alt/", "tlog.example.org/pinned.alt/", "tlog.example.org/", ""] {
        let found = scene.browse(&format!("/sightings?tag={written}registry.test/demo/app:v1")).await;
        assert_eq!((found.status.as_u16(), found.header("location")), (303, Some(SIGHTING)), "{written}");
    }
    let (plain, pinned) =
        (scene.browse(SIGHTING).await, scene.browse("/sightings/pinned.alt/registry.test/demo/app:v1").await);
    assert_eq!((pinned.status.as_u16(), pinned.text), (200, plain.text));
    for twice in ["/sightings?tag=pinned.alt/pinned.alt/alpine:1", "/sightings/pinned.alt/pinned.alt/alpine:1"] {
        scene.browse(twice).await.assert_page(400).assert_shows(&["end in .alt"]);
    }
}

/// After the key was changed, what `/key.pem` answers would not do.
#[tokio::test]
async fn a_sighting_by_an_earlier_key_comes_with_that_key() {
    let scene = Scene::set().await;
    let signer = Signer::Local(LocalKey::generate().unwrap());
    let later = service(None, signer, scene.log.clone(), scene.key.pem());
    let page = browse(&later, SIGHTING).await;
    page.assert_page(200)
        .assert_shows(&["an earlier key", &format!("cat &gt; key.pem &lt;&lt;'KEY'\n{}KEY\n", scene.key.pem())]);
    page.assert_hides(&["https://tlog.example.org/key.pem"]);
}

#[tokio::test]
async fn the_public_log_is_called_by_its_name() {
    let public = service(None, Signer::Local(LocalKey::generate().unwrap()), LogConfig::public_instance(), "");
    let page = browse(&public, "/").await;
    page.assert_page(200).assert_shows(&[
        "recorded in a public log",
        "Rekor, Sigstore’s public append-only log",
        "tlogistry-cli verify --key key.pem index.docker.io/library/alpine:3.16.0",
        "rekor-cli search \\\n--sha $(printf %s index.docker.io/library/alpine:3.16.0 | sha256sum | cut -c1-64)",
    ]);
    page.assert_hides(&["--rekor_server", "log.pem"]);
}

#[tokio::test]
async fn a_tag_that_nobody_saw_gets_a_page_that_says_how_to_record_it() {
    let scene = Scene::set().await;
    scene.browse("/sightings/alpine:3.16.0").await.assert_page(404).assert_shows(&[
        "Not seen yet",
        "index.docker.io/library/alpine:3.16.0 was never seen here",
        "docker pull tlog.example.org/alpine:3.16.0",
    ]);
    // Pulling these records nothing.
    let exempt = format!("/sightings/alpine:sha256-{}.sig", "0".repeat(64));
    let page = scene.browse(&exempt).await;
    page.assert_page(404).assert_shows(&["it is served and not recorded"]).assert_hides(&["docker pull"]);
}

#[tokio::test]
async fn a_tag_that_moved_is_shown_with_what_it_moved_to_and_since_when() {
    let (tags, log) = (Tags::start().await, testing::log::start().await.1);
    let service = service(Some(&tags.address), Signer::Local(LocalKey::generate().unwrap()), log, "");
    let pull = async || {
        let request = http::Request::get(tags::manifest("v1")).body(()).unwrap();
        let status = ask(&service, &request).await.status.as_u16();
        service.finish().await;
        status
    };
    let page = async || browse(&service, "/sightings/registry.test/app:v1").await;
    let recorded = tags.push("v1", "a");
    assert_eq!(pull().await, 200);
    page().await.assert_page(200).assert_hides(&["It was refused", "<dt>Since</dt>"]);

    let first = tags.push("v1", "b");
    assert_eq!(pull().await, 403);
    let size = testing::registry::image("b").len();
    let shown = page().await;
    shown.assert_page(200).assert_shows(&[
        "<h2 id=\"moved\">It was refused at other digests</h2>",
        "the host’s own word, which the log does not hold",
        "<dt>Since</dt><dd><time datetime=\"20",
        &format!(" UTC</time> the registry served <code class=\"hex\">{first}</code>"),
        &format!("application/vnd.oci.image.manifest.v1+json, {size} bytes"),
        &format!("<code class=\"hex\">{recorded}</code>"),
    ]);
    let second = tags.push("v1", "c");
    assert_eq!(pull().await, 403);
    page().await.assert_page(200).assert_shows(&[
        &format!(" UTC</time> the registry served <code class=\"hex\">{second}</code>"),
        &format!(" UTC</time> the registry served <code class=\"hex\">{first}</code>"),
    ]);
    // Back at what was recorded, it is served, and the page still shows what was refused.
    tags.push("v1", "a");
    assert_eq!(pull().await, 200);
    page().await.assert_page(200).assert_shows(&["It was refused at other digests"]);
}
