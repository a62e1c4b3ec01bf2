//! Proofs that are kept: C2SP tlog-proof, written and read.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use testing::faulty::log::{Fault, Log};
use testing::process::Ended;
use testing::witness::Witness;
use tlogistry::evidence::{SightingProofError, sighting_in_proof, tlog_proof};
use tlogistry::sighting::LocalKey;
use tlogistry::tlog::{Checkpoint, TlogProof};

use crate::recorded::{Recorded, digest};

const TIME: u64 = 1_778_700_214;
const NOTE: &str = "log.test\n9\nLmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=\n\n— log.test wNI9ajBE\n";
const HASH: &str = "LmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=";

#[test]
fn what_is_parsed_is_written_the_same() {
    let cases = [
        format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{NOTE}"),
        format!("c2sp.org/tlog-proof@v1\nextra \nindex 0\n\n{NOTE}"),
        format!("c2sp.org/tlog-proof@v1\nextra eA==\nindex 8\n{HASH}\n{HASH}\n\n{NOTE}"),
        format!("c2sp.org/tlog-proof@v1\nindex 18446744073709551615\n{}\n{NOTE}", format!("{HASH}\n").repeat(64)),
    ];
    for case in cases {
        assert_eq!(TlogProof::parse(&case).unwrap().to_text(), case);
    }
    let proof = TlogProof::parse(&format!("c2sp.org/tlog-proof@v1\nextra eA==\nindex 8\n{HASH}\n\n{NOTE}")).unwrap();
    let hash: [u8; 32] = BASE64_STANDARD.decode(HASH).unwrap().try_into().unwrap();
    assert_eq!((proof.extra(), proof.index(), proof.hashes()), (Some(&b"x"[..]), 8, &[hash][..]));
    assert_eq!(proof.checkpoint().note(), NOTE);
}

#[test]
fn what_is_no_proof_is_refused_with_its_reason() {
    let good = format!("c2sp.org/tlog-proof@v1\nextra eA==\nindex 8\n{HASH}\n\n{NOTE}");
    let cases = [
        (String::new(), "its first line is not c2sp.org/tlog-proof@v1"),
        (good.replace("@v1", "@v2"), "its first line is not"),
        (good.replace("@v1", "@v1 "), "its first line is not"),
        (good.replace("@v1\n", "@v1\r\n"), "its first line is not"),
        (good.replace("\n\n", "\n"), "it has no checkpoint"),
        (good.replace("eA==", "e"), "its extra data is not base64"),
        (good.replace("index 8\n", ""), "it has no line 'index <decimal>'"),
        (good.replace("index 8", "index 08"), "it has no line 'index"),
        (good.replace("index 8", "index -8"), "it has no line 'index"),
        (good.replace("index 8", "index 18446744073709551616"), "it has no line 'index"),
        (good.replace("extra eA==\nindex 8\n", "index 8\nextra eA==\n"), "a line of its inclusion proof is not"),
        (good.replacen("LmgRG9rq", "", 1), "a line of its inclusion proof is not the base64 of 32 bytes"),
        (good.replacen(&format!("{HASH}\n"), &format!("{HASH}\n").repeat(65), 1), "has more than 64 hashes"),
        (good.replace("\n9\n", "\n09\n"), "it does not end in a checkpoint"),
        (good.split("— ").next().unwrap().to_owned(), "it does not end in a checkpoint"),
        ("x".repeat((256 << 10) + 1), "it has more than 262144 bytes"),
    ];
    for (text, expected) in cases {
        let error = TlogProof::parse(&text).expect_err(expected).to_string();
        assert!(error.starts_with("not a tlog-proof: ") && error.contains(expected), "{expected}: {error}");
    }
}

/// Runs `verify --proof`, with what the instance has.
async fn written(recorded: &Recorded, more: &[&str]) -> (Ended, String) {
    let path = recorded.path("tag.tlog-proof");
    let instance = Recorded::instance(recorded.bundle()).await;
    let arguments = [&["--instance", &instance, "--proof", path.to_str().unwrap()], more].concat();
    let ended = recorded.verify(&arguments).await;
    (ended, std::fs::read_to_string(path).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_was_written_is_enough_when_nobody_answers_any_more() {
    let recorded = Recorded::new().await;
    recorded.witnesses_cosign(2, TIME);
    let policy = recorded.file("policy", &recorded.policy("2"));
    let demand = ["--policy", policy.to_str().unwrap()];
    let (ended, proof) = written(&recorded, &demand).await;
    assert_eq!(ended.code, Some(0), "{} {}", ended.stdout, ended.stderr);
    assert!(proof.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{proof}");
    assert_eq!(proof.matches("\n— w").count(), 2, "the checkpoint that the policy demands, and no other: {proof}");

    recorded.log.is_down(Fault::Dropped);
    recorded.log.asked();
    let path = recorded.path("tag.tlog-proof");
    let from = ["--proof-from", path.to_str().unwrap(), "--min-age", "1d", "--json"];
    let ended = recorded.verify(&[&from[..], &demand].concat()).await;
    assert_eq!(ended.code, Some(0), "{} {}", ended.stdout, ended.stderr);
    let shown: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&shown["source"], &shown["digest"]), (&"proof".into(), &digest().to_string().into()));
    assert_eq!(recorded.log.asked(), []);

    // Without the policy it says as much as the log itself; with a stronger one, nothing is fetched.
    assert_eq!(recorded.verify(&from[..2]).await.code, Some(0));
    let all = recorded.file("all", &recorded.policy("all"));
    let ended = recorded.verify(&["--proof-from", path.to_str().unwrap(), "--policy", all.to_str().unwrap()]).await;
    assert_eq!(ended.code, Some(2), "{} {}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("w2 did not cosign"), "{}", ended.stdout);
    assert_eq!(recorded.log.asked(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_changed_in_a_proof() {
    let recorded = Recorded::new().await;
    for number in 0..4 {
        let other = LocalKey::generate().unwrap();
        let tag = format!("registry.example/app:other{number}").parse().unwrap();
        let signer = tlogistry::sighting::Signer::Local(other);
        let statement = signer.sign(&tag, &digest(), crate::recorded::soon()).await.unwrap();
        assert_eq!(recorded.log.add(&statement.signed_payload()).await, 201);
    }
    let config = recorded.log.config();
    let written = recorded.sighting.entry();
    let again = config.clients().unwrap().written.again(written, crate::recorded::soon()).await.unwrap().unwrap();
    let sighting = recorded.sighting.statement().recorded_by(again.verify(&config.keys).unwrap()).unwrap();
    let proof = tlog_proof(&sighting).unwrap();
    let key = recorded.sighting.statement().key().clone();
    let tag = recorded.sighting.tag();
    let check = |text: &str| sighting_in_proof(text, tag, &config.keys, std::slice::from_ref(&key));
    assert_eq!(check(&proof).unwrap().digest(), &digest());

    let lines: Vec<&str> = proof.lines().collect();
    let extra = lines[1].strip_prefix("extra ").unwrap();
    let json = String::from_utf8(BASE64_STANDARD.decode(extra).unwrap()).unwrap();
    let with = |json: String| proof.replace(extra, &BASE64_STANDARD.encode(json));
    let (first, other) = (lines[3], BASE64_STANDARD.encode([7; 32]));
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    let payload = parsed["dsseEnvelope"]["payload"].as_str().unwrap();
    let statement = String::from_utf8(BASE64_STANDARD.decode(payload).unwrap()).unwrap();
    let signature = parsed["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap();
    let moved = statement.replace(&digest().to_string()[7..], &"a".repeat(64));
    assert_ne!(moved, statement);
    let cases = [
        ("its index", proof.replace("\nindex 0\n", "\nindex 1\n")),
        ("a hash", proof.replace(first, &other)),
        ("a hash less", proof.replace(&format!("{first}\n"), "")),
        ("a hash more", proof.replace(&format!("{first}\n"), &format!("{first}\n{other}\n"))),
        ("the root", proof.replace(&BASE64_STANDARD.encode(sighting.entry().checkpoint().unwrap().root()), &other)),
        ("the size", proof.replace("\n5\n", "\n6\n")),
        ("no extra data", proof.replace(&format!("{}\n", lines[1]), "")),
        ("other extra data", with("{}".into())),
        ("the statement", with(json.replace(payload, &BASE64_STANDARD.encode(moved)))),
        ("the signature", with(json.replace(signature, &BASE64_STANDARD.encode(b"no signature")))),
        ("the type", with(json.replace("in-toto+json", "in-toto+jsom"))),
        ("no signature", with(json.replace(&format!("{{\"sig\":\"{signature}\"}}"), ""))),
        ("the log's name", proof.replace(&format!("\n{}\n", recorded.log.origin()), "\nother.test\n")),
    ];
    for (change, text) in cases {
        assert_ne!(text, proof, "{change}: nothing was changed");
        assert!(check(&text).is_err(), "{change}");
    }
    let stranger = LocalKey::generate().unwrap().public_key().clone();
    let not_signed = sighting_in_proof(&proof, tag, &config.keys, &[stranger]);
    assert!(matches!(not_signed, Err(SightingProofError::NotSigned)));
    let other_tag = "registry.example/app:v2".parse().unwrap();
    let other_tag = sighting_in_proof(&proof, &other_tag, &config.keys, &[key]);
    assert!(matches!(other_tag, Err(SightingProofError::OtherTag(about)) if about == *tag));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proof_is_written_of_what_does_not_hold() {
    let recorded = Recorded::new().await;
    let policy = recorded.file("policy", &recorded.policy("all"));
    let (ended, proof) = written(&recorded, &["--policy", policy.to_str().unwrap()]).await;
    assert_eq!((ended.code, &*proof), (Some(2), ""), "{}", ended.stdout);
    let ended = recorded.verify(&["--proof-from", "/no/such/proof"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stdout.contains("/no/such/proof: "), "{} {}", ended.stdout, ended.stderr);
    let ended = recorded.verify(&["--proof-from", "/dev/zero"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stdout.contains("it has more than 262144 bytes"), "{} {}", ended.stdout, ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_may_be_added_to_a_proof_that_is_kept() {
    let recorded = Recorded::in_log(Log::v2().await, vec![Witness::new("late.test")]).await;
    let proof = tlog_proof(&recorded.sighting).unwrap();
    let late = recorded.witnesses[0].cosign(&proof, 1);
    assert!(TlogProof::parse(&late).is_ok());
    let note = recorded.witnesses[0].cosign(TlogProof::parse(&proof).unwrap().checkpoint().note(), 1);
    assert!(Checkpoint::parse(&note).is_some());
}

#[test]
fn a_text_is_read_up_to_a_quarter_of_a_mebibyte() {
    let proof = |extra: usize| {
        let extra = BASE64_STANDARD.encode(vec![0; extra]);
        format!("c2sp.org/tlog-proof@v1\nextra {extra}\nindex 8\n\n{NOTE}")
    };
    // The bytes left for extra data are a multiple of four with this much space in the note.
    let rest = (256 << 10) - proof(0).len();
    let (longest, padding) = (proof(rest / 4 * 3), "x".repeat(rest % 4));
    let longest = longest.replace("log.test wNI9", &format!("log.test{padding} wNI9"));
    assert_eq!(longest.len(), 256 << 10);
    assert!(TlogProof::parse(&longest).is_ok());
    let error = TlogProof::parse(&longest.replace("log.test\n", "log.test.\n")).unwrap_err();
    assert_eq!(error.to_string(), "not a tlog-proof: it has more than 262144 bytes");
}
