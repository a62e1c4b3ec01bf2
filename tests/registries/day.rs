//! A day of pulls from Docker Hub by ten instances that begin with nothing, behind one address: what the limit counts, and
//! what it refuses, without mirrors and with the default one.
//!
//! `cargo test --test registries day -- --nocapture` prints the figures.

use std::time::Duration;

use testing::image::Image;
use testing::network::inside_trusting;
use testing::service::get;
use tlogistry::http::Service;
use tlogistry::image::Digest;
use tlogistry::sighting::LocalKey;

use crate::hub::Internet;

const PULLS: usize = 1000;
/// Pulls at once by one instance, as when a node starts.
const AT_ONCE: usize = 10;
const IMAGES: usize = 50;
const INSTANCES: usize = 10;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The outcome of a day.
#[derive(Debug, PartialEq, Eq)]
struct Day {
    /// Requests that Docker Hub counted, and those that it refused.
    metered: usize,
    refused_requests: usize,
    refused_pulls: usize,
}

#[test]
fn a_day_without_mirrors_uses_the_limit_up_in_each_of_its_four_windows() {
    inside_trusting(async {
        let day = day("").await;
        assert_eq!(day, Day { metered: 400, refused_requests: 557, refused_pulls: 557 });
    });
}

#[test]
fn a_day_with_a_mirror_is_refused_nothing() {
    inside_trusting(async {
        let day = day("docker.io=mirror.gcr.io").await;
        assert_eq!(day, Day { metered: 382, refused_requests: 13, refused_pulls: 0 });
    });
}

async fn day(mirrors: &str) -> Day {
    let images: Vec<(String, Image)> =
        (0..IMAGES).map(|number| (format!("library/image-{number}"), Image::index(&number.to_string()))).collect();
    let internet = Internet::of(&images.iter().map(|(name, image)| (name.as_str(), image)).collect::<Vec<_>>()).await;
    let folder = tempfile::tempdir().unwrap();
    let instances: Vec<Service> = (0..INSTANCES)
        .map(|_| {
            let key = LocalKey::open_or_generate(&folder.path().join("key.pem")).unwrap();
            internet.service().key(key).set("DIGEST_MIRRORS", mirrors).build()
        })
        .collect();
    let mut random = Random(1);
    let mut refused_pulls = 0;
    for _ in 0..PULLS / AT_ONCE {
        let instance = &instances[random.below(INSTANCES)];
        for _ in 0..AT_ONCE {
            let (name, image) = &images[random.below(IMAGES)];
            if !pulls(instance, name, image).await {
                refused_pulls += 1;
            }
        }
        internet.pass(DAY / (PULLS / AT_ONCE) as u32).await;
    }
    let (metered, refused_requests) = internet.hub.metered();
    println!(
        "| {PULLS} pulls of {IMAGES} images by {INSTANCES} instances, mirrors: '{mirrors}' | {metered} requests counted | \
         {refused_requests} refused with 429 | {refused_pulls} pulls refused |"
    );
    Day { metered, refused_requests, refused_pulls }
}

/// Pulls as a client does: the index by tag, a platform's image by digest, a blob. Returns whether the limit allowed it.
async fn pulls(service: &Service, name: &str, image: &Image) -> bool {
    let platform = &image.images[0];
    let steps = [
        ("manifests/v1".to_owned(), 200),
        (format!("manifests/{}", platform.digest()), 200),
        (format!("blobs/{}", Digest::sha256(&platform.blobs[0])), 307),
    ];
    for (step, expected) in steps {
        let answer = get(service, &format!("/v2/{name}/{step}")).await;
        if answer.status == 429 {
            return false;
        }
        assert_eq!(answer.status, expected, "{step}: {answer:?}");
    }
    true
}

/// A small generator (Knuth's MMIX), so that every day is the same one.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}
