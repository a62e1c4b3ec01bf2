//! `verify`, `history` and `audit` with the real Rekor, and in the same words with the embedded log.

use std::time::{Duration, Instant};

use testing::client::get;
use testing::image::Image;
use testing::instance::Instance;
use testing::process::{Ended, PATIENCE, Process, cli};
use testing::stage::Stage;
use testing::transparency_log::TransparencyLog;
use tlogistry::image::Digest;
use tlogistry::rekor::RekorV1;
use tlogistry::sighting::Signer;

use crate::{Deadline, LocalKey, tag};

const TAG: &str = "registry.test/demo/app:v1";

struct Checked {
    stage: Stage,
    folder: tempfile::TempDir,
}

impl Checked {
    fn run(&self, command: &str, arguments: &[&str]) -> Ended {
        let mut cli = cli();
        cli.arg(command).args(arguments).args(["--rekor", &self.stage.log.url, "--rekor-key"]);
        cli.arg(self.folder.path().join("log.pem")).arg("--key").arg(self.folder.path().join("key.pem"));
        Process::start(cli.envs(self.stage.environment())).finish()
    }

    /// Runs until the output is as expected: Rekor files an entry after it has answered.
    #[track_caller]
    fn comes_to(&self, command: &str, arguments: &[&str], code: i32, said: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = self.run(command, arguments);
            if ended.code == Some(code) && ended.stdout.contains(said) {
                return;
            }
            assert!(Instant::now() < deadline, "{said:?} is not said: {ended:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

async fn what_serve_recorded_is_checked(log: TransparencyLog) {
    let (stage, folder) = (Stage::with(log), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("log.pem"), &stage.log.public_key).unwrap();
    let instance = Instance::serve(folder.path(), &stage.environment());
    let key = LocalKey::open(&folder.path().join("signing-key.pem")).unwrap();
    std::fs::write(folder.path().join("key.pem"), key.public_key().pem()).unwrap();
    let checked = Checked { stage, folder };
    let [list, state] =
        ["tags", "state.json"].map(|name| checked.folder.path().join(name).to_str().unwrap().to_owned());
    let audit = ["--tags", &list, "--state", &state];

    let image = Image::oci("recorded");
    let mut names = String::new();
    for number in 1..=7 {
        let name = format!("v{number}");
        checked.stage.push(&name, &image).await;
        assert_eq!(get(&instance.url(&format!("manifests/{name}"))).await.status, 200);
        names += &format!("registry.test/demo/app:{name}\n");
        std::fs::write(&list, &names).unwrap();
        checked.comes_to(
            "history",
            &[&format!("registry.test/demo/app:{name}")],
            0,
            &format!("sighting  {}", image.digest()),
        );
        let ended = checked.run("audit", &audit);
        let said = match number {
            1 => "has 1 entries; no earlier checkpoint to compare with\n1 tag checked: all hold\n".to_owned(),
            _ => format!(
                "grew from {} to {number} entries, and only grew\n{number} tags checked: all hold\n",
                number - 1
            ),
        };
        assert!(ended.code == Some(0) && ended.stdout.ends_with(&said), "{said}: {ended:?}");
    }
    checked.comes_to("verify", &[TAG], 0, &format!("{TAG} holds\n\n  digest    {}\n", image.digest()));
    let instance_url = format!("http://{}", instance.address);
    checked.comes_to("verify", &[TAG, "--instance", &instance_url], 0, &format!("{TAG} holds\n"));

    checked.stage.push("v1", &Image::oci("another")).await;
    checked.comes_to("verify", &[TAG], 1, &format!("{TAG} has moved\n"));

    let deadline = Deadline::after(PATIENCE);
    let second = Digest::sha256(b"second");
    let statement = Signer::Local(key).sign(&tag("v1"), &second, deadline).await.unwrap();
    let log = RekorV1::new(checked.stage.log.url.parse().unwrap()).unwrap();
    log.upload(&statement.signed_payload(), deadline).await.unwrap();
    checked.comes_to("audit", &audit, 1, "registry.test/demo/app:v1: contradicted: your keys signed ");
    checked.comes_to("verify", &[TAG], 1, &format!("{TAG} is contradicted: your keys signed different digests\n"));
}

#[tokio::test]
async fn what_serve_recorded_in_rekor_is_checked() {
    what_serve_recorded_is_checked(TransparencyLog::rekor()).await;
}

#[tokio::test]
async fn what_serve_recorded_in_the_embedded_log_is_checked() {
    what_serve_recorded_is_checked(TransparencyLog::embedded()).await;
}
