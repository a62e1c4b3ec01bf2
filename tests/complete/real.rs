//! The list of an instance itself.

use serde_json::json;
use testing::client::get;
use testing::tags::Tags;
use tlogistry::sighting::{LocalKey, Signer};

use crate::scene::{Scene, found, json_lines, sign_by};

#[tokio::test(flavor = "multi_thread")]
async fn what_an_instance_has_seen_explains_the_log_and_what_its_key_signs_elsewhere_does_not() {
    let (scene, tags, state) = (Scene::set().await, Tags::start().await, tempfile::tempdir().unwrap());
    let instance = scene.instance(state.path(), &tags);
    scene.others(2).await;
    for name in ["v1", "v2", "v3"] {
        tags.push(name, name);
        let answer = get(&instance.at(&format!("/v2/registry.test/app/manifests/{name}"))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    scene.others(1).await;
    std::fs::write(scene.file("key.pub.pem"), get(&instance.at("/key.pem")).await.bytes).unwrap();
    let (url, kept, state_file) = (instance.at(""), scene.file("kept.jsonl"), scene.file("state.json"));
    let audit = || scene.run(&["--instance", &url, "--wait", "0", "--keep", &kept, "--state", &state_file, "--json"]);
    let ended = audit();
    let lines = json_lines(&ended);
    assert_eq!((ended.code, found(&lines)), (Some(0), vec![]), "{ended:?}");
    let end = lines.last().unwrap();
    assert_eq!(
        json!([end["complete"], end["size"], end["byKeys"], end["listed"]]),
        json!([true, 6, 3, 3]),
        "{ended:?}"
    );
    assert_eq!(lines.iter().find(|line| line["type"] == "kept").unwrap()["sightings"], 3);

    let key = LocalKey::open_or_generate(&state.path().join("signing-key.pem")).unwrap();
    let second = scene.upload(&sign_by(&Signer::Local(key), "v1", "another").await).await;
    let ended = audit();
    let unexplained = vec![(format!("log 127.0.0.1 index {second}"), "unexplained".to_owned())];
    assert_eq!((ended.code, found(&json_lines(&ended))), (Some(1), unexplained), "{ended:?}");
}
