//! The forms of keys, signatures and entries that tests elsewhere give to a stand-in: the real Rekor takes each, makes of it
//! the very leaf that they expect, and lists it under the tag; and the command line says of it what it says there.

use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use testing::filed::copies::{of_another_tag, of_this_tag};
use testing::filed::ours::{Says, everything};
use testing::filed::strangers::that_hold_our_key;
use testing::filed::{Case, Filed, rekord};
use testing::process::{PATIENCE, Process, cli};
use testing::tags::tag;
use testing::transparency_log::TransparencyLog;
use tlogistry::image::Digest;
use tlogistry::sighting::subject_hash;

use crate::keys::Ring;

struct Scene {
    log: TransparencyLog,
    folder: tempfile::TempDir,
    client: reqwest::Client,
    case: Case,
    tags: usize,
}

impl Scene {
    fn set() -> Self {
        let (log, folder) = (TransparencyLog::rekor_of_every_kind(), tempfile::tempdir().unwrap());
        let case = Case::new(Digest::sha256(b"seen"), Digest::sha256(b"other"));
        std::fs::write(folder.path().join("key.pem"), case.ours.pem()).unwrap();
        std::fs::write(folder.path().join("log.pem"), &log.public_key).unwrap();
        Self { log, folder, client: reqwest::Client::new(), case, tags: 0 }
    }

    fn next(&mut self) -> &Case {
        self.tags += 1;
        self.case.tag = tag(&format!("v{}", self.tags));
        &self.case
    }

    /// Uploads an entry, asserts that its leaf is the expected one, and waits until it is listed under `hash`.
    async fn upload(&self, filed: &Filed, hash: &str) {
        let proposed = filed.proposed.as_ref().unwrap();
        let answer = self.post("log/entries", proposed).await;
        let entries = answer.as_object().unwrap();
        let (id, entry) = entries.iter().next().unwrap();
        assert!(entry.get("body").is_some(), "{}: {answer}", filed.name);
        let leaf = BASE64_STANDARD.decode(entry["body"].as_str().unwrap()).unwrap();
        assert_eq!(leaf, serde_json_canonicalizer::to_vec(&filed.leaf).unwrap(), "{}", filed.name);
        let deadline = Instant::now() + PATIENCE;
        let query = json!({"hash": format!("sha256:{hash}")});
        while !self.post("index/retrieve", &query).await.as_array().unwrap().contains(&json!(id)) {
            assert!(Instant::now() < deadline, "{} is not listed", filed.name);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Rekor stores what was signed after it has answered, too.
        if filed.attestation.is_some() {
            let query = json!({"entryUUIDs": [id]});
            while self.post("log/entries/retrieve", &query).await[0][id]["attestation"]["data"].is_null() {
                assert!(Instant::now() < deadline, "{} has no attestation", filed.name);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    async fn upload_here(&self, filed: &Filed) {
        self.upload(filed, &subject_hash(&self.case.tag)).await;
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/api/v1/{path}", self.log.url);
        let request = self.client.post(url).header("content-type", "application/json").body(body.to_string());
        serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap()
    }

    /// The exit code, and the standings of the entries that are listed.
    fn history(&self) -> (Option<i32>, Vec<String>) {
        let mut cli = cli();
        cli.args(["history", &self.case.tag.to_string(), "--json", "--rekor", &self.log.url, "--rekor-key"]);
        cli.arg(self.folder.path().join("log.pem")).arg("--key").arg(self.folder.path().join("key.pem"));
        let ended = Process::start(&mut cli).finish();
        let said: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
        let entries = said["entries"].as_array().unwrap().iter();
        (ended.code, entries.map(|entry| entry["standing"].as_str().unwrap().to_owned()).collect())
    }

    fn audit(&self) -> Option<i32> {
        let list = self.folder.path().join("tags");
        std::fs::write(&list, self.case.tag.to_string()).unwrap();
        let mut cli = cli();
        cli.args(["audit", "--rekor", &self.log.url, "--tags"]).arg(list);
        cli.arg("--rekor-key").arg(self.folder.path().join("log.pem"));
        cli.arg("--key").arg(self.folder.path().join("key.pem"));
        Process::start(&mut cli).finish().code
    }

    fn verify(&self) -> Option<i32> {
        let mut cli = cli();
        cli.args(["verify", &self.case.tag.to_string(), "--no-registry", "--rekor", &self.log.url, "--rekor-key"]);
        cli.arg(self.folder.path().join("log.pem")).arg("--key").arg(self.folder.path().join("key.pem"));
        Process::start(&mut cli).finish().code
    }

    #[track_caller]
    fn assert_says(&self, name: &str, code: i32, standings: &[&str]) {
        let (found, listed) = self.history();
        assert_eq!(
            (found, &listed.iter().map(String::as_str).collect::<Vec<_>>()[..]),
            (Some(code), standings),
            "{name}"
        );
        assert_eq!((self.verify(), self.audit()), (Some(code), Some(code)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rekor_takes_what_no_honest_instance_signs_and_it_is_contradiction_misuse_or_doubt() {
    let mut scene = Scene::set();
    let mut taken = 0;
    for number in 0..everything(&scene.case).len() {
        let (filed, says) = everything(scene.next()).remove(number);
        if filed.proposed.is_none() {
            continue;
        }
        scene.upload_here(&scene.case.sighting()).await;
        scene.upload_here(&filed).await;
        let (code, standing) = match says {
            Says::Contradicted(standing) => (1, standing),
            Says::Misused => (1, "misused"),
            Says::Unattested => (2, "unattested"),
            Says::Unreadable => (2, "unreadable"),
        };
        scene.assert_says(filed.name, code, &["sighting", standing]);
        taken += 1;
    }
    println!("{taken} forms of what no honest instance signs were taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn rekor_takes_copies_of_our_statements_and_they_alarm_nobody() {
    let mut scene = Scene::set();
    for number in 0..of_this_tag(&scene.case).len() {
        let (filed, standing) = of_this_tag(scene.next()).remove(number);
        if filed.proposed.is_some() {
            scene.upload_here(&scene.case.sighting()).await;
            scene.upload_here(&filed).await;
            scene.assert_says(filed.name, 0, &["sighting", standing]);
        }
    }
    let other = of_another_tag(&scene.case);
    for number in 0..other.copies.len() + 1 {
        let mut other = of_another_tag(scene.next());
        let filed = if number < other.copies.len() { other.copies.remove(number) } else { other.bare.remove(0) };
        if filed.proposed.is_none() {
            continue;
        }
        scene.upload(&other.original, &other.payload_hash).await;
        scene.upload_here(&scene.case.sighting()).await;
        scene.upload_here(&filed).await;
        scene.assert_says(filed.name, 0, &["sighting", "unrelated"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rekor_takes_strangers_entries_that_hold_our_key_and_they_stay_strangers() {
    let mut scene = Scene::set();
    for number in 0..that_hold_our_key(&scene.case).len() {
        let filed = that_hold_our_key(scene.next()).remove(number);
        if filed.proposed.is_some() {
            scene.upload_here(&scene.case.sighting()).await;
            scene.upload_here(&filed).await;
            scene.assert_says(filed.name, 0, &["sighting", "foreign"]);
        }
    }
}

/// The key that a ring holds as a key that signs, made the signature: it signed something else than sightings.
#[tokio::test(flavor = "multi_thread")]
async fn rekor_takes_signatures_of_openpgps_and_each_key_that_signs_counts() {
    let mut scene = Scene::set();
    for (what, keys) in [("openpgp", &["primary"][..]), ("openpgp-subkey", &["primary", "subkey"])] {
        let name = scene.next().tag.canonical().as_bytes().to_vec();
        let ring = Ring::that_signed(what, &name);
        let signed = rekord(what, "pgp", &name, ring.text("ring").as_bytes(), ring.text("signature").as_bytes());
        scene.upload_here(&signed).await;
        let (code, listed) = scene.history();
        assert_eq!((code, &*listed), (Some(2), &["foreign".to_owned()][..]), "{what}");
        for key in keys {
            std::fs::write(scene.folder.path().join("key.pem"), ring.text(key)).unwrap();
            scene.assert_says(key, 1, &["misused"]);
        }
        std::fs::write(scene.folder.path().join("key.pem"), scene.case.ours.pem()).unwrap();
    }
}
