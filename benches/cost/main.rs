//! The cost of a pull for the instance: instructions (counted by valgrind's callgrind), allocations, bytes; and how
//! much a large manifest makes it hold.
//!
//! The service runs alone in a process, so that nothing else is counted: the registry and the log are in others.

#[path = "../apparatus/mod.rs"]
mod apparatus;

mod instructions;

use std::process::{Command, Stdio};
use std::sync::Arc;

use apparatus::fixed_registry;
use apparatus::pulls::{Around, Case, ROWS, pull};
use testing::count;
use testing::image::{Image, OCI_MANIFEST};
use testing::transparency_log::TransparencyLog;
use tlogistry::image::Digest;
use tlogistry::ledger::{Ledger, MemoryLedger};

#[global_allocator]
static ALLOCATOR: count::Counting = count::Counting;

/// Pulls before the first that counts: buffers grow, connections open.
const WARM: usize = 9;
const PULLS: usize = 50;
/// The largest manifest there may be.
const LARGE: usize = 4 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => measure(),
        ["pull", case, count] => child(Case::named(case), count.parse().unwrap()),
        ["hold", size] => hold(size.parse().unwrap()),
        _ => panic!("takes no arguments"),
    }
}

fn measure() {
    let large = fixed_registry::start(OCI_MANIFEST, |_| manifest(LARGE));
    let small = fixed_registry::start(OCI_MANIFEST, |_| manifest(0));
    let log = TransparencyLog::start();
    let run = |valgrind: bool, registry: &str, arguments: &[&str]| {
        let program = std::env::current_exe().unwrap();
        let mut command = if valgrind {
            let mut command = Command::new("valgrind");
            command.env("COUNT_INSTRUCTIONS", "1");
            // The folder for its output, for a closer look with callgrind_annotate.
            let output = std::env::var("CALLGRIND_OUTPUT").unwrap_or_else(|_| "/dev/null".to_owned());
            command.args(["--tool=callgrind", "--instr-atstart=no", &format!("--callgrind-out-file={output}")]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        let variables = [("REGISTRY", registry), ("LOG", &log.url), ("LOG_KEY", &log.public_key)];
        let ended = command.args(arguments).envs(variables).stdin(Stdio::null()).output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{arguments:?}: {stderr}");
        (String::from_utf8(ended.stdout).unwrap(), stderr)
    };
    let counts_instructions = Command::new("valgrind").arg("--version").output().is_ok();
    if !counts_instructions {
        eprintln!("NOT COUNTED: instructions, because valgrind is not installed");
    }
    println!("| a pull | instructions | allocations | bytes allocated | bytes in reallocations |");
    println!("|---|--:|--:|--:|--:|");
    for (_, name) in Case::ALL {
        let instructions = counts_instructions
            .then(|| collected(&run(true, &small, &["pull", name, &PULLS.to_string()]).1) / PULLS as u64);
        let counted = run(false, &small, &["pull", name, &PULLS.to_string()]).0;
        let instructions = instructions.map_or("not counted".to_owned(), |count| count.to_string());
        println!("| {name} | {instructions} | {} |", counted.trim());
    }
    println!("\n{}", run(false, &large, &["hold", &LARGE.to_string()]).0);
}

/// A manifest of at least `size` bytes.
fn manifest(size: usize) -> Arc<[u8]> {
    let image = Image::oci("cost");
    let mut bytes = image.manifest.to_vec();
    // White space before the end keeps it one JSON object.
    let end = bytes.pop().unwrap();
    bytes.resize(bytes.len().max(size.saturating_sub(1)), b' ');
    bytes.push(end);
    bytes.into()
}

/// The instructions that callgrind says it has counted.
fn collected(stderr: &str) -> u64 {
    let line = stderr.lines().find_map(|line| line.split_once("Collected : ")).expect("callgrind says what it counted");
    line.1.trim().parse().unwrap()
}

fn memory() -> Ledger {
    Ledger::Memory(MemoryLedger::default())
}

fn around() -> Around {
    let get = |name: &str| std::env::var(name).unwrap();
    Around { registry: get("REGISTRY"), log: get("LOG"), log_key: get("LOG_KEY") }
}

/// Pulls `count` times and writes what each allocated.
#[tokio::main(flavor = "current_thread")]
async fn child(case: Case, count: usize) {
    // As an instance has it: its line per request costs too. The parent drops the lines.
    tlogistry::setup::logging(Some(tlogistry::config::LogFormat::Json));
    let rows = if case == Case::Ledger { ROWS } else { 1 };
    let cache = if case == Case::Far { "0" } else { "16777216" };
    let service = around().service(memory(), rows, &Digest::sha256(&manifest(0)), cache).await;
    assert!(WARM + count <= ROWS);
    for round in 0..WARM {
        pull(&service, case, round).await;
    }
    let before = count::so_far();
    if std::env::var_os("COUNT_INSTRUCTIONS").is_some() {
        instructions::start();
    }
    for round in WARM..WARM + count {
        pull(&service, case, round).await;
    }
    if std::env::var_os("COUNT_INSTRUCTIONS").is_some() {
        instructions::stop();
    }
    let after = count::so_far();
    let each = [after.calls - before.calls, after.bytes - before.bytes, after.moved - before.moved];
    println!("{}", each.map(|sum| (sum / count as u64).to_string()).join(" | "));
}

/// Pulls a manifest of `size` bytes, and writes how much more was held than before.
#[tokio::main(flavor = "current_thread")]
async fn hold(size: usize) {
    let service = around().service(memory(), 2, &Digest::sha256(&manifest(size)), "16777216").await;
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    for round in 0..2 {
        let before = count::begin_peak();
        pull(&service, Case::Ledger, round).await;
        let held = count::peak() - before;
        let which = ["the first", "another tag of the same"][round];
        println!("{which} pull of a manifest of {:.1} MiB held {:.1} MiB at most", mib(size), mib(held));
    }
}
