//! containerd with its command line client, `ctr`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Ended, Process, as_root};
use super::unpacked::assert_unpacked;

/// The Kubernetes part is off: it wants a network's configuration. The last part is for containerd 2, where the daemon
/// itself unpacks what `ctr` asks it to pull; it goes where file systems cannot be laid one over another too.
const CONFIG: &str = "
version = 2
disabled_plugins = ['io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.images', 'io.containerd.cri.v1.runtime',
    'io.containerd.nri.v1.nri', 'io.containerd.internal.v1.opt']
[[plugins.'io.containerd.transfer.v1.local'.unpack_config]]
platform = 'linux'
snapshotter = 'native'
";

/// The part of tlogistry in a `hosts.toml`.
#[derive(Debug, Clone, Copy)]
pub enum Hosts {
    Mirror,
    Server,
    MirrorAndServer,
    /// For every registry that has no file of its own.
    MirrorAndServerOfAll,
    /// Mirror and server, by pinned names.
    Pinned,
}

pub struct Containerd {
    ctr: fn() -> Command,
    _process: Process,
    folder: tempfile::TempDir,
}

impl Containerd {
    /// A daemon of its own. It is root, to mount what it unpacks.
    pub fn start(containerd: Command, ctr: fn() -> Command) -> Self {
        Self::configured(containerd, ctr, "")
    }

    /// As [`Containerd::start`], for containerd 2, which runs the image verifiers in `folder`.
    pub fn with_verifiers(containerd: Command, ctr: fn() -> Command, folder: &Path) -> Self {
        let part = format!("[plugins.'io.containerd.image-verifier.v1.bindir']\nbin_dir = '{}'\n", folder.display());
        Self::configured(containerd, ctr, &part)
    }

    fn configured(containerd: Command, ctr: fn() -> Command, part: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let config = format!(
            "root = '{}'\nstate = '{}'\n{CONFIG}{part}[grpc]\naddress = '{}'\n",
            path("root").display(),
            path("state").display(),
            path("socket").display()
        );
        std::fs::write(path("config.toml"), config).unwrap();
        let process = Process::start(as_root(containerd).arg("--config").arg(path("config.toml")));
        process.wait_for(|line| line.contains("containerd successfully booted").then_some(()));
        Self { ctr, _process: process, folder }
    }

    /// `ctr images pull`, which unpacks too.
    pub fn pull(&self, how: &[&str], image: &str) -> Ended {
        let mut command = (self.ctr)();
        command.arg("--address").arg(self.folder.path().join("socket"));
        command.args(["images", "pull", "--snapshotter", "native"]).args(how).arg(image);
        Process::start(&mut command).finish()
    }

    /// Removes an image and all below it, so that the next pull fetches everything.
    pub fn forget(&self, image: &str) {
        let mut command = (self.ctr)();
        command.arg("--address").arg(self.folder.path().join("socket"));
        let ended = Process::start(command.args(["images", "rm", "--sync", image])).finish();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }

    #[track_caller]
    pub fn assert_unpacked(&self, text: &str) {
        assert_unpacked(&self.folder.path().join("root/io.containerd.snapshotter.v1.native/snapshots"), text);
    }

    /// A folder for `--hosts-dir` that sends pulls from `origin` to `host`.
    pub fn hosts(&self, hosts: Hosts, origin: &str, host: &str) -> PathBuf {
        let server = format!("server = \"http://{host}\"\n");
        let mirror = format!("[host.\"http://{host}\"]\ncapabilities = [\"pull\", \"resolve\"]\n");
        let (namespace, text) = match hosts {
            Hosts::Mirror => (origin, mirror),
            Hosts::Server => (origin, server),
            Hosts::MirrorAndServer => (origin, server + &mirror),
            Hosts::MirrorAndServerOfAll => ("_default", server + &mirror),
            Hosts::Pinned => {
                let url = format!("http://{host}/v2/pinned.alt");
                let mirror = "capabilities = [\"pull\", \"resolve\"]\noverride_path = true\n";
                (origin, format!("server = \"{url}\"\noverride_path = true\n[host.\"{url}\"]\n{mirror}"))
            }
        };
        let folder = self.folder.path().join(format!("{hosts:?}"));
        std::fs::create_dir_all(folder.join(namespace)).unwrap();
        std::fs::write(folder.join(namespace).join("hosts.toml"), text).unwrap();
        folder
    }
}
