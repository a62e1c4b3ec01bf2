//! Child processes that cannot outlive the test that started them.
//!
//! A [`Process`] is killed with its whole group when it is dropped, which a panic does too. If the test program itself
//! is killed, nothing is dropped: then the kernel kills the child (`PR_SET_PDEATHSIG`). It does so when the *thread*
//! that started the child ends, so a process must be started on the thread of its test, which `#[tokio::test]`'s
//! runtime also runs on. `tests/processes.rs` shows that all this works.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, getpid, getppid, kill_process, kill_process_group, set_parent_process_death_signal,
    test_kill_process_group,
};

/// Anything here takes a second or two; the rest is for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Variables that children inherit: enough to find programs, toolchains and root certificates, and nothing that
/// configures tlogistry or an AWS SDK by chance. The last two are of `make mutants`.
const KEPT: [&str; 11] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "LLVM_PROFILE_FILE",
    "RUST_BACKTRACE",
    "TLOGISTRY_MUTANT",
    "TLOGISTRY_MUTANTS_REACHED",
];

pub struct Process {
    name: String,
    child: Child,
    output: Arc<Output>,
}

/// The end of a process, and its output.
#[derive(Debug)]
pub struct Ended {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// True if anything of its group still ran when the process itself had ended.
    pub left_running: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

/// The lines that a process wrote, and a signal when there are more.
struct Output {
    written: Mutex<Written>,
    changed: Condvar,
}

struct Written {
    lines: Vec<(Stream, String)>,
    /// Streams that the process has not closed yet.
    open: usize,
    /// Lines to keep, if not all.
    kept: Option<usize>,
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The folder of what `make tools` and `make peers` install: in the repository, or where `TLOGISTRY_TOOLS` says, as for
/// a copy of it.
pub fn tools() -> PathBuf {
    std::env::var_os("TLOGISTRY_TOOLS").map_or_else(|| root().join(".tools"), PathBuf::from)
}

/// A program of this repository, which cargo builds together with the test program or bench that runs now: the programs
/// are one folder above it. Cargo names them to test programs alone (`CARGO_BIN_EXE_…`), not to what these depend on.
pub fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let program = own.ancestors().nth(2).unwrap().join(name);
    assert!(program.exists(), "{} is missing: 'cargo test' builds it", program.display());
    program
}

/// The command line, with a clean environment: this build's, or the program that `TLOGISTRY_CLI` names, as for a
/// release build under load.
pub fn cli() -> Command {
    clean(std::env::var_os("TLOGISTRY_CLI").unwrap_or_else(|| built("tlogistry-cli").into()))
}

/// The Lambda function, with a clean environment: this build's, or the command that `TLOGISTRY_FUNCTION` holds, as for
/// what `make build` built.
pub fn function() -> Command {
    for_lambda("tlogistry", "TLOGISTRY_FUNCTION")
}

/// The auditor, with a clean environment: this build's, or the command that `TLOGISTRY_AUDITOR` holds.
pub fn auditor() -> Command {
    for_lambda("tlogistry-auditor", "TLOGISTRY_AUDITOR")
}

fn for_lambda(name: &str, variable: &str) -> Command {
    let given = std::env::var(variable).unwrap_or_default();
    let mut words = given.split_whitespace();
    let mut command = clean(words.next().map_or_else(|| built(name), PathBuf::from));
    command.args(words);
    command
}

/// A script of the tests' own in Python, with a clean environment.
pub fn script(path: &str) -> Command {
    let root = root();
    let python = tools().join("venv/bin/python");
    assert!(python.exists(), "{} is missing: run 'make tools'", python.display());
    let mut command = clean(python);
    command.arg("-B").arg(root.join(path));
    command
}

/// A program that `make tools` installs, with a clean environment.
pub fn tool(name: &str) -> Command {
    let path = tools().join("bin").join(name);
    assert!(path.exists(), "{} is missing: run 'make tools'", path.display());
    clean(path)
}

/// A program that `make peers` builds with Go, with a clean environment.
pub fn go_tool(name: &str) -> Command {
    let path = tools().join("go/bin").join(name);
    assert!(path.exists(), "{} is missing: run 'make peers'", path.display());
    clean(path)
}

/// A program that has to be root: where the tests are not, it is root of a user namespace of its own. Arguments are to
/// be added to what this returns.
pub fn as_root(program: Command) -> Command {
    if rustix::process::geteuid().is_root() {
        return program;
    }
    let mut command = clean("unshare");
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(["--user", "--map-root-user", "--mount", "--kill-child", "--"]).arg(program.get_program());
    command
}

/// A program with a clean environment.
pub fn clean(program: impl Into<PathBuf>) -> Command {
    let mut command = Command::new(program.into());
    command.env_clear();
    command.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

/// The exit code of a short command whose standard output nobody reads, and what it writes to standard error.
pub fn into_closed_pipe(command: &mut Command) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let parent = getpid();
        // SAFETY: between fork and exec the closure makes two system calls and allocates nothing.
        unsafe {
            command.pre_exec(move || {
                set_parent_process_death_signal(Some(Signal::KILL))?;
                // The parent may have died just before.
                if getppid() == Some(parent) { Ok(()) } else { Err(rustix::io::Errno::SRCH.into()) }
            });
        }
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let output = Arc::new(Output {
            written: Mutex::new(Written { lines: Vec::new(), open: 2, kept: None }),
            changed: Condvar::new(),
        });
        output.clone().collect(Stream::Stdout, child.stdout.take().unwrap());
        output.clone().collect(Stream::Stderr, child.stderr.take().unwrap());
        Self { name, child, output }
    }

    /// From now on only the last lines that it writes are kept, twice `lines` at most.
    pub fn keep_last(&self, lines: usize) {
        self.output.written.lock().unwrap().kept = Some(lines);
    }

    pub fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for a line on either stream that `find` accepts, and returns its result.
    #[track_caller]
    pub fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> T {
        match self.line_within(PATIENCE, find) {
            Some(found) => found,
            None => panic!("{} has not written what was waited for, but:\n{}", self.name, self.output.text(None)),
        }
    }

    /// As [`Process::wait_for`]; `None` if no such line comes in time or before the process closes its output.
    pub fn line_within<T>(&self, time: Duration, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + time;
        let mut written = self.output.written.lock().unwrap();
        let mut seen = 0;
        loop {
            if let Some(found) = written.lines[seen.min(written.lines.len())..].iter().find_map(|(_, line)| find(line))
            {
                return Some(found);
            }
            seen = written.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if written.open == 0 || left.is_zero() {
                return None;
            }
            written = self.output.changed.wait_timeout(written, left).unwrap().0;
        }
    }

    /// The lines so far, of both streams.
    pub fn lines(&self) -> Vec<String> {
        self.output.written.lock().unwrap().lines.iter().map(|(_, line)| line.clone()).collect()
    }

    /// Counts the lines so far that `counts` accepts, on either stream.
    pub fn count(&self, counts: impl Fn(&str) -> bool) -> usize {
        self.output.written.lock().unwrap().lines.iter().filter(|(_, line)| counts(line)).count()
    }

    /// True if the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends SIGTERM.
    pub fn ask_to_stop(&self) {
        kill_process(self.id(), Signal::TERM).unwrap();
    }

    /// Waits for the end.
    #[track_caller]
    pub fn finish(mut self) -> Ended {
        let status = self.wait();
        let left_running = test_kill_process_group(self.id()).is_ok();
        // Output of the process itself is complete when its pipes are closed; a child that it left behind may hold
        // them.
        self.line_within(Duration::from_secs(1), |_| None::<()>);
        let text = |stream| self.output.text(Some(stream));
        Ended { code: status.code(), stdout: text(Stream::Stdout), stderr: text(Stream::Stderr), left_running }
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "{} does not end; it wrote:\n{}", self.name, self.output.text(None));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group is gone already if all of it has ended.
        let _ = kill_process_group(self.id(), Signal::KILL);
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- {} wrote:\n{}", self.name, self.output.text(None));
        }
    }
}

impl Output {
    fn collect(self: Arc<Self>, stream: Stream, from: impl Read + Send + 'static) {
        std::thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                let mut written = self.written.lock().unwrap();
                written.lines.push((stream, line));
                if let Some(kept) = written.kept.filter(|kept| written.lines.len() > 2 * kept) {
                    let surplus = written.lines.len() - kept;
                    written.lines.drain(..surplus);
                }
                drop(written);
                self.changed.notify_all();
            }
            self.written.lock().unwrap().open -= 1;
            self.changed.notify_all();
        });
    }

    /// All lines, or those of one stream.
    fn text(&self, only: Option<Stream>) -> String {
        let written = self.written.lock().unwrap();
        let lines = written.lines.iter().filter(|(stream, _)| only.is_none_or(|only| only == *stream));
        lines.map(|(_, line)| format!("{line}\n")).collect()
    }
}
