//! containerd 2 as kubelet uses it: by the Container Runtime Interface, here with its command line client `crictl`.

use std::path::Path;

use super::process::{Ended, Process, as_root, go_tool};
use super::unpacked::assert_unpacked;

pub struct Cri {
    _process: Process,
    folder: tempfile::TempDir,
}

impl Cri {
    /// A daemon that runs the image verifiers in `verifiers`. It asks each of `hosts` by plain http, and for the first of
    /// `mirror` the second before. `images` is added to its configuration of images.
    pub fn start(verifiers: &Path, hosts: &[&str], mirror: Option<(&str, &str)>, images: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let shown = |name: &str| path(name).display().to_string();
        for host in hosts {
            let namespace = path("certs").join(host);
            std::fs::create_dir_all(&namespace).unwrap();
            let first = mirror.filter(|(origin, _)| origin == host).map_or(*host, |(_, mirror)| mirror);
            let text =
                format!("server = 'http://{host}'\n[host.'http://{first}']\ncapabilities = ['pull', 'resolve']\n");
            std::fs::write(namespace.join("hosts.toml"), text).unwrap();
        }
        let config = format!(
            "version = 3\nroot = '{}'\nstate = '{}'\n\
             disabled_plugins = ['io.containerd.nri.v1.nri', 'io.containerd.internal.v1.opt']\n\
             [grpc]\naddress = '{}'\n\
             [plugins.'io.containerd.cri.v1.images']\nsnapshotter = 'native'\n{images}\
             [plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '{}'\n\
             [plugins.'io.containerd.cri.v1.runtime'.cni]\nbin_dirs = ['{1}']\nconf_dir = '{1}'\n\
             [plugins.'io.containerd.image-verifier.v1.bindir']\nbin_dir = '{}'\n\
             [[plugins.'io.containerd.transfer.v1.local'.unpack_config]]\nplatform = 'linux'\nsnapshotter = 'native'\n",
            shown("root"),
            shown("state"),
            shown("socket"),
            shown("certs"),
            verifiers.display()
        );
        std::fs::write(path("config.toml"), config).unwrap();
        std::fs::write(path("crictl.yaml"), "").unwrap();
        let process = Process::start(as_root(go_tool("containerd")).arg("--config").arg(path("config.toml")));
        process.wait_for(|line| line.contains("containerd successfully booted").then_some(()));
        Self { _process: process, folder }
    }

    /// `crictl pull`.
    pub fn pull(&self, image: &str) -> Ended {
        let socket = format!("unix://{}", self.folder.path().join("socket").display());
        let mut command = go_tool("crictl");
        command.arg("--config").arg(self.folder.path().join("crictl.yaml"));
        command.args(["--runtime-endpoint", &socket, "--image-endpoint", &socket, "pull", image]);
        Process::start(&mut command).finish()
    }

    #[track_caller]
    pub fn assert_unpacked(&self, text: &str) {
        assert_unpacked(&self.folder.path().join("root/io.containerd.snapshotter.v1.native/snapshots"), text);
    }
}
