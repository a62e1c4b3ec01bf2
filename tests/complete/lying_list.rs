//! Instances that list what is not so, or never end. See also `hostile`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use testing::faulty::wire;
use testing::process::Ended;
use testing::tags::tag;
use tlogistry::devlog::{Devlog, Options};
use tlogistry::sighting::{LocalKey, Signer};
use tlogistry::tlog::RekorApi;

use crate::scene::{Scene, found, json_lines, sign_by};

/// A page with this text, which leads on to the next index.
fn leading_on(request: &Request<Bytes>, body: &str) -> Response<Bytes> {
    let from = from(request);
    let link = format!("</sightings/?from={}>; rel=\"next\"", from + 1);
    wire::status(200, &[("link", &*link)], body.to_owned())
}

fn from(request: &Request<Bytes>) -> u64 {
    let query = request.uri().query().unwrap();
    let from = query.split('&').find_map(|field| field.strip_prefix("from="));
    from.unwrap_or_else(|| panic!("{query}")).parse().unwrap()
}

/// Audits with an instance that answers each page so. Returns how many it was asked for, too.
async fn audit_with(
    scene: &Scene,
    answer: impl Fn(Request<Bytes>) -> wire::Wire + Send + Sync + 'static,
) -> (Ended, usize) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let address = wire::serve(move |request| {
        count.fetch_add(1, Ordering::Relaxed);
        let answer = answer(request);
        async move { answer }
    });
    let url = format!("http://{}", address.await);
    let ended = scene.run(&["--instance", &url, "--wait", "0"]);
    (ended, asked.load(Ordering::Relaxed))
}

/// The page that an honest instance answers.
async fn page(scene: &Scene) -> String {
    let url = format!("{}/sightings/?log={}&from=0&n=9", scene.list.url, scene.log_id());
    String::from_utf8(testing::client::get(&url).await.bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_end_ends_the_audit() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let page = page(&scene).await;
    // Nothing, what is no sighting, and sightings by others, for ever.
    let stranger = Scene::set().await;
    stranger.seen("v1").await;
    let strangers = self::page(&stranger).await;
    for body in [String::new(), "{}\n".to_owned(), strangers] {
        let (ended, asked) = audit_with(&scene, move |request| wire::whole(leading_on(&request, &body))).await;
        assert_eq!((ended.code, asked), (Some(2), 1000), "{}", ended.stderr);
        assert!(ended.stderr.contains("the instance's list cannot be understood: it has no end"), "{}", ended.stderr);
    }
    // The same page again and again.
    let (ended, asked) = audit_with(&scene, move |request| wire::whole(leading_on(&request, &page))).await;
    assert_eq!((ended.code, asked), (Some(2), 2));
    assert!(ended.stderr.contains("a line is of another log, or out of its order"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn sightings_out_of_their_order_and_pages_that_lead_back_are_no_list() {
    let scene = Scene::set().await;
    for name in ["v1", "v2", "v3"] {
        scene.seen(name).await;
    }
    let page = page(&scene).await;
    let lines: Vec<&str> = page.lines().collect();
    let of = |order: &[usize]| order.iter().map(|at| format!("{}\n", lines[*at])).collect::<String>();
    for (body, next, said) in [
        (of(&[0, 2, 1]), None, "out of its order"),
        (of(&[1, 1]), None, "out of its order"),
        // Between two lines of the page.
        (of(&[0, 1, 2]), Some(2), "a page does not lead on"),
        (of(&[0, 1, 2]), Some(0), "a page does not lead on"),
        ("{}\n".repeat(1001), None, "a page has more lines than were asked for"),
    ] {
        let (ended, _) = audit_with(&scene, move |request| {
            let link = next.map(|next| format!("</sightings/?from={next}>; rel=\"next\""));
            let headers: Vec<(&str, &str)> = link.iter().map(|link| ("link", &**link)).collect();
            assert_eq!(from(&request), 0);
            wire::whole(wire::status(200, &headers, body.clone()))
        })
        .await;
        assert_eq!(ended.code, Some(2), "{said}: {ended:?}");
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_and_an_answer_of_gigabytes_are_not_read_to_their_end() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let (ended, asked) = audit_with(&scene, |_| {
        let head = wire::status(200, &[], Bytes::new()).into_parts().0;
        wire::endless(head, Bytes::from(vec![b'x'; 1 << 20]))
    })
    .await;
    assert_eq!((ended.code, asked), (Some(2), 1), "{ended:?}");
    assert!(ended.stderr.contains("larger than"), "{}", ended.stderr);
    // The same where one statement is asked for.
    let (ended, _) = audit_with(&scene, |request| match request.uri().query().unwrap().starts_with("signed=") {
        true => wire::endless(wire::status(200, &[], Bytes::new()).into_parts().0, Bytes::from(vec![b'x'; 1 << 20])),
        false => wire::whole(wire::status(200, &[], Bytes::new())),
    })
    .await;
    assert!(ended.code == Some(2) && ended.stderr.contains("larger than"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sighting_by_another_key_is_no_sighting() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let stranger = Signer::Local(LocalKey::generate().unwrap());
    let signed = sign_by(&stranger, "v2", "2").await;
    let index = scene.upload(&signed).await;
    scene.list.add(&signed, &scene.log_id(), index);
    let ended = scene.audit(&["--json"]);
    let invalid = vec![(format!("a line of {}/", scene.list.url), "invalid-row".to_owned())];
    assert_eq!((ended.code, found(&json_lines(&ended))), (Some(1), invalid), "{ended:?}");
    assert!(ended.stdout.contains("its signature is not by a key that counts"), "{}", ended.stdout);
}

/// Of two shards, and of a v1 beside them: one digest for each tag, over all lists.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_has_one_digest_over_the_lists_of_all_logs() {
    for api in [RekorApi::V2, RekorApi::V1] {
        let scene = Scene::set().await;
        let other = Devlog::open(None, Options::of(api)).await.unwrap();
        let config = testing::log::config(&other, "http://127.0.0.1:1");
        let id = hex::encode(config.keys.iter().next().unwrap().id());
        let keys = format!("{}{}", std::fs::read_to_string(scene.file("log.pub.pem")).unwrap(), other.public_key_pem());
        std::fs::write(scene.file("log.pub.pem"), keys).unwrap();
        scene.seen("v1").await;
        scene.list.add(&scene.sign("v2", "2").await, &id, 7);
        let ended = scene.audit(&["--json"]);
        let lines = json_lines(&ended);
        assert_eq!((ended.code, found(&lines)), (Some(0), vec![]), "{ended:?}");
        let not_read = lines.iter().find(|line| line["type"] == "not-read").unwrap();
        assert_eq!((&not_read["logId"], &not_read["listed"]), (&id.clone().into(), &1.into()));
        // The same sighting in both is one fact, another digest is none.
        scene.list.add(&scene.sign("v1", "v1").await, &id, 8);
        assert_eq!(scene.audit(&[]).code, Some(0));
        scene.list.add(&scene.sign("v1", "other").await, &id, 9);
        let ended = scene.audit(&["--json"]);
        let contradicted = vec![(tag("v1").canonical().to_owned(), "contradicted".to_owned())];
        assert_eq!((ended.code, found(&json_lines(&ended))), (Some(1), contradicted), "{api}: {ended:?}");
    }
}

/// Whoever waits for a list that never comes can stop the audit.
#[tokio::test(flavor = "multi_thread")]
async fn an_audit_stops_while_it_waits_for_a_list() {
    let scene = Scene::set().await;
    scene.seen("v1").await;
    let (sender, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let address = wire::serve(move |_| {
        sender.send(()).unwrap();
        wire::silent()
    });
    let url = format!("http://{}", address.await);
    let running = scene.start(&["--instance", &url, "--state", &scene.file("state.json")]);
    asked.recv().await.unwrap();
    running.ask_to_stop();
    let ended = running.finish();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let said = "Stopped before the audit had come to its end; run it again with the same --state to go on\n";
    assert!(ended.stdout.ends_with(said), "{}", ended.stdout);
    assert_eq!(scene.audit_with_state().0, Some(0));
}
