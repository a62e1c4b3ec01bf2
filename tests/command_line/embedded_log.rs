//! The embedded log of `serve`, and `log`: its API, its address, and what is kept when either changes.

use std::net::TcpListener;
use std::path::Path;

use testing::client::{Answer, get};
use testing::docker_registry::DockerRegistry;
use testing::image::Image;
use testing::instance::Instance;
use testing::process::{Ended, Process, cli};
use testing::stage::{REGISTRY, REPOSITORY};
use testing::tiles::TileReader;

const ANY_PORT: [&str; 2] = ["--log-listen", "127.0.0.1:0"];

struct Stage {
    registry: DockerRegistry,
    state: tempfile::TempDir,
}

impl Stage {
    fn set() -> Self {
        Self { registry: DockerRegistry::start(), state: tempfile::tempdir().unwrap() }
    }

    async fn push(&self, tag: &str, text: &str) {
        self.registry.push(REPOSITORY, tag, &Image::oci(text)).await;
    }

    fn serve(&self, arguments: &[&str]) -> Instance {
        let environment = [("INSECURE_REGISTRIES".to_owned(), format!("{REGISTRY}={}", self.registry.address))];
        Instance::serve_with(self.state.path(), &environment, arguments)
    }
}

async fn pull(instance: &Instance, tag: &str) -> Answer {
    get(&instance.url(&format!("manifests/{tag}"))).await
}

#[track_caller]
fn assert_first_seen(answer: &Answer) {
    assert_eq!((answer.status, answer.find("tlog-first-seen")), (200, Some("true")), "{answer:?}");
}

#[track_caller]
fn assert_unchanged(answer: &Answer, first: &Answer) {
    assert_eq!((answer.status, answer.find("tlog-first-seen")), (200, None), "{answer:?}");
    assert_eq!(answer.header("tlog-logindex"), first.header("tlog-logindex"));
}

fn log_url(instance: &Instance) -> String {
    instance.wait_for(|line| line.strip_prefix("sightings are recorded in ").map(str::to_owned))
}

#[tokio::test]
async fn serve_records_in_a_log_of_rekor_v2() {
    let stage = Stage::set();
    stage.push("v1", "first").await;
    let arguments = [&["--log-api", "v2"], &ANY_PORT[..]].concat();
    let instance = stage.serve(&arguments);
    let first = pull(&instance, "v1").await;
    assert_first_seen(&first);
    assert_unchanged(&pull(&instance, "v1").await, &first);
    let checkpoint = get(&format!("{}api/v2/checkpoint", log_url(&instance))).await;
    assert_eq!((checkpoint.status, checkpoint.text().lines().nth(1)), (200, Some("1")));
    drop(instance); // Killed: what was answered for is kept all the same.

    let instance = stage.serve(&arguments);
    assert_unchanged(&pull(&instance, "v1").await, &first);
    stage.push("v1", "second").await;
    assert_eq!(pull(&instance, "v1").await.status, 403);
}

#[tokio::test]
async fn what_was_recorded_by_one_api_counts_by_the_other() {
    let stage = Stage::set();
    for tag in ["by-v1", "by-v2", "by-v1-again"] {
        stage.push(tag, tag).await;
    }
    let mut recorded: Vec<(&str, Answer)> = Vec::new();
    for (api, tag) in [("v1", "by-v1"), ("v2", "by-v2"), ("v1", "by-v1-again")] {
        let instance = stage.serve(&[&["--log-api", api], &ANY_PORT[..]].concat());
        for (tag, first) in &recorded {
            assert_unchanged(&pull(&instance, tag).await, first);
        }
        let first = pull(&instance, tag).await;
        assert_first_seen(&first);
        recorded.push((tag, first));
        // Both logs are there for anyone to read, once there are two.
        let url = log_url(&instance);
        let readable =
            [get(&format!("{url}api/v1/log")).await.status, get(&format!("{url}api/v2/checkpoint")).await.status];
        assert_eq!(readable, if recorded.len() == 1 { [200, 404] } else { [200, 200] });
    }
    let instance = stage.serve(&[&["--log-api", "v2"], &ANY_PORT[..]].concat());
    for (tag, first) in &recorded {
        stage.push(tag, "moved").await;
        assert_eq!(pull(&instance, tag).await.status, 403, "{tag}");
        assert_eq!(first.status, 200);
    }
}

#[tokio::test]
async fn a_recorded_url_outlasts_a_restart() {
    let stage = Stage::set();
    stage.push("v1", "first").await;
    // An address that nobody else uses, so that nobody takes its port in between.
    let [.., high, low] = std::process::id().to_be_bytes();
    let address = format!("127.33.{high}.{low}:3000");
    let instance = stage.serve(&["--log-listen", &address]);
    let entry = pull(&instance, "v1").await.header("tlog-entry").to_owned();
    assert!(entry.starts_with(&format!("http://{address}/")), "{entry}");
    drop(instance);
    let _instance = stage.serve(&["--log-listen", &address]);
    assert_eq!(get(&entry).await.status, 200);
}

#[tokio::test]
async fn log_writes_sigstores_files_and_they_are_all_that_serve_needs() {
    for (api, host) in [("v1", "http://127.0.0.1:"), ("v2", "https://127.0.0.1")] {
        let stage = Stage::set();
        stage.push("v1", "first").await;
        let [root, signing] = ["root.json", "signing.json"].map(|name| stage.state.path().join(name));
        let mut command = cli();
        command.args(["log", "--log-api", api, "--listen", "127.0.0.1:0", "--trusted-root"]).arg(&root);
        let log = Process::start(command.arg("--signing-config").arg(&signing));
        let url = log.wait_for(|line| line.strip_prefix("log listening on ").map(str::to_owned));
        let shown: serde_json::Value = serde_json::from_slice(&std::fs::read(&root).unwrap()).unwrap();
        assert!(shown["tlogs"][0]["baseUrl"].as_str().unwrap().starts_with(host), "{shown}");

        let environment = [("SIGNING_CONFIG", &signing), ("TRUSTED_ROOT", &root)];
        let mut environment =
            environment.map(|(name, path)| (name.to_owned(), path.to_str().unwrap().to_owned())).to_vec();
        environment.push(("INSECURE_REGISTRIES".to_owned(), format!("{REGISTRY}={}", stage.registry.address)));
        if api == "v2" {
            // The signing config names no authority.
            environment.push(("TIMESTAMP_URL".to_owned(), "none".to_owned()));
        }
        let instance = Instance::serve(stage.state.path(), &environment);
        assert_first_seen(&pull(&instance, "v1").await);
        assert_eq!(log_url(&instance), format!("{url}/"));
    }
}

fn run(state: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let mut command = cli();
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments).arg("--state").arg(state);
    Process::start(command.envs(environment.iter().copied())).finish()
}

#[test]
fn a_port_that_is_taken_is_named_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let state = tempfile::tempdir().unwrap();
    let ended = run(state.path(), &["--log-listen", &address], &[]);
    let message = format!(
        "tlogistry-cli: the embedded log: cannot listen on {address}: Address already in use (os error 98). \
         --log-listen names another address\n"
    );
    assert_eq!((ended.code, ended.stderr), (Some(2), message));
    assert!(!state.path().join("log").exists());
}

#[test]
fn the_api_of_a_log_that_is_configured_is_not_the_embedded_ones() {
    let state = tempfile::tempdir().unwrap();
    let ended = run(state.path(), &["--log-api", "v2"], &[("REKOR_URL", "https://rekor.sigstore.dev")]);
    let message = "tlogistry-cli: --log-api is of the embedded log, and REKOR_URL names another: REKOR_API_VERSION says \
                   what that speaks\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), message));
}

#[test]
fn serve_listens_for_its_log_at_a_fixed_address() {
    let ended = Process::start(cli().args(["serve", "--help"])).finish();
    let help = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("--log-listen <ADDR>") && help.contains("[default: 127.0.0.1:3000]"), "{help}");
}

#[tokio::test]
async fn log_serves_either_api_and_a_folder_holds_one() {
    let folder = tempfile::tempdir().unwrap();
    let [logs, key] = ["log", "log.pub.pem"].map(|name| folder.path().join(name));
    let log = |api: &str| {
        let mut command = cli();
        command.args(["log", "--listen", "127.0.0.1:0", "--log-api", api, "--folder"]).arg(&logs);
        Process::start(command.arg("--public-key").arg(&key))
    };
    let started = log("v2");
    let url = started.wait_for(|line| line.strip_prefix("log listening on ").map(str::to_owned));
    let public_key = std::fs::read_to_string(&key).unwrap();
    let reader = TileReader { prefix: format!("{url}/api/v2"), origin: "127.0.0.1".to_owned(), public_key };
    assert!(reader.all().await.is_empty());
    drop(started);
    let ended = log("v1").finish();
    let message = format!("tlogistry-cli: the log in {} has the API v2, not v1\n", logs.display());
    assert_eq!((ended.code, ended.stderr), (Some(2), message));
}
