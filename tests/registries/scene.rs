//! A registry of some shape, and an instance in front of it.

use bytes::Bytes;
use http::{Request, Response};
use testing::client::{Answer, get, head};
use testing::image::Image;
use testing::instance::Instance;
use testing::network::Network;
use testing::process::Ended;
use testing::skopeo::{self, Destination};
use testing::story::assert_holds;
use tlogistry::image::Digest;

use crate::shape::{Shape, TAG};

pub struct Scene {
    pub shape: Shape,
    pub network: Network,
    pub image: Image,
    instance: Instance,
}

/// The end of skopeo's pull: the image, or an error that holds this text.
pub type Pull = Result<(), &'static str>;
pub const IMAGE: Pull = Ok(());

/// Requests to a registry, as `GET manifests`, `GET token`, `HEAD blobs`; a part elsewhere with its host.
pub struct Asked {
    /// When a tag is pulled for the first time.
    pub first: &'static [&'static str],
    /// When it is pulled again, by GET or by HEAD.
    pub again: &'static [&'static str],
    /// For each blob.
    pub blob: &'static [&'static str],
    pub blob_head: &'static [&'static str],
}

impl Scene {
    pub async fn set(shape: Shape) -> Self {
        let hosts = shape.hosts();
        let network = Network::start(&hosts.iter().map(String::as_str).collect::<Vec<_>>()).await;
        for (number, host) in hosts.iter().enumerate() {
            network.names.lead(host, &[&format!("93.184.215.{}", number + 1), "2606:2800:21f::1"]);
        }
        let image = Image::oci("of a registry");
        shape.serve(&network, &image);
        let authority = network.authority().to_str().unwrap().to_owned();
        let instance = Instance::serve_alone(&[("SSL_CERT_FILE".to_owned(), authority)]);
        Self { shape, network, image, instance }
    }

    /// The registry answers so from now on, and as usual where this answers nothing.
    pub fn quirk(&self, quirk: impl Fn(&Request<()>) -> Option<Response<Bytes>> + Send + Sync + 'static) {
        let (shape, image) = (self.shape, self.image.clone());
        let answer = move |request: &Request<()>| quirk(request).unwrap_or_else(|| shape.answer(request, &image, true));
        self.network.web.site(self.shape.host, answer);
    }

    fn url(&self, path: &str) -> String {
        self.at(&format!("{}/{}/{path}", self.shape.name, self.shape.repository))
    }

    /// The URL of a path below `/v2/` of the instance.
    pub fn at(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.instance.address)
    }

    pub async fn get(&self, path: &str) -> Answer {
        get(&self.url(path)).await
    }

    pub async fn head(&self, path: &str) -> Answer {
        head(&self.url(path)).await
    }

    pub fn blob(&self) -> String {
        format!("blobs/{}", Digest::sha256(&self.image.blobs[1]))
    }

    /// Requests to the registry since this was called last.
    pub fn asked(&self) -> Vec<String> {
        let short = |asked: String| {
            let (method, url) = asked.split_once(' ').unwrap();
            let (host, path) = url.split_once('/').unwrap();
            let what = ["manifests", "blobs", "tags", "referrers"]
                .into_iter()
                .find(|what| path.contains(&format!("/{what}/")));
            let what = what.unwrap_or("token");
            match host == self.shape.host || what == "token" {
                true => format!("{method} {what}"),
                false => format!("{method} {what} at {host}"),
            }
        };
        self.network.web.asked().into_iter().map(short).collect()
    }

    /// Manifests by tag and digest, each with what it costs at the registry.
    pub async fn assert_manifests(&self, first: &[&str], again: &[&str]) {
        let tag = format!("manifests/{TAG}");
        let digest = self.image.digest();
        let assert_is = |answer: &Answer| {
            assert_eq!((answer.status, answer.header("docker-content-digest")), (200, digest.as_str()), "{answer:?}");
            assert_eq!(answer.header("content-type"), self.image.media_type);
            assert_eq!(answer.header("content-length"), self.image.manifest.len().to_string());
        };
        let answer = self.get(&tag).await;
        assert_is(&answer);
        assert_eq!((&answer.bytes, answer.find("tlog-first-seen")), (&self.image.manifest, Some("true")));
        assert_eq!(self.asked(), first, "the first pull");
        let answer = self.get(&format!("manifests/{digest}")).await;
        assert_is(&answer);
        assert_eq!(answer.bytes, self.image.manifest);
        assert_eq!(self.asked(), [""; 0], "by digest, after the pull by tag");
        for _ in 0..2 {
            assert_is(&self.head(&tag).await);
            assert_eq!(self.asked(), again, "HEAD of a known tag");
            let answer = self.get(&tag).await;
            assert_is(&answer);
            assert_eq!((&answer.bytes, answer.find("tlog-first-seen")), (&self.image.manifest, None));
            assert_eq!(self.asked(), again, "a known tag");
        }
        let answer = self.get("manifests/v9").await;
        assert_eq!((answer.status, answer.error().0.as_str()), (404, "MANIFEST_UNKNOWN"), "{answer:?}");
        self.asked();
    }

    /// A registry that can be pulled from: by plain requests, and by skopeo, which fetches blobs where it is sent.
    pub async fn assert_works(&self, asked: Asked, blobs_at: &str) {
        self.assert_manifests(asked.first, asked.again).await;
        let digest = Digest::sha256(&self.image.blobs[1]);
        let location = |method: &str| match blobs_at.ends_with(&format!("/{}/blobs/", self.shape.repository)) {
            true => format!("{blobs_at}{digest}"),
            false => format!("{blobs_at}{digest}?signed={method}"),
        };
        let answer = self.get(&self.blob()).await;
        assert_eq!((answer.status, answer.header("location")), (307, location("GET").as_str()));
        assert_eq!(self.asked(), asked.blob, "a blob");
        let answer = self.head(&self.blob()).await;
        let method = if asked.blob_head.last().is_some_and(|last| last.starts_with("GET")) { "GET" } else { "HEAD" };
        assert_eq!((answer.status, answer.header("location")), (307, location(method).as_str()));
        assert_eq!(self.asked(), asked.blob_head, "HEAD of a blob");
        self.assert_pulls().await;
    }

    /// A whole image, with skopeo.
    pub async fn assert_pulls(&self) {
        let name = format!("{}/{}/{}:{TAG}", self.instance.address, self.shape.name, self.shape.repository);
        self.assert_pull_is(name, IMAGE).await;
    }

    /// The end of a command of skopeo's, by the repository's name and this end: directly, and through tlogistry.
    /// Prints a row of a table of both.
    pub async fn compare(&self, what: &str, command: fn(&str) -> Ended, end: &str) -> [Ended; 2] {
        let Shape { name, host, repository, .. } = self.shape;
        let names =
            [format!("{host}/{repository}{end}"), format!("{}/{name}/{repository}{end}", self.instance.address)];
        // The registry is served by this thread.
        let run = move || names.map(|name| command(&name));
        let ended = tokio::task::spawn_blocking(run).await.unwrap();
        let told = |ended: &Ended| match ended.code {
            Some(0) => match ended.stdout.split_once("\"Tags\":") {
                Some((_, tags)) => tags.split(']').next().unwrap().split_whitespace().collect::<String>() + "]",
                None => "the manifest".to_owned(),
            },
            _ => ended.stderr.split_once("msg=").map_or(&*ended.stderr, |(_, told)| told).trim().to_owned(),
        };
        println!("| {what} | {} | {} |", told(&ended[0]), told(&ended[1]));
        self.asked();
        ended
    }

    /// The end of skopeo's pull from the registry itself, and through tlogistry: the image, or an error that holds a text.
    /// Prints a row of a table of both.
    pub async fn assert_pulls_as(&self, what: &str, directly: Pull, through: Pull) {
        let (host, repository) = (self.shape.host, self.shape.repository);
        self.assert_pull_is(format!("{host}/{repository}:{TAG}"), directly).await;
        self.assert_pull_is(format!("{}/{}/{repository}:{TAG}", self.instance.address, self.shape.name), through).await;
        let shown = |pull: Pull| pull.map_or_else(|text| format!("'{text}'"), |()| "the image".to_owned());
        println!("| {what} | {} | {} |", shown(directly), shown(through));
        self.asked();
    }

    async fn assert_pull_is(&self, name: String, expected: Pull) {
        let (ended, to) = pulled(name.clone()).await;
        match expected {
            Ok(()) => {
                assert_eq!(ended.code, Some(0), "{name}: {}", ended.stderr);
                assert_holds(&to, &self.image);
            }
            Err(text) => assert!(ended.code == Some(1) && ended.stderr.contains(text), "{name}: {}", ended.stderr),
        }
    }
}

/// Pulls with skopeo. Returns its end, and the folder that it leaves.
async fn pulled(name: String) -> (Ended, Destination) {
    let to = Destination::oci();
    // The registry is served by this thread.
    tokio::task::spawn_blocking(move || (skopeo::pull(&name, &to), to)).await.unwrap()
}
