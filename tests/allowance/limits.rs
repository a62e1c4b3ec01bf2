//! Draws in a minute: the total, and each network's part.

use crate::scene::{Answer, Scene, a_minute_later, ask, pull, sighting};

use http::Method;

fn too_many(retry_after: &str) -> Answer {
    Answer {
        status: 429,
        code: Some("TOOMANYREQUESTS".to_owned()),
        retry_after: Some(retry_after.to_owned()),
        first_seen: false,
    }
}

#[tokio::test]
async fn the_total_holds_over_all_instances_to_its_last_draw() {
    let scene = Scene::set().await;
    let instances = [(); 4].map(|()| scene.instance(10, 10));
    let pulls = (0..24).map(|number| {
        let (name, source) = (format!("v{number}"), format!("192.0.2.{number}"));
        scene.push(&name);
        let instance = &instances[number % instances.len()];
        async move { pull(instance, &name, &source).await }
    });
    let answers = futures_util::future::join_all(pulls).await;
    assert_eq!(answers.iter().filter(|answer| answer.first_seen).count(), 10);
    for answer in answers.into_iter().filter(|answer| !answer.first_seen) {
        assert_eq!(answer, too_many("40"), "at half past twenty seconds");
    }
    assert_eq!((scene.searches(), scene.recorded().await, scene.total().await), (10, 10, 10));

    scene.push("after");
    assert_eq!(pull(&scene.instance(10, 10), "after", "192.0.2.100").await, too_many("40"), "for new instances too");
    assert!(pull(&scene.instance_at(a_minute_later, 10, 10), "after", "192.0.2.100").await.first_seen);
}

#[tokio::test]
async fn four_sources_leave_a_part_of_the_total_to_a_new_one() {
    let scene = Scene::set().await;
    let instances = [scene.instance(40, 10), scene.instance(40, 10)];
    let mut drawn = Vec::new();
    for source in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"] {
        drawn.push(scene.draw_all(&instances, source).await);
    }
    assert_eq!(drawn, [10, 10, 10, 1, 1], "thirty, and one for each that is new");
    // Ten of forty are kept for them.
    for source in 6..=13 {
        assert_eq!(scene.draw_all(&instances, &format!("192.0.2.{source}")).await, 1);
    }
    assert_eq!(scene.draw_all(&instances, "192.0.2.14").await, 0);
    assert_eq!((scene.total().await, scene.recorded().await), (40, 40));
}

#[tokio::test]
async fn a_refused_source_takes_nothing_from_the_total_on_any_instance() {
    let scene = Scene::set().await;
    let instances = [scene.instance(20, 3), scene.instance(20, 3)];
    assert_eq!(scene.draw_all(&instances, "192.0.2.1").await, 3);
    scene.push("more");
    for instance in instances.iter().cycle().take(6) {
        assert_eq!(pull(instance, "more", "192.0.2.1").await, too_many("40"));
        assert_eq!(pull(instance, "more", "::ffff:192.0.2.1").await, too_many("40"), "the same address");
    }
    assert_eq!((scene.total().await, scene.drawn("source").await, scene.searches()), (3, vec![3], 3));
    assert!(pull(&instances[0], "more", "192.0.2.2").await.first_seen, "another source is not affected");
}

#[tokio::test]
async fn an_ipv6_source_counts_by_its_64_and_by_its_48_bits() {
    let scene = Scene::set().await;
    let instances = [scene.instance(40, 2), scene.instance(40, 2)];
    assert_eq!(scene.draw_all(&instances, "2001:db8:0:1::1").await, 2);
    assert_eq!(scene.draw_all(&instances, "2001:db8:0:1:ffff::1").await, 0, "the same /64");
    assert_eq!(scene.draw_all(&instances, "2001:db8:0:2::1").await, 2, "a neighbour is not affected");
    assert_eq!(scene.draw_all(&instances, "2001:db8:0:3::1").await, 0, "the /48 has twice a source's limit");
    assert_eq!(scene.draw_all(&instances, "2001:db8:1:1::1").await, 2, "another /48");
    assert_eq!(scene.total().await, 6);
}

/// Otherwise each of 65,536 networks could draw on what is kept for new sources.
#[tokio::test]
async fn the_networks_of_one_site_are_new_once() {
    let scene = Scene::set().await;
    let instances = [scene.instance(8, 4)];
    assert_eq!(scene.draw_all(&instances, "192.0.2.1").await, 4);
    assert_eq!(scene.draw_all(&instances, "192.0.2.2").await, 2, "six, the three quarters");
    assert_eq!(scene.draw_all(&instances, "2001:db8:0:1::1").await, 1);
    assert_eq!(scene.draw_all(&instances, "2001:db8:0:2::1").await, 0);
    assert_eq!(scene.draw_all(&instances, "192.0.2.3").await, 1);
    assert_eq!(scene.total().await, 8);
}

#[tokio::test]
async fn without_a_table_each_process_holds_the_limits_for_searches_too() {
    let scene = Scene::set().await;
    let instance = scene.alone(8, 4);
    assert_eq!(scene.draw_all(std::slice::from_ref(&instance), "192.0.2.1").await, 4);
    for number in 0..2 {
        let unseen = ask(&instance, Method::GET, &sighting(&format!("made-up-{number}")), "192.0.2.2").await;
        assert_eq!(unseen.status, 404);
    }
    let refused = ask(&instance, Method::GET, &sighting("made-up-2"), "192.0.2.2").await;
    assert_eq!((refused.status, refused.code.as_deref()), (429, Some("TOOMANYREQUESTS")));
    let wait: u64 = refused.retry_after.unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    assert_eq!(ask(&instance, Method::GET, &sighting("made-up-3"), "192.0.2.3").await.status, 404, "a new source");
    assert_eq!(scene.searches(), 7);
}

/// Nothing in the table shows an address, and all of it expires.
#[tokio::test]
async fn counters_are_named_by_a_hash_and_expire() {
    let scene = Scene::set().await;
    for (name, source) in [("v4", "192.0.2.1"), ("v6", "2001:db8::1")] {
        scene.push(name);
        assert!(pull(&scene.instance(10, 10), name, source).await.first_seen);
    }
    let items = scene.counters.items().await;
    let kinds = |kind: &str| items.iter().filter(|item| item["counter"].as_s().unwrap().starts_with(kind)).count();
    assert_eq!((kinds("source/30000000/"), items.len() - kinds("total/30000000/")), (3, 3), "{items:?}");
    for item in &items {
        assert_eq!(item["expires"].as_n().unwrap(), "1800003660", "an hour after the minute");
        let name = item["counter"].as_s().unwrap().rsplit('/').next().unwrap();
        assert!(name.len() == 1 || name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    }
}
