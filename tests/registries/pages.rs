//! Lists in pages: the next one is where this one was, whatever path, host or scheme a registry writes.

use testing::network::inside;
use testing::network::web::status;
use testing::process::Ended;
use testing::skopeo;

use crate::scene::Scene;
use crate::shape::Shape;

/// The first page links to the next by `link`, which is asked for with the query `next`. Asserts that a client gets
/// both through tlogistry, each by one request to the same path of the registry.
async fn assert_goes_on(scene: &Scene, link: &'static str, next: &'static str) {
    let shape = scene.shape;
    scene.network.web.site(shape.host, move |request| {
        let is_list = request.uri().path() == format!("/v2/{}/tags/list", shape.repository);
        match request.uri().query() {
            _ if request.uri().path() == "/v2/" => status(200, &[], ""),
            _ if !is_list => status(404, &[], ""),
            None => status(200, &[("link", link)], r#"{"tags":["a"]}"#),
            Some(query) if query == next => status(200, &[("link", "")], r#"{"tags":["b"]}"#),
            Some(_) => status(400, &[], ""),
        }
    });
    let first = scene.get("tags/list").await;
    assert_eq!((first.status, first.text()), (200, r#"{"tags":["a"]}"#), "{link}");
    let expected = format!("</v2/{}/{}/tags/list?{next}>; rel=\"next\"", shape.name, shape.repository);
    assert_eq!(first.header("link"), expected);
    let second = scene.get(&format!("tags/list?{next}")).await;
    assert_eq!((second.status, second.text(), second.find("link")), (200, r#"{"tags":["b"]}"#, None), "{link}");
    assert_eq!(scene.asked(), ["GET tags", "GET tags"], "{link}");
}

/// The path of another port: <https://github.com/sonatype/nexus-public/issues/1011>.
#[test]
fn nexus() {
    inside(async {
        let scene = Scene::set(Shape::plain("nexus.example")).await;
        let link = "<http://nexus.example:5002/repository/docker-proxy-docker-hub/v2/org/app/tags/list?n=10000&last=32.209.0\
                    >; rel=\"next\"";
        assert_goes_on(&scene, link, "n=10000&last=32.209.0").await;
        assert_lists(&scene, "Nexus: the next page at another port's path", false).await;
    });
}

/// Without the part that names the repository: <https://github.com/renovatebot/renovate/pull/20745>, RTFACT-18971.
#[test]
fn artifactory() {
    inside(async {
        let shape = Shape { repository: "docker/renovate/renovate", ..Shape::plain("artifactory.example") };
        let link = "</v2/renovate/renovate/tags/list?last=10000&n=10000>; rel=\"next\"";
        let scene = Scene::set(shape).await;
        assert_goes_on(&scene, link, "last=10000&n=10000").await;
        assert_lists(&scene, "Artifactory: the next page without the repository's first part", false).await;
    });
}

/// An absolute URL and a cursor of its own:
/// <https://github.com/TritonDataCenter/node-docker-registry-client/issues/12>.
#[test]
fn quay() {
    inside(async {
        let link = "<https://quay.io/v2/org/app/tags/list?next_page=gAAA%3D%3D&n=50>; rel=\"next\"";
        let scene = Scene::set(Shape::plain("quay.io")).await;
        assert_goes_on(&scene, link, "next_page=gAAA%3D%3D&n=50").await;
        assert_lists(&scene, "Quay: the next page by an absolute URL", true).await;
    });
}

/// Asserts what skopeo lists directly, and that it lists all through tlogistry.
async fn assert_lists(scene: &Scene, what: &str, is_listed_directly: bool) {
    let [directly, through] = scene.compare(what, skopeo::list_tags, "").await;
    let has_both =
        |ended: &Ended| ended.code == Some(0) && ended.stdout.contains("\"a\"") && ended.stdout.contains("\"b\"");
    assert_eq!((has_both(&directly), has_both(&through)), (is_listed_directly, true), "{directly:?} {through:?}");
}

#[test]
fn however_a_link_is_written() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.example")).await;
        for link in [
            "<?last=a>; rel=next",
            "<//internal:8080//v2//org%2fapp/tags/list?last=a>; REL=\"prev next\"",
            "</v2/x/tags/list?last=z>; rel=\"first\", </v2/y/tags/list?last=a#f>; title=\"<,;>\"; rel=\"next\"",
            "<http://169.254.169.254/latest/meta-data?last=a>; rel=\"next\"",
            "<?last=a&ns=other.example&n%73=other.example>; rel=\"next\"",
        ] {
            assert_goes_on(&scene, link, "last=a").await;
        }
    });
}

/// skopeo, crane (`getNextPageURL`) and oras (`parseLink`) look at no relation. A list must not end early in silence.
#[test]
fn a_link_without_a_relation_is_the_next_page() {
    inside(async {
        let scene = Scene::set(Shape::plain("registry.example")).await;
        for link in ["</v2/org/app/tags/list?last=a>", "</v2/org/app/tags/list?last=a>; title=\"more\""] {
            assert_goes_on(&scene, link, "last=a").await;
            assert_lists(&scene, &format!("the next page by `{link}`"), true).await;
        }
    });
}
