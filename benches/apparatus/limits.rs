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
    /// True if more is better.
    pub more: bool,
}

type Kept = BTreeMap<String, f64>;

pub fn keep(path: &Path, compared: &[Compared]) {
    let kept: Kept =
        compared.iter().map(|one| (one.key.clone(), (one.measured.value * 1000.0).round() / 1000.0)).collect();
    std::fs::write(path, serde_json::to_string_pretty(&kept).unwrap() + "\n").unwrap();
}

/// Names the ratios that moved to the worse: more than the slack, and with their whole spread.
pub fn check(path: &Path, compared: &[Compared]) -> ExitCode {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let what_to_do = format!("run 'make bench-keep' on a quiet machine, look at benches/{name}, and commit it");
    let Ok(kept) = std::fs::read_to_string(path) else {
        println!("MISSING benches/{name}, so nothing can be compared: {what_to_do}");
        return ExitCode::FAILURE;
    };
    let kept: Kept = match serde_json::from_str(&kept) {
        Ok(kept) => kept,
        Err(error) => {
            println!("UNREADABLE benches/{name} ({error}): {what_to_do}");
            return ExitCode::FAILURE;
        }
    };
    let mut is_as_kept = true;
    for Compared { key, measured, more } in compared {
        let Some(kept) = kept.get(key) else {
            println!("NOT KEPT {key}, now {measured}: {what_to_do}");
            is_as_kept = false;
            continue;
        };
        let is_worse = if *more { measured.high < kept * (1.0 - SLACK) } else { measured.low > kept * (1.0 + SLACK) };
        if is_worse {
            println!("MOVED {key}: {measured}, was {kept}");
            is_as_kept = false;
        }
    }
    // A peer may be missing on this machine, or the name has changed.
    for key in kept.keys().filter(|key| !compared.iter().any(|one| one.key == **key)) {
        println!(
            "NOT MEASURED {key}, which is kept: its peer is not here ('make peers'), or it is gone ({what_to_do})"
        );
    }
    if is_as_kept {
        println!("nothing moved");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}
