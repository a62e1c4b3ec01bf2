//! BuildKit's daemon with its command line client, `buildctl`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::image::Image;
use super::process::{Ended, Process, as_root, go_tool, tool};

pub struct Buildkit {
    _process: Process,
    folder: tempfile::TempDir,
}

impl Buildkit {
    /// A daemon that calls these hosts by plain http, and where `mirrors` has a registry's host, asks the mirror first.
    pub fn start(hosts: &[&str], mirrors: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let registry = |host: &&str| {
            let mirror = mirrors.iter().find(|(origin, _)| origin == host);
            let mirror = mirror.map(|(_, mirror)| format!("mirrors = ['{mirror}']\n")).unwrap_or_default();
            format!("[registry.'{host}']\nhttp = true\n{mirror}")
        };
        let config = format!(
            "root = '{}'\n[grpc]\naddress = ['unix://{}']\n[worker.containerd]\nenabled = false\n[worker.oci]\n\
             enabled = true\nsnapshotter = 'native'\n{}",
            path("root").display(),
            path("socket").display(),
            hosts.iter().map(registry).collect::<String>()
        );
        std::fs::write(path("buildkitd.toml"), config).unwrap();
        // It looks for a runtime by the name of runc, and runs nothing with it here.
        std::fs::create_dir(path("bin")).unwrap();
        symlink(tool("crun").get_program(), path("bin/runc")).unwrap();
        let mut command = go_tool("buildkitd");
        command.env("PATH", format!("{}:{}", path("bin").display(), std::env::var("PATH").unwrap_or_default()));
        command.env("HOME", folder.path());
        let mut command = as_root(command);
        command.arg("--config").arg(path("buildkitd.toml")).args(["--oci-worker-net", "host", "--otel-socket-path"]);
        command.arg(path("otel"));
        if !rustix::process::geteuid().is_root() {
            command.arg("--rootless");
        }
        let process = Process::start(&mut command);
        process.wait_for(|line| line.contains("running server on").then_some(()));
        Self { _process: process, folder }
    }

    /// Builds an image that is `FROM` another and nothing else, into a folder.
    pub fn build_from(&self, image: &str) -> Ended {
        let context = self.folder.path().join("context");
        std::fs::create_dir_all(&context).unwrap();
        std::fs::write(context.join("Dockerfile"), format!("FROM {image}\n")).unwrap();
        let _ = std::fs::remove_dir_all(self.built());
        let mut command = go_tool("buildctl");
        command.env("HOME", self.folder.path());
        command.arg("--addr").arg(format!("unix://{}", self.folder.path().join("socket").display()));
        command.args(["build", "--progress", "plain", "--frontend", "dockerfile.v0"]);
        for (name, folder) in [("context", &context), ("dockerfile", &context)] {
            command.arg("--local").arg(format!("{name}={}", folder.display()));
        }
        command.arg("--output").arg(format!("type=local,dest={}", self.built().display()));
        Process::start(&mut command).finish()
    }

    fn built(&self) -> PathBuf {
        self.folder.path().join("built")
    }

    /// Asserts that the built image is the one of this text.
    #[track_caller]
    pub fn assert_built(&self, text: &str) {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let file: &Path = &self.built().join(Image::UNPACKED);
        assert_eq!(std::fs::read_to_string(file).unwrap(), format!("{text} for {architecture}"));
    }
}
