//! A log of API version 1, which cannot be read through: the audit says so, and never claims to be complete.

use testing::altered_log;
use testing::process::{Process, cli};
use testing::sightings_list::SightingsList;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::sighting::{LocalKey, Signer};

use crate::scene::{Scene, found, json_lines, sign_by};

#[tokio::test(flavor = "multi_thread")]
async fn with_a_v1_alone_the_part_that_can_be_done_is_done_and_named() {
    let devlog = Devlog::open(None, Options::default()).await.unwrap();
    let url = altered_log::serve(devlog.clone(), altered_log::unaltered()).await;
    let folder = tempfile::tempdir().unwrap();
    let key = LocalKey::generate().unwrap();
    let (key_file, log_file) = (folder.path().join("key.pub.pem"), folder.path().join("log.pub.pem"));
    std::fs::write(&key_file, key.public_key().pem()).unwrap();
    std::fs::write(&log_file, devlog.public_key_pem()).unwrap();
    let config = testing::log::config(&devlog, &url);
    let id = hex::encode(config.keys.iter().next().unwrap().id());
    let (list, signer) = (SightingsList::start().await, Signer::Local(key));
    let log = config.clients().unwrap().written;
    for name in ["v1", "v2"] {
        let signed = sign_by(&signer, name, name).await;
        let index = log.upload(&signed.signed_payload(), crate::scene::soon()).await.unwrap().entry.log_index();
        list.add(&signed, &id, index);
    }
    let audit = |arguments: &[&str]| {
        let mut command = cli();
        command.args(["audit", "--complete", "--rekor", &url, "--instance", &list.url, "--wait", "0", "--rekor-key"]);
        Process::start(command.arg(&log_file).arg("--key").arg(&key_file).args(arguments)).finish()
    };
    let ended = audit(&[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let said = format!(
        "Not read: the log {id} (API v1); of its 2 sightings that are listed, only the statements were checked\n\
         Only a part was checked: no log here has tiles (API v2), so it is not known what else they hold. What {} lists is \
         signed by your keys, with one digest for each tag\n",
        list.url
    );
    assert!(ended.stdout.ends_with(&said), "{}", ended.stdout);
    assert!(!ended.stdout.to_lowercase().contains("complete"), "{}", ended.stdout);
    // A second digest is found all the same.
    list.add(&sign_by(&signer, "v1", "other").await, &id, 7);
    let ended = audit(&["--json"]);
    let lines = json_lines(&ended);
    assert_eq!((ended.code, found(&lines)[0].1.as_str()), (Some(1), "contradicted"), "{ended:?}");
    assert_eq!(lines.last().unwrap()["complete"], false);
}

/// One digest for each tag, over the lists of both logs.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_earlier_v1_count_for_one_digest_per_tag_and_the_log_is_named_as_not_read() {
    let old = Devlog::open(None, Options::default()).await.unwrap();
    let scene = Scene::set().await;
    let url = altered_log::serve(old.clone(), altered_log::unaltered()).await;
    let keys = format!("{}{}", std::fs::read_to_string(scene.file("log.pub.pem")).unwrap(), old.public_key_pem());
    std::fs::write(scene.file("log.pub.pem"), keys).unwrap();
    let id = hex::encode(testing::log::config(&old, &url).keys.iter().next().unwrap().id());
    scene.seen("v1").await;
    scene.list.add(&scene.sign("old", "old").await, &id, 5);
    let ended = scene.audit(&["--earlier-log", &url]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let not_read = format!(
        "Not read: the log {id} (API v1); of its one sighting that is listed, only the statement was checked\n\
         Complete: each of the 1 entries by your keys in log 127.0.0.1, up to size 1, "
    );
    assert!(ended.stdout.contains(&not_read), "{}", ended.stdout);
    scene.list.add(&scene.sign("v1", "moved").await, &id, 6);
    let ended = scene.audit(&["--earlier-log", &url, "--json"]);
    assert_eq!((ended.code, found(&json_lines(&ended))[0].1.as_str()), (Some(1), "contradicted"), "{ended:?}");
    scene.list.does_not_know(&id);
    let ended = scene.audit(&["--earlier-log", &url]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains(&format!("Not read: the log {id} (API v1); {} does not know it\n", scene.list.url)));
}
