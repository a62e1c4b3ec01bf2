//! A registry's demand for a token (<https://distribution.github.io/distribution/spec/auth/token/>).

use std::borrow::Cow;

use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use url::Url;

use super::misbehaviour::Misbehaviour;

/// One `WWW-Authenticate` header. Those of known registries have up to 300 bytes.
const MAX_CHALLENGE_BYTES: usize = 4 << 10;
/// Ends at which a challenge with a fault is read. Those of known registries have three to five parameters.
const MAX_PARTS: usize = 16;

/// The server that issues a token, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: Url,
    service: Option<String>,
    /// Separated by spaces. Never empty.
    scope: Option<String>,
}

impl Challenge {
    /// The first usable `Bearer` challenge of an answer of `from`. Headers of more than 4 KiB are skipped.
    pub fn from_headers(headers: &HeaderMap, from: &Url) -> Option<Self> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter().filter(|value| !is_too_long(value));
        values.map(text).find_map(|value| Self::first_of(&value, from))
    }

    /// The reason why [`Challenge::from_headers`] found nothing, if the registry is to blame for it.
    pub(super) fn fault(headers: &HeaderMap) -> Option<Misbehaviour> {
        let too_long = headers.get_all(WWW_AUTHENTICATE).iter().any(is_too_long);
        too_long.then_some(Misbehaviour::ChallengeTooLong { limit: MAX_CHALLENGE_BYTES })
    }

    /// Everything before a fault of syntax counts, as for other clients. The parser knows no `token68` (`Negotiate YII=`), and
    /// gives up a whole challenge for a fault in its last parameter (`scope=`, `error=it has expired`): then what stands from
    /// `Bearer` on counts, up to the last comma before which there is no fault.
    fn first_of(value: &str, from: &Url) -> Option<Self> {
        Self::first_before_a_fault(value, from).or_else(|| {
            let start = value.to_ascii_lowercase().find("bearer ")?;
            // The parser takes one space there.
            let bearer = format!("Bearer {}", value[start + "bearer ".len()..].trim_start());
            let commas = bearer.rmatch_indices(',').map(|(at, _)| at);
            let mut ends = std::iter::once(bearer.len()).chain(commas).take(MAX_PARTS);
            ends.find_map(|end| Self::first_before_a_fault(&bearer[..end], from))
        })
    }

    fn first_before_a_fault(value: &str, from: &Url) -> Option<Self> {
        ChallengeParser::new(value).map_while(Result::ok).find_map(|one| Self::parse(&one, from))
    }

    fn parse(challenge: &ChallengeRef, from: &Url) -> Option<Self> {
        let parameter = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            let value = found.map(|(_, value)| value.to_unescaped());
            value.filter(|value| !value.trim().is_empty())
        };
        if !challenge.scheme.eq_ignore_ascii_case("Bearer") {
            return None;
        }
        let realm = parameter("realm")?;
        let realm = realm.trim();
        // A path belongs to the registry's own host. Nothing else without a scheme is a URL.
        let realm = if realm.starts_with('/') { from.join(realm) } else { realm.parse() };
        Some(Self { realm: realm.ok()?, service: parameter("service"), scope: parameter("scope") })
    }

    /// The URL that answers a token for `scope`. Several scopes, separated by spaces, are parameters of their own.
    pub fn token_url(&self, scope: &str) -> Url {
        let mut url = self.realm.clone();
        let service = self.service.iter().map(|service| ("service", service.as_str()));
        let scopes = scope.split_ascii_whitespace().map(|scope| ("scope", scope));
        url.query_pairs_mut().extend_pairs(service.chain(scopes));
        url
    }

    /// The scope that the registry asked for. `None` means the one for pulling from the repository.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// The scope that the registry will ask for when the next repository's is `own`. ECR Public has one scope for all
    /// repositories.
    pub fn scope_for<'a>(&'a self, own: &'a str) -> &'a str {
        let of_repository = |scope: &str| scope.split_ascii_whitespace().any(|one| one.starts_with("repository:"));
        self.scope().filter(|scope| !of_repository(scope)).unwrap_or(own)
    }

    /// Bytes that it takes in memory, beside a constant.
    pub(super) fn size(&self) -> usize {
        let parameters = [&self.service, &self.scope].into_iter().flatten().map(String::len).sum::<usize>();
        self.realm.as_str().len() + parameters
    }
}

fn is_too_long(challenge: &HeaderValue) -> bool {
    challenge.len() > MAX_CHALLENGE_BYTES
}

/// The header as text. The parser takes ASCII alone, and no byte beyond it matters here: one in `Basic realm="…"` must not
/// hide what else is offered.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    match value.to_str() {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => value.as_bytes().iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PULL: &str = "repository:x/y:pull";

    fn challenge(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Challenge::from_headers(&headers, &"https://registry.example/v2/x/y/manifests/v1".parse().unwrap())
    }

    #[test]
    fn the_bearer_challenge_is_found_among_others() {
        let expected = "https://auth.example/token?service=a%2Cb&scope=repository%3Ax%2Fy%3Apull";
        let cases: [&[&str]; 15] = [
            &[r#"Bearer realm="https://auth.example/token",service="a,b",scope="repository:x/y:pull""#],
            &[r#"Bearer realm="https://auth.example/token",service="a,b",scope="#],
            &[r#"Bearer realm="https://auth.example/token",service="a,b",scope=,error="invalid_token""#],
            &[r#"Bearer realm="https://auth.example/token",service="a,b",error=it has expired, and more"#],
            &[r#"Bearer realm="https://auth.example/token",service="a,b",error="a "quoted", word""#],
            &[r#"Basic realm="x", Bearer   realm="https://auth.example/token", service="a,b""#],
            &[r#"bearer  realm="https://auth.example/token",service="a,b",scope"#],
            &[r#"Basic realm="x", Bearer realm="https://auth.example/token", service="a,b""#],
            &[r#"Basic realm="x""#, r#"bearer REALM="https://auth.example/token",Service="a,b",error="invalid_token""#],
            &[r#"Bearer service="a,b",realm="https:\/\/auth.example\/token""#],
            &[r#"BEARER scope="repository:x/y:pull" , service="a,b",realm = "https://auth.example/token","#],
            &[r#"Negotiate YIIB==, Bearer realm="https://auth.example/token",service="a,b""#],
            &[r#"Basic realm="für alle", Bearer realm="https://auth.example/token",service="a,b""#],
            &["Basic realm=\"", r#"Bearer realm="https://auth.example/token",service="a,b""#],
            &[r#"Bearer realm="https://auth.example/token",service="a,b",scope="", Basic realm="x" y"#],
        ];
        for case in cases {
            let challenge = challenge(case).unwrap_or_else(|| panic!("{case:?}"));
            assert_eq!(challenge.token_url(PULL).as_str(), expected, "{case:?}");
        }
    }

    #[test]
    fn only_a_bearer_challenge_with_a_realm_is_usable() {
        let cases: [&[&str]; 7] = [
            &[],
            &["Basic realm=\"x\""],
            &["Bearer service=\"x\""],
            &["Bearer realm=\"not a url\""],
            &["Bearer realm=\"auth.example/token\""],
            &["Bearer realm=\"\""],
            &["Bearer realm=\""],
        ];
        for case in cases {
            assert_eq!(challenge(case), None, "{case:?}");
        }
    }

    #[test]
    fn a_realm_may_be_a_path_or_have_a_query_and_a_service_may_be_missing() {
        for (given, expected) in [
            (r#"Bearer realm="/service/token",service="a""#, "https://registry.example/service/token?service=a"),
            (r#"Bearer realm="//auth.example/token""#, "https://auth.example/token?"),
            (r#"Bearer realm="https://auth.example/token?a=b",service="""#, "https://auth.example/token?a=b"),
            (r#"Bearer realm=" https://auth.example/token ",service="c""#, "https://auth.example/token?service=c"),
        ] {
            let url = challenge(&[given]).unwrap_or_else(|| panic!("{given}")).token_url(PULL);
            let separator = if expected.ends_with('?') { "" } else { "&" };
            assert_eq!(url.as_str(), format!("{expected}{separator}scope=repository%3Ax%2Fy%3Apull"), "{given}");
        }
    }

    #[test]
    fn each_scope_is_a_parameter_and_none_is_the_pull_scope() {
        let scope =
            |given: &str| challenge(&[&format!(r#"Bearer realm="https://a.example/t",scope="{given}""#)]).unwrap();
        for none in ["", " ", "  "] {
            assert_eq!((scope(none).scope(), scope(none).scope_for(PULL)), (None, PULL), "'{none}'");
        }
        let several = scope("repository:x/y:pull  repository:a/b:pull");
        let url = several.token_url(several.scope().unwrap());
        assert_eq!(url.query(), Some("scope=repository%3Ax%2Fy%3Apull&scope=repository%3Aa%2Fb%3Apull"));
        assert_eq!((several.scope_for("own"), scope("aws").scope_for("own")), ("own", "aws"));
        assert_eq!(scope("aws repository:x/y:pull").scope_for("own"), "own");
    }

    #[test]
    fn a_challenge_has_a_greatest_length() {
        let bearer = |length: usize| {
            let start = "Bearer realm=\"https://auth.example/";
            format!("{start}{}\"", "x".repeat(length - start.len() - 1))
        };
        assert!(challenge(&[&bearer(4096)]).is_some());
        assert_eq!(challenge(&[&bearer(4097)]), None);
        let usual = r#"Bearer realm="https://other.example/""#;
        assert_eq!(challenge(&[&bearer(4097), usual]), challenge(&[usual]), "one that is too long hides no other");
    }
}
