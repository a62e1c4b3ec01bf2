//! An internet of its own for a test: every address there is on this machine, and every name is the test's.
//!
//! The test runs itself again in namespaces of its own (`unshare`), where the kernel takes every address for a local
//! one (the `local` routes), `/etc/resolv.conf` names a server of the test, and root certificates are the test's. There
//! the real service can be shown against names and addresses as they are in the world, and whatever it connects to is
//! seen. Nothing leaves the machine. It needs no root, but a kernel that lets users make namespaces.

pub mod dns;
pub mod web;

use std::any::type_name_of_val;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Process, script};
use dns::Names;
use web::Web;

/// Set for a test that runs inside.
const INSIDE: &str = "TLOGISTRY_TEST_NETWORK";

/// The file that the network's certificate authority is copied to, for a test that trusts it in its own process.
const TRUSTED: &str = "TLOGISTRY_TEST_TRUSTED";

/// Files in /etc.
const FILES: [(&str, &str); 3] = [
    ("hosts", "127.0.0.1 localhost\n"),
    ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:2\n"),
    ("nsswitch.conf", "hosts: files dns\n"),
];

/// Runs a test in a network of its own. It must be the whole of the test, for it is found again by its type's name.
#[track_caller]
pub fn inside(test: impl Future<Output = ()>) {
    run_inside(test, &[]);
}

/// The same, for a test whose own process asks the network's servers, as a service in it does.
#[track_caller]
pub fn inside_trusting(test: impl Future<Output = ()>) {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    run_inside(test, &[(TRUSTED, &authority), ("SSL_CERT_FILE", &authority)]);
}

#[track_caller]
fn run_inside(test: impl Future<Output = ()>, environment: &[(&str, &Path)]) {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(test);
    }
    // `program::module::test::{{closure}}`
    let path = type_name_of_val(&test).trim_end_matches("::{{closure}}");
    let name = path.split_once("::").unwrap().1.to_owned();
    let folder = tempfile::tempdir().unwrap();
    for (file, content) in FILES {
        std::fs::write(folder.path().join(file), content).unwrap();
    }
    let enter = script("tests/tools/network.py");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--mount"]).arg(enter.get_program()).args(enter.get_args());
    command.arg(folder.path()).arg(std::env::current_exe().unwrap()).args(["--exact", &name, "--nocapture"]);
    command.env(INSIDE, "1").envs(environment.iter().copied());
    let ended = Process::start(&mut command).finish();
    // Rows of a table that the test prints.
    ended.stdout.lines().filter(|line| line.starts_with('|')).for_each(|row| println!("{row}"));
    let ran = ended.code == Some(0) && ended.stdout.contains("1 passed");
    assert!(
        ran,
        "{name} did not pass in a network of its own, for which util-linux and a kernel that lets users make namespaces \
         are needed:\n{}\n{}",
        ended.stdout, ended.stderr
    );
}

/// The names and servers of an internet.
pub struct Network {
    pub names: Names,
    pub web: Web,
    folder: TempDir,
}

impl Network {
    /// With certificates for these hosts.
    pub async fn start(hosts: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Process::start(script("tests/tools/certificates.py").arg(folder.path()).args(hosts)).finish();
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        if let Some(trusted) = std::env::var_os(TRUSTED) {
            std::fs::copy(folder.path().join("ca.pem"), trusted).unwrap();
        }
        Self { names: Names::serve().await, web: Web::serve(folder.path()).await, folder }
    }

    /// The certificate authority that everyone here trusts.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}
