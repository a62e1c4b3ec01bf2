//! Pages of the list of sightings, which have limits of their own.

use std::net::IpAddr;

use http::Request;
use testing::service;
use tlogistry::http::Service;
use tlogistry::rate_limit::Source;

use crate::scene::{Scene, a_minute_later, pull};

/// The status of a question to the list, and the time to wait.
async fn ask(instance: &Service, query: &str, source: &str) -> (u16, Option<String>) {
    let mut request = Request::get(format!("/sightings/?{query}")).body(()).unwrap();
    request.extensions_mut().insert(Source::from(source.parse::<IpAddr>().unwrap()));
    let answer = service::ask(instance, &request).await;
    if answer.status == 429 {
        let (code, message, _) = answer.error();
        let expected = "the list of sightings was asked for too often in the last minute; pulls are served as ever";
        assert_eq!((code.as_str(), message.as_str()), ("TOOMANYREQUESTS", expected));
    }
    (answer.status, answer.find("retry-after").map(str::to_owned))
}

fn too_many() -> (u16, Option<String>) {
    (429, Some("40".to_owned()))
}

#[tokio::test]
async fn pages_are_limited_over_all_instances_and_leave_first_sights_what_they_have() {
    let scene = Scene::set().await;
    let instance = || scene.listing(crate::scene::now, 4, 2);
    let (one, two) = (instance(), instance());
    let statement = format!("signed={}", "00".repeat(32));
    assert_eq!(ask(&one, "from=0", "192.0.2.1").await, (200, None));
    assert_eq!(ask(&two, &statement, "192.0.2.1").await.0, 404, "a question that finds nothing is charged too");
    assert_eq!(ask(&two, "from=0", "192.0.2.1").await, too_many());
    // A query that is malformed, or for another log, is refused before anything is read, and costs nothing.
    for query in ["n=0", "log=00"] {
        assert_eq!(ask(&one, query, "192.0.2.2").await.0, 400);
    }
    assert_eq!(ask(&one, &format!("log={}", "00".repeat(32)), "192.0.2.2").await.0, 404);
    assert_eq!(ask(&one, "from=0", "192.0.2.2").await, (200, None));
    assert_eq!(ask(&one, "from=0", "192.0.2.2").await, too_many(), "the last quarter is for those who are new");
    assert_eq!(ask(&two, "from=0", "192.0.2.3").await, (200, None));
    assert_eq!(ask(&one, "from=0", "192.0.2.4").await, too_many(), "four in all");
    // First sights have counters of their own, and so has the next minute.
    scene.push("v1");
    assert!(pull(&one, "v1", "192.0.2.1").await.first_seen);
    assert_eq!(ask(&scene.listing(a_minute_later, 4, 2), "from=0", "192.0.2.1").await, (200, None));
}
