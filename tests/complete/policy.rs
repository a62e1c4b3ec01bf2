//! `audit --complete --policy`: a checkpoint counts only with the cosignatures that the policy demands.

use serde_json::{Value, json};
use testing::altered_log;
use testing::process::{Ended, Process, cli};
use testing::witness::{Witness, vkey};
use tlogistry::devlog::{Devlog, Options};
use tlogistry::key::PublicKey;

use crate::scene::{Scene, json_lines};
use crate::verify::{instance, verify};

const TIME: u64 = 1_778_700_214;
const WRITTEN: &str = "2026-05-13T19:23:34Z";

fn witnesses() -> Vec<Witness> {
    (0..3).map(|number| Witness::new(&format!("w{number}.test"))).collect()
}

/// From now on these cosign each checkpoint that the log answers.
fn cosigned_by(scene: &Scene, witnesses: &[Witness]) {
    let witnesses = witnesses.to_vec();
    scene.alter(move |path, response| match path {
        "/api/v2/checkpoint" => response.map(|note| {
            let note = String::from_utf8(note.to_vec()).unwrap();
            witnesses.iter().fold(note, |note, witness| witness.cosign(&note, TIME)).into()
        }),
        _ => response,
    });
}

/// The path of a policy in which `quorum` of the witnesses is enough. `head` are its first lines.
fn policy(scene: &Scene, name: &str, head: &str, quorum: &str, witnesses: &[Witness]) -> String {
    let line = |(number, witness): (usize, &Witness)| format!("witness w{number} {}\n", witness.vkey());
    let lines: String = witnesses.iter().enumerate().map(line).collect();
    let path = scene.file(name);
    std::fs::write(&path, format!("{head}{lines}group g {quorum} w0 w1 w2\nquorum g\n")).unwrap();
    path
}

fn log_line(pem: &str) -> String {
    let key = PublicKey::from_pem(pem).unwrap();
    format!("log {}\n", vkey("127.0.0.1", 1, &key.der()[key.der().len() - 32..]))
}

#[track_caller]
fn assert_does_not_count(ended: &Ended, why: &str) {
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains(why), "'{why}' is not in '{}'", ended.stderr);
    assert!(!ended.stdout.contains("Complete") && !ended.stdout.contains("entries read"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_falls_short_is_not_read_up_to_and_one_that_is_cosigned_is() {
    let (scene, witnesses) = (Scene::set().await, witnesses());
    scene.seen("v1").await;
    let log = log_line(&std::fs::read_to_string(scene.file("log.pub.pem")).unwrap());
    let two = policy(&scene, "two", &log, "2", &witnesses);
    let audit = |policy: &str| scene.audit(&["--policy", policy]);
    let short = "log 127.0.0.1 does not count by the witnesses' policy: its checkpoint is not cosigned as the policy \
                 demands: the quorum 'g' is not met ";
    assert_does_not_count(&audit(&two), &format!("{short}(w0 did not cosign, w1 did not cosign, w2 did not cosign)"));
    // One who cosigns twice is one.
    cosigned_by(&scene, &[witnesses[0].clone(), witnesses[0].clone()]);
    assert_does_not_count(&audit(&two), &format!("{short}(w0 cosigned, w1 did not cosign, w2 did not cosign)"));
    // Others under the same names.
    cosigned_by(&scene, &self::witnesses());
    assert_does_not_count(&audit(&two), &format!("{short}(w0 did not cosign, w1 did not cosign, w2 did not cosign)"));

    cosigned_by(&scene, &witnesses[1..]);
    let ended = audit(&two);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let said = format!(
        "log 127.0.0.1: the witnesses that the policy demands cosigned its checkpoint, and saw it no later than {WRITTEN}\n"
    );
    assert!(ended.stdout.contains(&said) && ended.stdout.contains("\nComplete: "), "{}", ended.stdout);
    let lines = json_lines(&scene.audit(&["--policy", &two, "--json"]));
    let line = lines.iter().find(|line| line["type"] == "cosigned").unwrap();
    let expected = json!({
        "type": "cosigned", "origin": "127.0.0.1", "size": 1, "cosigned": true, "witnessedNoLaterThan": WRITTEN,
    });
    assert_eq!(*line, expected);
    // A policy that lists another log.
    let other = Devlog::open(None, Options::of(scene.config.api)).await.unwrap();
    let others = policy(&scene, "others", &log_line(other.public_key_pem()), "any", &witnesses);
    assert_does_not_count(&audit(&others), "its checkpoint is not signed by a log of the policy");
    let nobody = scene.file("nobody");
    std::fs::write(&nobody, "quorum none\n").unwrap();
    assert_eq!(audit(&nobody).code, Some(0), "a policy that demands nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_cannot_be_read_ends_the_audit_before_the_log_is_asked() {
    let scene = Scene::set().await;
    scene.alter(|path, _| panic!("the log is asked for {path}"));
    let (broken, directory) = (scene.file("broken"), scene.folder.path().to_str().unwrap());
    std::fs::write(&broken, "quorum g\n").unwrap();
    for (path, said) in [
        (&*broken, "broken: not a tlog-policy: line 1: no line before defines 'g'"),
        ("/no/such/file", "--policy: /no/such/file: "),
        (directory, "--policy: "),
        ("/dev/zero", "it has more than 524288 bytes"),
    ] {
        let ended = scene.audit(&["--policy", path]);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_checkpoint_of_a_v1_counts_and_an_earlier_v1_is_named_as_one_of_which_the_policy_says_nothing() {
    let (scene, witnesses) = (Scene::set().await, witnesses());
    let any = policy(&scene, "any", "", "any", &witnesses);
    let old = Devlog::open(None, Options::default()).await.unwrap();
    let url = altered_log::serve(old.clone(), altered_log::unaltered()).await;
    let old_key = scene.file("old.pub.pem");
    std::fs::write(&old_key, old.public_key_pem()).unwrap();
    let mut command = cli();
    command.args(["audit", "--complete", "--rekor", &url, "--rekor-key", &old_key, "--policy", &any]);
    let v1 =
        Process::start(command.args(["--key", &scene.file("key.pub.pem"), "--instance", &scene.list.url])).finish();
    assert_does_not_count(
        &v1,
        "--policy: the checkpoints of Rekor v1 carry no witnesses' cosignatures, so none counts",
    );

    scene.seen("v1").await;
    let both = format!("{}{}", std::fs::read_to_string(scene.file("log.pub.pem")).unwrap(), old.public_key_pem());
    std::fs::write(scene.file("log.pub.pem"), both).unwrap();
    assert_does_not_count(&scene.audit(&["--policy", &any, "--earlier-log", &url]), "log 127.0.0.1 does not count");
    cosigned_by(&scene, &witnesses);
    let ended = scene.audit(&["--policy", &any, "--earlier-log", &url]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let said = ": --policy says nothing of it: checkpoints of Rekor v1 carry no cosignatures\n";
    assert!(ended.stdout.contains(said) && ended.stdout.contains("\nNot read: the log "), "{}", ended.stdout);
}

/// Entries read before lead to the new head. The state counts by the policy once that head does.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_counts_by_the_checkpoint_that_it_was_read_up_to_last() {
    let (scene, witnesses) = (Scene::set().await, witnesses());
    let first = scene.seen("v1").await;
    let served = instance(&scene, &first).await;
    let state = scene.file("state.json");
    assert_eq!(scene.audit_with_state().0, Some(0));
    let two = policy(&scene, "two", "", "2", &witnesses);
    cosigned_by(&scene, &witnesses[..2]);
    let shown = |policy: &str| verify(&scene, "v1", &served, &["--state", &state, "--policy", policy]);
    let not_shown = |ended: &Ended| {
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let said = "--state does not show that no other digest is recorded for it: what the audit read does not count by \
                    --policy: its checkpoint is not cosigned as the policy demands: ";
        assert!(ended.stdout.contains(said), "{}", ended.stdout);
        assert!(ended.stdout.contains("; run the audit again, with --policy\n"), "{}", ended.stdout);
    };
    not_shown(&shown(&two));
    // The same size, and nothing is read again.
    let with_policy = |policy: &str| scene.audit(&["--state", &state, "--policy", policy, "--json"]);
    let ended = with_policy(&two);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines = json_lines(&ended);
    let read = lines.iter().find(|line| line["type"] == "read").unwrap();
    assert_eq!((&read["from"], &read["size"]), (&json!(1), &json!(1)));
    let ended = shown(&two);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let said = "  - the witnesses that the policy demands cosigned the checkpoint that the audit read up to\n";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
    assert!(!verify(&scene, "v1", &served, &["--state", &state]).stdout.contains(said));
    // Another policy, which the tag's own checkpoint meets now.
    let three = policy(&scene, "three", "", "all", &witnesses);
    cosigned_by(&scene, &witnesses);
    not_shown(&shown(&three));
    assert_eq!(with_policy(&three).code, Some(0));
    assert_eq!(shown(&three).code, Some(0));

    // A head that nobody has cosigned is kept as one that the log signed, and nothing is read up to it.
    scene.seen("v2").await;
    scene.alter(|_, response| response);
    assert_does_not_count(&with_policy(&two), "log 127.0.0.1 does not count");
    let kept: Value = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
    let head = kept["checkpoints"][0].as_str().unwrap();
    assert!(head.starts_with("127.0.0.1\n2\n"), "{head}");
    assert_eq!(kept["readings"][scene.log_id()]["proven"]["size"], 1);
    assert_eq!(shown(&three).code, Some(2), "the tag's own checkpoint");
    cosigned_by(&scene, &witnesses);
    assert_eq!(shown(&three).code, Some(0), "what was shown before still is");
    assert_eq!(verify(&scene, "v2", &served, &["--state", &state]).code, Some(2));
}
