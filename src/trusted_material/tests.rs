use serde_json::{Value, json};

use super::*;
use crate::key::PublicKey;
use crate::rekor::PUBLIC_INSTANCE_KEY;
use crate::timestamp::Authorities;
use crate::tlog::RekorApi;

const ROOT: &str = include_str!("../../tests/data/sigstore-root/trusted_root.json");
const CONFIG: &str = include_str!("../../tests/data/sigstore-root/signing_config_rekor_v2.v0.2.json");
/// Of `signing_config_rekor_v2.v0.2.json`, seconds.
const YEAR_2026: u64 = 1_767_225_600;

fn root(edit: impl FnOnce(&mut Value)) -> Result<TrustedRoot, String> {
    let mut json = serde_json::from_str(ROOT).unwrap();
    edit(&mut json);
    TrustedRoot::parse(json.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn config(edit: impl FnOnce(&mut Value)) -> Result<SigningConfig, String> {
    let mut json = serde_json::from_str(CONFIG).unwrap();
    edit(&mut json);
    SigningConfig::parse(json.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn log(name: &str, version: u32, start: &str, end: Option<&str>, operator: &str) -> Value {
    json!({
        "url": format!("https://{name}.test"), "majorApiVersion": version, "operator": operator,
        "validFor": {"start": start, "end": end},
    })
}

/// The host of the log that is written, or why there is none.
fn written(logs: Vec<Value>, selection: Value, now: u64) -> Result<String, String> {
    let config = config(|json| {
        json["rekorTlogUrls"] = logs.into();
        json["rekorTlogConfig"] = selection;
    });
    let config = config.unwrap();
    let log = config.log_to_write(2, now).map_err(|error| error.to_string())?;
    Ok(log.url().host_str().unwrap().to_owned())
}

#[test]
fn sigstores_trusted_root_names_its_logs_and_its_authority() {
    let root = TrustedRoot::read(ROOT).unwrap();
    let [v1, v2] = root.logs() else { panic!("{root:?}") };
    assert_eq!((v1.host(), v2.host()), ("rekor.sigstore.dev", "log2025-1.rekor.sigstore.dev"));
    assert_eq!((v1.key().details(), v2.key().details()), (Some("PKIX_ECDSA_P256_SHA_256"), Some("PKIX_ED25519")));
    // The file's own values, and those computed from key and host.
    let (key1, key2) = (v1.log_key().unwrap(), v2.log_key().unwrap());
    assert_eq!((key1.api(), key2.api()), (RekorApi::V1, RekorApi::V2));
    assert_eq!((v1.id(), v2.id()), (&key1.id()[..], &key2.id()[..]));
    assert_eq!((key1.origin(), key2.origin()), (None, Some("log2025-1.rekor.sigstore.dev")));
    assert_eq!(v1.key(), &PublicKey::from_pem(PUBLIC_INSTANCE_KEY).unwrap());
    assert_eq!(hex::encode(v2.id()), "cf1199155bddd051268d1f16ac5c0c75c009f6fb5a63f4177f8e18d7051e3fa0");
    assert_eq!(v2.validity().to_string(), "from 2025-09-23T00:00:00Z");
    assert_eq!(v2.operator(), "");
    let urls = ["https://log2025-1.rekor.sigstore.dev/", "https://log2025-1.rekor.sigstore.dev"];
    for url in urls.map(|url| url.parse().unwrap()) {
        assert_eq!(root.logs_at(&url).count(), 1);
    }
    assert_eq!(root.logs_at(&"https://log2025-1.rekor.sigstore.dev/api".parse().unwrap()).count(), 0);
    assert!(root.skipped().is_empty());

    let authorities: Vec<_> = root.authorities().iter().collect();
    let [authority] = authorities[..] else { panic!("{root:?}") };
    assert_eq!(authority.name(), "https://timestamp.sigstore.dev/api/v1/timestamp");
    assert_eq!(authority.url().unwrap().as_str(), authority.name());
    assert_eq!(authority.validity().to_string(), "from 2025-07-04T00:00:00Z");
    // The file shipped with the program is the same.
    let public = Authorities::public();
    let [shipped] = public.iter().collect::<Vec<_>>()[..] else { panic!("{public:?}") };
    assert_eq!((shipped.name(), shipped.url()), (authority.name(), authority.url()));
    assert_eq!(shipped.validity(), authority.validity());
    assert!(shipped.chain().eq(authority.chain()) && shipped.chain().count() == 2);
}

#[test]
fn sigstores_signing_config_names_the_log_that_is_written() {
    let config = SigningConfig::read(CONFIG).unwrap();
    let log = config.log_to_write(2, YEAR_2026).unwrap();
    assert_eq!((log.url().as_str(), log.operator()), ("https://log2025-1.rekor.sigstore.dev/", "sigstore.dev"));
    assert_eq!(config.log_to_write(1, YEAR_2026).unwrap().url().as_str(), "https://rekor.sigstore.dev/");
    let authority = config.authority_to_ask(YEAR_2026).unwrap();
    assert_eq!(authority.url().as_str(), "https://timestamp.sigstore.dev/api/v1/timestamp");
    assert_eq!((config.logs().len(), config.authorities().len(), config.writable_until(2)), (2, 1, None));
    assert_eq!(
        config.log_to_write(2, YEAR_2026 - 1).unwrap_err().to_string(),
        "it names no log of API version 2 that is valid at 2025-12-31T23:59:59Z; it names \
         https://log2025-1.rekor.sigstore.dev/ from 2026-01-01T00:00:00Z"
    );
    assert_eq!(
        config.log_to_write(3, YEAR_2026).unwrap_err().to_string(),
        "it names no log of API version 3 that is valid at 2026-01-01T00:00:00Z"
    );

    let v1 = SigningConfig::read(include_str!("../../tests/data/sigstore-root/signing_config.v0.2.json")).unwrap();
    assert!(v1.log_to_write(1, YEAR_2026).is_ok() && v1.log_to_write(2, YEAR_2026).is_err());
    let old = include_str!("../../tests/data/sigstore-root/signing_config.json");
    assert_eq!(
        SigningConfig::read(old).unwrap_err().to_string(),
        "its media type is 'application/vnd.dev.sigstore.signingconfig.v0.1+json', and must be \
         application/vnd.dev.sigstore.signingconfig.v0.2+json"
    );
    assert!(
        SigningConfig::read(ROOT)
            .unwrap_err()
            .to_string()
            .contains("must be application/vnd.dev.sigstore.signingconfig")
    );
    assert!(
        TrustedRoot::read(CONFIG).unwrap_err().to_string().contains("must be application/vnd.dev.sigstore.trustedroot")
    );
}

#[test]
fn the_newest_valid_shard_of_the_version_is_written() {
    let (y2024, y2025, y2026, y2027) =
        ("2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    let any = json!({"selector": "ANY"});
    let shards = || {
        vec![
            log("old", 2, y2024, Some(y2025), "o"),
            log("next", 2, y2027, None, "o"),
            log("now", 2, y2025, None, "o"),
            log("before", 2, y2024, None, "o"),
            log("newer-v1", 1, y2026, None, "o"),
            log("same-start", 2, y2025, None, "o"),
        ]
    };
    assert_eq!(written(shards(), any.clone(), YEAR_2026).as_deref(), Ok("now.test"));
    assert_eq!(written(shards(), any.clone(), YEAR_2026 + 365 * 86_400).as_deref(), Ok("next.test"));
    assert_eq!(written(shards(), any.clone(), YEAR_2026 - 366 * 86_400).as_deref(), Ok("old.test"));
    assert_eq!(written(shards(), Value::Null, YEAR_2026).as_deref(), Ok("now.test"));
    assert!(written(vec![], any, YEAR_2026).is_err());
}

#[test]
fn more_logs_at_once_than_one_are_not_promised() {
    let start = "2025-01-01T00:00:00Z";
    let of = |operators: &[&str]| operators.iter().map(|one| log(one, 2, start, None, one)).collect::<Vec<_>>();
    for (operators, selection, expected) in [
        (&["a"][..], json!({"selector": "ALL"}), Ok("a.test")),
        (&["a", "a"], json!({"selector": "ALL"}), Ok("a.test")),
        (&["a", "b"], json!({"selector": "ANY"}), Ok("a.test")),
        (&["a", "b"], json!({"selector": "EXACT", "count": 1}), Ok("a.test")),
        (&["a", "b"], json!({"selector": "EXACT", "count": "1"}), Ok("a.test")),
        (&["a", "b"], json!({"selector": "ALL"}), Err("it asks for 2 logs at once, and one is used here")),
        (
            &["a", "b"],
            json!({"selector": "EXACT", "count": 2}),
            Err("it asks for 2 logs at once, and one is used here"),
        ),
        (&["a", "b"], json!({"selector": "EXACT", "count": 3}), Err("it asks for 3 logs, and names 2 that are valid")),
        (&["a"], json!({"selector": "EXACT"}), Err("it asks for 0 logs, and names 1 that are valid")),
    ] {
        let found = written(of(operators), selection.clone(), YEAR_2026);
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{operators:?} {selection}");
    }
}

#[test]
fn the_last_writable_shard_ends_when_its_file_says() {
    let start = "2025-01-01T00:00:00Z";
    let until = |logs: Vec<Value>| config(|json| json["rekorTlogUrls"] = logs.into()).unwrap().writable_until(2);
    let (end, later) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z");
    assert_eq!(until(vec![log("a", 2, start, Some(end), "o")]), Some(YEAR_2026));
    assert_eq!(
        until(vec![log("a", 2, start, Some(later), "o"), log("b", 2, end, Some(end), "o")]),
        Some(YEAR_2026 + 1)
    );
    assert_eq!(until(vec![log("a", 2, start, Some(end), "o"), log("b", 2, start, None, "o")]), None);
    assert_eq!(until(vec![log("a", 2, start, Some(end), "o"), log("b", 1, start, None, "o")]), Some(YEAR_2026));
    // As sigstore-go writes an end that is not known.
    assert_eq!(until(vec![log("a", 2, start, Some("0001-01-01T00:00:00Z"), "o")]), None);
    assert_eq!(until(vec![log("a", 1, start, Some(end), "o")]), None);
}

#[test]
fn the_other_forms_of_protobuf_json_are_read_alike() {
    let snake = ROOT
        .replace("mediaType", "media_type")
        .replace("baseUrl", "base_url")
        .replace("hashAlgorithm", "hash_algorithm")
        .replace("publicKey", "public_key")
        .replace("rawBytes", "raw_bytes")
        .replace("keyDetails", "key_details")
        .replace("validFor", "valid_for")
        .replace("logId", "log_id")
        .replace("keyId", "key_id")
        .replace("timestampAuthorities", "timestamp_authorities")
        .replace("certChain", "cert_chain");
    let snake = TrustedRoot::read(&snake).unwrap();
    assert_eq!((snake.logs().len(), snake.authorities().iter().count()), (2, 1));
    for media_type in
        ["application/vnd.dev.sigstore.trustedroot.v0.1+json", "application/vnd.dev.sigstore.trustedroot.v0.2+json"]
    {
        assert!(root(|json| json["mediaType"] = media_type.into()).is_ok(), "{media_type}");
    }
    let url_safe = root(|json| {
        let id = &mut json["tlogs"][0]["logId"]["keyId"];
        *id = id.as_str().unwrap().replace('+', "-").replace('/', "_").trim_end_matches('=').into();
        json["tlogs"][0]["operator"] = "somebody".into();
        json["tlogs"][0]["fromALaterVersion"] = json!([1, {}]);
        json["timestampAuthorities"] = Value::Null;
    });
    let url_safe = url_safe.unwrap();
    assert_eq!(url_safe.logs()[0].id(), url_safe.logs()[0].key().id());
    assert_eq!(url_safe.logs()[0].operator(), "somebody");
    assert!(url_safe.authorities().is_empty());
    // As cosign writes it for a private log: no authority, no ends.
    let cosigns = json!({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}).to_string();
    assert!(TrustedRoot::read(&cosigns).unwrap().logs().is_empty());
}

#[test]
fn a_log_with_a_key_of_a_later_kind_is_left_out_and_named() {
    let root = root(|json| {
        json["tlogs"][0]["publicKey"]["keyDetails"] = "ML_DSA_65".into();
        json["tlogs"][1]["hashAlgorithm"] = "SHA3_256\u{1b}".into();
    });
    let root = root.unwrap();
    assert!(root.logs().is_empty());
    assert_eq!(
        root.skipped(),
        [
            "tlogs[0] (https://rekor.sigstore.dev): keys of the kind 'ML_DSA_65' are not supported",
            "tlogs[1] (https://log2025-1.rekor.sigstore.dev): the hash algorithm 'SHA3_256\u{fffd}' is not supported",
        ]
    );
}

#[test]
fn a_log_without_a_key_is_left_out() {
    let root = root(|json| json["tlogs"][1]["publicKey"] = Value::Null).unwrap();
    assert_eq!((root.logs().len(), root.skipped().len()), (1, 1));
}

#[test]
fn what_is_wrong_with_a_trusted_root_is_said_and_where() {
    type Edit = fn(&mut Value);
    let cases: [(Edit, &str); 16] = [
        (|json| json["mediaType"] = Value::Null, "its media type is '', and must be "),
        (|json| json["tlogs"] = json!({}), "it is not a Sigstore trusted root in JSON: invalid type: map"),
        (|json| json["tlogs"] = vec![json["tlogs"][0].clone(); 101].into(), "tlogs: it has more than 100"),
        (|json| json["tlogs"][1]["baseUrl"] = "log.test".into(), "tlogs[1].baseUrl: it is not an http or https URL"),
        (
            |json| json["tlogs"][1]["baseUrl"] = "https://a:b@log.test".into(),
            "tlogs[1].baseUrl: it has a user name or a",
        ),
        (|json| json["tlogs"][1]["publicKey"]["rawBytes"] = "AAAA".into(), "tlogs[1].publicKey.rawBytes: not a usable"),
        (
            |json| json["tlogs"][1]["publicKey"]["rawBytes"] = "!".into(),
            "it is not a Sigstore trusted root in JSON: a text",
        ),
        (
            |json| json["tlogs"][1]["publicKey"]["keyDetails"] = "PKIX_ECDSA_P256_SHA_256".into(),
            "tlogs[1].publicKey.rawBytes: it is of another kind than keyDetails says, PKIX_ECDSA_P256_SHA_256",
        ),
        (
            |json| json["tlogs"][1]["publicKey"]["validFor"]["start"] = "yesterday".into(),
            "tlogs[1].publicKey.validFor: it is not a time of RFC 3339",
        ),
        (|json| json["tlogs"][1]["logId"] = Value::Null, "tlogs[1].logId.keyId: it must have 1 to 32 bytes"),
        (
            |json| json["tlogs"][1]["logId"]["keyId"] = "A".repeat(44).into(),
            "tlogs[1].logId.keyId: it must have 1 to 32 bytes",
        ),
        (
            |json| json["timestampAuthorities"][0]["certChain"] = Value::Null,
            "timestampAuthorities[0].certChain: it has no certificate",
        ),
        (
            |json| {
                let chain = &mut json["timestampAuthorities"][0]["certChain"]["certificates"];
                *chain = json!([chain[0]]);
            },
            "timestampAuthorities[0].certChain: the last certificate must be a certification authority's",
        ),
        (
            |json| {
                let chain = &mut json["timestampAuthorities"][0]["certChain"]["certificates"];
                *chain = vec![chain[1].clone(); 11].into();
            },
            "timestampAuthorities[0].certChain: it has more than 10 certificates",
        ),
        (
            |json| json["timestampAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"] = "MAA=".into(),
            "timestampAuthorities[0].certChain: certificate 1 is not usable: ",
        ),
        (
            |json| json["timestampAuthorities"][0]["uri"] = "file:///etc/passwd".into(),
            "timestampAuthorities[0].uri: it is not an http or https URL",
        ),
    ];
    for (edit, expected) in cases {
        let error = root(edit).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn what_is_wrong_with_a_signing_config_is_said_and_where() {
    type Edit = fn(&mut Value);
    let cases: [(Edit, &str); 7] = [
        (|json| json["rekorTlogUrls"][1]["url"] = Value::Null, "rekorTlogUrls[1].url: it is not an http or https URL"),
        (|json| json["tsaUrls"][0]["url"] = "https://t.test/?key=1".into(), "tsaUrls[0].url: it has a query ('?')"),
        (
            |json| json["tsaUrls"][0]["validFor"]["end"] = "1".into(),
            "tsaUrls[0].validFor: it is not a time of RFC 3339",
        ),
        (
            |json| json["tsaUrls"][0]["majorApiVersion"] = (-1).into(),
            "it is not a Sigstore signing config in JSON: a number from 0 to 4294967295",
        ),
        (
            |json| json["tsaUrls"][0]["majorApiVersion"] = "two".into(),
            "it is not a Sigstore signing config in JSON: a text that is no number",
        ),
        (
            |json| json["tsaConfig"]["selector"] = "SOME".into(),
            "it is not a Sigstore signing config in JSON: unknown variant `SOME`",
        ),
        (|json| json["tsaUrls"] = vec![json["tsaUrls"][0].clone(); 101].into(), "tsaUrls: it has more than 100"),
    ];
    for (edit, expected) in cases {
        let error = config(edit).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn no_text_is_too_odd_to_be_refused() {
    let deep = format!("{{\"tlogs\":{}", "[".repeat(100_000));
    let twice = ROOT.replacen("\"tlogs\"", "\"tlogs\": [], \"tlogs\"", 1);
    for json in ["", "{", "[]", "null", "7", "\u{feff}{}", "{}", "\"{}\"", &deep, &twice] {
        assert!(TrustedRoot::parse(json.as_bytes()).is_err(), "{json:.20}");
        assert!(SigningConfig::parse(json.as_bytes()).is_err(), "{json:.20}");
    }
    let large = format!("{ROOT}{}", " ".repeat(1 << 20));
    assert_eq!(TrustedRoot::read(&large[..ROOT.len() + 100]).unwrap().logs().len(), 2);
    let error = TrustedRoot::parse(large.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "it has more than 1048576 bytes");
    assert!(SigningConfig::parse(large.as_bytes()).is_err());
}

#[test]
fn a_variable_holds_a_path_or_the_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trusted_root.json");
    let text = format!(" {} \n", path.to_str().unwrap());
    let error = TrustedRoot::read(&text).unwrap_err().to_string();
    assert!(error.contains("trusted_root.json: No such file"), "{error}");
    std::fs::write(&path, ROOT).unwrap();
    assert_eq!(TrustedRoot::read(&text).unwrap().logs().len(), 2);
    assert_eq!(TrustedRoot::read(&format!("\n {ROOT}")).unwrap().logs().len(), 2);
    std::fs::write(&path, " ".repeat((1 << 20) + 1)).unwrap();
    let error = TrustedRoot::read(&text).unwrap_err().to_string();
    assert!(error.ends_with("it has more than 1048576 bytes"), "{error}");
    std::fs::write(&path, CONFIG).unwrap();
    assert_eq!(SigningConfig::read(&text).unwrap().logs().len(), 2);
    assert!(SigningConfig::read(folder.path().to_str().unwrap()).is_err());
}
