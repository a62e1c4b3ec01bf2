//! Anonymous pull tokens (<https://distribution.github.io/distribution/spec/auth/token/>).

use std::time::{Duration, Instant};

use http_auth::{ChallengeRef, parse_challenges};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use url::Url;

use super::misbehaviour::Misbehaviour;

/// One `WWW-Authenticate` header. Those of known registries have up to 300 bytes.
const MAX_CHALLENGE_BYTES: usize = 4 << 10;
/// Tokens of known registries have up to 4 KiB, and most servers take headers of at most 8 or 16.
const MAX_TOKEN_BYTES: usize = 16 << 10;
/// A token server's answer. It may hold the token under both its names, and a refresh token.
pub(super) const MAX_ANSWER_BYTES: usize = 64 << 10;
/// All cached tokens together: 1,500 of usual size, 250 of the largest, a sixtieth of the function's memory.
const TOKENS_BYTES: u64 = 4 << 20;
/// All cached challenges together: as many as tokens, of usual size.
const CHALLENGES_BYTES: u64 = 1 << 20;
/// A cache's own bytes for each entry.
const OVERHEAD_BYTES: usize = 384;
/// A cached token with its key. It gives the number of entries that the cache makes room for.
const USUAL_TOKEN_BYTES: u64 = 2 << 10;
/// A cached challenge with its key.
const USUAL_CHALLENGE_BYTES: u64 = 640;
/// The token specification's default.
const DEFAULT_LIFETIME: u64 = 60;
/// A token is not used in its last seconds: it could expire on its way.
const MARGIN: Duration = Duration::from_secs(5);
/// Longer lifetimes are cut to this, so that a registry can change its mind.
const MAX_LIFETIME: u64 = 3600;

/// A registry's demand for a token: the server that issues it, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: Url,
    service: Option<String>,
    scope: Option<String>,
}

impl Challenge {
    /// The first usable `Bearer` challenge of an answer with status 401. Headers of more than 4 KiB are skipped.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter().filter(|value| !is_too_long(value));
        let values = values.filter_map(|value| value.to_str().ok());
        values.filter_map(|value| parse_challenges(value).ok()).flatten().find_map(|challenge| Self::parse(&challenge))
    }

    /// The reason why [`Challenge::from_headers`] found nothing, if the registry is to blame for it.
    pub(super) fn fault(headers: &HeaderMap) -> Option<Misbehaviour> {
        let too_long = headers.get_all(WWW_AUTHENTICATE).iter().any(is_too_long);
        too_long.then_some(Misbehaviour::ChallengeTooLong { limit: MAX_CHALLENGE_BYTES })
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

    /// The scope that the registry will ask for when the next repository's is `own`. ECR Public has one scope for all
    /// repositories.
    pub fn scope_for<'a>(&'a self, own: &'a str) -> &'a str {
        self.scope().filter(|scope| !scope.starts_with("repository:")).unwrap_or(own)
    }
}

fn is_too_long(challenge: &HeaderValue) -> bool {
    challenge.len() > MAX_CHALLENGE_BYTES
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    value: String,
    /// Not used from then on.
    end: Instant,
}

impl Token {
    /// Parses a token server's answer, which names the token `token` or `access_token`.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Misbehaviour> {
        let (value, lifetime) = Self::read(json).ok_or(Misbehaviour::TokenUnusable)?;
        if value.len() > MAX_TOKEN_BYTES {
            return Err(Misbehaviour::TokenTooLong { limit: MAX_TOKEN_BYTES });
        }
        let lifetime = Duration::from_secs(lifetime.min(MAX_LIFETIME));
        Ok(Self { value, end: Instant::now() + lifetime.saturating_sub(MARGIN) })
    }

    /// The token, and its lifetime in seconds.
    fn read(json: &[u8]) -> Option<(String, u64)> {
        #[derive(Deserialize)]
        struct TokenAnswer {
            token: Option<String>,
            access_token: Option<String>,
            expires_in: Option<u64>,
        }
        let answer: TokenAnswer = serde_json::from_slice(json).ok()?;
        let value = answer.token.or(answer.access_token)?;
        // RFC 6750 section 2.1 allows less. A token that a header cannot carry must not be cached: every request would
        // fail on it.
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        Some((value, answer.expires_in.unwrap_or(DEFAULT_LIFETIME)))
    }

    pub(super) fn value(&self) -> &str {
        &self.value
    }
}

/// The cached tokens, by registry and scope, and the challenges of registries that want one.
#[derive(Debug)]
pub(super) struct Tokens {
    tokens: Cache<(String, String), Token, ByBytes>,
    challenges: Cache<String, Challenge, ByBytes>,
}

/// Weighs cache entries by their bytes.
#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<(String, String), Token> for ByBytes {
    fn weight(&self, (registry, scope): &(String, String), token: &Token) -> u64 {
        (registry.len() + scope.len() + token.value.len() + OVERHEAD_BYTES) as u64
    }
}

impl Weighter<String, Challenge> for ByBytes {
    fn weight(&self, registry: &String, challenge: &Challenge) -> u64 {
        let Challenge { realm, service, scope } = challenge;
        let parameters = [service, scope].into_iter().flatten().map(String::len).sum::<usize>();
        (registry.len() + realm.as_str().len() + parameters + OVERHEAD_BYTES) as u64
    }
}

impl Tokens {
    pub(super) fn new() -> Self {
        let count = |all: u64, usual: u64| usize::try_from(all / usual).unwrap_or(usize::MAX);
        Self {
            tokens: Cache::with_weighter(count(TOKENS_BYTES, USUAL_TOKEN_BYTES), TOKENS_BYTES, ByBytes),
            challenges: Cache::with_weighter(count(CHALLENGES_BYTES, USUAL_CHALLENGE_BYTES), CHALLENGES_BYTES, ByBytes),
        }
    }

    /// A token that has not expired.
    pub(super) fn get(&self, registry: &str, scope: &str) -> Option<Token> {
        let token = self.tokens.get(&(registry.to_owned(), scope.to_owned()))?;
        (Instant::now() < token.end).then_some(token)
    }

    pub(super) fn keep(&self, registry: &str, scope: &str, token: Token) {
        self.tokens.insert((registry.to_owned(), scope.to_owned()), token);
    }

    /// The registry's last challenge: a token can be fetched before the registry asks again.
    pub(super) fn challenge(&self, registry: &str) -> Option<Challenge> {
        self.challenges.get(registry)
    }

    pub(super) fn keep_challenge(&self, registry: &str, challenge: &Challenge) {
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
    fn only_a_bearer_challenge_with_a_realm_is_usable() {
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
            assert_eq!(Token::parse(bad).unwrap_err(), Misbehaviour::TokenUnusable);
        }
        let tokens = Tokens::new();
        tokens.keep("r", "s", Token::parse(br#"{"token":"a","expires_in":3}"#).unwrap());
        assert!(tokens.get("r", "s").is_none(), "too close to its end");
        tokens.keep("r", "s", Token::parse(br#"{"token":"a"}"#).unwrap());
        assert!(tokens.get("r", "s").is_some() && tokens.get("r", "t").is_none());
    }

    #[test]
    fn a_challenge_or_a_token_has_a_greatest_length() {
        let bearer = |length: usize| {
            let start = "Bearer realm=\"https://auth.example/";
            format!("{start}{}\"", "x".repeat(length - start.len() - 1))
        };
        assert!(challenge(&[&bearer(4096)]).is_some());
        assert_eq!(challenge(&[&bearer(4097)]), None);
        let usual = r#"Bearer realm="https://other.example/""#;
        assert_eq!(challenge(&[&bearer(4097), usual]), challenge(&[usual]), "one that is too long hides no other");
        for name in ["token", "access_token"] {
            let parse = |length: usize| Token::parse(format!("{{\"{name}\":\"{}\"}}", "t".repeat(length)).as_bytes());
            assert_eq!(parse(16 << 10).unwrap().value().len(), 16 << 10);
            assert_eq!(parse((16 << 10) + 1).unwrap_err(), Misbehaviour::TokenTooLong { limit: 16384 });
        }
    }

    #[test]
    fn what_is_kept_is_bounded_by_its_bytes_and_of_usual_size_there_is_room_for_a_thousand() {
        for (size, least, most) in [(16 << 10, 100, 256), (2 << 10, 1_000, 2_048), (1, 5_000, 12_000)] {
            let tokens = Tokens::new();
            let token = Token::parse(format!("{{\"token\":\"{}\"}}", "t".repeat(size)).as_bytes()).unwrap();
            for number in 0..20_000 {
                tokens.keep("registry.example", &number.to_string(), token.clone());
            }
            assert!(tokens.tokens.weight() <= TOKENS_BYTES);
            assert!((least..=most).contains(&tokens.tokens.len()), "{} of {size}", tokens.tokens.len());
        }
        let tokens = Tokens::new();
        for (size, least, most) in [(4_000, 100, 256), (150, 1_000, 2_048)] {
            let realm = format!(r#"Bearer realm="https://auth.example/{}""#, "x".repeat(size));
            let challenge = challenge(&[&realm]).unwrap();
            for number in 0..20_000 {
                tokens.keep_challenge(&format!("registry-{number}.example"), &challenge);
            }
            assert!(tokens.challenges.weight() <= CHALLENGES_BYTES);
            assert!((least..=most).contains(&tokens.challenges.len()), "{} of {size}", tokens.challenges.len());
        }
    }
}
