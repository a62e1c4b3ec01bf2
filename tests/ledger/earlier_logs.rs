//! Rows of several Rekor v1 in one ledger: a process serves no tag unless it can search the log of each key that was used.

use testing::log;
use tlogistry::config::LogConfig;
use tlogistry::devlog::Options;
use tlogistry::key::Fingerprint;
use tlogistry::tlog::{LogKey, LogKeys, RekorApi};

use crate::scene::{Scene, pull};

fn fingerprint(config: &LogConfig) -> Fingerprint {
    config.keys.iter().next().unwrap().fingerprint()
}

/// A configuration that writes `written`, knows the keys of all, and searches `searched`.
fn moved(written: &LogConfig, all: &[&LogConfig], searched: &[&LogConfig]) -> LogConfig {
    let keys: Vec<LogKey> = all.iter().flat_map(|log| log.keys.iter().cloned()).collect();
    let earlier = searched.iter().map(|log| log.url.clone()).collect();
    LogConfig { keys: LogKeys::new(keys).unwrap(), earlier, ..written.clone() }
}

#[tokio::test]
async fn each_earlier_log_whose_key_was_used_must_be_searched() {
    let scene = Scene::set().await;
    for tag in ["first", "second", "third"] {
        scene.tags.push(tag, tag);
    }
    let start = |log: LogConfig| {
        let mut version = scene.version("a", &[]);
        version.log = log;
        version.start()
    };
    let first = &scene.log_config;
    let second = &log::start().await.1;
    let third = &log::start_with(Options::of(RekorApi::V2)).await.1;
    assert!(pull(&start(first.clone()), "first").await.first_seen);
    assert!(pull(&start(moved(second, &[second, first], &[first])), "second").await.first_seen);
    let used = scene.used_keys().await.unwrap().log;
    assert_eq!(used, [fingerprint(first), fingerprint(second)].into());

    let all = &[third, first, second];
    // The last is beside a v1 that is written, and was not used yet.
    let fourth = &log::start().await.1;
    let beside = moved(fourth, &[fourth, first, second], &[second]);
    let lacking = [&[][..], &[first], &[second]].map(|searched| moved(third, all, searched));
    for lacking in lacking.into_iter().chain([beside]) {
        let answer = pull(&start(lacking), "first").await;
        let least = used.iter().min().unwrap();
        let reason = format!(
            "because this instance does not know the URL of the Rekor v1 with the log key {least} and 1 more, which its \
             ledger was used with: set EARLIER_LOGS"
        );
        assert!(answer.status == 503 && answer.message.contains(&reason), "{answer:?}");
    }
    let instance = start(moved(third, all, &[first, second]));
    for tag in ["first", "second"] {
        let answer = pull(&instance, tag).await;
        assert_eq!((answer.status, answer.first_seen), (200, false), "{answer:?}");
    }
    assert!(pull(&instance, "third").await.first_seen);
}
