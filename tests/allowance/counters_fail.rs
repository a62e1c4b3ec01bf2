//! SharedCounters that cannot be used: each process then holds the limits by itself, and nothing fails for it.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use tlogistry::rate_limit::SharedCounters;
use tokio::net::TcpListener;

use crate::scene::{Scene, pull};

const SOURCES: [&str; 3] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];

/// Two instances make two first sights each, and refuse the third.
async fn assert_each_instance_holds_its_own(scene: &Scene, counters: impl Fn() -> SharedCounters) {
    for instance in ["one", "other"] {
        let service = scene.instance_with(counters(), 2, 2);
        for (number, source) in SOURCES.into_iter().enumerate() {
            let name = format!("{instance}-{number}");
            scene.push(&name);
            let answer = pull(&service, &name, source).await;
            assert_eq!(answer.status, if number < 2 { 200 } else { 429 }, "{answer:?}");
        }
        let refused = pull(&service, &format!("{instance}-2"), SOURCES[2]).await;
        let wait: u64 = refused.retry_after.unwrap().parse().unwrap();
        assert!((1..=61).contains(&wait), "{wait}");
    }
    assert_eq!((scene.searches(), scene.recorded().await), (4, 4));
}

fn at(scene: &Scene, endpoint: &str) -> Client {
    Client::from_conf(scene.counters.client.config().to_builder().endpoint_url(endpoint).build())
}

#[tokio::test]
async fn a_table_that_is_not_there_leaves_each_instance_its_own_limits() {
    let scene = Scene::set().await;
    let client = scene.counters.client.clone();
    assert_each_instance_holds_its_own(&scene, || SharedCounters::new(client.clone(), "nowhere".to_owned())).await;
}

#[tokio::test]
async fn a_table_with_another_key_leaves_each_instance_its_own_limits() {
    let scene = Scene::set().await;
    let (client, name) = (scene.table.client.clone(), scene.table.name.clone());
    assert_each_instance_holds_its_own(&scene, || SharedCounters::new(client.clone(), name.clone())).await;
}

#[tokio::test]
async fn counters_that_cannot_be_reached_leave_each_instance_its_own_limits() {
    let scene = Scene::set().await;
    // Nobody listens on this port any more.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = at(&scene, &format!("http://{closed}"));
    assert_each_instance_holds_its_own(&scene, || SharedCounters::new(client.clone(), scene.counters.name.clone()))
        .await;
}

/// Each draw waits for a second, which makes eight. With the 25 s of a request each they would be 200.
#[tokio::test]
async fn silent_counters_are_given_up_after_a_second() {
    let scene = Scene::set().await.with_usual_time();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = at(&scene, &format!("http://{}", silent.local_addr().unwrap()));
    let connections = tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            open.push(silent.accept().await.unwrap());
        }
    });
    let held =
        assert_each_instance_holds_its_own(&scene, || SharedCounters::new(client.clone(), scene.counters.name.clone()));
    tokio::time::timeout(Duration::from_secs(150), held).await.expect("a draw waits for its counters");
    connections.abort();
}
