//! A node: a verifier with its configuration, in front of it an instance.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use testing::client::get;
use testing::image::Image;
use testing::process::{built, clean};
use testing::scene::Scene;

pub const TAG: &str = "registry.test/demo/app:v1";
pub const DESCRIPTOR: &str = "application/vnd.oci.descriptor.v1+json";

pub struct Node {
    pub scene: Scene,
    pub folder: tempfile::TempDir,
}

/// A verifier's answer to containerd.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    pub code: Option<i32>,
    /// The one line on standard output.
    pub reason: String,
    pub stderr: String,
}

impl Node {
    /// A node whose instance has seen nothing yet, with the usual configuration.
    pub async fn set() -> Self {
        let node = Self { scene: Scene::set(), folder: tempfile::tempdir().unwrap() };
        std::fs::write(node.path("log.pem"), &node.scene.stage.log.public_key).unwrap();
        let key = get(&node.scene.instance.at("/key.pem")).await;
        std::fs::write(node.path("key.pem"), &key.bytes).unwrap();
        std::fs::create_dir(node.path("bin")).unwrap();
        std::os::unix::fs::symlink(built("tlogistry-cli"), node.path("bin/tlogistry")).unwrap();
        node.configure(&node.usual());
        node
    }

    /// As [`Node::set`], where the instance has recorded v1. Returns the recorded image too.
    pub async fn with_a_record() -> (Self, Image) {
        let (node, image) = (Self::set().await, Image::oci("reviewed"));
        node.scene.stage.push("v1", &image).await;
        assert_eq!(get(&node.scene.instance.url("manifests/v1")).await.header("tlog-first-seen"), "true");
        (node, image)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The evidence of v1, as the instance serves it.
    pub async fn bundle(&self) -> Vec<u8> {
        let answer = get(&self.scene.instance.at(&format!("/sightings/{TAG}"))).await;
        assert_eq!(answer.status, 200);
        answer.bytes.to_vec()
    }

    pub fn usual(&self) -> String {
        self.with_instance(&self.scene.instance.at(""))
    }

    /// The usual configuration, with the instance at a URL.
    pub fn with_instance(&self, url: &str) -> String {
        format!("instance = '{url}'\n{}cache = '{}'\n", self.keys(), self.path("cache").display())
    }

    pub fn keys(&self) -> String {
        format!("key = '{}'\nlog_key = '{}'\n", self.path("key.pem").display(), self.path("log.pem").display())
    }

    pub fn configure(&self, text: &str) {
        std::fs::write(self.path("image-verifier.toml"), text).unwrap();
    }

    /// Calls the link in the verifier folder as containerd does.
    pub fn verify(&self, name: &str, digest: &str) -> Told {
        self.verify_with(name, digest, &format!("{{\"mediaType\":\"a\",\"digest\":\"{digest}\",\"size\":1}}\n"))
    }

    /// As [`Node::verify`], with this on standard input.
    pub fn verify_with(&self, name: &str, digest: &str, stdin: &str) -> Told {
        let mut command = clean(self.path("bin/tlogistry"));
        command.args(["-name", name, "-digest", digest, "-stdin-media-type", DESCRIPTOR]);
        command.env("TLOGISTRY_IMAGE_VERIFIER_CONFIG", self.path("image-verifier.toml"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may have ended before it read this.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        told(child.wait_with_output().unwrap())
    }

    #[track_caller]
    pub fn assert_allowed(&self, name: &str, digest: &str, reason: &str) {
        let told = self.verify(name, digest);
        assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""), "{name}: {told:?}");
        assert!(told.reason.contains(reason), "{name}: {told:?}");
    }

    #[track_caller]
    pub fn assert_refused(&self, code: i32, name: &str, digest: &str, reason: &str) {
        let told = self.verify(name, digest);
        assert_eq!(told.code, Some(code), "{name}: {told:?}");
        assert!(told.reason.contains(reason), "{name}: {told:?}");
    }
}

pub fn told(output: Output) -> Told {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let stdout = text(output.stdout);
    let reason = stdout.strip_suffix('\n').unwrap_or_else(|| panic!("no line, but {stdout:?}"));
    assert!(!reason.contains('\n'), "{reason}");
    Told { code: output.status.code(), reason: reason.to_owned(), stderr: text(output.stderr) }
}
