//! The functions that take fuzzed input, for `cargo fuzz` and for the bounded run in `tests/fuzz.rs`. Each function panics if
//! something that must always hold does not.
#![allow(dead_code)] // Each fuzz target uses one of these.

#[path = "rekor_v2.rs"]
pub mod rekor_v2;

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue};
use tlogistry::http::Route;
use tlogistry::image::{Digest, Reference, Repository, Tag};
use tlogistry::key::PublicKey;
use tlogistry::ledger::{Lease, Row, RowState, recorded};
use tlogistry::pinned::parse_tag;
use tlogistry::rekor::PUBLIC_INSTANCE_KEY;
use tlogistry::sighting::{parse_statement, statement as written};
use tlogistry::tlog::{Checkpoint, LogEntry, LogKey, LogKeys, Policy, TlogProof};
use tlogistry::trusted_material::{SigningConfig, TrustedRoot};
use tlogistry::upstream::Challenge;

/// Keys of a Rekor v1, and of those of v2 that the corpus has entries of. Nobody who fuzzes can sign with them.
pub static LOG_KEYS: LazyLock<LogKeys> = LazyLock::new(|| {
    let v1 = LogKey::v1(PublicKey::from_pem(PUBLIC_INSTANCE_KEY).unwrap());
    LogKeys::new(std::iter::once(v1).chain(rekor_v2::log_keys()).collect()).unwrap()
});

/// Keys whose sightings count, likewise.
pub static TRUSTED: LazyLock<[PublicKey; 2]> =
    LazyLock::new(|| [PUBLIC_INSTANCE_KEY, rekor_v2::SIGNER].map(|pem| PublicKey::from_pem(pem).unwrap()));

/// Names of every kind: what parses is its own canonical form's parse, and within the limits.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(tag) = text.parse::<Tag>() {
        assert_eq!(tag.canonical().parse::<Tag>().as_ref(), Ok(&tag));
        let url = format!("/v2/{}/manifests/{}", tag.repository(), tag.name());
        assert_eq!(Route::parse(&url, None), Ok(Route::Manifest(Reference::Tag(tag.clone()))));
        let url = format!("/v2/pinned.alt/{}/manifests/{}", tag.repository(), tag.name());
        assert_eq!(Route::parse(&url, None), Ok(Route::PinnedManifest(tag.clone())));
        assert_eq!(parse_tag(&format!("pinned.alt/{text}")).as_ref(), Ok(&tag));
        assert_eq!(parse_tag(tag.canonical()), Ok(tag));
    }
    if let Ok(tag) = parse_tag(text) {
        assert!(!tag.repository().registry().as_str().split(':').next().unwrap().ends_with(".alt"));
    }
    if let Ok(repository) = text.parse::<Repository>() {
        let canonical = repository.to_string();
        assert!(canonical.len() <= 255 && !canonical.contains(['%', '?', '#', '@', ' ', '\\']));
        assert!(!canonical.split('/').any(|part| part.is_empty() || part == ".."));
        assert_eq!(canonical.parse::<Repository>(), Ok(repository));
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
    }
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    if let Ok(Route::Manifest(Reference::Tag(tag)) | Route::PinnedManifest(tag)) = Route::parse(path, query) {
        assert!(!tag.repository().registry().as_str().split(':').next().unwrap().ends_with(".alt"));
    }
}

/// `WWW-Authenticate` lines: a token's URL keeps the realm's host.
pub fn challenge(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("www-authenticate", value);
        }
    }
    let from = "https://registry.example/v2/a/b/manifests/v1".parse().expect("a URL");
    if let Some(challenge) = Challenge::from_headers(&headers, &from) {
        let (one, other) = (challenge.token_url("repository:a/b:pull"), challenge.token_url("x"));
        assert_eq!((one.scheme(), one.host_str(), one.port()), (other.scheme(), other.host_str(), other.port()));
        let scopes = one.query_pairs().filter(|(name, value)| name == "scope" && value == "repository:a/b:pull");
        assert_eq!(scopes.count(), 1);
    }
}

/// Log entries: what is stored of one is the same entry, and is judged alike.
pub fn entry(data: &[u8]) {
    let Ok(entry) = LogEntry::parse(data) else { return };
    let stored = LogEntry::parse(entry.to_json().as_bytes()).expect("what was stored can be read");
    assert_eq!(stored.id(), entry.id());
    assert_eq!(stored.to_json(), entry.to_json());
    let _ = entry.verify_attestation();
    let (one, other) = (entry.verify(&LOG_KEYS), stored.verify(&LOG_KEYS));
    assert_eq!(one.err(), other.err());
}

/// Checkpoints: one that verifies has a head that its log signed.
pub fn checkpoint(data: &[u8]) {
    let Ok(note) = std::str::from_utf8(data) else { return };
    if let Some(checkpoint) = Checkpoint::parse(note) {
        assert!(note.ends_with('\n') && note.contains("\n\n— "));
        if LOG_KEYS.verify_checkpoint(&checkpoint).is_ok() && checkpoint.tree_id().is_none() {
            assert!(rekor_v2::HEADS.contains(&(checkpoint.origin(), checkpoint.size())), "{note}");
        }
    }
}

/// Statements: only the bytes that we would write ourselves are one.
pub fn statement(data: &[u8]) {
    if let Some((tag, digest)) = parse_statement(data) {
        assert_eq!(written(&tag, &digest), data);
    }
}

/// Rows of the ledger: a line for each attribute. One that verifies holds what its key signed.
pub fn row(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let row = read_row(text);
    let Ok(about) = row.tag.parse::<Tag>() else { return };
    if let RowState::Pending { lease } = &row.state {
        let _ = lease.has_ended();
    }
    if let Ok(statement) = row.statement(&about, &*TRUSTED) {
        assert_eq!(statement.tag(), &about);
        assert_eq!((about.canonical(), &*statement.digest().to_string()), rekor_v2::SIGHTING);
        if let RowState::Recorded { entry, .. } = &row.state
            && let Ok(sighting) = recorded(statement, entry, &LOG_KEYS)
        {
            rekor_v2::assert_genuine(sighting.entry());
            assert!(sighting.stamped().is_none(), "no time stamp in the corpus is of this signature");
        }
    }
}

/// A row of text: a line for each attribute.
pub fn read_row(text: &str) -> Row {
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let (tag, digest, signature, state) = (line(), line(), line(), line());
    let key_pem = lines.collect::<Vec<_>>().join("\n");
    let state = match state.parse() {
        Ok(lease) => RowState::Pending { lease: Lease(lease) },
        Err(_) => RowState::Recorded { entry: state, indexed: false },
    };
    Row { tag, digest, key: key_pem, signature, state, place: None }
}

/// Time stamps: the length of a signature in one byte, the signature, and the time stamp. Nobody has an authority's
/// key, so that one which verifies is genuine and says one of these times.
pub fn timestamp(data: &[u8]) {
    static ROOT: LazyLock<TrustedRoot> = LazyLock::new(|| {
        TrustedRoot::parse(include_bytes!("../tests/data/rekor-v2/trusted-roots/staging-2025.json")).unwrap()
    });
    const TIMES: [u64; 2] = [1_754_506_296, 1_754_507_031];
    let Some((length, rest)) = data.split_first() else { return };
    let Some((signature, token)) = rest.split_at_checked(usize::from(*length)) else { return };
    if let Ok(timestamp) = ROOT.authorities().verify(token, signature) {
        assert!(TIMES.contains(&timestamp.seconds()), "{timestamp:?}");
    }
}

/// Trusted roots: whatever is in one can be shown, and each log is found at its URL.
pub fn trusted_root(data: &[u8]) {
    match TrustedRoot::parse(data) {
        Ok(root) => {
            for log in root.logs() {
                assert!(!log.host().is_empty() && (1..=32).contains(&log.id().len()));
                if let Ok(key) = log.log_key() {
                    assert!(key.origin().is_none_or(|origin| origin == log.host()));
                }
                assert!(root.logs_at(log.url()).any(|found| found.key() == log.key()));
            }
            assert!(root.skipped().iter().all(|line| line.starts_with("tlogs[")));
        }
        Err(error) => assert!(!error.to_string().contains(['\n', '\u{1b}'])),
    }
}

/// Signing configs: what is chosen is valid at that time and of that version.
pub fn signing_config(data: &[u8]) {
    match SigningConfig::parse(data) {
        Ok(config) => {
            for now in [0, 1_767_225_600, u64::MAX] {
                if let Ok(log) = config.log_to_write(2, now) {
                    assert!(log.major_api_version() == 2 && log.validity().contains(now));
                    assert!(config.writable_until(2).is_none_or(|until| until >= now));
                }
                let _ = config.authority_to_ask(now);
            }
        }
        Err(error) => assert!(!error.to_string().contains(['\n', '\u{1b}'])),
    }
}

/// The policy that the genuine checkpoint of `fuzz/corpus/cosignature` meets, and the time that it shows.
const WITNESSED: &str = include_str!("corpus/policy/genuine");
const WITNESSED_AT: u64 = 1_778_700_214;

/// Policies: what is one is so without its comments, and judges the genuine checkpoint by genuine cosignatures alone.
pub fn policy(data: &[u8]) {
    static GENUINE: LazyLock<Checkpoint> =
        LazyLock::new(|| Checkpoint::parse(include_str!("corpus/cosignature/genuine")).unwrap());
    match Policy::parse(data) {
        Ok(policy) => {
            if let Ok(cosigned) = policy.check(&GENUINE) {
                assert!(cosigned.time().is_none_or(|time| time == WITNESSED_AT));
            }
            assert!(Policy::parse(&[data, b"\n# comment\n\n"].concat()).is_ok());
            assert!(Policy::parse(&[data, b"\nquorum none\n"].concat()).is_err());
        }
        Err(error) => assert!(!error.to_string().contains(['\n', '\u{1b}'])),
    }
}

/// Cosignatures: nobody has the witnesses' keys, so a checkpoint that counts is the genuine one.
pub fn cosignature(data: &[u8]) {
    static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::parse(WITNESSED.as_bytes()).unwrap());
    let Some(checkpoint) = str::from_utf8(data).ok().and_then(Checkpoint::parse) else { return };
    match POLICY.check(&checkpoint) {
        Ok(cosigned) => {
            assert_eq!((cosigned.time(), checkpoint.size()), (Some(WITNESSED_AT), 4_026_479));
            assert_eq!(checkpoint.root()[..4], [230, 38, 151, 227]);
        }
        Err(fault) => assert!(!fault.to_string().contains(['\n', '\u{1b}'])),
    }
}

/// Proofs: what is one is written as it was read.
pub fn proof(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match TlogProof::parse(text) {
        Ok(proof) => assert_eq!(proof.to_text(), text),
        Err(error) => assert!(!error.to_string().contains(['\n', '\u{1b}'])),
    }
}
