//! A real witness, transparency-dev's omniwitness, in the whole way: the real Rekor v2 has its checkpoints cosigned, and an
//! instance records under them alone. It cosigns the embedded log's checkpoints too.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;
use testing::client::get;
use testing::faulty::log::{Call, Log};
use testing::instance::Instance;
use testing::merkle::{Hash, consistency};
use testing::omniwitness::Omniwitness;
use testing::process::{Ended, Process, cli};
use testing::rekor_tiles::{self, RekorTiles};
use testing::tags::{self, tag};
use testing::witness::{Witness, vkey};
use tlogistry::config::LogConfig;
use tlogistry::http::Service;
use tlogistry::key::PublicKey;
use tlogistry::sighting::{LocalKey, Signer};
use tlogistry::tlog::{Checkpoint, Policy};

use crate::scene::{Scene, assert_first_seen, assert_refused, assert_unchanged, pull};

const WITNESS: &str = "witness.test/one";
/// The message about a new entry whose checkpoint nobody cosigned.
const NOT_COSIGNED: &str = "the new entry does not count yet: its checkpoint is not cosigned";

/// The real Rekor v2, the witness that knows it, and what an instance needs.
struct Witnessed {
    scene: Scene,
    server: Arc<RekorTiles>,
    witness: Omniwitness,
    folder: tempfile::TempDir,
}

impl Witnessed {
    /// The server does not know of the witness yet.
    async fn set() -> Self {
        let server = Arc::new(rekor_tiles::start().await);
        let witness = Omniwitness::start(WITNESS, &[(&server.origin, &server.vkey())]);
        let scene = Scene::with(Log::rekor(server.clone()).await).await;
        Self { scene, server, witness, folder: tempfile::tempdir().unwrap() }
    }

    /// The flag by which a server has its checkpoints cosigned by this witness.
    fn flag(&self) -> String {
        let file = self.write("server-policy", &format!("{}quorum w\n", self.witness.policy_line("w")));
        format!("--witness-policy-path={}", file.display())
    }

    /// From now on the server asks the witness, where it is now.
    fn ask_the_witness(&self) {
        self.server.start_again(&[&self.flag()]);
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The policy of those who demand the witness with this verifier key.
    fn policy(&self, witness: &str) -> String {
        format!("log {}\nwitness w {witness}\nquorum w\n", self.server.vkey())
    }

    /// An instance that demands the witness.
    fn demanding(&self) -> Service {
        demanding(&self.scene, self.scene.log.config(), &self.policy(&self.witness.vkey))
    }
}

fn demanding(scene: &Scene, log: LogConfig, policy: &str) -> Service {
    let policy = Some(Policy::parse(policy.as_bytes()).unwrap());
    scene.instance_with(LogConfig { policy, ..log })
}

/// The lines of cosignatures below the log's own.
fn cosignatures(checkpoint: &str) -> usize {
    checkpoint.lines().filter(|line| line.starts_with(&format!("— {WITNESS} "))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_records_under_what_a_real_witness_cosigned_and_its_users_demand_it_too() {
    let all = Witnessed::set().await;
    all.ask_the_witness();
    let state = all.folder.path().join("state");
    let variables = [
        ("INSECURE_REGISTRIES", format!("registry.test={}", all.scene.tags.address)),
        ("REKOR_URL", all.scene.log.url()),
        ("REKOR_API_VERSION", "2".to_owned()),
        ("REKOR_PUBLIC_KEYS", all.server.vkey()),
        ("TIMESTAMP_URL", "none".to_owned()),
        ("WITNESS_POLICY", all.policy(&all.witness.vkey)),
    ];
    let instance = Instance::serve(&state, &variables.map(|(name, value)| (name.to_owned(), value)));
    let digest = all.scene.tags.push("v1", "one");
    all.scene.log.asked();
    assert_first_seen(&get(&instance.at(&tags::manifest("v1"))).await, &digest);
    assert_eq!(all.scene.log.asked(), [Call::Upload], "the answer's own checkpoint is cosigned");
    assert_eq!(cosignatures(&all.scene.log.checkpoint().await), 1);

    all.write("key.pem", get(&instance.at("/key.pem")).await.text());
    all.write("log.vkey", &all.server.vkey());
    let verify = |policy: &Path| -> Ended {
        let mut command = cli();
        command.args(["verify", tag("v1").canonical(), "--no-registry", "--json", "--instance", &instance.at("")]);
        command.args(["--rekor-api", "2", "--rekor", &all.scene.log.url(), "--key", "key.pem"]);
        command.args(["--rekor-key", "log.vkey", "--policy"]).arg(policy).current_dir(all.folder.path());
        Process::start(&mut command).finish()
    };
    let ended = verify(&all.write("policy", &all.policy(&all.witness.vkey)));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let shown: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(shown["verdict"], "holds");
    assert!(shown["entries"][0]["witnessedNoLaterThan"].is_string(), "{shown}");

    // Another key under the witness's name, and a witness that the log does not ask.
    let impostor = Witness::new(WITNESS);
    for other in [impostor.vkey(), Witness::new("witness.test/two").vkey()] {
        let ended = verify(&all.write("other", &all.policy(&other)));
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(ended.code == Some(2) && said.contains("w did not cosign"), "{ended:?}");
    }
    // The policy without the witness's key is the operator's fault: nothing is recorded under it.
    let other = demanding(&all.scene, all.scene.log.config(), &all.policy(&impostor.vkey()));
    all.scene.tags.push("v2", "two");
    assert_refused(&pull(&other, "v2").await, 503, NOT_COSIGNED);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_witness_is_away_new_entries_stay_pending_and_are_completed_once_it_cosigned_a_later_checkpoint() {
    let all = Witnessed::set().await;
    let digest = all.scene.tags.push("v1", "one");
    // The server asks no witness yet.
    assert_refused(&pull(&all.demanding(), "v1").await, 503, NOT_COSIGNED);
    all.ask_the_witness();
    let next = all.scene.tags.push("v2", "two");
    assert_first_seen(&pull(&all.demanding(), "v2").await, &next);
    let size = all.scene.log.size().await;
    assert_first_seen(&pull(&all.demanding(), "v1").await, &digest);
    assert_eq!(all.scene.log.size().await, size, "it is completed by tiles, and signed only once");

    // This server publishes what no witness cosigned, and the instance waits.
    all.witness.stop();
    let digest = all.scene.tags.push("v3", "three");
    assert_refused(&pull(&all.demanding(), "v3").await, 503, NOT_COSIGNED);
    assert_eq!(cosignatures(&all.scene.log.checkpoint().await), 0);
    all.witness.start_again();
    all.ask_the_witness();
    let next = all.scene.tags.push("v4", "four");
    assert_first_seen(&pull(&all.demanding(), "v4").await, &next);
    assert_first_seen(&pull(&all.demanding(), "v3").await, &digest);
    assert_unchanged(&pull(&all.demanding(), "v1").await, &all.scene.tags.push("v1", "one"));
}

/// A log with two histories, of which the witness saw one: what it is asked for, to begin with.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_history_of_a_log_is_cosigned_by_nobody_and_nothing_is_recorded_in_it() {
    let all = Witnessed::set().await;
    all.ask_the_witness();
    let known = all.scene.tags.push("known", "known");
    assert_first_seen(&pull(&all.demanding(), "known").await, &known);
    all.server.stop();
    let fork = Arc::new(all.server.fork(&[&all.flag()]).await);
    all.ask_the_witness();
    let digest = all.scene.tags.push("v1", "one");
    assert_first_seen(&pull(&all.demanding(), "v1").await, &digest);

    let shown = Log::rekor(fork).await;
    let misled = demanding(&all.scene, shown.config(), &all.policy(&all.witness.vkey));
    for name in ["v2", "v3"] {
        all.scene.tags.push(name, name);
        assert_refused(&pull(&misled, name).await, 503, NOT_COSIGNED);
    }
    assert_eq!((shown.size().await, cosignatures(&shown.checkpoint().await)), (3, 0));
    assert_unchanged(&pull(&misled, "known").await, &known);
    // The witness goes on with the history that it has cosigned.
    let next = all.scene.tags.push("v4", "four");
    assert_first_seen(&pull(&all.demanding(), "v4").await, &next);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_log_is_cosigned_as_it_grows_and_not_where_it_does_not() {
    let log = Log::v2().await;
    let key = PublicKey::from_pem(log.public_key_pem()).unwrap();
    let log_vkey = vkey(&log.origin(), 1, &key.der()[key.der().len() - 32..]);
    let witness = Omniwitness::start(WITNESS, &[(&log.origin(), &log_vkey)]);
    let policy = |by: &str| Policy::parse(format!("log {log_vkey}\nwitness w {by}\nquorum w\n").as_bytes()).unwrap();
    let signer = Signer::Local(LocalKey::generate().unwrap());
    let soon = || tlogistry::deadline::Deadline::after(std::time::Duration::from_secs(60));
    let (mut hashes, mut before) = (Vec::<Hash>::new(), 0);
    for number in 0..5_u8 {
        let name = format!("v{number}");
        let signed = signer.sign(&tag(&name), &tlogistry::image::Digest::sha256(&[number]), soon()).await.unwrap();
        let uploaded = log.config().clients().unwrap().written.upload(&signed.signed_payload(), soon()).await.unwrap();
        hashes.push(uploaded.entry.leaf_hash());
        // Not after each entry.
        if number == 1 {
            continue;
        }
        let note = log.checkpoint().await;
        let unproven = Checkpoint::parse(&note).unwrap();
        assert!(policy(&witness.vkey).check(&unproven).is_err());
        let proof = if before == 0 { Vec::new() } else { consistency(before, &hashes) };
        let proof: Vec<String> = proof.iter().map(|hash| BASE64_STANDARD.encode(hash)).collect();
        if before > 0 {
            let mut wrong = proof.clone();
            wrong.reverse();
            wrong.push(BASE64_STANDARD.encode([7; 32]));
            assert_eq!(witness.add_checkpoint(before as u64, &wrong, &note).await.status, 422);
        }
        let answer = witness.add_checkpoint(before as u64, &proof, &note).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let cosigned = Checkpoint::parse(&format!("{note}{}", answer.text())).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let time = policy(&witness.vkey).check(&cosigned).unwrap().time().unwrap();
        assert!((now - 3_600..=now).contains(&time), "{time} {now}");
        assert!(policy(&Witness::new(WITNESS).vkey()).check(&cosigned).is_err(), "another's key");
        before = hashes.len();
    }
}
