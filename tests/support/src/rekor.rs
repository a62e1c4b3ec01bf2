//! The real Rekor, with all that it needs: MariaDB, Trillian's two servers, and itself.
//!
//! Every start is a log of its own, empty, with a new key: all of it is up within a second, so that nothing is shared
//! between tests.

use std::path::Path;
use std::process::Command;

use super::client;
use super::port::start_on_free_port;
use super::process::{Process, go_tool, tool, tools};

/// Its name in its checkpoints: Sigstore's JavaScript client wants the name to be in its URL.
pub const HOSTNAME: &str = "127.0.0.1";

pub struct Rekor {
    pub url: String,
    /// Each is dropped, and so killed, before what it talks to.
    _processes: [Process; 4],
    _folder: tempfile::TempDir,
}

impl Rekor {
    /// Of the one kind of entry that tlogistry uploads.
    pub fn start() -> Self {
        Self::of_kinds(&["--enabled_entry_types=intoto"])
    }

    /// Of every kind that it takes by default.
    pub fn of_every_kind() -> Self {
        Self::of_kinds(&[])
    }

    fn of_kinds(kinds: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (database, socket) = mariadb(folder.path());
        let (log_server, log_address) = start_on_free_port(|address| {
            let mut command = trillian("trillian_log_server", &socket);
            command.arg(format!("--rpc_endpoint={address}"));
            command
        });
        let log_signer = Process::start(trillian("trillian_log_signer", &socket).args([
            "--rpc_endpoint=127.0.0.1:0",
            "--force_master",
            // The first upload waits for this, and each for the next round of sequencing: 1 s and 100 ms by default.
            "--pre_election_pause=1ms",
            "--sequencer_interval=10ms",
        ]));
        // The port of its metrics cannot be set; another Rekor may have it.
        let server = Process::start(
            go_tool("rekor-server")
                .args(["serve", "--host=127.0.0.1", "--port=0", "--rekor_server.signer=memory"])
                .args(kinds)
                .args(["--enable_attestation_storage", "--attestation_storage_bucket=mem://"])
                .arg(format!("--rekor_server.hostname={HOSTNAME}"))
                .arg(format!("--trillian_log_server.address={}", log_address.ip()))
                .arg(format!("--trillian_log_server.port={}", log_address.port()))
                .arg("--search_index.storage_provider=mysql")
                .arg(format!("--search_index.mysql.dsn={}", data_source(&socket))),
        );
        let url = server.wait_for(|line| Some(line.split_once("Serving rekor server at ")?.1.to_owned()));
        Self { url, _processes: [server, log_signer, log_server, database], _folder: folder }
    }

    /// PEM. The key is in Rekor's memory alone.
    pub fn public_key(&self) -> String {
        let url = format!("{}/api/v1/log/publicKey", self.url);
        // On a thread of its own, for a caller may be in a runtime already.
        let asking = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(client::get(&url))
        });
        let answer = asking.join().unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        String::from_utf8(answer.bytes.into()).unwrap()
    }
}

/// Starts an empty database with Trillian's tables, and says where its socket is. It has no users and no table of them,
/// which saves the step that makes those.
fn mariadb(folder: &Path) -> (Process, String) {
    let [data, socket, tables] = ["data", "socket", "tables.sql"].map(|name| folder.join(name));
    std::fs::create_dir(&data).unwrap();
    std::fs::write(&tables, tables_sql()).unwrap();
    let mut command = tool("mariadbd");
    command
        .args(["--no-defaults", "--user=root", "--skip-grant-tables", "--skip-networking", "--skip-log-bin"])
        // Small, and gone in a moment: nothing of it has to survive a crash.
        .args(["--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0"])
        .arg(format!("--basedir={}/mariadb/usr", tools().display()))
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", socket.display()))
        .arg(format!("--init-file={}", tables.display()));
    let process = Process::start(&mut command);
    process.wait_for(|line| line.ends_with("ready for connections.").then_some(()));
    (process, socket.to_str().unwrap().to_owned())
}

/// Trillian's tables, one statement a line, which is how MariaDB reads an init file.
fn tables_sql() -> String {
    let file = tools().join("go/trillian.sql");
    let sql = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let uncommented = |line: &str| line.split("--").next().filter(|line| !line.starts_with('#')).map(str::to_owned);
    let statements: Vec<String> = sql.lines().filter_map(uncommented).collect();
    format!("CREATE DATABASE log;\nUSE log;\n{}", statements.join(" ").replace(';', ";\n"))
}

/// As Go's driver for MySQL reads it.
fn data_source(socket: &str) -> String {
    format!("root@unix({socket})/log")
}

fn trillian(program: &str, socket: &str) -> Command {
    let mut command = go_tool(program);
    command.args(["--storage_system=mysql", "--quota_system=noop", "--http_endpoint="]);
    command.arg(format!("--mysql_uri={}", data_source(socket)));
    command
}
