//! Lists and logs that answer what they should not.

use serde_json::json;

use crate::scene::{Scene, found, json_lines};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_understood_proves_nothing() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let id = scene.log_id();
    let log = format!("log={id}");
    let page = testing::client::get(&format!("{}/sightings/?{log}&from=0&n=9", scene.list.url)).await;
    let good = String::from_utf8(page.bytes.to_vec()).unwrap();
    let link = |target: &str| format!("<{target}>; rel=\"next\"");
    let (back, nowhere) = (link("/sightings/?from=0"), link("/sightings/"));
    for (status, headers, body, said) in [
        (404, vec![], "{}".to_owned(), "does not list sightings of the log"),
        (400, vec![], "{}".to_owned(), "the instance answered 400 Bad Request when it was asked for its list"),
        (301, vec![("location", "http://127.0.0.1:1/")], String::new(), "the instance answered 301"),
        (200, vec![("link", &*back)], good.clone(), "a page does not lead on"),
        (200, vec![("link", &*nowhere)], good.clone(), "a page's link to the next has another form"),
        (200, vec![], format!("{good}{good}"), "out of its order"),
        (200, vec![], good.replace(&id, &"0".repeat(64)), "a line is of another log"),
        (200, vec![], "x".repeat(20 << 10), "a line is too long"),
        (200, vec![], "\n".repeat(7 << 20), "larger than"),
        (429, vec![("retry-after", "99999999")], "{}".to_owned(), "429 Too Many Requests"),
    ] {
        scene.list.answers_once(&log, status, &headers, &body);
        let ended = scene.audit(&[]);
        assert_eq!(ended.code, Some(2), "{said}: {ended:?}");
        assert!(ended.stderr.contains(said), "{said}: {ended:?}");
    }
    // A limit that passes is waited out, and so is a failure.
    scene.list.answers_once(&log, 429, &[("retry-after", "1")], "{}");
    scene.list.answers_once(&log, 500, &[], "{}");
    assert_eq!(scene.audit(&[]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_does_not_verify_explains_nothing() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.list.change(|line| line["envelope"]["signatures"][0]["sig"] = json!("AAAA"));
    let ended = scene.audit(&["--json"]);
    let invalid = (format!("a line of {}/", scene.list.url), "invalid-row".to_owned());
    let unexplained = ("log 127.0.0.1 index 0".to_owned(), "unexplained".to_owned());
    assert_eq!((ended.code, found(&json_lines(&ended))), (Some(1), vec![invalid, unexplained]), "{ended:?}");
    // Nor does another statement than the one that was asked for.
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.upload(&scene.sign("v2", "2").await).await;
    let line = testing::client::get(&format!("{}/sightings/?log={}&from=0&n=9", scene.list.url, scene.log_id())).await;
    let line = String::from_utf8(line.bytes.to_vec()).unwrap();
    scene.list.answers_once("signed=", 200, &[], &line);
    assert_eq!(scene.audit(&[]).code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_that_cannot_be_read_end_the_audit() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    scene.others(1).await;
    let bodies: [(u16, Vec<u8>, &str); 5] = [
        (200, b"".to_vec(), "the bundle is not of as many entries as its name says"),
        (200, b"\x00\x05ab".to_vec(), "the bundle is not of as many entries as its name says"),
        (200, vec![0; 2 * 257], "the bundle is not of as many entries as its name says"),
        (200, vec![0; 18 << 20], "larger than"),
        (404, b"".to_vec(), "names entries that the log does not return"),
    ];
    for (status, body, said) in bodies {
        scene.alter(move |path, response| {
            if !path.contains("/tile/entries/") {
                return response;
            }
            http::Response::builder().status(status).body(body.clone().into()).unwrap()
        });
        let ended = scene.audit(&[]);
        assert_eq!(ended.code, Some(2), "{said}: {ended:?}");
        assert!(ended.stderr.contains(said), "{said}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_beside_a_log_without_our_entries_is_no_proof_of_anything() {
    let scene = Scene::set().await;
    scene.others(2).await;
    let ended = scene.audit(&[]);
    let said = format!("Nothing was checked: {} lists no sighting\n", scene.list.url);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stdout.ends_with(&said), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_go_together_is_refused() {
    let scene = Scene::set().await;
    for arguments in [
        &[][..],
        &["--instance", "http://127.0.0.1:1", "--ledger-table", "t"],
        &["--instance", "http://127.0.0.1:1", "--tags", "-"],
        &["--instance", "http://127.0.0.1:1", "--repair"],
        &["--instance", "ftp://127.0.0.1"],
    ] {
        let ended = scene.run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
    }
}
