//! Anonymous pull tokens (<https://distribution.github.io/distribution/spec/auth/token/>).

use std::time::{Duration, Instant};

use http_auth::{ChallengeRef, parse_challenges};
use quick_cache::sync::Cache;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use serde::Deserialize;
use url::Url;

/// Tokens and challenges kept. A token is some KiB at the most.
const KEPT: usize = 1_000;
/// The token specification's default.
const DEFAULT_LIFETIME: u64 = 60;
/// A token is not used in its last seconds, so that it does not expire on its way.
const MARGIN: Duration = Duration::from_secs(5);
/// Longer lifetimes are cut to this, so that a registry can change its mind.
const MAX_LIFETIME: u64 = 3600;
pub(super) const MAX_TOKEN_BYTES: usize = 64 << 10;

/// Where a registry's anonymous tokens are to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: Url,
    service: Option<String>,
    scope: Option<String>,
}

impl Challenge {
    /// The first `Bearer` challenge of an answer with status 401; `None` if it has none that can be met.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        values.filter_map(|value| parse_challenges(value).ok()).flatten().find_map(|challenge| Self::parse(&challenge))
    }

    fn parse(challenge: &ChallengeRef) -> Option<Self> {
        let parameter = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        if !challenge.scheme.eq_ignore_ascii_case("Bearer") {
            return None;
        }
        let realm = parameter("realm")?.parse().ok()?;
        Some(Self { realm, service: parameter("service"), scope: parameter("scope") })
    }

    /// The URL that answers a token for `scope`.
    pub fn token_url(&self, scope: &str) -> Url {
        let mut url = self.realm.clone();
        if let Some(service) = &self.service {
            url.query_pairs_mut().append_pair("service", service);
        }
        url.query_pairs_mut().append_pair("scope", scope);
        url
    }

    /// The scope that the registry asked for.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// The scope that it will ask for when the next repository is `own`: that again, if it is not a repository's. ECR
    /// Public has one for all.
    pub fn scope_for<'a>(&'a self, own: &'a str) -> &'a str {
        self.scope().filter(|scope| !scope.starts_with("repository:")).unwrap_or(own)
    }
}

#[derive(Debug, Clone)]
pub struct Token {
    value: String,
    /// When it is no longer to be used.
    end: Instant,
}

impl Token {
    /// Parses a token server's answer, which names the token `token` or `access_token`.
    pub fn parse(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
            expires_in: Option<u64>,
        }
        let answer: Answer = serde_json::from_slice(json).ok()?;
        let value = answer.token.or(answer.access_token)?;
        // RFC 6750 section 2.1 allows less. What a header cannot carry must not be kept: every request would fail on it.
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let lifetime = Duration::from_secs(answer.expires_in.unwrap_or(DEFAULT_LIFETIME).min(MAX_LIFETIME));
        Some(Self { value, end: Instant::now() + lifetime.saturating_sub(MARGIN) })
    }

    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Tokens by registry and scope, and the challenges of registries that want one.
#[derive(Debug)]
pub struct Tokens {
    tokens: Cache<(String, String), Token>,
    challenges: Cache<String, Challenge>,
}

impl Tokens {
    pub fn new() -> Self {
        Self { tokens: Cache::new(KEPT), challenges: Cache::new(KEPT) }
    }

    /// A token that has not expired.
    pub fn get(&self, registry: &str, scope: &str) -> Option<Token> {
        let token = self.tokens.get(&(registry.to_owned(), scope.to_owned()))?;
        (Instant::now() < token.end).then_some(token)
    }

    pub fn keep(&self, registry: &str, scope: &str, token: Token) {
        self.tokens.insert((registry.to_owned(), scope.to_owned()), token);
    }

    /// What the registry asked for before, so that a token can be fetched before it asks again.
    pub fn challenge(&self, registry: &str) -> Option<Challenge> {
        self.challenges.get(registry)
    }

    pub fn keep_challenge(&self, registry: &str, challenge: &Challenge) {
        self.challenges.insert(registry.to_owned(), challenge.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::from_headers(&headers)
    }

    #[test]
    fn the_bearer_challenge_is_found_among_others() {
        let expected = "https://auth.example/token?service=a%2Cb&scope=repository%3Ax%2Fy%3Apull";
        let cases: [&[&str]; 4] = [
            &[r#"Bearer realm="https://auth.example/token",service="a,b",scope="repository:x/y:pull""#],
            &[r#"Basic realm="x", Bearer realm="https://auth.example/token", service="a,b""#],
            &[r#"Basic realm="x""#, r#"bearer REALM="https://auth.example/token",Service="a,b",error="invalid_token""#],
            &[r#"Bearer service="a,b",realm="https:\/\/auth.example\/token""#],
        ];
        for case in cases {
            let challenge = challenge(case).unwrap_or_else(|| panic!("{case:?}"));
            assert_eq!(challenge.token_url("repository:x/y:pull").as_str(), expected, "{case:?}");
        }
    }

    #[test]
    fn what_cannot_be_met_is_no_challenge() {
        let cases: [&[&str]; 5] = [
            &[],
            &["Basic realm=\"x\""],
            &["Bearer service=\"x\""],
            &["Bearer realm=\"not a url\""],
            &["Bearer realm=\""],
        ];
        for case in cases {
            assert_eq!(challenge(case), None, "{case:?}");
        }
    }

    #[test]
    fn a_token_may_have_either_name_and_expires() {
        assert_eq!(Token::parse(br#"{"token":"a"}"#).unwrap().value(), "a");
        assert_eq!(Token::parse(br#"{"access_token":"b","expires_in":300}"#).unwrap().value(), "b");
        for bad in [
            &b"{}"[..],
            b"",
            br#"{"token":""}"#,
            br#"{"token":"a\nb"}"#,
            br#"{"token":7}"#,
            br#"{"token":"a","expires_in":-1}"#,
        ] {
            assert!(Token::parse(bad).is_none());
        }
        let tokens = Tokens::new();
        tokens.keep("r", "s", Token::parse(br#"{"token":"a","expires_in":3}"#).unwrap());
        assert!(tokens.get("r", "s").is_none(), "too close to its end");
        tokens.keep("r", "s", Token::parse(br#"{"token":"a"}"#).unwrap());
        assert!(tokens.get("r", "s").is_some() && tokens.get("r", "t").is_none());
    }
}
