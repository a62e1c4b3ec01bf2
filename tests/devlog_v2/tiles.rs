//! Reading the log.

use std::sync::Arc;

use crate::new_log;

#[tokio::test]
async fn an_empty_log_has_a_checkpoint_and_no_tile() {
    let log = new_log().await;
    assert!(log.reader.all().await.is_empty());
    for path in ["0/000", "0/000.p/1", "1/000.p/1", "entries/000", "entries/000.p/1"] {
        assert_eq!(log.reader.tile(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_lead_from_every_entry_to_the_checkpoint() {
    const SIZE: usize = 260;
    let log = Arc::new(new_log().await);
    for path in ["0/000.p/1", "entries/000.p/1"] {
        assert_eq!(log.reader.tile(path).await.status, 404, "{path}");
    }
    let (mut known, mut answers) = (0, Vec::new());
    for size in [1, 2, 255, 256, 257, SIZE] {
        // A real log makes a checkpoint for what comes within a moment.
        let uploads: Vec<_> = (known..size)
            .map(|_| {
                let log = log.clone();
                tokio::spawn(async move { log.add().await })
            })
            .collect();
        for upload in uploads {
            answers.push(upload.await.unwrap());
        }
        known = size;
        assert_eq!(log.reader.all().await.len(), size);
    }
    let leaves = log.reader.all().await;
    for answer in &answers {
        log.check(answer, &leaves);
    }
    // Tiles that are not there yet, and that never will be.
    for path in [
        "0/001",
        "0/001.p/5",
        "0/002",
        "0/002.p/1",
        "1/000",
        "1/000.p/2",
        "2/000.p/1",
        "entries/001",
        "entries/001.p/5",
        "63/000.p/1",
        "64/000.p/1",
        "0/000.p/0",
        "0/000.p/256",
        "0/0",
        "0/x000/000",
        "entries",
        "nope/000",
    ] {
        assert_eq!(log.reader.tile(path).await.status, 404, "{path}");
    }
    let (full, partial) = (log.reader.tile("0/000").await.bytes, log.reader.tile("0/001.p/4").await.bytes);
    assert_eq!((full.len(), partial.len()), (256 * 32, 4 * 32));
    assert_eq!(log.reader.tile("1/000.p/1").await.bytes.len(), 32);
}
