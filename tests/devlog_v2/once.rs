//! Rekor finds out about an entry that it has as well as it can. The embedded log always does.

use std::sync::Arc;

use crate::new_log;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn one_request_sent_many_times_at_once_makes_one_entry() {
    let log = Arc::new(new_log().await);
    let request = Signed::new(b"at once").request();
    let uploads: Vec<_> = (0..8)
        .map(|_| {
            let (log, request) = (log.clone(), request.clone());
            tokio::spawn(async move { log.post(&request).await })
        })
        .collect();
    let mut added = 0;
    for upload in uploads {
        let answer = upload.await.unwrap();
        match answer.status {
            201 => added += 1,
            _ => assert_eq!((answer.status, answer.find("x-log-index")), (409, Some("0")), "{answer:?}"),
        }
    }
    assert_eq!((added, log.reader.all().await.len()), (1, 1));
}
