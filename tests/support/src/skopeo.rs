//! skopeo: what containers' users pull with.

use std::path::Path;

use serde_json::Value;
use tlogistry::image::Digest;

use super::process::{Ended, Process, tool};

/// Copies `docker://<image>` to a folder, unchanged or not at all. An index is copied with all its images.
pub fn pull(image: &str, to: &Destination) -> Ended {
    let image = format!("docker://{image}");
    run(&["copy", "--all", "--preserve-digests", "--src-tls-verify=false", &image, &to.name()])
}

/// Lists the tags of a repository, page by page.
pub fn list_tags(repository: &str) -> Ended {
    run(&["list-tags", "--tls-verify=false", &format!("docker://{repository}")])
}

/// Fetches an image's manifest.
pub fn inspect(image: &str) -> Ended {
    run(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{image}")])
}

fn run(arguments: &[&str]) -> Ended {
    let home = tempfile::tempdir().unwrap();
    let policy = home.path().join("policy.json");
    std::fs::write(&policy, r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).unwrap();
    let mut command = tool("skopeo");
    // Nobody's login, and nothing left behind.
    command.env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path());
    command.arg("--policy").arg(&policy).arg("--tmpdir").arg(home.path()).args(arguments);
    Process::start(&mut command).finish()
}

/// The name of a pulled image in an OCI image layout.
pub const NAME: &str = "pulled";

/// The folder that a pulled image goes to.
pub enum Destination {
    /// An OCI image layout.
    Oci(tempfile::TempDir),
    /// skopeo's own format, which takes any type of manifest as it is.
    Folder(tempfile::TempDir),
}

impl Destination {
    pub fn oci() -> Self {
        Self::Oci(tempfile::tempdir().unwrap())
    }

    pub fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Oci(folder) | Self::Folder(folder) => folder.path(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Oci(folder) => format!("oci:{}:{NAME}", folder.path().display()),
            Self::Folder(folder) => format!("dir:{}", folder.path().display()),
        }
    }

    /// The manifest that was pulled.
    #[track_caller]
    pub fn manifest(&self) -> Vec<u8> {
        match self {
            Self::Folder(folder) => std::fs::read(folder.path().join("manifest.json")).unwrap(),
            Self::Oci(folder) => {
                let index = std::fs::read(folder.path().join("index.json")).unwrap();
                let index: Value = serde_json::from_slice(&index).unwrap();
                let manifests = index["manifests"].as_array().unwrap();
                // oras lists what an index holds too, after what it was told to copy.
                let named = |manifest: &Value| manifest["annotations"]["org.opencontainers.image.ref.name"] == NAME;
                assert!(manifests.len() == 1 || manifests.first().is_some_and(named), "{index}");
                self.blob(&manifests[0]["digest"].as_str().unwrap().parse().unwrap()).unwrap()
            }
        }
    }

    /// A blob, if it was pulled.
    pub fn blob(&self, digest: &Digest) -> Option<Vec<u8>> {
        let path = match self {
            Self::Oci(_) => format!("blobs/sha256/{}", digest.hex()),
            Self::Folder(_) => digest.hex().to_owned(),
        };
        std::fs::read(self.path().join(path)).ok()
    }
}
