//! Refused arguments: URLs that hold a password, and keys and folders that others can write.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use testing::process::{Process, cli};

const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/another-log.pub.pem");
const URLS: [&str; 6] = [
    "https://user:hunter2@log.test",
    "https://hunter2@log.test/",
    "https://log.test/?token=hunter2",
    "https://log.test/#hunter2",
    "https://user:hunter2@log.test:port",
    "ftp://user:hunter2@log.test",
];

/// Asserts that the command could not be done, for a reason with all `parts` and without the password.
#[track_caller]
fn assert_refused(command: &mut Command, parts: &[&str]) {
    let ended = Process::start(command).finish();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{command:?}: {ended:?}");
    for part in parts {
        assert!(ended.stderr.contains(part), "'{part}' is not in '{}'", ended.stderr);
    }
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
}

fn serve(state: &Path) -> Command {
    let mut command = cli();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-listen", "127.0.0.1:0", "--state"]).arg(state);
    command
}

fn log(folder: &Path) -> Command {
    let mut command = cli();
    command.args(["log", "--listen", "127.0.0.1:0", "--folder"]).arg(folder);
    command
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_url_with_more_than_a_service_in_it_is_refused_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    for url in URLS {
        let environment = [("REKOR_URL", url), ("REKOR_PUBLIC_KEYS", &fs::read_to_string(KEY).unwrap())];
        assert_refused(serve(&state).envs(environment), &["REKOR_URL: it "]);
        for command in [&["verify", "alpine:3"][..], &["history", "alpine:3"], &["audit", "--tags", "/dev/null"]] {
            let trust = ["--key", KEY, "--rekor-key", KEY, "--rekor", url];
            assert_refused(cli().args(command).args(trust), &["--rekor: it "]);
        }
        let mut verify = cli();
        verify.args(["verify", "alpine:3", "--key", KEY, "--instance", url]);
        assert_refused(&mut verify, &["--instance: it "]);
    }
    assert!(!state.exists());
}

#[test]
fn a_state_folder_that_others_can_write_is_refused() {
    let above = tempfile::tempdir().unwrap();
    let (folder, link) = (above.path().join("state"), above.path().join("link"));
    fs::create_dir(&folder).unwrap();
    symlink(&folder, &link).unwrap();
    for mode in [0o770, 0o707, 0o1777] {
        set_mode(&folder, mode);
        let path = folder.display();
        let told = [format!("{path}: others can write it (mode {mode:o})"), format!("chmod go-w {path}")];
        for mut command in [serve(&folder), serve(&link), log(&folder)] {
            assert_refused(&mut command, &[&told[0], &told[1]]);
        }
        // The folder of the log alone, as the key is elsewhere.
        let mut with_kms = serve(&folder);
        assert_refused(with_kms.env("KMS_KEY_ID", "alias/key"), &[&told[0]]);
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

/// A folder with a key in it, as `serve` or `log` made it, and the key's path.
fn made_by(command: fn(&Path) -> Command, folder: &Path, key: &str) -> PathBuf {
    let process = Process::start(&mut command(folder));
    process.wait_for(|line| line.contains(" listening on ").then_some(()));
    process.ask_to_stop();
    process.finish();
    folder.join(key)
}

#[test]
fn a_key_that_others_can_write_is_refused() {
    for (command, key) in [(serve as fn(&Path) -> Command, "signing-key.pem"), (serve, "log/key.pem"), (log, "key.pem")]
    {
        let folder = tempfile::tempdir().unwrap();
        let key = made_by(command, folder.path(), key);
        for mode in [0o620, 0o602, 0o666] {
            set_mode(&key, mode);
            let told = format!("{}: others can write it (mode {mode:o})", key.display());
            assert_refused(&mut command(folder.path()), &[&told, "chmod go-w "]);
        }
        set_mode(&key, 0o600);
        let moved = folder.path().join("elsewhere.pem");
        fs::rename(&key, &moved).unwrap();
        symlink(&moved, &key).unwrap();
        assert_refused(&mut command(folder.path()), &[&format!("{}: it is not a file", key.display())]);
    }
}

#[test]
fn what_an_audit_remembers_is_not_believed_where_others_can_write_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("audit.json");
    fs::write(&state, r#"{"version":1,"checkpoints":[],"position":null}"#).unwrap();
    set_mode(&state, 0o666);
    let mut audit = cli();
    audit.args(["audit", "--tags", "/dev/null", "--key", KEY, "--rekor-key", KEY, "--rekor", "http://127.0.0.1:9"]);
    assert_refused(audit.arg("--state").arg(&state), &["audit.json: others can write it (mode 666)"]);
}
