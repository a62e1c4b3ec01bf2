//! Docker's daemon with its command line client. It runs as root alone.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Ended, Process, clean, go_tool, tool};

/// A daemon, as `make peers-more` installs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker 20.10, Debian 12's, with its own store of images.
    Debian,
    /// moby v2, the 29 line of Docker, with containerd's store.
    Moby,
}

pub struct Docker {
    _process: Process,
    folder: tempfile::TempDir,
}

impl Docker {
    /// A daemon of its own, without networks. It calls local hosts by plain http.
    pub fn start(engine: Engine) -> Self {
        assert!(rustix::process::geteuid().is_root(), "dockerd runs as root alone: run 'make peers-more' as root");
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("bin")).unwrap();
        symlink(tool("crun").get_program(), path("bin/runc")).unwrap();
        let (mut dockerd, containerd) = match engine {
            Engine::Debian => (tool("dockerd"), tool("containerd")),
            Engine::Moby => (go_tool("dockerd"), go_tool("containerd")),
        };
        symlink(containerd.get_program(), path("bin/containerd")).unwrap();
        std::fs::write(path("daemon.json"), r#"{"userland-proxy": false}"#).unwrap();
        dockerd.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", path("bin").display()));
        dockerd.env("HOME", folder.path()).arg("--config-file").arg(path("daemon.json"));
        dockerd.args(["--iptables=false", "--ip6tables=false", "--bridge=none"]);
        for (option, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
            dockerd.arg(option).arg(path(name));
        }
        if engine == Engine::Debian {
            dockerd.args(["--storage-driver", "vfs"]);
        }
        dockerd.arg("--host").arg(format!("unix://{}", path("socket").display()));
        let process = Process::start(&mut dockerd);
        process.wait_for(|line| line.contains("API listen on").then_some(()));
        Self { _process: process, folder }
    }

    fn docker(&self) -> Command {
        let mut command = clean(tool("docker").get_program());
        command.env("HOME", self.folder.path());
        command.arg("--host").arg(format!("unix://{}", self.folder.path().join("socket").display()));
        command
    }

    pub fn pull(&self, image: &str) -> Ended {
        Process::start(self.docker().args(["pull", image])).finish()
    }

    /// Builds an image that is `FROM` another and nothing else. `pulls` asks for the other in any case.
    pub fn build_from(&self, image: &str, by_buildkit: bool, pulls: bool) -> Ended {
        let context: PathBuf = self.folder.path().join("context");
        std::fs::create_dir_all(&context).unwrap();
        std::fs::write(context.join("Dockerfile"), format!("FROM {image}\n")).unwrap();
        let mut command = self.docker();
        command.env("DOCKER_BUILDKIT", if by_buildkit { "1" } else { "0" });
        command.args(["build", "--network", "none"]).args(pulls.then_some("--pull"));
        Process::start(command.arg(&context)).finish()
    }

    /// The daemon has an image with this text.
    #[track_caller]
    pub fn assert_has(&self, text: &str) {
        let ended = Process::start(self.docker().args(["images", "--all", "--quiet", "--no-trunc"])).finish();
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let text = format!("{text} for {architecture}");
        let has = |id: &str| {
            let file: &Path = &self.folder.path().join("saved.tar");
            let ended = Process::start(self.docker().args(["save", id, "--output"]).arg(file)).finish();
            ended.code == Some(0) && String::from_utf8_lossy(&std::fs::read(file).unwrap()).contains(&text)
        };
        assert!(ended.stdout.lines().any(has), "no image has '{text}': {ended:?}");
    }
}
