//! The audit of a long log, that is made up as it is read.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use testing::process::{Process, cli};
use testing::sightings_list::SightingsList;
use testing::tags::tag;
use testing::tile_server::TileServer;
use tlogistry::deadline::Deadline;
use tlogistry::image::Digest;
use tlogistry::sighting::{LocalKey, Signer};

/// The most resident memory, in KiB, whatever the log's size.
pub const MOST_KIB: u64 = 100 << 10;

/// Audits a log of `size` entries, one in a thousand of which is ours. Returns how long it took, and the peak of its
/// resident memory in KiB.
pub async fn audit(size: u64) -> (Duration, u64) {
    let folder = tempfile::tempdir().unwrap();
    let key = LocalKey::generate().unwrap();
    let (key_file, log_file) = (folder.path().join("key.pem"), folder.path().join("log.pem"));
    std::fs::write(&key_file, key.public_key().pem()).unwrap();
    let (signer, mut own) = (Signer::Local(key), BTreeMap::new());
    for index in (500..size).step_by(1000) {
        let (name, deadline) = (format!("v{index}"), Deadline::after(Duration::from_secs(60)));
        let digest = Digest::sha256(name.as_bytes());
        own.insert(index, signer.sign(&tag(&name), &digest, deadline).await.unwrap());
    }
    let log = TileServer::start(size, &own).await;
    std::fs::write(&log_file, &log.public_key).unwrap();
    let list = SightingsList::start().await;
    own.iter().for_each(|(index, signed)| list.add(signed, &log.log_id, *index));
    let mut command: Command = cli();
    command.args([
        "audit",
        "--complete",
        "--rekor-api",
        "v2",
        "--rekor",
        &log.url,
        "--instance",
        &list.url,
        "--wait",
        "0",
    ]);
    command.arg("--rekor-key").arg(&log_file).arg("--key").arg(&key_file);
    command.arg("--state").arg(folder.path().join("state.json"));
    let began = Instant::now();
    let mut running = Process::start(&mut command);
    let status = format!("/proc/{}/status", running.id().as_raw_nonzero());
    let mut peak = 0;
    while !running.has_ended() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (took, ended) = (began.elapsed(), running.finish());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let count = own.len();
    assert!(ended.stdout.contains(&format!("Complete: each of the {count} entries by your keys")), "{}", ended.stdout);
    println!("{}", ended.stdout);
    println!("{size} entries in {took:.1?}, {:.0} a second, {peak} KiB at most", size as f64 / took.as_secs_f64());
    (took, peak)
}
