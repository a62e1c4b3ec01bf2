//! `tlogistry-cli`: what it prints, how it exits and what it leaves behind.

mod embedded_log;
mod refused;
mod serving;
mod verify_entry;
mod verify_entry_v2;

use std::time::{Duration, Instant};

use testing::process::{Process, cli};

#[test]
fn the_demo_tells_the_story_and_leaves_nothing_behind() {
    let steps = [
        "Tlog-IntegratedTime: ",
        "tlogistry is restarted and has forgotten everything.",
        "403 DENIED: the tag ",
        "The evidence, from the log alone",
    ];
    the_demo_tells(&[], steps);
}

#[test]
fn the_demo_with_rekor_v2_tells_what_differs() {
    let steps = [
        "Tlog-Entry: http://127.0.0.1:",
        "tlogistry is restarted. You pull the moved tag once more: its ledger remembers.",
        "403 DENIED: the tag ",
        "The evidence, for anyone to check: what tlogistry keeps, and what the log has of it.",
    ];
    the_demo_tells(&["--log-api", "v2"], steps);
}

fn the_demo_tells(arguments: &[&str], steps: [&str; 4]) {
    let [first_pull, restart, refused_again, evidence] = steps;
    let folder = tempfile::tempdir().unwrap();
    let demo = || {
        let began = Instant::now();
        let ended =
            Process::start(cli().arg("demo").args(arguments).current_dir(folder.path()).env("TMPDIR", folder.path()))
                .finish();
        (ended, began.elapsed())
    };
    // It takes a second or two. A busy machine has several tries.
    let mut took = Vec::new();
    let ended = loop {
        let (ended, time) = demo();
        took.push(time);
        if time < Duration::from_secs(10) {
            break ended;
        }
        assert!(took.len() < 5, "it took {took:?}");
    };
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    let mut rest = ended.stdout.as_str();
    for step in [
        "Three servers start on this machine",
        "Someone pushes an image to ",
        "its digest is sha256:",
        "You pull the tag through tlogistry. It has never seen it",
        "Tlog-First-Seen: true\n",
        first_pull,
        "200 OK, same record\n",
        "Someone pushes another image to the same tag",
        "403 DENIED: the tag ",
        "By digest you still get exactly what was recorded",
        "200 OK\n",
        "200 OK for v2\n",
        restart,
        refused_again,
        evidence,
        "\"predicateType\":\"https://tlogistry.dev/tag-sighting/v1\"",
        "-----BEGIN PUBLIC KEY-----\n",
        "\nEverything went as told.\n",
    ] {
        let (_, after) = rest.split_once(step).unwrap_or_else(|| panic!("{step:?} is missing from {}", ended.stdout));
        rest = after;
    }
    assert_eq!(rest, "");
    assert!(!ended.left_running);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files are left");
}
