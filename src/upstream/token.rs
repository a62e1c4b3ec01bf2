//! Anonymous pull tokens, kept until they expire or are refused (<https://distribution.github.io/distribution/spec/auth/token/>).

use std::time::{Duration, Instant};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::Value;

use super::challenge::Challenge;
use super::misbehaviour::Misbehaviour;

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
            expires_in: Option<Value>,
        }
        let answer: TokenAnswer = serde_json::from_slice(json).ok()?;
        let value = [answer.token, answer.access_token].into_iter().flatten().find(|value| !value.is_empty())?;
        // RFC 6750 section 2.1 allows less. A token that a header cannot carry must not be cached: every request would
        // fail on it.
        if !value.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        Some((value, answer.expires_in.as_ref().and_then(lifetime).unwrap_or(DEFAULT_LIFETIME)))
    }

    pub(super) fn value(&self) -> &str {
        &self.value
    }
}

/// Seconds, written as a number or, by some servers, as a string. A time that is not positive says nothing.
fn lifetime(expires_in: &Value) -> Option<u64> {
    let seconds = match expires_in {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    // The conversion rounds down, and cuts what is too large.
    (seconds >= 1.0).then_some(seconds as u64)
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
        (registry.len() + challenge.size() + OVERHEAD_BYTES) as u64
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

    /// Forgets a token that the registry refused, and the challenge that it was asked for by. Another token, which came in the
    /// meantime, stays.
    pub(super) fn forget(&self, registry: &str, scope: &str, refused: &Token) {
        let key = (registry.to_owned(), scope.to_owned());
        self.tokens.remove_if(&key, |kept| kept.value == refused.value);
        self.challenges.remove(registry);
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
    use http::HeaderMap;
    use http::header::WWW_AUTHENTICATE;

    use super::*;

    #[test]
    fn a_token_may_have_either_name_and_expires() {
        assert_eq!(Token::parse(br#"{"token":"a"}"#).unwrap().value(), "a");
        for answer in [
            &br#"{"access_token":"b","expires_in":300}"#[..],
            br#"{"token":"","access_token":"b"}"#,
            br#"{"token":null,"access_token":"b","expires_in":null}"#,
            br#"{"token":"b","access_token":"","refresh_token":"c"}"#,
        ] {
            assert_eq!(Token::parse(answer).unwrap().value(), "b");
        }
        for bad in [
            &b"{}"[..],
            b"",
            br#"{"token":""}"#,
            br#"{"token":"a\nb"}"#,
            br#"{"token":7}"#,
            br#"{"token":"","access_token":""}"#,
            br#"{"token":null}"#,
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
    fn a_token_has_a_greatest_length() {
        for name in ["token", "access_token"] {
            let parse = |length: usize| Token::parse(format!("{{\"{name}\":\"{}\"}}", "t".repeat(length)).as_bytes());
            assert_eq!(parse(16 << 10).unwrap().value().len(), 16 << 10);
            assert_eq!(parse((16 << 10) + 1).unwrap_err(), Misbehaviour::TokenTooLong { limit: 16384 });
        }
    }

    #[test]
    fn a_lifetime_is_read_however_it_is_written() {
        for (written, seconds) in [
            ("300", 300),
            ("300.9", 300),
            ("\"300\"", 300),
            ("1e9", 3600),
            ("1e300", 3600),
            ("0", 60),
            ("-1", 60),
            ("\"soon\"", 60),
            ("{}", 60),
        ] {
            let token = Token::parse(format!(r#"{{"token":"a","expires_in":{written}}}"#).as_bytes()).unwrap();
            let left = token.end.duration_since(Instant::now()) + MARGIN;
            let expected = Duration::from_secs(seconds);
            assert!(left <= expected && left + Duration::from_secs(30) > expected, "{written}: {left:?}");
        }
    }

    #[test]
    fn a_token_that_was_refused_is_forgotten_and_no_other() {
        let (tokens, token) = (Tokens::new(), |name: &str| Token::parse(format!(r#"{{"token":"{name}"}}"#).as_bytes()));
        tokens.keep("r", "s", token("new").unwrap());
        tokens.forget("r", "s", &token("old").unwrap());
        tokens.forget("r", "t", &token("new").unwrap());
        assert!(tokens.get("r", "s").is_some());
        tokens.forget("r", "s", &token("new").unwrap());
        assert!(tokens.get("r", "s").is_none());
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
            let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, realm.parse().unwrap())]);
            let challenge = Challenge::from_headers(&headers, &"https://registry.example/".parse().unwrap()).unwrap();
            for number in 0..20_000 {
                tokens.keep_challenge(&format!("registry-{number}.example"), &challenge);
            }
            assert!(tokens.challenges.weight() <= CHALLENGES_BYTES);
            assert!((least..=most).contains(&tokens.challenges.len()), "{} of {size}", tokens.challenges.len());
        }
    }
}
