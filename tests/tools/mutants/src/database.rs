//! One DynamoDB Local for all test programs. Each would start its own, which takes longer than most of its tests.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// Programs that one database serves. Their tables stay in it, and make it slower.
const PROGRAMS: usize = 300;

/// Ends when its standard input is closed, and so with this process, however that ends.
const SUPERVISED: &str = r#"
    "$@" &
    read -r _
    kill $!
"#;

/// The database. Once it has served its number of programs, the next ones get a new one.
#[derive(Debug)]
pub struct Database {
    program: PathBuf,
    folder: PathBuf,
    /// The newest, and the number of programs that it has served.
    newest: Mutex<(Arc<Running>, usize)>,
}

/// A database that runs, until nobody has it any more.
#[derive(Debug)]
pub struct Running {
    pub url: String,
    _process: Child,
}

impl Database {
    /// Starts the database of these tools; `None` if they have none. What it writes goes to `folder`.
    pub fn start(tools: &Path, folder: &Path) -> Option<Self> {
        let program = tools.join("bin/dynamodb-local");
        let running = program.exists().then(|| Running::start(&program, folder))?;
        Some(Self { program, folder: folder.to_owned(), newest: Mutex::new((Arc::new(running), 0)) })
    }

    /// The database for one more program, as long as that runs.
    pub fn serve(&self) -> Arc<Running> {
        let mut newest = self.newest.lock().unwrap();
        let (running, served) = &mut *newest;
        if *served == PROGRAMS {
            (*running, *served) = (Arc::new(Running::start(&self.program, &self.folder)), 0);
        }
        *served += 1;
        running.clone()
    }
}

impl Running {
    /// Tests wait until it answers.
    fn start(program: &Path, folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISED, "sh"]).arg(program).args(["--port", &port.to_string()]).current_dir(folder);
        let process = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        Self { url: format!("http://127.0.0.1:{port}"), _process: process }
    }
}
