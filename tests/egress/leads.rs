//! A registry that leads elsewhere: by redirects and by token realms.

use http::{Request, Response};
use testing::network::inside;
use testing::network::web::status;

use crate::{MANIFEST, OCI_MANIFEST, PUBLIC, PUBLIC_ADDRESS, Scene, path};

/// Addresses that must never be asked, whoever names them.
const INSIDE: [&str; 26] = [
    "https://inside.example/",
    "https://INSIDE.example/",
    "https://inside.example./",
    "https://localhost/",
    "https://127.0.0.1/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.170.2/v2/credentials",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://%31%32%37.0.0.1/",
    "https://public.example@127.0.0.1/",
    "https://user:password@other.example/",
    "https://user@public.example/",
    "https://public.example:8443/",
    "https://public.example:80/",
    "http://public.example/",
    "http://other.example:443/",
    "https:\\\\127.0.0.1\\",
];

/// Answers every request for a manifest or a token with what `lead` makes of a location.
async fn leading(lead: fn(&Request<()>, &str) -> Response<bytes::Bytes>) -> Scene {
    let scene = Scene::set(&[]).await;
    // The same name with a dot behind it is looked up as it.
    scene.network.names.lead("inside.example", &["10.0.0.1"]);
    scene.network.names.lead("other.example", &["8.8.8.8"]);
    for host in ["inside.example", "other.example"] {
        crate::serve_manifests(&scene.network.web, host);
    }
    for location in INSIDE {
        scene.network.web.site(PUBLIC, move |request| lead(request, location));
        let answer = scene.get(&path(PUBLIC)).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (403, "DENIED"), "{location}: {answer:?}");
        let message = answer.error().1;
        assert!(message.contains("is not called") && !message.contains("password"), "{location}: {message}");
        assert!(!message.contains("meta-data"), "{message}");
        let tag = scene.get(&format!("/v2/demo/app/manifests/v1?ns={PUBLIC}")).await;
        assert_eq!((tag.status, tag.error().0.as_str()), (403, "DENIED"), "{location}: {tag:?}");
        // The registry itself is asked, over connections that may be new.
        let elsewhere: Vec<_> = scene.network.web.connections();
        assert!(elsewhere.iter().all(|at| *at == format!("{PUBLIC_ADDRESS}:443")), "{location}: {elsewhere:?}");
        let asked = scene.network.web.asked();
        assert!(asked.iter().all(|asked| asked.contains(" public.example/")), "{location}: {asked:?}");
    }
    scene
}

fn redirect(location: &str) -> Response<bytes::Bytes> {
    status(302, &[("location", location)], "")
}

fn challenge(realm: &str) -> Response<bytes::Bytes> {
    let value = format!("Bearer realm=\"{}\",service=\"registry\"", realm.replace('\\', "\\\\"));
    status(401, &[("www-authenticate", &value)], "")
}

#[test]
fn a_redirect_of_a_manifest_does_not_lead_inside() {
    inside(async {
        leading(|_, location| redirect(location)).await;
    });
}

#[test]
fn a_second_redirect_does_not_lead_inside_either() {
    inside(async {
        leading(|request, location| match request.uri().path() {
            "/elsewhere" => redirect(location),
            _ => redirect("/elsewhere"),
        })
        .await;
    });
}

#[test]
fn a_token_realm_does_not_lead_inside() {
    inside(async {
        leading(|_, location| challenge(location)).await;
    });
}

#[test]
fn a_redirect_of_a_token_does_not_lead_inside() {
    inside(async {
        leading(|request, location| match request.uri().path() {
            "/token" => redirect(location),
            _ => challenge("https://public.example/token"),
        })
        .await;
    });
}

#[test]
fn a_registry_may_lead_to_other_public_hosts() {
    inside(async {
        let scene = Scene::set(&[("ALLOWED_REGISTRIES", PUBLIC)]).await;
        scene.network.names.lead("other.example", &["8.8.8.8"]);
        scene.network.web.site("other.example", |request| match request.uri().path() {
            "/token" => status(200, &[], r#"{"token":"t"}"#),
            // The token is the registry's alone.
            _ if request.headers().contains_key("authorization") => status(400, &[], ""),
            _ => status(200, &[("content-type", OCI_MANIFEST)], MANIFEST),
        });
        scene.network.web.site(PUBLIC, |request| match request.headers().contains_key("authorization") {
            true => redirect("https://other.example:443/manifest"),
            false => challenge("https://other.example/token"),
        });
        let answer = scene.get(&path(PUBLIC)).await;
        assert_eq!((answer.status, &answer.bytes[..]), (200, MANIFEST.as_bytes()), "{answer:?}");
        let asked = scene.network.web.asked();
        let digest = path(PUBLIC).rsplit('/').next().unwrap().to_owned();
        assert_eq!(asked[0], format!("GET public.example/v2/demo/app/manifests/{digest}"));
        assert!(asked[1].starts_with("GET other.example/token?service=registry&scope="), "{asked:?}");
        assert_eq!(asked[3..], ["GET other.example/manifest"]);
        let mut connections = scene.network.web.connections();
        connections.sort();
        assert_eq!(connections, ["8.8.8.8:443".to_owned(), format!("{PUBLIC_ADDRESS}:443")]);
    });
}

#[test]
fn a_blob_is_the_clients_to_fetch_wherever_it_is() {
    inside(async {
        let scene = Scene::set(&[]).await;
        let blob = path(PUBLIC).replace("manifests", "blobs");
        for location in ["https://127.0.0.1/layer", "https://inside.example:8443/layer", "https://[::1]/layer"] {
            scene.network.web.site(PUBLIC, move |_| redirect(location));
            let answer = scene.get(&blob).await;
            assert_eq!((answer.status, answer.header("location")), (307, location));
        }
        for location in ["http://other.example/layer", "ftp://other.example/layer", "file:///etc/passwd"] {
            scene.network.web.site(PUBLIC, move |_| redirect(location));
            let answer = scene.get(&blob).await;
            assert_eq!((answer.status, answer.error().0.as_str()), (502, "MANIFEST_INVALID"), "{answer:?}");
        }
        let connections = scene.network.web.connections();
        assert!(connections.iter().all(|at| *at == format!("{PUBLIC_ADDRESS}:443")), "{connections:?}");
    });
}

/// Characters that a URL's parser takes for ASCII ones.
#[test]
fn a_location_that_is_not_ascii_leads_nowhere() {
    inside(async {
        let scene = Scene::set(&[]).await;
        for location in ["https://１２７.0.0.1/", "https://127。0。0。1/", "https://ⓛocalhost/"] {
            scene.network.web.site(PUBLIC, move |_| {
                let mut response = status(302, &[], "");
                let value = http::HeaderValue::from_bytes(location.as_bytes()).unwrap();
                response.headers_mut().insert("location", value);
                response
            });
            for path in [path(PUBLIC), path(PUBLIC).replace("manifests", "blobs")] {
                let answer = scene.get(&path).await;
                assert_eq!((answer.status, answer.error().0.as_str()), (502, "MANIFEST_INVALID"), "{answer:?}");
            }
        }
        assert_eq!(scene.network.web.connections(), [format!("{PUBLIC_ADDRESS}:443")]);
    });
}
