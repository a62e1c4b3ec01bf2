//! Growth: does a pull take longer, or hold more, the more tags and entries there are?
//!
//!     cargo bench --bench growth                  the ledger and the log, up to what fills in a minute or two
//!     cargo bench --bench growth -- all           the same up to a million each: takes long
//!     cargo bench --bench growth -- memory        what the function holds over ten thousand distinct tags

#[path = "../apparatus/mod.rs"]
mod apparatus;

mod ledger;
mod log;
mod memory;

use apparatus::fixed_registry;
use apparatus::pulls::Around;
use apparatus::ratio::{quantile, ratio};
use testing::image::Image;
use testing::transparency_log::TransparencyLog;

fn main() {
    let mode = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match mode.as_str() {
        "" => runtime.block_on(times(100_000, 200_000)),
        "all" => runtime.block_on(times(1_000_000, 1_000_000)),
        "memory" => runtime.block_on(held()),
        other => panic!("'{other}' is none of all, memory"),
    }
}

async fn times(most_rows: usize, most_entries: usize) {
    let image = Image::oci("growth");
    let bytes: std::sync::Arc<[u8]> = image.manifest.as_ref().into();
    let registry = fixed_registry::start(image.media_type, move |_| bytes.clone());
    let log = TransparencyLog::start();
    let around = Around { registry, log: log.url.clone(), log_key: log.public_key.clone() };
    println!("| | | median, ms | over the smallest: median |\n|---|--:|--:|--:|");

    let (sizes, mut services) = ([0, 1_000, 1_000_000], Vec::new());
    for size in sizes {
        services.push(ledger::in_memory(&around, &image.digest(), size).await);
    }
    table("pull, known in the ledger in memory, of so many tags", &sizes, &ledger::pulls(&services).await);
    drop(services);

    let (sizes, mut services) = ([0, 1_000, most_rows], Vec::new());
    for size in sizes {
        services.push(ledger::in_table(&around, &image.digest(), size).await);
    }
    table("pull, known in a table (DynamoDB Local), of so many tags", &sizes, &ledger::pulls(&services).await);
    drop(services);

    let (sizes, mut logs) = ([100, 10_000, most_entries], Vec::new());
    for size in sizes {
        logs.push(log::Filled::with(size).await);
    }
    let (writes, searches) = log::writes_and_searches(&mut logs).await;
    table("write to the embedded log, of so many entries", &sizes, &writes);
    table("search in the embedded log, of so many entries", &sizes, &searches);
}

fn table(what: &str, sizes: &[usize], times: &[Vec<f64>]) {
    for (size, of_size) in sizes.iter().zip(times) {
        println!("| {what} | {size} | {:.3} | {} |", quantile(of_size, 0.5), ratio(of_size, &times[0], 0.5));
    }
}

async fn held() {
    println!("| distinct tags pulled from the function | held at most, MiB |\n|--:|--:|");
    for (pulls, peak) in memory::over(10_000, 10).await {
        println!("| {pulls} | {peak:.1} |");
    }
    println!("\na manifest of 4 MiB: {:.1} MiB more at most", memory::of_large().await);
}
