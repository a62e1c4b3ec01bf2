//! `verify --policy`: a checkpoint counts only with the cosignatures that the policy demands.

use serde_json::Value;
use testing::faulty::log::{Call, Fault, Log};
use testing::process::Ended;
use testing::witness::Witness;

use crate::recorded::{Recorded, digest};

const TIME: u64 = 1_778_700_214;
const WRITTEN: &str = "2026-05-13T19:23:34Z";

async fn verify(recorded: &Recorded, quorum: &str, more: &[&str]) -> Ended {
    let policy = recorded.file("policy", &recorded.policy(quorum));
    let instance = Recorded::instance(recorded.bundle()).await;
    recorded.verify(&[&["--instance", &instance, "--policy", policy.to_str().unwrap()], more].concat()).await
}

#[track_caller]
fn assert_holds(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{} {}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("holds") && ended.stdout.contains(&digest().to_string()), "{}", ended.stdout);
}

#[track_caller]
fn assert_unchecked(ended: &Ended, part: &str) {
    assert_eq!(ended.code, Some(2), "{} {}", ended.stdout, ended.stderr);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains(part), "'{part}' is not in '{said}'");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_was_cosigned_when_it_was_recorded_needs_no_other() {
    let (log, witnesses) = (Log::v2().await, [0, 1, 2].map(|number| Witness::new(&format!("w{number}.test"))));
    let cosigners = witnesses.clone();
    log.is_cosigned(move |note| cosigners[..2].iter().fold(note.to_owned(), |note, by| by.cosign(&note, TIME)));
    let recorded = Recorded::in_log(log, witnesses.to_vec()).await;
    recorded.log.asked();
    let ended = verify(&recorded, "2", &[]).await;
    assert_holds(&ended);
    assert!(ended.stdout.contains(&format!("no later than {WRITTEN}, as witnesses signed")), "{}", ended.stdout);
    assert!(ended.stdout.contains("the witnesses that the policy demands cosigned this checkpoint"));
    assert_eq!(recorded.log.asked(), []);
    // Nobody waits for more than the policy demands.
    assert_holds(&verify(&recorded, "any", &["--min-age", "1d"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_falls_short_is_proven_again_under_the_logs_current_checkpoint() {
    let recorded = Recorded::new().await;
    recorded.witnesses_cosign(2, TIME);
    let ended = verify(&recorded, "2", &["--json"]).await;
    assert_eq!(ended.code, Some(0), "{} {}", ended.stdout, ended.stderr);
    let shown: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&shown["verdict"], &shown["source"]), (&"holds".into(), &"instance".into()));
    assert_eq!(shown["entries"][0]["witnessedNoLaterThan"], WRITTEN);
    assert_eq!(shown["entries"][0].get("signedNoLaterThan"), None);
    assert_unchecked(&verify(&recorded, "all", &[]).await, "w2 did not cosign");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_does_not_show_the_entry_again_leaves_it_unchecked() {
    let recorded = Recorded::new().await;
    assert_unchecked(&verify(&recorded, "any", &[]).await, "the quorum 'g' is not met (w0 did not cosign");
    recorded.log.fails(Call::Head, Fault::Answer(404, Vec::new(), ""));
    assert_unchecked(&verify(&recorded, "any", &[]).await, "--policy: no proof under a later checkpoint: ");
    recorded.log.heals();
    recorded.witnesses_cosign(3, TIME);
    assert_holds(&verify(&recorded, "all", &[]).await);
    let other = Recorded::new().await;
    other.witnesses_cosign(3, TIME);
    let policy = recorded.policy("all").replacen("log ", "# ", 1);
    let policy = other.file("policy", &policy);
    let instance = Recorded::instance(other.bundle()).await;
    let ended = other.verify(&["--instance", &instance, "--policy", policy.to_str().unwrap()]).await;
    assert_unchecked(&ended, "w0 did not cosign");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_witnesses_time_is_what_min_age_goes_by() {
    let recorded = Recorded::new().await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    recorded.witnesses_cosign(3, now);
    let ended = verify(&recorded, "all", &["--min-age", "7d"]).await;
    assert_eq!(ended.code, Some(1), "{} {}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains(" is too young: first seen by witnesses "), "{}", ended.stdout);
    recorded.witnesses_cosign(3, now - 8 * 86_400);
    assert_holds(&verify(&recorded, "all", &["--min-age", "7d"]).await);
    // Cosignatures that name no time bound nothing.
    recorded.witnesses_cosign(3, 0);
    assert_unchecked(
        &verify(&recorded, "all", &["--min-age", "0s"]).await,
        "--min-age cannot tell: no witness that the policy demands signed a time",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_applied_exits_2_and_says_why() {
    let recorded = Recorded::new().await;
    let instance = Recorded::instance(recorded.bundle()).await;
    let policy = recorded.file("policy", &recorded.policy("all"));
    let (policy, key) = (policy.to_str().unwrap(), recorded.path("key.pem"));
    // The public log, by its API of version 1.
    let mut command = testing::process::cli();
    command.args(["verify", crate::recorded::TAG, "--no-registry", "--instance", &instance, "--policy", policy]);
    command.arg("--key").arg(&key);
    let ended = testing::process::Process::start(&mut command).finish();
    assert_unchecked(&ended, "the checkpoints of Rekor v1 carry no witnesses' cosignatures");
    let broken = recorded.file("broken", "quorum g\n");
    let ended = recorded.verify(&["--instance", &instance, "--policy", broken.to_str().unwrap()]).await;
    assert_unchecked(&ended, "broken: not a tlog-policy: line 1: no line before defines 'g'");
    let ended = recorded.verify(&["--instance", &instance, "--policy", "/no/such/file"]).await;
    assert_unchecked(&ended, "--policy: /no/such/file: ");
    let ended = recorded.verify(&["--instance", &instance, "--policy", "/dev/zero"]).await;
    assert_unchecked(&ended, "it has more than 524288 bytes");
}
