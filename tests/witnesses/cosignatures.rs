//! A genuine checkpoint of Rekor v2's staging log with three genuine cosignatures: it counts, and nothing can be
//! changed.

use testing::witness::{Witness, text};
use tlogistry::tlog::{Checkpoint, Fault, Policy, PolicyFault};

const CHECKPOINT: &str = include_str!("../data/rekor-v2/ours/checkpoint-cosigned.txt");
const VKEYS: &str = include_str!("../data/rekor-v2/ours/vkeys.txt");
/// The second in which all three cosigned it.
const TIME: u64 = 1_778_700_214;

/// The log's verifier key, and those of the witnesses.
fn vkeys() -> [&'static str; 4] {
    VKEYS.lines().collect::<Vec<_>>().try_into().unwrap()
}

/// The policy with the log, the three witnesses `a`, `b` and `c`, and these lines.
fn policy(rest: &str) -> String {
    let [log, a, b, c] = vkeys();
    format!("log {log}\nwitness a {a}\nwitness b {b}\nwitness c {c}\n{rest}\n")
}

fn check(policy: &str, note: &str) -> Result<Option<u64>, PolicyFault> {
    let checkpoint = Checkpoint::parse(note).expect("still a checkpoint");
    Policy::parse(policy.as_bytes()).unwrap().check(&checkpoint).map(|cosigned| cosigned.time())
}

/// The signature lines: the log's, then those of the witnesses b, c and a.
fn lines() -> Vec<&'static str> {
    CHECKPOINT.lines().filter(|line| line.starts_with('—')).collect()
}

fn without(line: usize) -> String {
    CHECKPOINT.replace(&format!("{}\n", lines()[line]), "")
}

#[test]
fn the_genuine_one_counts_by_each_policy_that_its_witnesses_meet() {
    let policies = [
        "quorum a",
        "quorum b",
        "quorum c",
        "group g all a b c\nquorum g",
        "group g any a b c\nquorum g",
        "group g 2 a b c\nquorum g",
        "group g 3 a b c\nquorum g",
        "group two all a b\ngroup g all two c\nquorum g",
        "group one 1 a\ngroup two 1 b\ngroup g all one two c\nquorum g",
    ];
    for rest in policies {
        assert_eq!(check(&policy(rest), CHECKPOINT), Ok(Some(TIME)), "{rest}");
    }
    assert_eq!(check(&policy("quorum none"), CHECKPOINT), Ok(None));
    // Without the log's line, the log's signature is left to the caller.
    let without_log = policy("quorum a").split_once('\n').unwrap().1.to_owned();
    assert_eq!(check(&without_log, CHECKPOINT), Ok(Some(TIME)));
}

#[test]
fn what_was_changed_does_not_count() {
    let (all, stranger) = (policy("group g all a b c\nquorum g"), Witness::new("witness.stagemole.eu"));
    let [_, _, b, _] = vkeys();
    let other_key = all.replace(b, &stranger.vkey());
    let b_line = lines()[1];
    let base64 = b_line.rsplit_once(' ').unwrap().1;
    let later = base64.replacen("ABqBM+2", "ABqBM+3", 1);
    let cases = [
        ("too few", all.clone(), without(3)),
        ("none at all", all.clone(), without(1).replace(&format!("{}\n", lines()[2]), "")),
        ("another witness's key under the name", other_key.clone(), CHECKPOINT.to_owned()),
        (
            "a stranger's line",
            other_key.clone(),
            stranger.cosign(CHECKPOINT, TIME).replace("\n4026479\n", "\n4026478\n"),
        ),
        ("another time beside the signature", all.clone(), CHECKPOINT.replace(base64, &later)),
        ("another size", all.clone(), CHECKPOINT.replace("\n4026479\n", "\n4026480\n")),
        ("another root", all.clone(), CHECKPOINT.replace("5iaX4xK6", "5iaX4xK7")),
        ("another origin", all.clone(), CHECKPOINT.replacen("log2025-alpha3.rekor.sigstage.dev\n", "log.example\n", 1)),
        ("a line more in its text", all.clone(), CHECKPOINT.replacen("\n\n", "\nmore\n\n", 1)),
        ("one twice, another missing", all.clone(), format!("{}{b_line}\n", without(3))),
        ("one under another's name", all.clone(), {
            let [_, b, c, _] = lines()[..] else { unreachable!() };
            let name = |line: &'static str| line.split(' ').nth(1).unwrap();
            CHECKPOINT.replace(b, &b.replace(name(b), name(c)))
        }),
        ("a signature cut short", all.clone(), CHECKPOINT.replace(base64, &base64[..64])),
        ("no time and signature", all.clone(), CHECKPOINT.replace(base64, &base64[..8])),
        ("the log's signature missing", all.clone(), without(0)),
    ];
    for (change, policy, note) in cases {
        assert_ne!((&*policy, &*note), (&*all, CHECKPOINT), "{change}: nothing was changed");
        assert!(check(&policy, &note).is_err(), "{change}");
    }
    // The stranger's own cosignature is one.
    assert_eq!(check(&other_key, &stranger.cosign(CHECKPOINT, TIME + 1)), Ok(Some(TIME + 1)));
}

#[test]
fn the_message_names_the_witnesses_that_are_missing() {
    let fault = |rest: &str, note: &str| check(&policy(rest), note).unwrap_err().to_string();
    let said = "its checkpoint is not cosigned as the policy demands: the quorum 'g' is not met (a did not cosign, b \
                cosigned, c cosigned)";
    assert_eq!(fault("group g all a b c\nquorum g", &without(3)), said);
    let spoilt = CHECKPOINT.replacen("ABqBM+2", "ABqBM+3", 1);
    assert!(fault("quorum b", &spoilt).contains("b's cosignature does not verify"));
    let [log, ..] = vkeys();
    let other = policy("quorum a").replace(log, "log.example+0ed5f1a1+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    assert!(Policy::parse(other.as_bytes()).is_err(), "its id is of another key");
    assert!(fault("quorum a", &without(0)).contains("its checkpoint is not signed by a log of the policy"));
}

#[test]
fn a_checkpoint_of_another_log_does_not_count_though_its_witnesses_cosigned_it() {
    let [_, a, b, c] = vkeys();
    let log = testing::witness::vkey("log2025-alpha3.rekor.sigstage.dev", 1, Witness::new("x").key());
    let policy = format!("log {log}\nwitness a {a}\nwitness b {b}\nwitness c {c}\nquorum a\n");
    let expected = vec![Fault::CheckpointKeyHint, Fault::CheckpointSignature];
    assert_eq!(check(&policy, CHECKPOINT), Err(PolicyFault::Log(expected)));
}

#[test]
fn of_several_logs_the_fault_is_told_of_the_one_with_the_checkpoints_name_or_else_of_the_first() {
    let log = |name: &str| testing::witness::vkey(name, 1, Witness::new("x").key());
    let (namesake, one, other) = (log("log2025-alpha3.rekor.sigstage.dev"), log("one.test"), log("other.test"));
    let fault = |logs: &[&String]| {
        let logs: String = logs.iter().map(|vkey| format!("log {vkey}\n")).collect();
        check(&format!("{logs}quorum none\n"), CHECKPOINT)
    };
    let of_namesake = Err(PolicyFault::Log(vec![Fault::CheckpointKeyHint, Fault::CheckpointSignature]));
    for logs in [&[&namesake, &one, &other], &[&one, &namesake, &other], &[&one, &other, &namesake]] {
        assert_eq!(fault(logs), of_namesake, "{logs:?}");
    }
    let of_stranger = Err(PolicyFault::Log(vec![Fault::CheckpointOrigin]));
    assert_eq!(fault(&[&one]), of_stranger);
    assert_eq!(fault(&[&one, &other]), of_stranger);
    assert_eq!(fault(&[&namesake, &one, &vkeys()[0].to_owned()]), Ok(None));
}

/// The first line decides, as in Go's `note` package, so that every reader judges alike.
#[test]
fn a_witness_counts_once_and_by_its_first_line() {
    let one = Witness::new("one.test");
    let policy = format!("witness one {}\nquorum one\n", one.vkey());
    let (early, late) = (one.line(text(CHECKPOINT), 5), one.line(text(CHECKPOINT), 9));
    let other = one.line("another\n1\nAAAA\n", 5);
    assert_eq!(check(&policy, &format!("{CHECKPOINT}{early}{late}")), Ok(Some(5)));
    assert_eq!(check(&policy, &format!("{CHECKPOINT}{late}{early}")), Ok(Some(9)));
    assert_eq!(check(&policy, &format!("{CHECKPOINT}{early}{other}")), Ok(Some(5)));
    assert!(check(&policy, &format!("{CHECKPOINT}{other}{early}")).is_err());
    let two = format!(
        "witness one {}\nwitness two {}\ngroup g 2 one two\nquorum g\n",
        one.vkey(),
        Witness::new("two.test").vkey()
    );
    assert!(check(&two, &format!("{CHECKPOINT}{early}{late}")).is_err());
}

#[test]
fn the_specifications_example_of_rekor_v1_is_told_apart() {
    let v1 =
        "rekor.sigstore.dev - 7\n3\nLmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=\n\n— rekor.sigstore.dev wNI9ajBE\n";
    assert_eq!(check(&policy("quorum none"), v1), Err(PolicyFault::RekorV1));
    assert_eq!(check(&policy("quorum a"), v1), Err(PolicyFault::RekorV1));
}
