//! Time per pull of a known tag, by how many tags the ledger knows.

use std::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue::S;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use testing::table::Table;
use tlogistry::http::Service;
use tlogistry::image::Digest;
use tlogistry::ledger::{Ledger, MemoryLedger, Row, RowState};

use crate::apparatus::pulls::{Around, Case, ROWS, pull, soon};

/// Rows in one write to DynamoDB, at most.
const BATCH: usize = 25;

/// A row of another tag, of the size that real ones have in DynamoDB. Nobody asks for it, so nobody checks it.
fn filler(number: usize, bytes: usize) -> Row {
    Row {
        tag: format!("registry.test/other/app-{}:{number}", number % 1000),
        digest: format!("sha256:{number:064x}"),
        key: String::new(),
        signature: String::new(),
        state: RowState::Recorded { entry: "e".repeat(bytes), indexed: true },
        place: None,
    }
}

/// A service whose ledger, in memory, knows `tags` tags more than it is asked for.
pub async fn in_memory(around: &Around, digest: &Digest, tags: usize) -> Service {
    let ledger = Ledger::Memory(MemoryLedger::default());
    for number in 0..tags {
        // Short ones: a million is to fit into memory.
        assert!(ledger.insert(&filler(number, 64), soon()).await.unwrap());
    }
    around.service(ledger, ROWS, digest, "16777216").await
}

/// The same with a table of DynamoDB Local.
pub async fn in_table(around: &Around, digest: &Digest, tags: usize) -> Service {
    let table = Table::start().await;
    let numbers: Vec<usize> = (0..tags).collect();
    for batch in numbers.chunks(BATCH) {
        let writes = batch.iter().map(|number| {
            let row = filler(*number, 0);
            let put = PutRequest::builder()
                .item("tag", S(row.tag))
                .item("digest", S(row.digest))
                .item("entry", S("e".repeat(1000)))
                .build();
            WriteRequest::builder().put_request(put.unwrap()).build()
        });
        table.client.batch_write_item().request_items(&table.name, writes.collect()).send().await.unwrap();
    }
    let ledger = table.ledger();
    around.service(ledger, ROWS, digest, "16777216").await
}

/// Milliseconds of pulls from each service, in turns: every tag is one that the service has not seen yet.
pub async fn pulls(services: &[Service]) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::new(); services.len()];
    for round in 0..ROWS {
        for (service, times) in services.iter().zip(&mut times) {
            let began = Instant::now();
            pull(service, Case::Ledger, round).await;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    // The first opened connections.
    for times in &mut times {
        times.remove(0);
    }
    times
}
