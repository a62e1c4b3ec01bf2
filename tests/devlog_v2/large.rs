//! A log of more entries than one tile of tiles holds. They are written into its file, whose format is no promise to anyone.

use std::fs;
use std::io::Write as _;

use sha2::{Digest as _, Sha256};
use tlogistry::devlog::{Devlog, Options};
use tlogistry::tlog::RekorApi;

use crate::served;
use crate::support::*;

/// 256 * 256, and some in a second tile of level 1.
const SIZE: usize = 65_536 + 300;

#[tokio::test]
async fn tiles_of_more_than_65_536_entries_lead_to_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Devlog::open(Some(folder.path()), Options::of(RekorApi::V2));
    drop(open().await.unwrap());
    let file = folder.path().join("entries.jsonl");
    let mut hash = hex::decode(&fs::read_to_string(&file).unwrap()[..64]).unwrap();
    let mut lines = Vec::new();
    for number in 0..SIZE {
        let entry = format!(r#"{{"body":"entry {number}"}}"#);
        hash = Sha256::digest([&hash, entry.as_bytes()].concat()).to_vec();
        writeln!(lines, "{} {entry}", hex::encode(&hash)).unwrap();
    }
    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(&lines).unwrap();

    let log = served(open().await.unwrap()).await;
    let mut leaves = log.reader.all().await;
    assert_eq!(leaves.len(), SIZE);
    assert_eq!(leaves[SIZE - 1], format!("entry {}", SIZE - 1).into_bytes());
    let entry = log.add().await;
    leaves.push(unbase64(&entry["canonicalizedBody"]));
    log.check(&entry, &leaves);
    for path in ["0/257.p/45", "1/001.p/1", "2/000.p/1", "entries/257.p/45"] {
        assert_eq!(log.reader.tile(path).await.status, 200, "{path}");
    }
    for path in ["0/257", "0/257.p/46", "1/001", "1/001.p/2", "2/000", "2/000.p/2", "3/000.p/1", "entries/x001/000"] {
        assert_eq!(log.reader.tile(path).await.status, 404, "{path}");
    }
}
