//! The tests of the programs: which there are, which mutants each reaches, and what they say with a mutant.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::compile::Program;
use crate::database::Database;

/// KiB of memory that a test program may take, with the programs that it starts; the library's own tests need little.
/// A mutant may be a loop that never stops to take more.
const MEMORY: usize = 12 << 20;
const MEMORY_OF_THE_LIBRARY: usize = 4 << 20;

/// A test, as it went without a mutant.
#[derive(Debug)]
pub struct Test {
    pub program: Program,
    pub name: String,
    pub took: Duration,
    /// The mutants that it reaches.
    pub reached: BTreeSet<usize>,
}

/// The way in which tests are run.
#[derive(Debug)]
pub struct Runner {
    /// The folder in which the tests find their files.
    pub tree: PathBuf,
    /// The folder of what `make tools` installed.
    pub tools: PathBuf,
    /// `None` if the tools have none.
    pub database: Option<Database>,
    /// Added to the time that tests are given.
    pub patience: Duration,
}

/// The end of some tests.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Passed,
    /// The first test that failed; `None` if the program itself broke off.
    Failed(Option<String>),
    /// The time was over.
    Hung,
}

impl Runner {
    /// The names of a program's tests.
    pub fn tests(&self, program: &Program) -> Result<Vec<String>, String> {
        let mut command = self.command(program);
        let output = command.args(["--list", "--format=terse"]).output();
        let output = output.map_err(|error| format!("{}: {error}", program.path.display()))?;
        let lines = String::from_utf8_lossy(&output.stdout);
        Ok(lines.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
    }

    /// Runs a test without a mutant; `None` if it fails, twice.
    pub fn without(&self, program: &Program, name: &str, log: &Path) -> Option<Test> {
        for _ in 0..2 {
            let _ = fs::remove_file(log); // not there yet
            let began = Instant::now();
            let mut command = self.command(program);
            command.args(["--exact", name]).env("TLOGISTRY_MUTANTS_REACHED", log);
            if self.run(command, self.patience * 10) == End::Passed {
                let numbers = fs::read_to_string(log).unwrap_or_default();
                let reached = numbers.lines().filter_map(|line| line.parse().ok()).collect();
                let took = began.elapsed();
                return Some(Test { program: program.clone(), name: name.to_owned(), took, reached });
            }
        }
        None
    }

    /// Runs tests of a program with a mutant.
    pub fn with(&self, mutant: usize, program: &Program, names: &[&str], limit: Duration) -> End {
        let mut command = self.command(program);
        command.arg("--exact").args(names).env("TLOGISTRY_MUTANT", mutant.to_string());
        self.run(command, limit)
    }

    /// As [`run`], with the database.
    fn run(&self, mut command: Command, limit: Duration) -> End {
        let database = self.database.as_ref().map(Database::serve);
        command.envs(database.iter().map(|running| ("TLOGISTRY_DYNAMODB_LOCAL", &running.url)));
        run(command, limit)
    }

    fn command(&self, program: &Program) -> Command {
        let memory = if program.name == "lib" { MEMORY_OF_THE_LIBRARY } else { MEMORY };
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -v {memory}; exec \"$0\" \"$@\"")]).arg(&program.path);
        command.current_dir(&self.tree).env("CARGO_MANIFEST_DIR", &self.tree).env("TLOGISTRY_TOOLS", &self.tools);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }
}

/// Runs a test program until it ends, its first test fails, or its time is over. Its children end with it: see
/// `testing::process`.
fn run(mut command: Command, limit: Duration) -> End {
    let until = Instant::now() + limit;
    let child = command.stdout(Stdio::piped()).spawn();
    // Nothing was run: a mutant must not count as found by that.
    let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let output = child.stdout.take().map(BufReader::new);
    let (lines, read) = mpsc::channel();
    // Ends with the output, which a child of the test may hold open for a moment longer.
    std::thread::spawn(move || {
        for line in output.into_iter().flat_map(|output| output.split(b'\n')).map_while(Result::ok) {
            if lines.send(line).is_err() {
                break;
            }
        }
    });
    let end = loop {
        match read.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                let line = String::from_utf8_lossy(&line);
                if let Some(test) = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED")) {
                    let name = test.strip_suffix(" - should panic").unwrap_or(test);
                    break Some(End::Failed(Some(name.to_owned())));
                }
            }
            Err(RecvTimeoutError::Timeout) => break Some(End::Hung),
            Err(RecvTimeoutError::Disconnected) => break None,
        }
    };
    if end.is_some() {
        let _ = child.kill(); // it may have ended by itself
    }
    let status = child.wait();
    end.unwrap_or_else(|| match status {
        Ok(status) if status.success() => End::Passed,
        Ok(_) | Err(_) => End::Failed(None),
    })
}
