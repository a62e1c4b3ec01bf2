//! The one build: the library with all mutants but those that do not compile, and the test programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::mutant::Mutant;
use crate::switch::{Switched, switch, switches};
use crate::tree;

/// The library's root gets the switch.
const LIBRARY: &str = "src/lib.rs";
/// Mutants may be what these lints deny.
const ALLOWED: &str = "#![allow(warnings, arithmetic_overflow, overflowing_literals, unconditional_panic)]\n";

/// A test program that holds the mutants.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its name, or `lib` for the library's own tests.
    pub name: String,
    pub path: PathBuf,
}

/// The result of a build.
#[derive(Debug, Default)]
pub struct Built {
    pub programs: Vec<Program>,
    /// Those that the compiler did not take.
    pub not_compiled: BTreeSet<usize>,
    /// Those that no switch can turn on.
    pub unswitched: BTreeSet<usize>,
}

/// Builds in `tree`, a copy of `root`, until it compiles: what the compiler complains of is taken out.
pub fn build(root: &Path, tree: &Path, target: &Path, mutants: &[Mutant], names: &[String]) -> Result<Built, String> {
    let files: BTreeSet<PathBuf> = mutants.iter().map(|mutant| mutant.file.clone().into()).collect();
    let changed = files.iter().cloned().chain([LIBRARY.into()]).collect();
    tree::copy(root, tree, &changed).map_err(|error| format!("{}: {error}", tree.display()))?;
    let mut built = Built::default();
    for (number, mutant) in mutants.iter().enumerate() {
        if mutant.file.starts_with("src/bin/") || mutant.file == "src/main.rs" {
            built.unswitched.insert(number); // another crate than the library
        }
    }
    loop {
        let switched = write(root, tree, mutants, &mut built)?;
        let complaints = match run_cargo(tree, target, names)? {
            Outcome::Built(programs) => {
                built.programs = programs;
                return Ok(built);
            }
            Outcome::Failed(complaints) => complaints,
        };
        let culprits: BTreeSet<usize> =
            complaints.iter().flat_map(|complaint| culprits(complaint, &switched)).collect();
        if culprits.is_empty() {
            let all: Vec<&str> = complaints.iter().map(|complaint| complaint.rendered.as_str()).collect();
            return Err(format!("the copy does not compile:\n{}", all.join("\n")));
        }
        eprintln!("{} mutants do not compile: taken out", culprits.len());
        built.not_compiled.extend(culprits);
    }
}

/// Writes the files that mutants are in, and the library's root.
fn write(
    root: &Path,
    tree: &Path,
    mutants: &[Mutant],
    built: &mut Built,
) -> Result<BTreeMap<String, Switched>, String> {
    let mut by_file: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::from([(LIBRARY, Vec::new())]);
    for (number, mutant) in mutants.iter().enumerate() {
        let inside = by_file.entry(&mutant.file).or_default();
        if !built.not_compiled.contains(&number) && !built.unswitched.contains(&number) {
            inside.push((number, mutant));
        }
    }
    let mut written = BTreeMap::new();
    for (file, inside) in by_file {
        let source = fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
        let mut switched = switch(&source, &inside).map_err(|error| format!("{file}: {error}"))?;
        built.unswitched.extend(&switched.unswitched);
        if file == LIBRARY {
            // No mutant of the root's own would stand where the compiler says: there are none but in tiny libraries.
            switched.text = format!("{ALLOWED}{}{}", switched.text, switches(mutants.len()));
            for (range, _) in switched.own.iter_mut().chain(&mut switched.around) {
                *range = range.start + ALLOWED.len()..range.end + ALLOWED.len();
            }
        }
        tree::write(&tree.join(file), &switched.text).map_err(|error| format!("{file}: {error}"))?;
        written.insert(file.to_owned(), switched);
    }
    Ok(written)
}

enum Outcome {
    Built(Vec<Program>),
    Failed(Vec<Complaint>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line {
    CompilerMessage {
        message: Complaint,
    },
    CompilerArtifact {
        target: Target,
        executable: Option<PathBuf>,
        profile: Profile,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
struct Complaint {
    level: String,
    spans: Vec<Place>,
    rendered: String,
}

#[derive(Debug, Deserialize)]
struct Place {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

fn run_cargo(tree: &Path, target: &Path, names: &[String]) -> Result<Outcome, String> {
    let mut command = Command::new("cargo");
    command.args(["test", "--no-run", "--locked", "--quiet", "--message-format=json", "--lib"]);
    command.args(names.iter().flat_map(|name| ["--test", name]));
    command.current_dir(tree).env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "0");
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("cargo: {error}"))?;
    let (mut programs, mut complaints) = (Vec::new(), Vec::new());
    for line in output.stdout.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"{")) {
        match serde_json::from_slice(line).map_err(|error| format!("cargo's messages: {error}"))? {
            Line::CompilerMessage { message } if message.level.starts_with("error") => complaints.push(message),
            Line::CompilerArtifact { target, executable: Some(path), profile: Profile { test: true } } => {
                let is_library = target.kind.iter().any(|kind| kind == "lib");
                programs.push(Program { name: if is_library { "lib".to_owned() } else { target.name }, path });
            }
            Line::CompilerMessage { .. } | Line::CompilerArtifact { .. } | Line::Other => {}
        }
    }
    match output.status.success() {
        true => Ok(Outcome::Built(programs)),
        false => Ok(Outcome::Failed(complaints)),
    }
}

/// The mutants that an error comes from: those whose own text it points at; otherwise those it lies within most closely.
fn culprits(complaint: &Complaint, switched: &BTreeMap<String, Switched>) -> Vec<usize> {
    let places = || complaint.spans.iter().filter_map(|place| Some((place, switched.get(&place.file_name)?)));
    for primary in [true, false] {
        for (place, switched) in places().filter(|(place, _)| place.is_primary == primary) {
            let hit = |range: &std::ops::Range<usize>| range.start < place.byte_end && place.byte_start < range.end;
            let inside = |range: &std::ops::Range<usize>| {
                (range.start <= place.byte_start && place.byte_end <= range.end)
                    || (place.byte_start <= range.start && range.end <= place.byte_end)
            };
            let own = switched.own.iter().filter(|(range, _)| hit(range) && inside(range));
            // A span that holds a whole block points at nothing in it.
            let own: Vec<usize> = own
                .filter(|(range, _)| place.byte_end - place.byte_start <= 2 * range.len())
                .map(|(_, number)| *number)
                .collect();
            if !own.is_empty() {
                return own;
            }
        }
    }
    for (place, switched) in places().filter(|(place, _)| place.is_primary) {
        let around = || {
            let all = switched.around.iter();
            all.filter(|(range, _)| range.start <= place.byte_start && place.byte_end <= range.end)
        };
        if let Some(closest) = around().map(|(range, _)| range.len()).min() {
            return around().filter(|(range, _)| range.len() == closest).map(|(_, number)| *number).collect();
        }
    }
    Vec::new()
}
