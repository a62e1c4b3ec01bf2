//! Which fast test programs concern which part of the library. Its own tests always run.

use std::collections::BTreeSet;

/// A module has the programs of all lines that are of it, and of the longest one that it is in.
const PROGRAMS: [(&str, &[&str]); 17] = [
    ("src/verdict", &["fail_closed", "ledger", "allowance", "misuse", "rekor_v2"]),
    ("src/sighting", &["log_entries", "fail_closed", "misuse", "evidence", "rekor_v2"]),
    ("src/ledger", &["ledger", "fail_closed", "allowance", "rekor_v2"]),
    ("src/ledger/scan", &["audit"]),
    ("src/rekor", &["log_entries", "fail_closed", "misuse", "rekor_v2"]),
    ("src/rekor/growth", &["audit"]),
    ("src/rekor/v1/heads", &["audit"]),
    ("src/tlog", &["log_entries", "vectors", "witnesses", "fail_closed", "misuse", "rekor_v2"]),
    ("src/timestamp", &["time_stamps", "rekor_v2"]),
    ("src/trusted_material", &["vectors", "time_stamps", "rekor_v2", "command_line"]),
    ("src/rate_limit", &["allowance", "fail_closed"]),
    ("src/auditor", &["auditor"]),
    ("src/audit", &["audit", "complete", "auditor"]),
    ("src/devlog", &["devlog", "devlog_v2"]),
    ("src/edge", &["edge"]),
    ("src/image", &["names", "fail_closed"]),
    ("src/http/page", &["page"]),
];
const OF_ANY: &[&str] = &["fail_closed"];

/// The programs for some files or folders.
pub fn concerned(modules: &[String]) -> Vec<String> {
    let of = |module: &String| {
        let around = PROGRAMS.iter().filter(|(part, _)| module.starts_with(part)).max_by_key(|(part, _)| part.len());
        let inside = PROGRAMS.iter().filter(|(part, _)| part.starts_with(module.trim_end_matches('/')));
        let lines: Vec<_> = around.into_iter().chain(inside).collect();
        if lines.is_empty() {
            OF_ANY.to_vec()
        } else {
            lines.iter().flat_map(|(_, programs)| *programs).copied().collect()
        }
    };
    let all: BTreeSet<&str> = modules.iter().flat_map(of).collect();
    all.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::concerned;

    #[test]
    fn a_folder_has_the_programs_of_its_files_and_a_file_its_own() {
        let of = |module: &str| concerned(&[module.to_owned()]);
        assert_eq!(of("src/rekor/"), ["audit", "fail_closed", "log_entries", "misuse", "rekor_v2"]);
        assert_eq!(of("src/rekor/growth.rs"), ["audit"]);
        assert_eq!(of("src/rekor/v2"), ["fail_closed", "log_entries", "misuse", "rekor_v2"]);
        assert_eq!(of("src/deadline.rs"), ["fail_closed"]);
    }
}
