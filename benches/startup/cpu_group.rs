//! A control group that limits the processor time of what runs in it, as Lambda does.
//!
//! Of version 1 or 2, whichever has the `cpu` controller. Making one usually takes root.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Lambda's period, as is known from measurements of others: an assumption, docs/runbook.md lists it.
const PERIOD: Duration = Duration::from_millis(20);
/// So many processors are no limit. The limit stays on, because turning it on for the first time takes the kernel long.
const UNLIMITED: f64 = 100.0;

enum Version {
    One,
    Two,
}

/// It is removed when it is dropped, once nothing runs in it.
pub struct CpuGroup {
    folder: PathBuf,
    version: Version,
}

impl CpuGroup {
    /// Makes a group without a limit, or says why it cannot.
    pub fn make() -> Result<Self, String> {
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|error| format!("/proc/self/mounts: {error}"))?;
        let mut faults = Vec::new();
        for (version, mount) in mounts.lines().filter_map(with_cpu) {
            match Self::below(&mount, version) {
                Ok(group) => return Ok(group),
                Err(error) => faults.push(format!("{}: {error}", mount.display())),
            }
        }
        Err(if faults.is_empty() { "no cpu controller is mounted".to_owned() } else { faults.join("; ") })
    }

    fn below(mount: &Path, version: Version) -> io::Result<Self> {
        if let Version::Two = version {
            // A failure shows below: without the controller there is no file for the limit.
            let _ = fs::write(mount.join("cgroup.subtree_control"), "+cpu");
        }
        let folder = mount.join(format!("tlogistry-bench-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let group = Self { folder, version };
        group.limit(None)?;
        Ok(group)
    }

    /// The file that a process writes its id to, to be in the group.
    pub fn door(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// Limits all processes of the group together to this part of one processor, from now on.
    pub fn limit(&self, share: Option<f64>) -> io::Result<()> {
        let period = PERIOD.as_micros();
        let quota = (PERIOD.as_micros() as f64 * share.unwrap_or(UNLIMITED)).round();
        match self.version {
            Version::One => {
                fs::write(self.folder.join("cpu.cfs_period_us"), format!("{period}"))?;
                fs::write(self.folder.join("cpu.cfs_quota_us"), format!("{quota}"))
            }
            Version::Two => fs::write(self.folder.join("cpu.max"), format!("{quota} {period}")),
        }
    }
}

impl Drop for CpuGroup {
    fn drop(&mut self) {
        // A process that was killed just now may still be in it; then an empty group is left behind.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The folder of the hierarchy that a line of /proc/self/mounts tells of, if it has the cpu controller.
fn with_cpu(line: &str) -> Option<(Version, PathBuf)> {
    let mut fields = line.split(' ').skip(1);
    let (folder, kind, options) = (PathBuf::from(fields.next()?), fields.next()?, fields.next()?);
    match kind {
        "cgroup" => options.split(',').any(|option| option == "cpu").then_some((Version::One, folder)),
        "cgroup2" => {
            let controllers = fs::read_to_string(folder.join("cgroup.controllers")).ok()?;
            controllers.split_whitespace().any(|name| name == "cpu").then_some((Version::Two, folder))
        }
        _ => None,
    }
}
