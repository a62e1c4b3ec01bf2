//! Memory and descriptors of a process, as the kernel counts them.

use std::fmt;

use testing::process::Process;

#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Memory in use (resident set).
    pub rss_kib: u64,
    pub descriptors: usize,
}

impl Measured {
    pub fn of(process: &Process) -> Self {
        let folder = format!("/proc/{}", process.id().as_raw_nonzero());
        let status = std::fs::read_to_string(format!("{folder}/status")).unwrap();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let rss_kib = rss.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        Self { rss_kib, descriptors: std::fs::read_dir(format!("{folder}/fd")).unwrap().count() }
    }

    /// The larger of each.
    pub fn max(self, other: Self) -> Self {
        Self { rss_kib: self.rss_kib.max(other.rss_kib), descriptors: self.descriptors.max(other.descriptors) }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB, {} descriptors", self.rss_kib as f64 / 1024.0, self.descriptors)
    }
}
