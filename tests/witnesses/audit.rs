//! `audit --policy` of a ledger's rows: each needs a checkpoint that counts.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use testing::process::{Ended, Process, cli};
use tlogistry::image::{Digest, Tag};
use tlogistry::ledger::{FileLedger, Ledger, Row};
use tlogistry::sighting::{LocalKey, Sighting, Signer};

use crate::recorded::{Recorded, TAG, soon};

const TIME: u64 = 1_778_700_214;

/// Puts a sighting into the ledger's file.
async fn keep(recorded: &Recorded, sighting: &Sighting) {
    let ledger = Ledger::File(FileLedger::open_or_create(&recorded.path("ledger.redb")).unwrap());
    assert!(ledger.insert(&Row::recorded(sighting), soon()).await.unwrap());
}

/// Audits that file by the policy that demands `quorum` of three witnesses.
async fn audit(recorded: &Recorded, quorum: &str, more: &[&str]) -> Ended {
    let policy = recorded.file("policy", &recorded.policy(quorum));
    let mut command = cli();
    command.args(["audit", "--rekor-api", "2", "--rekor", recorded.log.config().url.as_str()]);
    command.arg("--ledger-file").arg(recorded.path("ledger.redb")).arg("--policy").arg(policy);
    command.arg("--rekor-key").arg(recorded.path("log.vkey")).arg("--key").arg(recorded.path("key.pem")).args(more);
    tokio::task::spawn_blocking(move || Process::start(&mut command).finish()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_entries_stand_under_a_cosigned_checkpoint_hold() {
    let recorded = Recorded::new().await;
    keep(&recorded, &recorded.sighting).await;
    let ended = audit(&recorded, "2", &[]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let said = "does not count by the witnesses' policy: its checkpoint is not cosigned as the policy demands: the quorum \
                'g' is not met";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    assert!(!ended.stdout.contains("checked"), "{}", ended.stdout);
    recorded.witnesses_cosign(2, TIME);
    let ended = audit(&recorded, "2", &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.ends_with("1 tag checked: all hold\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("cosigned its checkpoint, and saw it no later than 2026-05-13T19:23:34Z\n"));
    assert_eq!(audit(&recorded, "all", &[]).await.code, Some(2));
}

/// Witnesses fail while the audit is under way. What the cosigned head has is proven by that head.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_below_the_cosigned_head_needs_no_other_checkpoint_and_a_newer_one_is_uncosigned() {
    let recorded = Recorded::new().await;
    keep(&recorded, &recorded.sighting).await;
    let head = recorded.log.checkpoint().await;
    let first_alone = |recorded: &Recorded, first: String| {
        let (witnesses, asked) = (recorded.witnesses.clone(), AtomicUsize::new(0));
        recorded.log.is_cosigned(move |note| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => witnesses.iter().fold(first.clone(), |note, by| by.cosign(&note, TIME)),
            _ => note.to_owned(),
        });
    };
    first_alone(&recorded, head.clone());
    let ended = audit(&recorded, "all", &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");

    // Recorded after that head.
    let tag: Tag = "registry.example/app:v2".parse().unwrap();
    let signer = Signer::Local(LocalKey::open_or_generate(&recorded.path("key")).unwrap());
    let statement = signer.sign(&tag, &Digest::sha256(b"v2"), soon()).await.unwrap();
    let config = recorded.log.config();
    let uploaded = config.clients().unwrap().written.upload(&statement.signed_payload(), soon()).await.unwrap();
    keep(&recorded, &statement.recorded_by(uploaded.entry.verify(&config.keys).unwrap()).unwrap()).await;
    first_alone(&recorded, head);
    let ended = audit(&recorded, "all", &[]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let said = "registry.example/app:v2: uncosigned: the sighting does not count: its checkpoint is not cosigned as the \
                policy demands: ";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("2 tags checked: 1 uncosigned\n"), "{}", ended.stdout);
}

/// Its tags before were not held against the policy.
#[tokio::test(flavor = "multi_thread")]
async fn an_audit_that_was_stopped_without_the_policy_is_not_gone_on_with_under_it() {
    let recorded = Recorded::new().await;
    keep(&recorded, &recorded.sighting).await;
    recorded.witnesses_cosign(3, TIME);
    let source = format!("the ledger {}", recorded.path("ledger.redb").display());
    let position = |policy: Option<&str>| {
        let mut position = json!({"source": source, "done": 1, "last": TAG, "issues": {}});
        if let Some(policy) = policy {
            position["policy"] = policy.into();
        }
        json!({"version": 1, "checkpoints": [], "position": position}).to_string()
    };
    for policy in [None, Some("00")] {
        let state = recorded.file("state.json", &position(policy));
        let ended = audit(&recorded, "all", &["--state", state.to_str().unwrap()]).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let said = "the audit that was stopped did not hold its tags against this --policy; give --from-start";
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        let ended = audit(&recorded, "all", &["--state", state.to_str().unwrap(), "--from-start"]).await;
        assert!(ended.stdout.ends_with("1 tag checked: all hold\n"), "{ended:?}");
    }
}
