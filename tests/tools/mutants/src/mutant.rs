//! Mutants, as cargo-mutants lists them.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

/// One change of the source.
#[derive(Debug, Clone, Deserialize)]
pub struct Mutant {
    /// From the root: `src/ledger/row.rs`.
    pub file: String,
    /// `src/ledger/row.rs:53:9: replace < with <= in f`
    pub name: String,
    pub genre: Genre,
    pub replacement: String,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Genre {
    FnValue,
    BinaryOperator,
    UnaryOperator,
    MatchArm,
    MatchArmGuard,
    StructField,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Span {
    pub start: Position,
}

/// Both from one; the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Mutant {
    /// The name without line and column, which move with every change of the file.
    pub fn lasting_name(&self) -> String {
        let change = self.name.splitn(4, ':').nth(3).unwrap_or(&self.name);
        format!("{}: {}", self.file, change.trim())
    }
}

/// All mutants of files and folders of the repository at `root`. A mutant's number is its place in this list.
pub fn list(root: &Path, modules: &[String]) -> Result<Vec<Mutant>, String> {
    let mut command = Command::new("cargo");
    command.args(["mutants", "--list", "--json", "--colors=never"]).current_dir(root);
    for module in modules {
        let path = root.join(module);
        if path.is_dir() {
            command.args(["--file", &format!("{}/**/*.rs", module.trim_end_matches('/'))]);
        } else if path.is_file() {
            command.args(["--file", module]);
        } else {
            return Err(format!("there is no {module}"));
        }
    }
    let output = command.output().map_err(|error| format!("cargo mutants: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo mutants: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo mutants --list: {error}"))
}
