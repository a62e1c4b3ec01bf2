//! Ratios that are not to grow: a short run's, compared with those kept in a file.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use super::ratio::Ratio;

/// The difference that a short run's ratio may have from the one kept, on a machine that does other things too.
const SLACK: f64 = 0.10;

/// A ratio by a name that stays.
pub struct Compared {
    pub key: String,
    pub measured: Ratio,
}

pub fn keep(path: &Path, compared: &[Compared]) {
    let kept: BTreeMap<&str, f64> =
        compared.iter().map(|one| (one.key.as_str(), (one.measured.value * 1000.0).round() / 1000.0)).collect();
    std::fs::write(path, serde_json::to_string_pretty(&kept).unwrap() + "\n").unwrap();
}

/// Names the ratios that moved to the worse: more than the slack, and with their whole spread.
pub fn check(path: &Path, compared: &[Compared]) -> ExitCode {
    // Before the first run that keeps any there is no file.
    let kept = std::fs::read_to_string(path).unwrap_or_else(|_| "{}".to_owned());
    let kept: BTreeMap<String, f64> = serde_json::from_str(&kept).unwrap();
    let moved = |one: &&Compared| kept.get(&one.key).is_none_or(|kept| one.measured.low > kept * (1.0 + SLACK));
    let moved: Vec<&Compared> = compared.iter().filter(moved).collect();
    for Compared { key, measured } in &moved {
        match kept.get(key) {
            Some(kept) => println!("MOVED {key}: {measured}, was {kept}"),
            None => println!("MOVED {key}: no limit is kept"),
        }
    }
    if moved.is_empty() {
        println!("nothing moved");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}
