//! `serve` and `log`: how they start, what they keep, and how they stop.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use testing::bad_environment;
use testing::client::{Answer, client, get, send};
use testing::docker_registry::DockerRegistry;
use testing::image::Image;
use testing::instance::Instance;
use testing::process::{Process, cli};
use testing::stage::{REGISTRY, REPOSITORY, Stage};
use testing::table::Table;

/// Well below the 5 s that requests under way are given.
const SOON: Duration = Duration::from_secs(3);

/// Asserts that `stop`, which returns the time that it took, is done soon. A busy machine has several tries: what waits for
/// requests under way is late each time.
async fn assert_soon(stop: impl AsyncFn() -> Duration) {
    let mut took = Vec::new();
    while took.len() < 5 {
        took.push(stop().await);
        if took.iter().any(|took| *took < SOON) {
            return;
        }
    }
    panic!("it took {took:?}");
}

fn environment(registry: &str) -> Vec<(String, String)> {
    vec![("INSECURE_REGISTRIES".to_owned(), format!("{REGISTRY}={registry}"))]
}

#[test]
fn serve_refuses_a_bad_environment_with_every_fault_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut command = cli();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--log-listen", "127.0.0.1:0", "--state"])
        .arg(&state)
        .envs(bad_environment::VARIABLES);
    let ended = Process::start(&mut command).finish();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert_eq!(ended.stderr.lines().collect::<Vec<_>>(), bad_environment::refusal("tlogistry-cli"));
    assert!(!state.exists());
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    for arguments in [&["log"][..], &["serve", "--log-listen", "127.0.0.1:0", "--state", state]] {
        let ended = Process::start(cli().args(arguments).args(["--listen", &address])).finish();
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        let message = format!("tlogistry-cli: cannot listen on {address}: Address already in use (os error 98)\n");
        assert!(ended.stderr.ends_with(&message), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn serve_keeps_its_key_its_ledger_and_its_log() {
    let (registry, state) = (DockerRegistry::start(), tempfile::tempdir().unwrap());
    let start = || Instance::serve(state.path(), &environment(&registry.address));
    let push = async |text| registry.push(REPOSITORY, "v1", &Image::oci(text)).await;
    let key_file = state.path().join("signing-key.pem");

    push("first").await;
    let instance = start();
    let first = get(&instance.url("manifests/v1")).await;
    assert_eq!((first.status, first.header("tlog-first-seen")), (200, "true"));
    let key = std::fs::read(&key_file).unwrap();
    assert_eq!(std::fs::metadata(&key_file).unwrap().permissions().mode() & 0o777, 0o600, "others can read the key");
    drop(instance); // Killed: what was answered for is kept all the same.

    let instance = start();
    let again = get(&instance.url("manifests/v1")).await;
    assert_eq!((again.status, again.find("tlog-first-seen")), (200, None), "{again:?}");
    assert_eq!(again.header("tlog-uuid"), first.header("tlog-uuid"));
    assert_eq!(std::fs::read(&key_file).unwrap(), key);
    push("second").await;
    assert_eq!(get(&instance.url("manifests/v1")).await.status, 403);

    // The ledger is the first key's.
    drop(instance);
    std::fs::remove_file(&key_file).unwrap();
    let stranger = get(&start().url("manifests/v1")).await;
    assert_eq!(stranger.status, 503);
    assert!(stranger.text().contains("this instance does not know the signing key"), "{}", stranger.text());
    assert_ne!(std::fs::read(&key_file).unwrap(), key);

    // Without it, the first key has lost what it recorded.
    let (ledger, own) = (state.path().join("ledger.redb"), std::fs::read(&key_file).unwrap());
    std::fs::remove_file(&ledger).unwrap();
    std::fs::write(&key_file, &key).unwrap();
    let lost = get(&start().url("manifests/v1")).await;
    assert_eq!(lost.status, 503);
    assert!(lost.text().contains("the ledger does not know this instance"), "{}", lost.text());

    // A new key beside a new ledger is a new instance, which has never seen the tag.
    std::fs::remove_file(&ledger).unwrap();
    std::fs::write(&key_file, &own).unwrap();
    let new = get(&start().url("manifests/v1")).await;
    assert_eq!((new.status, new.header("tlog-first-seen")), (200, "true"));
}

/// The status of a request from one of this machine's addresses.
async fn get_from(address: &str, url: &str) -> u16 {
    let client = reqwest::Client::builder().no_proxy().local_address(address.parse::<IpAddr>().unwrap()).build();
    client.unwrap().get(url).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn first_sights_are_counted_by_the_peers_address_whatever_a_header_says() {
    let (registry, state) = (DockerRegistry::start(), tempfile::tempdir().unwrap());
    for tag in ["v1", "v2", "v3"] {
        registry.push(REPOSITORY, tag, &Image::oci(tag)).await;
    }
    let limit = ("FIRST_SIGHTS_PER_MINUTE_PER_SOURCE".to_owned(), "1".to_owned());
    let instance = Instance::serve(state.path(), &[environment(&registry.address), vec![limit]].concat());
    let url = |tag: &str| instance.url(&format!("manifests/{tag}"));
    assert_eq!(get_from("127.0.0.1", &url("v1")).await, 200);
    assert_eq!(get_from("127.0.0.1", &url("v2")).await, 429);
    let forwarded = client().get(url("v2")).header("x-forwarded-for", "192.0.2.1").header("forwarded", "for=192.0.2.1");
    assert_eq!(send(forwarded).await.status, 429);
    assert_eq!(get_from("127.0.0.1", &url("v1")).await, 200, "a known tag is not counted");
    assert_eq!(get_from("127.0.0.2", &url("v2")).await, 200, "another address");
    assert_eq!(get_from("127.0.0.2", &url("v3")).await, 429);
}

#[tokio::test]
async fn processes_that_are_given_a_table_count_first_sights_in_it_together() {
    let (stage, state) = (Stage::set(), tempfile::tempdir().unwrap());
    let (ledger, counters) = (Table::start().await, Table::counters().await);
    let mut environment = stage.environment();
    for (name, value) in [
        ("LEDGER_TABLE", ledger.name.as_str()),
        ("COUNTERS_TABLE", counters.name.as_str()),
        ("AWS_ENDPOINT_URL_DYNAMODB", ledger.endpoint),
    ]
    .into_iter()
    .chain(ledger.credentials())
    {
        environment.push((name.to_owned(), value.to_owned()));
    }
    // A minute may end between two of them.
    let drawn = async |kind: &str| -> u64 {
        let items = counters.items().await;
        let of_kind = items.iter().filter(|item| item["counter"].as_s().unwrap().starts_with(kind));
        of_kind.map(|item| item["drawn"].as_n().unwrap().parse::<u64>().unwrap()).sum()
    };
    // A draw has a second. On a busy machine it may not reach the table, and the process counts by itself.
    for number in 0..20 {
        let tag = format!("v{number}");
        stage.push(&tag, &Image::oci(&tag)).await;
        let instance = Instance::serve(state.path(), &environment);
        assert_eq!(get(&instance.url(&format!("manifests/{tag}"))).await.header("tlog-first-seen"), "true");
        let both = (drawn("total/").await, drawn("source/").await);
        assert!(both.0.max(both.1) <= number + 1, "{both:?}");
        if both.0.min(both.1) >= 2 {
            return;
        }
    }
    panic!("two processes did not count in the table together: {:?}", counters.items().await);
}

#[test]
fn a_state_in_use_is_not_served_twice() {
    let state = tempfile::tempdir().unwrap();
    let _first = Instance::serve(state.path(), &[]);
    let mut command = cli();
    let ended = Process::start(
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-listen", "127.0.0.1:0", "--state"]).arg(state.path()),
    )
    .finish();
    assert_eq!(ended.code, Some(2));
    let log = state.path().join("log");
    assert_eq!(ended.stderr, format!("tlogistry-cli: {}: another process has this log open\n", log.display()));

    let key = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/another-log.pub.pem")).unwrap();
    let mut with_a_log = cli();
    with_a_log.args(["serve", "--listen", "127.0.0.1:0", "--log-listen", "127.0.0.1:0", "--state"]).arg(state.path());
    with_a_log.env("REKOR_URL", "http://127.0.0.1:9").env("REKOR_PUBLIC_KEYS", key);
    let ended = Process::start(&mut with_a_log).finish();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    let ledger = state.path().join("ledger.redb");
    assert_eq!(ended.stderr, format!("tlogistry-cli: {}: another process has this ledger open\n", ledger.display()));
}

#[test]
fn a_ledger_that_is_none_is_refused_and_left_as_it_is() {
    let state = tempfile::tempdir().unwrap();
    let ledger = state.path().join("ledger.redb");
    for bytes in [&b""[..], &[b'x'; 100_000]] {
        std::fs::write(&ledger, bytes).unwrap();
        let mut command = cli();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-listen", "127.0.0.1:0", "--state"]).arg(state.path());
        let ended = Process::start(&mut command).finish();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        let told = format!("tlogistry-cli: {}: this ledger file is damaged (", ledger.display());
        assert!(ended.stderr.contains(&told), "{}", ended.stderr);
        assert!(std::fs::read(&ledger).unwrap() == bytes);
    }
}

#[tokio::test]
async fn sigterm_ends_serve_at_once_whatever_connections_are_idle() {
    assert_soon(async || {
        let instance = Instance::serve_alone(&[]);
        let (keeps_alive, _silent) = (client(), TcpStream::connect(&instance.address).unwrap());
        let url = format!("http://{}/v2/", instance.address);
        assert_eq!(send(keeps_alive.get(&url)).await.status, 200);
        instance.ask_to_stop();
        let began = Instant::now();
        let ended = instance.finish();
        let took = began.elapsed();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(TcpStream::connect(url.split('/').nth(2).unwrap()).is_err());
        took
    })
    .await;
}

#[test]
fn sigterm_is_heeded_from_the_moment_the_address_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    for arguments in [&["log"][..], &["serve", "--log-listen", "127.0.0.1:0", "--state", state]] {
        for _ in 0..10 {
            let process = Process::start(cli().args(arguments).args(["--listen", "127.0.0.1:0"]));
            process.wait_for(|line| line.contains(" listening on ").then_some(()));
            process.ask_to_stop();
            assert_eq!(process.finish().code, Some(0), "{arguments:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_serve_answer_what_it_was_asked() {
    // A registry that has taken the request and answers once the instance was told to stop.
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let state = tempfile::tempdir().unwrap();
    let instance = Instance::serve(state.path(), &environment(&registry.local_addr().unwrap().to_string()));
    let url = instance.url(&format!("manifests/sha256:{}", "0".repeat(64)));
    let asking = tokio::spawn(async move { get(&url).await });
    let (mut asked, _) = registry.accept().unwrap();
    let mut request = [0; 4096];
    assert!(asked.read(&mut request).unwrap() > 0);
    instance.ask_to_stop();
    // It takes no more connections, so it has heeded the signal.
    while TcpStream::connect(&instance.address).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    asked.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").unwrap();
    let answer: Answer = asking.await.unwrap();
    assert_eq!((answer.status, answer.error().0.as_str()), (404, "MANIFEST_UNKNOWN"));
    assert_eq!(instance.finish().code, Some(0));
}

#[tokio::test]
async fn sigterm_ends_the_log_and_its_folder_can_be_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let (log, key) = (folder.path().join("log"), folder.path().join("log.pub.pem"));
    let keys = Mutex::new(Vec::new());
    let serve_and_stop = async || {
        let mut command = cli();
        command.args(["log", "--listen", "127.0.0.1:0", "--folder"]).arg(&log).arg("--public-key").arg(&key);
        let process = Process::start(&mut command);
        let url = process.wait_for(|line| line.strip_prefix("log listening on ").map(str::to_owned));
        let keeps_alive = client();
        let served = send(keeps_alive.get(format!("{url}/api/v1/log/publicKey"))).await;
        assert_eq!((served.status, served.bytes), (200, std::fs::read(&key).unwrap().into()));
        process.ask_to_stop();
        let began = Instant::now();
        let ended = process.finish();
        let took = began.elapsed();
        assert_eq!((ended.code, ended.stdout), (Some(0), format!("log listening on {url}\n")));
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o644, "anyone may read it");
        keys.lock().unwrap().push(std::fs::read(&key).unwrap());
        took
    };
    for _ in 0..2 {
        assert_soon(serve_and_stop).await;
    }
    let keys = keys.into_inner().unwrap();
    assert_eq!(keys[0], keys[1], "it is the same log");
    let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
    left.sort();
    assert_eq!(left, [log, key]);
}

#[test]
fn the_logs_key_can_be_written_to_standard_output() {
    let mut command = cli();
    let process = Process::start(command.args(["log", "--listen", "127.0.0.1:0", "--public-key", "/dev/stdout"]));
    process.wait_for(|line| line.contains(" listening on ").then_some(()));
    process.ask_to_stop();
    assert!(process.finish().stdout.starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert!(std::fs::symlink_metadata("/dev/stdout").unwrap().is_symlink());
}

#[tokio::test]
async fn two_that_start_at_once_with_a_new_state_have_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("new").join("state");
    let key = std::fs::read_to_string("tests/data/another-log.pub.pem").unwrap();
    // A log and a table that are not asked: the embedded log and the ledger file have room for one.
    let mut environment = Table::start().await.environment();
    environment.push(("REKOR_URL".to_owned(), "http://127.0.0.1:9".to_owned()));
    environment.push(("REKOR_PUBLIC_KEYS".to_owned(), key));
    let processes = [(); 4].map(|()| {
        let mut command = cli();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--log-listen", "127.0.0.1:0", "--state"])
            .arg(&state)
            .envs(environment.clone());
        Process::start(&mut command)
    });
    let mut keys = Vec::new();
    for process in &processes {
        let url = process.wait_for(|line| line.strip_prefix("registry listening on ").map(str::to_owned));
        keys.push(get(&format!("{url}/key.pem")).await.bytes);
    }
    assert!(keys[0].starts_with(b"-----BEGIN PUBLIC KEY-----") && keys.iter().all(|key| *key == keys[0]));
    assert_eq!(std::fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1, "nothing but the key");
}

#[test]
fn of_several_that_start_at_once_without_a_table_one_serves() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let key = std::fs::read_to_string("tests/data/another-log.pub.pem").unwrap();
    let mut processes = [(); 4].map(|()| {
        let mut command = cli();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-listen", "127.0.0.1:0", "--state"]).arg(&state);
        Process::start(command.env("REKOR_URL", "http://127.0.0.1:9").env("REKOR_PUBLIC_KEYS", &key))
    });
    let told = format!("tlogistry-cli: {}: another process has this ledger open", state.join("ledger.redb").display());
    let serves = processes.each_mut().map(|process| {
        process.wait_for(|line| {
            let serves = line.starts_with("registry listening on ");
            (serves || line == told).then_some(serves)
        })
    });
    assert_eq!(serves.iter().filter(|serves| **serves).count(), 1, "{serves:?}");
    let mut files: Vec<_> = std::fs::read_dir(&state).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["ledger.redb", "signing-key.pem"]);
}

/// With a log of its own it writes text for a person's terminal, which must not obey a client.
#[test]
fn a_line_holds_a_clients_path_cut_and_without_control_characters() {
    let state = tempfile::tempdir().unwrap();
    // Unset, it is JSON: no terminal reads it.
    for (format, is_json) in [("text", false), ("json", true), ("", true)] {
        let instance = Instance::serve(state.path(), &[("LOG_FORMAT".to_owned(), format.to_owned())]);
        let path = format!("/marked\u{9b}31m\u{202e}\u{2028}{}", "x".repeat(4000));
        let mut stream = TcpStream::connect(&instance.address).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        let line = instance.wait_for(|line| line.contains("/marked").then(|| line.to_owned()));
        assert!(line.contains("/marked\u{fffd}31m\u{fffd}\u{fffd}xxx"), "{line}");
        assert_eq!(line.starts_with('{') && line.ends_with('}'), is_json, "{line}");
        assert!(line.matches('x').count() < 1024 && !line.chars().any(char::is_control), "{line}");
    }
}
