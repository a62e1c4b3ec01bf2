//! `verify-entry --policy`.

use std::path::{Path, PathBuf};

use testing::faulty::log::Log;
use testing::process::{Ended, Process, cli};
use testing::witness::Witness;

use crate::recorded::Recorded;

const TIME: u64 = 1_778_700_214;

fn verify_entry(key: Option<&Path>, policy: &Path, files: &[&Path]) -> Ended {
    let mut command = cli();
    command.arg("verify-entry").arg("--policy").arg(policy);
    if let Some(key) = key {
        command.arg("--rekor-key").arg(key);
    }
    Process::start(command.args(files)).finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_holds_only_under_a_checkpoint_that_was_cosigned_as_the_policy_demands() {
    let (log, witnesses) = (Log::v2().await, [0, 1, 2].map(|number| Witness::new(&format!("w{number}.test"))));
    let cosigners = witnesses.clone();
    log.is_cosigned(move |note| cosigners[..2].iter().fold(note.to_owned(), |note, by| by.cosign(&note, TIME)));
    let recorded = Recorded::in_log(log, witnesses.to_vec()).await;
    let (key, bundle) = (recorded.path("log.vkey"), recorded.file("bundle.json", &recorded.bundle()));
    let parsed: serde_json::Value = serde_json::from_str(&recorded.bundle()).unwrap();
    let entry = recorded.file("entry.json", &parsed["verificationMaterial"]["tlogEntries"][0].to_string());
    let (two, all) = (recorded.file("two", &recorded.policy("2")), recorded.file("all", &recorded.policy("all")));

    let ended = verify_entry(Some(&key), &two, &[&bundle, &entry]);
    assert_eq!(ended.code, Some(0), "{} {}", ended.stdout, ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].contains(", no later than 2026-05-13T19:23:34Z, by the key sha256:"), "{}", lines[0]);
    assert!(lines[1].ends_with("holds (log index 0): in the log no later than 2026-05-13T19:23:34Z"), "{}", lines[1]);

    let ended = verify_entry(Some(&key), &all, &[&bundle, &entry]);
    assert_eq!(ended.code, Some(1), "{} {}", ended.stdout, ended.stderr);
    for line in ended.stdout.lines() {
        let why = "refused: its checkpoint is not cosigned as the policy demands: the quorum 'g' is not met (w0 \
                   cosigned, w1 cosigned, w2 did not cosign)";
        assert!(line.ends_with(why), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_rekor_v1_cannot_be_judged_by_a_policy() {
    let recorded = Recorded::new().await;
    let policy = recorded.file("policy", &recorded.policy("any"));
    let entry = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/entry/intoto-0.0.2-94408157.json");
    let ended = verify_entry(None, &policy, &[&entry]);
    assert_eq!(ended.code, Some(2), "{} {}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("--policy cannot be applied: it is of Rekor v1, whose checkpoints carry no"));
}
