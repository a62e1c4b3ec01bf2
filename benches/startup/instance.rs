//! An instance of a function, from exec on, with the processor time that Lambda would give it.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use testing::process::clean;

use crate::apparatus::runtime_api::Function;
use crate::cpu_group::CpuGroup;

/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Joins the group whose door is the first argument, waits until the second can be read, and becomes the rest.
const WAITING: &str = r#"echo $$ >"$1" && read -r _ <"$2" && shift 2 && exec "$@""#;

pub struct Instance {
    pub function: Function,
    /// From exec to the first call for an event.
    pub init: Duration,
    /// The processor time that this took.
    pub init_cpu: Duration,
}

/// Milliseconds.
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Instance {
    /// Starts `program` with the whole processor until its first call for an event, and `share` of it from then on.
    pub fn start(
        program: &Command,
        environment: &[(String, String)],
        group: Option<&Arc<CpuGroup>>,
        share: Option<f64>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let gate = folder.path().join("gate");
        mknodat(CWD, &gate, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let door = group.map_or_else(|| Path::new("/dev/null").to_owned(), |group| group.door());
        let mut command = clean("sh");
        command.args(["-c", WAITING, "sh"]).arg(door).arg(&gate).arg(program.get_program()).args(program.get_args());
        if let Some(group) = group {
            group.limit(None).unwrap();
        }
        let (polls, polled) = mpsc::channel();
        let limited = group.cloned();
        let on_poll = move || {
            let now = Instant::now();
            if let Some(group) = limited {
                group.limit(share).unwrap();
            }
            polls.send(now).unwrap();
        };
        let function = Function::run(command, environment, Box::new(on_poll));
        let mut gate = opened(&gate);
        // The shell's own time.
        let before = function.cpu();
        let began = Instant::now();
        gate.write_all(b"\n").unwrap();
        let polled = polled.recv_timeout(PATIENCE).expect("the function asks for an event");
        let init_cpu = function.cpu().saturating_sub(before);
        Self { function, init: polled - began, init_cpu }
    }

    /// The time from an event to its answer, and the processor time that was used meanwhile.
    pub fn answer(&self, event: Vec<u8>, status: u64) -> (Duration, Duration) {
        let before = self.function.cpu();
        let began = Instant::now();
        let answer = self.function.invoke(event);
        let took = began.elapsed();
        let cpu = self.function.cpu().saturating_sub(before);
        assert_eq!(Function::parse(&answer).0, status, "{}", String::from_utf8_lossy(&answer));
        (took, cpu)
    }
}

/// Opens the gate, which is possible once somebody waits behind it.
fn opened(gate: &Path) -> File {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match OpenOptions::new().write(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(gate) {
            Ok(gate) => return gate,
            Err(error) => assert!(Instant::now() < deadline, "the function does not come to its gate: {error}"),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
