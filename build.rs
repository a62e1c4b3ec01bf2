//! Says which commit a release was built from: `TLOGISTRY_COMMIT`, or what git knows.
//!
//! Other builds leave it out: otherwise each commit would recompile the whole program.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=TLOGISTRY_COMMIT");
    println!("cargo:rustc-env=TLOGISTRY_COMMIT={}", commit());
}

fn commit() -> String {
    if let Some(given) = std::env::var("TLOGISTRY_COMMIT").ok().filter(|given| !given.trim().is_empty()) {
        return given.trim().to_owned();
    }
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return "development".to_owned();
    }
    // The log of HEAD gets a line with each commit and checkout. The sources decide whether there is '-dirty' behind it.
    let logs = ["HEAD", "logs/HEAD"].map(|name| git(&["rev-parse", "--git-path", name]));
    for file in logs.into_iter().flatten().chain(["src", "Cargo.toml", "Cargo.lock"].map(str::to_owned)) {
        // Cargo takes a file that is missing for one that has changed.
        if Path::new(&file).exists() {
            println!("cargo:rerun-if-changed={file}");
        }
    }
    git(&["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]).unwrap_or_else(|| "unknown".to_owned())
}

/// Returns git's output; `None` without git, outside a repository, or if git does not trust the folder.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
