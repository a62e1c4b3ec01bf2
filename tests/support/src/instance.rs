//! tlogistry itself, behind one of its two front ends.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::port::start_on_free_port;
use super::process::{Ended, Process, auditor, cli, function, root, tool};
use super::stage::{REGISTRY, REPOSITORY};

/// A running instance. What it has in memory of tags ends with it.
pub struct Instance {
    /// `host:port`.
    pub address: String,
    /// The emulator of Lambda, if the instance is the function. It is dropped, and so killed, before the function.
    _emulator: Option<Process>,
    process: Process,
    /// The state of `serve`, if it is in a folder that nobody else needs.
    state: Option<tempfile::TempDir>,
}

type Environment = [(String, String)];

impl Instance {
    /// `tlogistry-cli serve`, with its key in `state`, and its ledger and log unless the environment names others.
    pub fn serve(state: &Path, environment: &Environment) -> Self {
        Self::serve_with(state, environment, &["--log-listen", "127.0.0.1:0"])
    }

    /// The same, with a state that ends with the instance.
    pub fn serve_alone(environment: &Environment) -> Self {
        let state = tempfile::tempdir().unwrap();
        let instance = Self::serve(state.path(), environment);
        Self { state: Some(state), ..instance }
    }

    /// As [`Instance::serve`], with other arguments. The embedded log has a fixed port by default.
    pub fn serve_with(state: &Path, environment: &Environment, arguments: &[&str]) -> Self {
        let mut command = cli();
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments).arg("--state").arg(state);
        let process = Process::start(command.envs(environment.iter().cloned()));
        let address = process.wait_for(|line| line.strip_prefix("registry listening on http://").map(str::to_owned));
        Self { address, _emulator: None, process, state: None }
    }

    /// The state of one that was served alone.
    pub fn state(&self) -> &Path {
        self.state.as_ref().expect("it is served alone").path()
    }

    /// The function under `cargo lambda watch`, which passes requests on as API Gateway would.
    ///
    /// The emulator does not start the function itself: it would build it, under the lock that `cargo test` may hold,
    /// and start it where no test can end it.
    pub fn function(environment: &Environment) -> Self {
        Self::emulated("tlogistry", function(), environment)
    }

    /// The auditor, in the same way.
    pub fn auditor(environment: &Environment) -> Self {
        Self::emulated("tlogistry-auditor", auditor(), environment)
    }

    fn emulated(name: &str, mut command: Command, environment: &Environment) -> Self {
        let (emulator, address) = emulator(name);
        command
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/.rt"))
            .envs(environment.iter().cloned());
        Self { address, _emulator: Some(emulator), process: Process::start(&mut command), state: None }
    }

    /// Invokes the function with an event, and returns what it answered.
    pub fn invoke(&self, event: &Path) -> Ended {
        self.start_to_invoke(event).finish()
    }

    /// The same, without waiting for the answer.
    pub fn start_to_invoke(&self, event: &Path) -> Process {
        let (host, port) = self.address.split_once(':').unwrap();
        let mut command = tool("cargo-lambda");
        command.args(["lambda", "invoke", "-A", host, "-P", port, "--data-file"]).arg(event);
        Process::start(&mut command)
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits for a line that it writes.
    #[track_caller]
    pub fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> T {
        self.process.wait_for(find)
    }

    /// Counts the requests for a manifest that were refused so far, by the lines that it wrote.
    pub fn refusals(&self) -> usize {
        self.wait_for_all_lines();
        self.process.count(|line| line.contains("/manifests/") && line.contains("\"status\":403"))
    }

    /// Waits until the line of every request that was answered has arrived: a line is written before its answer, and
    /// read from the pipe at some time after.
    fn wait_for_all_lines(&self) {
        static MARKS: AtomicUsize = AtomicUsize::new(0);
        let mark = format!("/mark-{}", MARKS.fetch_add(1, Ordering::Relaxed));
        let mut connection = TcpStream::connect(&self.address).unwrap();
        write!(connection, "GET {mark} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        self.wait_for(|line| line.contains(&format!("\"path\":\"{mark}\"")).then_some(()));
    }

    /// Sends SIGTERM.
    pub fn ask_to_stop(&self) {
        self.process.ask_to_stop();
    }

    /// Waits for the end.
    #[track_caller]
    pub fn finish(self) -> Ended {
        self.process.finish()
    }

    /// The URL of a path.
    pub fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The URL of `path` of the repository.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{REGISTRY}/{REPOSITORY}/{path}", self.address)
    }

    /// The repository as a client's user writes it; `reference` begins with ':' or '@'.
    pub fn image(&self, reference: &str) -> String {
        format!("{}/{REGISTRY}/{REPOSITORY}{reference}", self.address)
    }

    /// The same, by the pinned name.
    pub fn pinned(&self, reference: &str) -> String {
        format!("{}/pinned.alt/{REGISTRY}/{REPOSITORY}{reference}", self.address)
    }
}

/// Starts the emulator, and says where it listens.
fn emulator(name: &str) -> (Process, String) {
    let (emulator, address) = start_on_free_port(|address| {
        let mut command = tool("cargo-lambda");
        command.current_dir(root()).args(["lambda", "watch", "--quiet", "--disable-cors"]);
        // With the name of a binary it serves that at its root, where registry clients want it.
        command.args(["--only-lambda-apis", "--bin", name, "-A", "127.0.0.1"]);
        command.args(["-P", &address.port().to_string()]);
        command
    });
    (emulator, address.to_string())
}
