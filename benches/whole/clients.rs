//! The clients: skopeo and containerd, as users run them, each time without what they have pulled before.

use std::time::{Duration, Instant};

use testing::containerd::Containerd;
use testing::image::Image;
use testing::process::{Process, tool};

/// Pulls an image by name from a registry without TLS, and says how long that took.
pub trait Client {
    fn name(&self) -> &'static str;

    fn pull(&self, image: &str) -> Duration;
}

/// `skopeo copy` of the platform's image to a folder.
pub struct Skopeo {
    /// The image that is to arrive.
    pub expected: Image,
}

impl Client for Skopeo {
    fn name(&self) -> &'static str {
        "skopeo"
    }

    fn pull(&self, image: &str) -> Duration {
        let home = tempfile::tempdir().unwrap();
        let policy = home.path().join("policy.json");
        std::fs::write(&policy, r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).unwrap();
        let to = home.path().join("to");
        let mut command = tool("skopeo");
        command.env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path());
        command.arg("--policy").arg(&policy).arg("--tmpdir").arg(home.path());
        command.args(["--override-os", "linux", "--override-arch", "amd64"]);
        command.args(["copy", "--quiet", "--src-tls-verify=false", &format!("docker://{image}")]);
        command.arg(format!("dir:{}", to.display()));
        let began = Instant::now();
        let ended = Process::start(&mut command).finish();
        let took = began.elapsed();
        assert_eq!(ended.code, Some(0), "{image}: {}", ended.stderr);
        assert_eq!(std::fs::read(to.join("manifest.json")).unwrap(), self.expected.manifest, "{image}");
        took
    }
}

/// `ctr images pull`, which unpacks too.
pub struct Ctr(pub Containerd);

impl Client for Ctr {
    fn name(&self) -> &'static str {
        "containerd"
    }

    fn pull(&self, image: &str) -> Duration {
        let began = Instant::now();
        let ended = self.0.pull(&["--plain-http", "--platform", "linux/amd64"], image);
        let took = began.elapsed();
        assert_eq!(ended.code, Some(0), "{image}: {}", ended.stderr);
        self.0.forget(image);
        took
    }
}
