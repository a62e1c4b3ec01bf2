//! One connection's pulls, one after the other: each of a kind drawn at random, each with the answer it must have.

use std::fmt;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use reqwest::{Client, Method};
use testing::client::{client, send};
use testing::docker_registry::DockerRegistry;
use testing::image::Image;
use testing::instance::Instance;
use testing::stage::REPOSITORY;
use tlogistry::image::Digest;

/// Tags that are pulled all the time.
const KNOWN: usize = 20;
/// Tags pulled for the first time, in a second: what a few people together do.
const NEW_PER_SECOND: usize = 4;

pub struct Pulls {
    url: String,
    images: Vec<Image>,
    new_tags: usize,
    new_taken: AtomicUsize,
    began: Instant,
}

#[derive(Debug, Default)]
pub struct Counts {
    tags_got: u64,
    tags_headed: u64,
    digests: u64,
    blobs: u64,
    missing: u64,
    pub first_seen: u64,
}

impl Pulls {
    pub async fn prepare(registry: &DockerRegistry, instance: &Instance, seconds: u64) -> Self {
        let images: Vec<_> = (0..KNOWN).map(|n| Image::oci(&format!("image {n}"))).collect();
        for (n, image) in images.iter().enumerate() {
            registry.push(REPOSITORY, &format!("known-{n}"), image).await;
        }
        let new_tags = NEW_PER_SECOND * seconds as usize;
        for n in 0..new_tags {
            registry.push(REPOSITORY, &format!("new-{n}"), &images[n % KNOWN]).await;
        }
        let pulls =
            Self { url: instance.url(""), images, new_tags, new_taken: AtomicUsize::new(0), began: Instant::now() };
        for n in 0..KNOWN {
            pulls.manifest(&client(), &Method::GET, &format!("known-{n}"), n, Some(true)).await;
        }
        Self { began: Instant::now(), ..pulls }
    }

    /// Pulls on one connection.
    pub async fn until(self: Arc<Self>, end: Instant) -> Counts {
        let (client, mut counts) = (client(), Counts::default());
        while Instant::now() < end {
            let n = fastrand::usize(..KNOWN);
            let image = &self.images[n];
            match fastrand::u8(..100) {
                0..35 => {
                    self.manifest(&client, &Method::HEAD, &format!("known-{n}"), n, Some(false)).await;
                    counts.tags_headed += 1;
                }
                35..60 => {
                    self.manifest(&client, &Method::GET, &format!("known-{n}"), n, Some(false)).await;
                    counts.tags_got += 1;
                }
                60..80 => {
                    self.manifest(&client, &Method::GET, image.digest().as_str(), n, None).await;
                    counts.digests += 1;
                }
                80..90 => {
                    let blob = Digest::sha256(fastrand::choice(&image.blobs).unwrap());
                    let answer = send(client.get(format!("{}blobs/{blob}", self.url))).await;
                    assert_eq!(answer.status, 307, "{answer:?}");
                    assert!(answer.header("location").ends_with(&format!("/blobs/{blob}")), "{answer:?}");
                    counts.blobs += 1;
                }
                90..95 => {
                    let answer = send(client.get(format!("{}manifests/missing-{n}", self.url))).await;
                    assert_eq!((answer.status, answer.error().0.as_str()), (404, "MANIFEST_UNKNOWN"));
                    counts.missing += 1;
                }
                _ => {
                    if let Some(n) = self.take_new() {
                        self.manifest(&client, &Method::GET, &format!("new-{n}"), n % KNOWN, Some(true)).await;
                        counts.first_seen += 1;
                    }
                }
            }
        }
        counts
    }

    /// A tag that nobody has pulled, if it is time for one.
    fn take_new(&self) -> Option<usize> {
        let due = (self.began.elapsed().as_secs_f64() * NEW_PER_SECOND as f64) as usize;
        let next = |taken| (taken < due.min(self.new_tags)).then_some(taken + 1);
        self.new_taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()
    }

    /// The manifest of the image `n` comes, by a tag that is new or not, or by digest.
    async fn manifest(&self, client: &Client, method: &Method, reference: &str, n: usize, new: Option<bool>) {
        let (answer, image) =
            (send(client.request(method.clone(), format!("{}manifests/{reference}", self.url))).await, &self.images[n]);
        assert_eq!(answer.status, 200, "{method} {reference}: {answer:?}");
        assert_eq!(answer.header("docker-content-digest"), image.digest().as_str());
        assert_eq!(answer.header("content-length"), image.manifest.len().to_string());
        assert!(method == Method::HEAD || answer.bytes == image.manifest, "{reference}: {answer:?}");
        assert_eq!(answer.find("tlog-first-seen").is_some(), new == Some(true), "{reference}: {answer:?}");
        assert_eq!(answer.find("tlog-uuid").is_some(), new.is_some(), "{reference}: {answer:?}");
    }
}

impl Counts {
    pub fn all(&self) -> u64 {
        self.tags_got + self.tags_headed + self.digests + self.blobs + self.missing + self.first_seen
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.tags_got += other.tags_got;
        self.tags_headed += other.tags_headed;
        self.digests += other.digests;
        self.blobs += other.blobs;
        self.missing += other.missing;
        self.first_seen += other.first_seen;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tags_got, tags_headed, digests, blobs, missing, first_seen } = self;
        write!(
            f,
            "{tags_headed} HEAD and {tags_got} GET of known tags, {digests} of digests, {blobs} of blobs, {missing} of \
             missing tags, {first_seen} first sights"
        )
    }
}
