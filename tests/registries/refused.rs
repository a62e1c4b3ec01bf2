//! Registries that refuse what they were asked: the client gets their status, code and message.

use bytes::Bytes;
use http::Response;
use testing::network::inside;
use testing::network::web::status;
use testing::skopeo;

use crate::scene::Scene;
use crate::shape::Shape;

fn refusal(code: &str, message: &str) -> String {
    serde_json::json!({"errors": [{"code": code, "message": message, "detail": {}}]}).to_string()
}

/// From now on everything is refused but the first request of clients that come directly.
fn refuses(scene: &Scene, refusal: impl Fn() -> Response<Bytes> + Send + Sync + 'static) {
    scene.quirk(move |request| (request.uri().path() != "/v2/").then(&refusal));
}

/// Asserts what a client gets for each path, and that each costs one request.
async fn assert_answers(scene: &Scene, answered: u16, code: &str, message: &str) {
    let digest = scene.image.digest();
    for path in ["manifests/v1", &format!("manifests/{digest}"), &scene.blob(), "tags/list?n=10000"] {
        let answer = scene.get(path).await;
        let (own_code, own_message, _) = answer.error();
        assert_eq!((answer.status, own_code.as_str(), own_message.as_str()), (answered, code, message), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(scene.asked().len(), 1, "{path}");
    }
}

/// Renovate asks for 10,000 tags, and for fewer if status and message are these:
/// <https://github.com/renovatebot/renovate/issues/3800>.
#[test]
fn ecr_refuses_a_long_page_in_its_own_words() {
    inside(async {
        let host = "0123456789.dkr.ecr.eu-central-1.amazonaws.com";
        let scene = Scene::set(Shape::plain(host)).await;
        let body = refusal(
            "UNSUPPORTED",
            "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal \
             to 1000'",
        );
        scene.network.web.site(host, move |request| match request.uri().query() {
            Some("n=10000") => status(405, &[("content-type", "application/json")], body.clone()),
            query => status(200, &[], format!(r#"{{"name":"org/app","tags":["{}"]}}"#, query.unwrap_or("all"))),
        });
        let answer = scene.get("tags/list?n=10000").await;
        assert_eq!((answer.status, answer.header("docker-distribution-api-version")), (405, "registry/2.0"));
        let (code, message, _) = answer.error();
        assert_eq!(code, "UNSUPPORTED");
        assert!(message.starts_with(&format!("{host} answered 405 Method Not Allowed: '")), "{message}");
        assert!(message.contains("Member must have value less than or equal to 1000"), "{message}");
        assert_eq!(scene.get("tags/list?n=1000").await.text(), r#"{"name":"org/app","tags":["n=1000"]}"#);
        assert_eq!(scene.asked(), ["GET tags", "GET tags"]);
        let [directly, through] = scene.compare("ECR: 405 to `n=10000`, a list without", skopeo::list_tags, "").await;
        assert_eq!((directly.code, through.code), (Some(0), Some(0)), "skopeo asks for no number: {through:?}");
    });
}

/// Distribution 3.1 refuses it with 400: <https://github.com/distribution/distribution/issues/4844>.
#[test]
fn distribution_refuses_a_long_page_with_400() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.example")).await;
        let body = refusal("PAGINATION_NUMBER_INVALID", "invalid number of results requested");
        scene.network.web.site("registry.example", move |_| status(400, &[], body.clone()));
        let message = "registry.example answered 400 Bad Request: 'invalid number of results requested'";
        assert_answers(&scene, 400, "PAGINATION_NUMBER_INVALID", message).await;
    });
}

/// A page for blocked addresses, where a token would change nothing:
/// <https://github.com/docker/hub-feedback/issues/2298>.
#[test]
fn docker_hub_says_itself_whom_it_blocks() {
    inside(async {
        let shape = Shape { name: "docker.io", repository: "library/alpine", ..Shape::plain("registry-1.docker.io") };
        let scene = Scene::set(shape).await;
        let page = "<html><body><h1>403 Forbidden</h1>\nSince Docker is a US company, we must comply with US export \
                    control regulations.\n</body></html>\n";
        refuses(&scene, move || status(403, &[("content-type", "text/html")], page));
        let message = "index.docker.io answered 403 Forbidden: '403 Forbidden Since Docker is a US company, we must \
                       comply with US export control regulations.'";
        assert_answers(&scene, 403, "DENIED", message).await;
        let [directly, through] =
            scene.compare("Docker Hub: a page for blocked addresses", skopeo::inspect, ":v1").await;
        assert!(directly.code == Some(1) && directly.stderr.contains("Since Docker is"), "{directly:?}");
        assert!(through.code == Some(1) && through.stderr.contains("export control"), "{through:?}");
    });
}

/// <https://github.com/kubernetes/registry.k8s.io/issues/211>.
#[test]
fn registry_k8s_io_says_itself_whom_it_blocks() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.k8s.io")).await;
        let page = "<html><head>\n<meta http-equiv=\"content-type\" content=\"text/html;charset=utf-8\">\n<title>403 \
                    Forbidden</title>\n</head>\n<body text=#000000 bgcolor=#ffffff>\n<h1>Error: Forbidden</h1>\n\
                    </body></html>";
        scene.network.web.site("registry.k8s.io", move |_| status(403, &[("content-type", "text/html")], page));
        let message = "registry.k8s.io answered 403 Forbidden: '403 Forbidden Error: Forbidden'";
        assert_answers(&scene, 403, "DENIED", message).await;
    });
}

/// An image that its project's policy forbids: <https://github.com/goharbor/harbor/issues/13825>; with 412:
/// <https://github.com/goharbor/harbor/issues/15885>.
#[test]
fn harbor_says_which_policy_forbids_an_image() {
    inside(async {
        let scene = Scene::set(Shape::plain("harbor.example")).await;
        let body = refusal("PROJECTPOLICYVIOLATION", "current image without vulnerability scanning cannot be pulled");
        refuses(&scene, move || status(412, &[], body.clone()));
        let message = "harbor.example answered 412 Precondition Failed: 'current image without vulnerability scanning \
                       cannot be pulled'";
        assert_answers(&scene, 412, "PROJECTPOLICYVIOLATION", message).await;
        let [directly, through] = scene.compare("Harbor: 412 by a policy", skopeo::inspect, ":v1").await;
        assert!(directly.code == Some(1) && directly.stderr.contains("vulnerability scanning"), "{directly:?}");
        assert!(through.code == Some(1) && through.stderr.contains("vulnerability scanning"), "{through:?}");
    });
}

/// Maintenance with a time: RFC 9110 section 15.6.4. A 503 is asked for once more at once, as a gateway may have meant
/// it.
#[test]
fn a_registry_in_maintenance_says_when_to_come_again() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.example")).await;
        scene.network.web.site("registry.example", |_| status(503, &[("retry-after", "3600")], "<h1>Maintenance</h1>"));
        for path in ["manifests/v1", &scene.blob(), "tags/list"] {
            let answer = scene.get(path).await;
            assert_eq!((answer.status, answer.header("retry-after")), (503, "3600"), "{path}");
            let (code, message, _) = answer.error();
            assert_eq!((code.as_str(), message.as_str()), ("UNAVAILABLE", "registry.example is unavailable for now"));
            assert_eq!(scene.asked().len(), 2, "{path}");
        }
    });
}
