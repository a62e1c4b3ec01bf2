//! Nothing that a test starts outlives it, whatever ends the test: see `tests/support/src/process.rs`.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use testing::process::{PATIENCE, Process};

/// Prints its id, and that of a child of its own, which is in its group.
const SLEEPERS: &str = "sleep 1000 & echo $$; echo $!; wait";

fn start_sleepers() -> (Process, [Pid; 2]) {
    let process = Process::start(Command::new("sh").args(["-c", SLEEPERS]));
    let ids = process.wait_for(|line| line.parse().ok());
    let child = process.wait_for(|line| line.parse().ok().filter(|id| *id != ids));
    (process, [ids, child].map(|id| Pid::from_raw(id).unwrap()))
}

/// True if a process ends. One that nobody has waited for yet has ended too.
fn ends(id: Pid) -> bool {
    let is_running = || {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero())).unwrap_or_default();
        test_kill_process(id).is_ok() && !state.contains(") Z ")
    };
    let deadline = Instant::now() + PATIENCE;
    while is_running() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    !is_running()
}

#[test]
fn a_process_ends_with_all_its_children_when_its_test_panics() {
    let ids = std::sync::Mutex::new(None);
    let panicked = std::panic::catch_unwind(|| {
        let (_process, started) = start_sleepers();
        *ids.lock().unwrap() = Some(started);
        panic!("as a test that fails");
    });
    assert!(panicked.is_err());
    let ids = ids.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).unwrap();
    assert!(ids.into_iter().all(ends));
}

/// This program, run again, is the test program that is killed.
#[test]
fn a_process_ends_when_the_test_program_is_killed() {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "killed_while_a_process_runs", "--ignored", "--nocapture"]);
    let program = Process::start(&mut again);
    let id = program.wait_for(|line| line.strip_prefix("started ")?.parse().ok());
    let id = Pid::from_raw(id).unwrap();
    assert!(test_kill_process(id).is_ok(), "it has not started");
    // The program alone, not its group: the sleeper is in another anyway.
    kill_process(program.id(), Signal::KILL).unwrap();
    assert!(ends(id));
}

#[test]
#[ignore = "run by a_process_ends_when_the_test_program_is_killed"]
fn killed_while_a_process_runs() {
    let process = Process::start(Command::new("sleep").arg("1000"));
    println!("started {}", process.id().as_raw_nonzero());
    process.finish();
}

#[test]
fn what_a_process_wrote_is_shown_when_its_test_fails() {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "fails_after_a_process_wrote", "--ignored"]);
    let ended = Process::start(&mut again).finish();
    assert_eq!(ended.code, Some(101));
    assert!(ended.stdout.contains("---- sh wrote:\nwhat went wrong\n"), "{}", ended.stdout);
}

#[test]
#[ignore = "run by what_a_process_wrote_is_shown_when_its_test_fails"]
fn fails_after_a_process_wrote() {
    let process = Process::start(Command::new("sh").args(["-c", "echo what went wrong >&2; sleep 1000"]));
    process.wait_for(|line| line.starts_with("what").then_some(()));
    panic!("as a test that fails");
}
