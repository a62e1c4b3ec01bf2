//! The end that a signed URL gives, in the forms of those who sign URLs of storage.
//!
//! - AWS, Google, Alibaba and others, version 4: `X-Amz-Date` and `X-Amz-Expires`, with other letters in place of `Amz`
//!   (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>,
//!   <https://cloud.google.com/storage/docs/authentication/signatures>)
//! - S3, Google and Alibaba before that, and CloudFront with a canned policy: `Expires`
//! - CloudFront with a policy of one's own: `Policy` (CloudFront's developer guide, "Create a signed URL using a custom
//!   policy")
//! - Azure: `se`, and `ske` for the key that it is signed with; they begin with `st` and `skt`
//!   (<https://learn.microsoft.com/rest/api/storageservices/create-service-sas>)
//! - Tencent: `q-sign-time` and `q-key-time`, each with beginning and end
//! - Akamai, Google's CDNs: one parameter that holds others, `exp=…~acl=…`
//! - JSON Web Tokens: `exp` and `nbf` (RFC 7519)

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::Value;
use url::Url;

use super::Says;

/// Names that hold an end, whoever uses them.
const ENDS: [&str; 11] =
    ["se", "ske", "expires", "expires_at", "expire", "expiry", "expiration", "exp", "e", "deadline", "valid_until"];
/// Names that hold a beginning. Azure's.
const BEGINNINGS: [&str; 2] = ["st", "skt"];
/// Padding may have been left out.
const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const OF_POLICIES: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
const OF_TOKENS: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);

pub(super) fn say(url: &Url, now: SystemTime) -> Says {
    let pairs: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())).collect();
    // The signer and the reader could differ on which one of two counts.
    let mut names = HashSet::new();
    if !pairs.iter().all(|(name, _)| names.insert(name)) {
        return Says::NotAgain;
    }
    let value = |sought: &str| pairs.iter().find(|(name, _)| name == sought).map(|(_, value)| value.as_str());
    pairs.iter().map(|(name, text)| parameter_says(name, text, value, now)).fold(Says::Nothing, Says::and)
}

fn parameter_says<'a>(name: &str, text: &str, value: impl Fn(&str) -> Option<&'a str>, now: SystemTime) -> Says {
    if ENDS.contains(&name) {
        return Says::until(point(text), now);
    }
    if BEGINNINGS.contains(&name) {
        return Says::from(point(text), now);
    }
    match name {
        "policy" => return policy_says(text, now),
        "q-sign-time" | "q-key-time" => return span_says(text, now),
        _ => {}
    }
    if let Some(signer) = name.strip_prefix("x-").and_then(|rest| rest.strip_suffix("-expires")) {
        let date = value(&format!("x-{signer}-date")).and_then(point);
        let end = date.zip(digits(text)).and_then(|(date, time)| date.checked_add(Duration::from_secs(time)));
        return Says::until(end, now);
    }
    // One that has a signature has an end, and it must be written here.
    if let Some(signer) = name.strip_prefix("x-").and_then(|rest| rest.strip_suffix("-signature")) {
        let is_said = value(&format!("x-{signer}-expires")).is_some();
        return if is_said { Says::Nothing } else { Says::NotAgain };
    }
    if let Some(claims) = claims(text) {
        return claims_say(&claims, now);
    }
    let parts = text.split(['~', '&', ';', '|', ',', '!']).filter_map(|part| part.split_once('='));
    let parts = parts.map(|(name, value)| match name.trim().to_ascii_lowercase().as_str() {
        "exp" | "expires" => Says::until(point(value), now),
        "st" | "starts" | "nbf" => Says::from(point(value), now),
        _ => Says::Nothing,
    });
    parts.fold(Says::Nothing, Says::and)
}

/// A point in time: seconds or milliseconds since 1970, RFC 3339 with or without parts, ISO 8601 without separators, or
/// an HTTP date.
fn point(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    if let Some(number) = digits(text) {
        return match text.len() {
            1..=11 => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(number)),
            13 => SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(number)),
            _ => None,
        };
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.into());
    }
    // Time zones other than UTC are not written without separators.
    let utc = text.strip_suffix('Z').unwrap_or(text);
    let time = ["%Y%m%dT%H%M%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        .into_iter()
        .find_map(|form| NaiveDateTime::parse_from_str(utc, form).ok());
    let day = || NaiveDate::parse_from_str(utc, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    match time.or_else(day) {
        Some(time) => Some(DateTime::<Utc>::from_naive_utc_and_offset(time, Utc).into()),
        None => httpdate::parse_http_date(text).ok(),
    }
}

/// `begin;end`, in seconds since 1970.
fn span_says(text: &str, now: SystemTime) -> Says {
    match text.split_once(';') {
        Some((begin, end)) => Says::from(point(begin), now).and(Says::until(point(end), now)),
        None => Says::NotAgain,
    }
}

/// A CloudFront policy: base64 with `-`, `_` and `~` in place of `+`, `=` and `/`. One that cannot be read says nothing
/// certain.
fn policy_says(text: &str, now: SystemTime) -> Says {
    let standard: String =
        text.chars().map(|c| if let Some(at) = "-_~".find(c) { ['+', '=', '/'][at] } else { c }).collect();
    let Some(policy) = OF_POLICIES.decode(standard).ok().and_then(|json| serde_json::from_slice::<Value>(&json).ok())
    else {
        return Says::NotAgain;
    };
    let statements = policy["Statement"].as_array().map(Vec::as_slice).unwrap_or_default();
    let statement_says = |statement: &Value| {
        let condition = &statement["Condition"];
        let time = |name: &str| condition[name]["AWS:EpochTime"].as_u64().map(|seconds| seconds.to_string());
        let begin = match condition.get("DateGreaterThan") {
            Some(_) => Says::from(time("DateGreaterThan").as_deref().and_then(point), now),
            None => Says::Nothing,
        };
        begin.and(Says::until(time("DateLessThan").as_deref().and_then(point), now))
    };
    // Without a statement there is no end.
    let end = if statements.is_empty() { Says::NotAgain } else { Says::Nothing };
    statements.iter().map(statement_says).fold(end, Says::and)
}

/// The claims of a JSON Web Token. `None` for other text.
fn claims(text: &str) -> Option<Value> {
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, _] = parts.as_slice() else { return None };
    let json = |part: &str| {
        let bytes = OF_TOKENS.decode(part).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object)
    };
    json(header)?;
    json(claims)
}

fn claims_say(claims: &Value, now: SystemTime) -> Says {
    // A fraction is cut off.
    let time = |name: &str| claims[name].as_f64().and_then(|seconds| point(&format!("{:.0}", seconds.floor())));
    let begin = if claims.get("nbf").is_some() { Says::from(time("nbf"), now) } else { Says::Nothing };
    let end = if claims.get("exp").is_some() { Says::until(time("exp"), now) } else { Says::Nothing };
    begin.and(end)
}

fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    use super::*;

    /// 2026-11-26T06:00:00Z.
    const NOW: u64 = 1_795_672_800;

    fn said(query: &str) -> Says {
        let url = format!("https://storage.example/blob?{query}");
        say(&url.parse().unwrap(), SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
    }

    #[track_caller]
    fn assert_left(query: &str, seconds: u64) {
        assert_eq!(said(query), Says::For(Duration::from_secs(seconds)), "{query}");
    }

    fn cloudfront(policy: &str) -> String {
        let text = BASE64_STANDARD.encode(policy);
        let text: String = text.chars().map(|c| "+=/".find(c).map_or(c, |at| ['-', '_', '~'][at])).collect();
        format!("Policy={text}&Signature=x&Key-Pair-Id=K1")
    }

    fn token(claims: &str) -> String {
        let part = |json: &str| BASE64_URL_SAFE_NO_PAD.encode(json);
        format!("token={}.{}.c2ln", part(r#"{"alg":"HS256"}"#), part(claims))
    }

    #[test]
    fn the_end_of_a_signed_url_is_read_in_the_forms_of_those_who_sign() {
        for (query, seconds) in [
            ("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261126T055900Z&X-Amz-Expires=1200&X-Amz-Signature=1", 1140),
            ("x-amz-expires=1200&x-amz-date=20261126T060000Z&x-amz-signature=1", 1200),
            ("X-Goog-Date=20261126T060000Z&X-Goog-Expires=600&X-Goog-Signature=1", 600),
            ("x-oss-date=20261126T060000Z&x-oss-expires=30&x-oss-signature=1", 30),
            ("AWSAccessKeyId=A&Expires=1795672860&Signature=1", 60),
            ("Expires=1795672830&Signature=1&Key-Pair-Id=K1", 30),
            ("se=2026-11-26T06%3A05%3A00Z&sig=1&sp=r&sr=b&sv=2019-12-12", 300),
            ("se=2026-11-26T06%3A05Z&sig=1", 300),
            ("se=2026-11-27&sig=1", 64800),
            ("se=2026-11-26T06:05:00Z&ske=2026-11-26T06:01:00Z&st=2026-11-26T05:55:00Z&skt=2026-11-26T05:00:00Z", 60),
            ("q-sign-time=1795672700;1795672900&q-key-time=1795672700;1795672850&q-signature=1", 50),
            ("hdnea=st=1795672700~exp=1795672840~acl=/*~hmac=abc", 40),
            ("Edge-Cache-Token=URLPrefix=aHR0~Expires=1795672820~KeyName=k~Signature=s", 20),
            ("e=1795672810&token=a:b", 10),
            ("expires=1795672810000", 10),
            ("Expires=Thu,%2026%20Nov%202026%2006:00:10%20GMT", 10),
        ] {
            assert_left(query, seconds);
        }
        assert_left(&cloudfront(r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":1795672860}}}]}"#), 60);
        assert_left(&token(r#"{"exp":1795672805.9,"nbf":1795672800}"#), 5);
    }

    #[test]
    fn what_is_over_or_not_yet_valid_or_unreadable_or_said_twice_is_not_given_again() {
        for query in [
            "X-Amz-Date=20261126T055900Z&X-Amz-Expires=59&X-Amz-Signature=1",
            "X-Amz-Date=20261126T060000Z&X-Amz-Signature=1",
            "X-Amz-Expires=1200&X-Amz-Signature=1",
            "X-Amz-Date=yesterday&X-Amz-Expires=1200",
            "X-Amz-Date=20261126T060000Z&X-Amz-Expires=-1",
            "X-Amz-Date=20261126T060000Z&X-Amz-Expires=99999999999999999999",
            "X-Amz-Date=20261126T060000Z&X-Goog-Expires=1200",
            "X-Amz-Date=20261126T060000Z&X-Amz-Expires=1200&X-Amz-Expires=9999",
            "Expires=1795672860&expires=1795679999",
            "Expires=1795672799",
            "Expires=3600",
            "Expires=",
            "Expires=179567286012",
            "Expires=soon",
            "Expires=1795672860&se=never",
            "se=2026-11-26T06:05:00Z&st=2026-11-26T06:01:00Z",
            "se=2026-11-26T06:05:00Z&ske=2026-11-26T05:59:00Z",
            "q-sign-time=1795672900;1795679999",
            "q-sign-time=1795679999",
            "hdnea=exp=1795672700~acl=/*",
            "hdnea=st=1795672801~exp=1795672840",
            "Policy=not-a-policy",
        ] {
            assert_eq!(said(query), Says::NotAgain, "{query}");
        }
        for policy in [
            "{}",
            r#"{"Statement":[{"Condition":{}}]}"#,
            r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":1795672799}}}]}"#,
            r#"{"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":1795672860},
                "DateGreaterThan":{"AWS:EpochTime":1795672801}}}]}"#,
        ] {
            assert_eq!(said(&cloudfront(policy)), Says::NotAgain, "{policy}");
        }
        for claims in [r#"{"exp":1795672799}"#, r#"{"exp":"soon"}"#, r#"{"exp":1795672860,"nbf":1795672801}"#] {
            assert_eq!(said(&token(claims)), Says::NotAgain, "{claims}");
        }
    }

    #[test]
    fn a_url_that_says_nothing_of_its_end_says_nothing() {
        for query in ["", "a=b", "verify=1795672800-abc", "signed=GET", "token=opaque", "sig=a.b.c", "x=1.2.3"] {
            assert_eq!(said(query), Says::Nothing, "{query}");
        }
        assert_eq!(said(&token(r#"{"sub":"a"}"#)), Says::Nothing, "a token without an end");
    }
}
