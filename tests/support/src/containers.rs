//! skopeo, podman, buildah: they share a configuration, a storage and most of their words.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Ended, Process, as_root, tool};
use super::unpacked::assert_unpacked;

/// A home of somebody who has never logged in anywhere, and a storage in it.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn make() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(home.configuration().join("registries.d")).unwrap();
        home.configure("policy.json", r#"{"default":[{"type":"insecureAcceptAnything"}]}"#);
        home.configure("registries.conf", "");
        // podman's locks are in shared memory otherwise, where another user's are in the way.
        home.configure("containers.conf", "[engine]\nlock_type = \"file\"\n");
        // By default root's are in /var.
        let signatures = format!("default-docker: {{sigstore: 'file://{}/signatures'}}", home.0.path().display());
        home.configure("registries.d/default.yaml", &signatures);
        home
    }

    fn configuration(&self) -> PathBuf {
        self.0.path().join(".config/containers")
    }

    /// Writes a file of `containers-registries.conf(5)` and its kin.
    pub fn configure(&self, name: &str, text: &str) {
        std::fs::write(self.configuration().join(name), text).unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = tool(program);
        command.env("HOME", self.0.path()).env("XDG_RUNTIME_DIR", self.0.path());
        for (variable, file) in
            [("CONTAINERS_CONF", "containers.conf"), ("CONTAINERS_REGISTRIES_CONF", "registries.conf")]
        {
            command.env(variable, self.configuration().join(file));
        }
        command
    }

    /// podman or buildah on the storage, which needs neither mounts nor cgroups. Without root they would ask for user ids
    /// from the system's list, which not every user is in.
    fn with_storage(&self, program: &str) -> Command {
        let mut command = as_root(self.command(program));
        command.arg("--root").arg(self.storage()).arg("--runroot").arg(self.0.path().join("run"));
        command.args(["--storage-driver", "vfs"]);
        command
    }

    fn storage(&self) -> PathBuf {
        self.0.path().join("storage")
    }

    pub fn podman_pull(&self, image: &str) -> Ended {
        let mut command = self.with_storage("podman");
        // It does not start without these, though a pull runs nothing.
        command.arg("--conmon").arg(tool("conmon").get_program()).arg("--runtime").arg(tool("crun").get_program());
        command.arg("--tmpdir").arg(self.0.path().join("tmp"));
        command.args(["--events-backend", "none", "--cgroup-manager", "cgroupfs", "pull", "--tls-verify=false", image]);
        Process::start(&mut command).finish()
    }

    /// Asks the registry each time, as `buildah pull` does only when told to.
    pub fn buildah_pull(&self, image: &str) -> Ended {
        self.buildah_pull_by(&["--policy", "always"], image)
    }

    pub fn buildah_pull_by(&self, policy: &[&str], image: &str) -> Ended {
        let mut command = self.with_storage("buildah");
        command.arg("pull").args(policy).args(["--tls-verify=false", image]);
        Process::start(&mut command).finish()
    }

    /// Asserts that podman or buildah unpacked the image of this text.
    #[track_caller]
    pub fn assert_unpacked(&self, text: &str) {
        assert_unpacked(&self.storage().join("vfs/dir"), text);
    }

    /// Copies this machine's image of an index to an OCI layout.
    pub fn skopeo_copy(&self, image: &str, layout: &Path) -> Ended {
        let mut command = self.command("skopeo");
        command.args(["copy", "--src-tls-verify=false"]);
        command.arg(format!("docker://{image}")).arg(format!("oci:{}:pulled", layout.display()));
        Process::start(&mut command).finish()
    }

    /// Unpacks what [`Home::skopeo_copy`] copied, into the folder `rootfs` of `bundle`.
    pub fn umoci_unpack(&self, layout: &Path, bundle: &Path) -> Ended {
        let mut command = self.command("umoci");
        command.args(["unpack", "--rootless", "--image"]).arg(format!("{}:pulled", layout.display())).arg(bundle);
        Process::start(&mut command).finish()
    }
}
