//! The cost of a pull by the function's memory. Lambda gives processor time in proportion to it, and charges for memory × time.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use testing::process::function;

use crate::apparatus::pulls::known;
use crate::apparatus::ratio::quantile;
use crate::apparatus::runtime_api::Function;
use crate::cpu_group::CpuGroup;
use crate::instance::{Instance, millis};
use crate::{KNOWN_TAG, World};

/// MB. Lambda gives one processor with the last: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>.
const SIZES: [u32; 5] = [128, 256, 512, 1024, ONE_PROCESSOR];
const ONE_PROCESSOR: u32 = 1769;
/// USD for a GB-second on arm64, as in docs/runbook.md.
const PRICE: f64 = 0.000_013_333_4;

/// Requests of each kind that an instance answers once it is warm.
const WARM: usize = 6;
/// Between two requests: an instance that waits has all of its share again.
const PAUSE: Duration = Duration::from_millis(25);

/// A pull as docs/runbook.md has it: nine requests. Five are for blobs, two for manifests by digest.
const BLOBS: f64 = 5.0;
const DIGESTS: f64 = 2.0;
/// Of a hundred pulls, those that meet an instance without the tag in memory, and those that start an instance.
const FROM_LEDGER: f64 = 0.1;
const STARTS: f64 = 0.01;

/// Milliseconds of each request.
#[derive(Default)]
struct Times {
    init: Vec<f64>,
    first: Vec<f64>,
    ledger: Vec<f64>,
    memory: Vec<f64>,
    digest: Vec<f64>,
    blob: Vec<f64>,
    base: Vec<f64>,
}

/// A table by memory, in Markdown. Every instance is asked for tags that it does not know, so there are to be as many as
/// [`tags`] says.
pub fn table(world: &World, group: &Arc<CpuGroup>, instances: usize) -> String {
    let mut text = String::from(
        "| memory, MB | of a processor | start, ms | its first answer, ms | tag in the ledger, ms | tag in memory, ms \
         | digest at hand, ms | blob, ms | GB-s per million pulls | USD |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let mut cheapest: Option<(u32, f64)> = None;
    for size in SIZES {
        let share = f64::from(size) / f64::from(ONE_PROCESSOR);
        let times = measure(world, group, size, share, instances);
        let seconds = billed_millis(&times) / 1e3 * 1e6 * f64::from(size) / 1024.0;
        let medians = [&times.init, &times.first, &times.ledger, &times.memory, &times.digest, &times.blob]
            .map(|column| format!("{:.1}", quantile(column, 0.5)));
        // Writing to a string does not fail.
        let _ =
            writeln!(text, "| {size} | {share:.3} | {} | {seconds:.0} | {:.2} |", medians.join(" | "), seconds * PRICE);
        if cheapest.is_none_or(|(_, least)| seconds < least) {
            cheapest = Some((size, seconds));
        }
    }
    if let Some((size, _)) = cheapest {
        let _ = write!(text, "\n{instances} instances of each. The cheapest for each pull: {size} MB.");
    }
    text
}

/// The tags that [`table`] needs.
pub const fn tags() -> usize {
    WARM + 1
}

/// The mean of what Lambda charges for a pull: it counts whole milliseconds, and the start too.
fn billed_millis(times: &Times) -> f64 {
    let mean = |column: &[f64]| column.iter().map(|time| time.ceil()).sum::<f64>() / column.len() as f64;
    let tag = FROM_LEDGER * mean(&times.ledger) + (1.0 - FROM_LEDGER) * mean(&times.memory);
    let start = mean(&times.init) + mean(&times.first) - mean(&times.memory);
    tag + DIGESTS * mean(&times.digest) + BLOBS * mean(&times.blob) + mean(&times.base) + STARTS * start
}

fn measure(world: &World, group: &Arc<CpuGroup>, size: u32, share: f64, instances: usize) -> Times {
    let mut environment = world.away.clone();
    environment.push(("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(), size.to_string()));
    let mut times = Times::default();
    // The first one brings what is asked into the stand-ins' memory.
    for number in 0..=instances {
        let mut own = Times::default();
        let instance = Instance::start(&function(), &environment, Some(group), Some(share));
        let ask = |method: &str, path: &str, status: u64| {
            let took = millis(instance.answer(Function::event(method, path), status).0);
            std::thread::sleep(PAUSE);
            took
        };
        own.init.push(millis(instance.init));
        own.first.push(ask("GET", KNOWN_TAG, 200));
        for tag in 1..=WARM {
            own.ledger.push(ask("GET", &format!("/v2/registry.test/demo/app/manifests/{}", known(tag)), 200));
            own.memory.push(ask("GET", KNOWN_TAG, 200));
            own.digest.push(ask("GET", &world.by_digest("manifests"), 200));
            own.blob.push(ask("GET", &world.by_digest("blobs"), 307));
            own.base.push(ask("GET", "/v2/", 200));
        }
        if number > 0 {
            times.take(own);
        }
    }
    times
}

impl Times {
    fn take(&mut self, mut other: Self) {
        self.init.append(&mut other.init);
        self.first.append(&mut other.first);
        self.ledger.append(&mut other.ledger);
        self.memory.append(&mut other.memory);
        self.digest.append(&mut other.digest);
        self.blob.append(&mut other.blob);
        self.base.append(&mut other.base);
    }
}
