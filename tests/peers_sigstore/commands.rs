//! The commands of the documentation, run by a shell in an empty folder.

use std::path::Path;
use std::process::Command;

use testing::process::{Ended, Process, clean, cli, go_tool, tools};

const DOCUMENTATION: &str = include_str!("../../docs/sigstore-tools.md");
/// The tag and the host that the documentation speaks of.
const EXAMPLE: &str = "index.docker.io/library/alpine:3.16.0";
const SHORT_EXAMPLE: &str = "alpine:3.16.0";

pub struct Commands {
    blocks: Vec<String>,
    folder: std::rc::Rc<tempfile::TempDir>,
}

impl Commands {
    /// The commands for `tag` and an instance at `address`, which speaks plain http.
    pub fn of_the_documentation(address: &str, tag: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let client = tools().join("sigstore-js/node_modules");
        assert!(client.exists(), "{} is missing: run 'make peers'", client.display());
        std::os::unix::fs::symlink(client, folder.path().join("node_modules")).unwrap();
        let script = include_str!("../../docs/verify-sighting.mjs");
        std::fs::write(folder.path().join("verify-sighting.mjs"), script).unwrap();
        let with = |block: &String| {
            let block = block.replace("https://<host>", &format!("http://{address}")).replace("<host>", address);
            block.replace(EXAMPLE, tag).replace(SHORT_EXAMPLE, tag)
        };
        Self { blocks: blocks().iter().map(with).collect(), folder: folder.into() }
    }

    /// The same commands for another tag, in the same folder.
    pub fn clone_for(&self, tag: &str) -> Self {
        let own = self.read("tag.txt");
        let blocks = self.blocks.iter().map(|block| block.replace(&own, tag)).collect();
        std::fs::write(self.folder().join("other.txt"), tag).unwrap();
        let commands = Self { blocks, folder: self.folder.clone() };
        // The file that the first command of the documentation would write.
        commands.write("tag.txt", tag);
        commands
    }

    /// The same commands, with images by their pinned names.
    pub fn pinned(&self, address: &str) -> Self {
        let (plain, pinned) = (format!(" {address}/"), format!(" {address}/pinned.alt/"));
        let blocks = self.blocks.iter().map(|block| block.replace(&plain, &pinned)).collect();
        Self { blocks, folder: self.folder.clone() }
    }

    /// Fetches keys and evidence.
    pub fn fetch(&self) {
        for command in ["key.pem", "trusted-root.json", "printf"] {
            let ended = self.run(command);
            assert_eq!(ended.code, Some(0), "{command}: {ended:?}");
        }
    }

    /// Runs the first block with a line that begins with `command`, or the one that fetches a file of that name.
    #[track_caller]
    pub fn run(&self, command: &str) -> Ended {
        self.run_with(command, "")
    }

    /// The same, with another option behind the command's name.
    #[track_caller]
    pub fn run_with(&self, command: &str, option: &str) -> Ended {
        let fetch = format!("curl -fsS -o {command} ");
        let is_it = |block: &&String| block.starts_with(&fetch) || block.lines().any(|line| line.starts_with(command));
        let block = self.blocks.iter().find(is_it).unwrap_or_else(|| panic!("'{command}' is not documented"));
        // Of a block that fetches first, what follows is run alone; what npm would install is there already.
        let start = block.find(command).filter(|_| !block.starts_with(&fetch)).unwrap_or(0);
        let script = block[start..].replacen(command, &format!("{command}{option}"), 1);
        let path = format!("{}:{}", tools().join("go/bin").display(), std::env::var("PATH").unwrap());
        let mut shell: Command = clean("sh");
        shell.args(["-euc", &script]).current_dir(self.folder()).env("PATH", path);
        Process::start(shell.env("HOME", self.folder())).finish()
    }

    /// Checks the evidence with Sigstore's Go library, which the documentation has no command for.
    pub fn sigstore_go(&self, options: &[&str]) -> Ended {
        let mut command = go_tool("sigstore-go");
        command.args(options).arg(self.read("tag.txt")).args(["sighting.json", "key.pem", "trusted-root.json"]);
        Process::start(command.current_dir(self.folder())).finish()
    }

    /// Checks the evidence's entry and what it is of with our own command line, by the same files.
    pub fn verify_entry(&self) -> Ended {
        let mut command = cli();
        command.args(["verify-entry", "--trusted-root", "trusted-root.json", "sighting.json"]);
        Process::start(command.current_dir(self.folder())).finish()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder().join(name)).unwrap()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder().join(name), text).unwrap();
    }
}

/// The indented blocks of the documentation.
fn blocks() -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut within = false;
    for line in DOCUMENTATION.lines() {
        let code = line.strip_prefix("        ").or_else(|| line.strip_prefix("    "));
        match code {
            Some(code) if within => {
                let block = blocks.last_mut().unwrap();
                block.push_str(code);
                block.push('\n');
            }
            Some(code) => blocks.push(format!("{code}\n")),
            None => {}
        }
        within = code.is_some();
    }
    blocks
}
