//! Names and headers that try to be more than text.

use http::{HeaderValue, Method, Request};

use crate::{BROWSER, HOST, SIGHTING, Scene, ask, request};

const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img/src=x>",
    "'onfocus='alert(1)",
    "</style><b>",
    "<!--",
    "$(reboot)",
    "&lt;b&gt;",
];

#[tokio::test]
async fn a_hostile_host_is_not_shown() {
    let scene = Scene::set().await;
    for path in ["/", SIGHTING, "/sightings/alpine:1", "/sightings?tag=-"] {
        for host in HOSTILE {
            let mut asked = request(Method::GET, path, HOST, BROWSER);
            asked.headers_mut().insert("host", HeaderValue::from_str(host).unwrap());
            let page = ask(&scene.service, &asked).await;
            let escaped = host.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
            page.assert_hides(&[&escaped]).assert_shows(&["docker pull &lt;host&gt;/"]);
            // The comment and the end of the style are on no page anyway.
            page.assert_hides(&["<script", "<img", "<b>", "<!--", "reboot"]);
            assert_eq!(page.text.matches("</style>").count(), 1);
        }
        let mut asked = request(Method::GET, path, HOST, BROWSER);
        asked.headers_mut().insert("host", HeaderValue::from_bytes(b"h\xf6st.example").unwrap());
        ask(&scene.service, &asked).await.assert_shows(&["docker pull &lt;host&gt;/"]);
        asked.headers_mut().remove("host");
        ask(&scene.service, &asked).await.assert_shows(&["docker pull &lt;host&gt;/"]);
    }
}

#[tokio::test]
async fn a_hostile_query_comes_back_as_text() {
    let scene = Scene::set().await;
    for written in HOSTILE {
        let query: String = written.bytes().map(|b| format!("%{b:02x}")).collect();
        let page = scene.browse(&format!("/sightings?tag={query}")).await;
        let escaped = written.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        page.assert_page(400).assert_shows(&[&format!("value=\"{escaped}\"")]);
        page.assert_hides(&["<script", "<img", "<b>", "<!--"]);
        assert_eq!(page.text.matches("</style>").count(), 1);
    }
    // Bytes that are no text, and more of them than any name has.
    for query in ["tag=%ff%fe%00", "tag=%0d%0aset-cookie:a=b", "%ff", "tag", &"&tag=".repeat(2000)] {
        let page = scene.browse(&format!("/sightings?{query}")).await;
        page.assert_page(400);
        assert_eq!(page.header("set-cookie"), None);
    }
}

#[tokio::test]
async fn a_hostile_path_comes_back_as_text() {
    let scene = Scene::set().await;
    for path in
        ["/sightings/%3Cb%3E:1", "/sightings/a:b'onclick='x", "/sightings/../../key.pem", "/sightings//", "/%3Cb%3E"]
    {
        let page = scene.browse(path).await;
        let status = if path.starts_with("/sightings") { 400 } else { 404 };
        page.assert_page(status).assert_hides(&["<b>", "'x'>"]);
    }
    // The parser of URIs lets these through.
    for path in ["/sightings/\"><img>:1", "/sightings/<script>:1"] {
        if let Ok(asked) = Request::get(path).header("accept", BROWSER).body(()) {
            ask(&scene.service, &asked).await.assert_page(400).assert_hides(&["<img", "<script"]);
        }
    }
}

#[tokio::test]
async fn a_hostile_accept_is_read_within_bounds() {
    let scene = Scene::set().await;
    for accept in ["text/html;q=\"<b>\"", ",,,;;;===", "text/html;q=1e9", "\u{7f}", &"a/b,".repeat(10_000)] {
        let mut asked = request(Method::GET, SIGHTING, HOST, "*/*");
        let Ok(value) = HeaderValue::from_str(accept) else { continue };
        asked.headers_mut().insert("accept", value);
        let answer = ask(&scene.service, &asked).await;
        assert_eq!(answer.status, 200, "{accept}");
        assert!(answer.text.starts_with('{'), "{accept}");
    }
}
