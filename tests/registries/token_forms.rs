//! Challenges and tokens in the forms that token servers and registries really send.

use testing::network::inside;
use testing::network::web::status;
use url::Url;

use crate::scene::{IMAGE, Pull, Scene};
use crate::shape::{Blobs, Shape};

const REALM: &str = "https://auth.example/token";
const BLOBS: &str = "https://cdn.example/blobs/";
const SHAPE: Shape = Shape::by_token("registry.example", REALM, "a", Blobs::at(307, BLOBS));
const PULL: &str = "repository:org/app:pull";
const TOKEN: &str = r#"{"token":"an-anonymous-token"}"#;

struct Form {
    /// Of `WWW-Authenticate`, one for each header.
    challenges: &'static [&'static str],
    /// The parameters that the token server takes, in this order.
    parameters: &'static [(&'static str, &'static str)],
    /// The token server's answer.
    answer: &'static str,
}

/// A registry of this form: a token is fetched once, and the image is pulled.
async fn assert_works(form: Form, what: &str, directly: Pull) {
    let scene = Scene::set(SHAPE).await;
    let token = move |request: &http::Request<()>| {
        let url = Url::parse(&format!("https://auth.example{}", request.uri())).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let of_skopeo = |name: &str| ["account", "client_id", "offline_token"].contains(&name);
        let asked =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| !of_skopeo(name));
        let mut asked: Vec<_> = asked.collect();
        asked.sort_by_key(|(name, _)| *name != "service");
        // Other clients ask for less or more. What this one asks for is asserted.
        let is_tlogistry = request.headers()["user-agent"].to_str().unwrap().starts_with("tlogistry/");
        match asked == form.parameters || !is_tlogistry {
            true => status(200, &[("content-type", "application/json")], form.answer),
            false => status(400, &[], format!("{asked:?}")),
        }
    };
    scene.network.web.site("auth.example", token);
    scene.quirk(move |request| {
        let is_token = request.uri().path() == "/service/token";
        let has_token =
            request.headers().get("authorization").is_some_and(|value| value == "Bearer an-anonymous-token");
        let challenges =
            || form.challenges.iter().map(|challenge| ("www-authenticate", *challenge)).collect::<Vec<_>>();
        match (is_token, has_token) {
            (true, _) => Some(token(request)),
            (false, true) => None,
            (false, false) => Some(status(401, &challenges(), "")),
        }
    });
    scene.assert_manifests(&["GET manifests", "GET token", "GET manifests"], &["HEAD manifests"]).await;
    let answer = scene.get(&scene.blob()).await;
    assert_eq!((answer.status, scene.asked()), (307, vec!["GET blobs".to_owned()]), "{answer:?}");
    scene.assert_pulls_as(what, directly, IMAGE).await;
}

const SERVICE_AND_SCOPE: &[(&str, &str)] = &[("service", "a"), ("scope", PULL)];
const USUAL: &[&str] = &[r#"Bearer realm="https://auth.example/token",service="a",scope="repository:org/app:pull""#];

/// GitLab's dependency proxy: <https://github.com/torizon/torizoncore-builder/issues/131>. Others:
/// <https://github.com/dragonflyoss/nydus/pull/1733>.
#[test]
fn an_empty_scope_is_the_pull_scope_of_the_repository() {
    inside(async {
        let challenges = &[r#"Bearer realm="https://auth.example/token",service="a",scope="""#];
        let form = Form { challenges, parameters: SERVICE_AND_SCOPE, answer: TOKEN };
        assert_works(form, "an empty scope in the challenge", IMAGE).await;
    });
}

/// gcr.io once (<https://github.com/containerd/containerd/pull/1465>), Artifactory
/// (<https://github.com/containerd/containerd/issues/3556>).
#[test]
fn no_scope_is_the_pull_scope_of_the_repository() {
    inside(async {
        let challenges = &[r#"Bearer realm="https://auth.example/token",service="a""#];
        let form = Form { challenges, parameters: SERVICE_AND_SCOPE, answer: TOKEN };
        assert_works(form, "no scope in the challenge", IMAGE).await;
    });
}

/// <https://distribution.github.io/distribution/spec/auth/token/>: 'one of the space-delimited entries'. GitLab sends
/// several: <https://github.com/containers/image/issues/1972>.
#[test]
fn several_scopes_are_several_parameters() {
    inside(async {
        let challenges = &[
            r#"Bearer realm="https://auth.example/token",service="a",scope="repository:org/app:pull repository:org/base:pull""#,
        ];
        let parameters = &[("service", "a"), ("scope", PULL), ("scope", "repository:org/base:pull")];
        assert_works(Form { challenges, parameters, answer: TOKEN }, "several scopes in the challenge", IMAGE).await;
    });
}

/// nvcr.io: <https://github.com/sapcc/keppel/pull/731>.
#[test]
fn a_service_may_be_missing() {
    inside(async {
        let challenges = &[r#"Bearer realm="https://auth.example/token",scope="repository:org/app:pull""#];
        let form = Form { challenges, parameters: &[("scope", PULL)], answer: TOKEN };
        assert_works(form, "no service in the challenge", IMAGE).await;
    });
}

/// Harbor: <https://github.com/bazel-contrib/rules_oci/pull/856>. Azure:
/// <https://github.com/spinnaker/clouddriver/pull/2275>.
#[test]
fn a_token_may_have_either_name_and_the_other_one_be_empty() {
    inside(async {
        let answer = r#"{"token":"","access_token":"an-anonymous-token","expires_in":300}"#;
        let form = Form { challenges: USUAL, parameters: SERVICE_AND_SCOPE, answer };
        assert_works(form, "an empty token beside access_token", IMAGE).await;
    });
}

#[test]
fn an_access_token_may_be_empty() {
    inside(async {
        let answer = r#"{"token":"an-anonymous-token","access_token":"","expires_in":1800}"#;
        let form = Form { challenges: USUAL, parameters: SERVICE_AND_SCOPE, answer };
        assert_works(form, "an empty access_token beside token", IMAGE).await;
    });
}

/// skopeo 1.9 takes the first challenge alone. RFC 9110 section 11: names in any case, parameters in any order, several challenges in one header or in several.
#[test]
fn a_challenge_is_found_however_it_is_written() {
    inside(async {
        let challenges = &[
            r#"Basic realm="für alle""#,
            r#"BASIC Realm="x", bearer error="invalid_token" , Scope="repository:org/app:pull",SERVICE="a",REALM="https://auth.example/token""#,
        ];
        let form = Form { challenges, parameters: SERVICE_AND_SCOPE, answer: TOKEN };
        assert_works(form, "Bearer after Basic, in any case and order", Err("authentication required")).await;
    });
}

/// A challenge that ends so, with a fault of syntax. Other clients take what stands before it: most have the parser of
/// <https://github.com/distribution/distribution> (`parseValueAndParams`).
async fn assert_hides_nothing(end: &str, what: &str) {
    let challenge: &'static str = format!(r#"Bearer realm="https://auth.example/token",service="a",{end}"#).leak();
    let challenges = vec![challenge].leak();
    assert_works(Form { challenges, parameters: SERVICE_AND_SCOPE, answer: TOKEN }, what, IMAGE).await;
}

#[test]
fn a_scope_may_have_no_value() {
    inside(async { assert_hides_nothing("scope=", "a scope without a value").await });
}

#[test]
fn a_text_without_quotes_hides_nothing_before_it() {
    inside(async { assert_hides_nothing("error=the token has expired", "a text without quotes").await });
}

#[test]
fn quotes_within_quotes_hide_nothing_before_them() {
    let end = r#"error_description="a "word" in quotes, and more""#;
    inside(async move { assert_hides_nothing(end, "quotes within quotes").await });
}

/// A realm without a host is the registry's own.
#[test]
fn a_realm_may_be_a_path() {
    inside(async {
        let challenges = &[r#"Bearer realm="/service/token",service="a",scope="repository:org/app:pull""#];
        let form = Form { challenges, parameters: SERVICE_AND_SCOPE, answer: TOKEN };
        assert_works(form, "a realm that is a path", Err("unsupported protocol scheme")).await;
    });
}
