//! Registries that the operator opened for local use.

use testing::network::inside;
use testing::network::web::status;

use crate::{MANIFEST, OCI_MANIFEST, PUBLIC, PUBLIC_ADDRESS, Scene, path, serve_manifests};

/// At an address inside, over https: the only server of the test's network that can tell what it was asked.
const OPENED: (&str, &str) = ("INSECURE_REGISTRIES", "local.test=https://inside.example:443,plain.test=127.0.0.1:5000");

async fn scene() -> Scene {
    let scene = Scene::set(&[OPENED]).await;
    scene.network.names.lead("inside.example", &["10.0.0.1"]);
    serve_manifests(&scene.network.web, "inside.example");
    scene
}

#[test]
fn an_opened_registry_is_called_at_any_address() {
    inside(async {
        let scene = scene().await;
        assert_eq!(scene.get(&path("local.test")).await.status, 200);
        assert_eq!(scene.network.web.connections(), ["10.0.0.1:443"]);
        // Nothing that speaks http is there.
        assert_eq!(scene.get(&path("plain.test")).await.status, 502);
        assert_eq!(scene.network.web.connections(), ["127.0.0.1:5000", "127.0.0.1:5000"]);
    });
}

#[test]
fn an_opened_registry_by_https_must_have_a_certificate() {
    inside(async {
        let scene = Scene::set(&[("INSECURE_REGISTRIES", "local.test=https://no-certificate.example:443")]).await;
        scene.network.names.lead("no-certificate.example", &["10.0.0.1"]);
        serve_manifests(&scene.network.web, "no-certificate.example");
        let answer = scene.get(&path("local.test")).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (502, "UNAVAILABLE"), "{answer:?}");
        assert_eq!(scene.network.web.asked(), [""; 0]);
    });
}

#[test]
fn what_was_opened_is_open_under_its_name_alone() {
    inside(async {
        let scene = scene().await;
        scene.assert_refuses("inside.example", "it leads to an address that is not public").await;
        scene.assert_refuses("127.0.0.1:5000", "only https on port 443").await;
        assert_eq!(scene.network.web.connections(), [""; 0]);
    });
}

#[test]
fn a_public_registry_cannot_lead_to_an_opened_one() {
    inside(async {
        let scene = scene().await;
        for location in
            ["https://inside.example/v2/demo/app/manifests/v1", "http://127.0.0.1:5000/", "http://local.test/"]
        {
            scene.network.web.site(PUBLIC, move |_| status(307, &[("location", location)], ""));
            let answer = scene.get(&path(PUBLIC)).await;
            assert_eq!((answer.status, answer.error().0.as_str()), (403, "DENIED"), "{location}: {answer:?}");
            let challenge = format!("Bearer realm=\"{location}\"");
            scene.network.web.site(PUBLIC, move |_| status(401, &[("www-authenticate", &challenge)], ""));
            let answer = scene.get(&path(PUBLIC)).await;
            assert_eq!((answer.status, answer.error().0.as_str()), (403, "DENIED"), "{location}: {answer:?}");
            // Nor are clients sent to plain http by a registry that is not local.
            scene.network.web.site(PUBLIC, move |_| status(307, &[("location", "http://127.0.0.1:5000/layer")], ""));
            let answer = scene.get(&path(PUBLIC).replace("manifests", "blobs")).await;
            assert_eq!((answer.status, answer.error().0.as_str()), (502, "MANIFEST_INVALID"), "{answer:?}");
        }
        let connections = scene.network.web.connections();
        assert!(connections.iter().all(|at| *at == format!("{PUBLIC_ADDRESS}:443")), "{connections:?}");
        let asked = scene.network.web.asked();
        assert!(asked.iter().all(|asked| asked.contains(" public.example/")), "{asked:?}");
    });
}

#[test]
fn an_opened_registry_may_lead_to_a_public_one_and_not_to_others_inside() {
    inside(async {
        let scene = scene().await;
        scene.network.web.site("inside.example", |_| status(302, &[("location", "https://public.example/m")], ""));
        scene.network.web.site(PUBLIC, |_| status(200, &[("content-type", OCI_MANIFEST)], MANIFEST));
        assert_eq!(scene.get(&path("local.test")).await.status, 200);
        scene.network.web.connections();
        for location in ["https://10.0.0.2/", "http://127.0.0.1:8080/", "https://localhost/", "http://inside.example/"]
        {
            scene.network.web.site("inside.example", move |_| status(302, &[("location", location)], ""));
            let answer = scene.get("/v2/local.test/demo/other/manifests/v1").await;
            assert_eq!((answer.status, answer.error().0.as_str()), (403, "DENIED"), "{location}: {answer:?}");
            let connections = scene.network.web.connections();
            assert!(connections.iter().all(|at| at == "10.0.0.1:443"), "{location}: {connections:?}");
        }
    });
}
