//! From asking for a tag to holding its manifest, against asking the registry directly: all contenders in turns, in one run.
//!
//!     cargo bench --bench pull                     the whole run: docs/bench.md and docs/bench.svg
//!     cargo bench --bench pull -- check            a short run, compared with benches/limits.json
//!     cargo bench --bench pull -- keep             a short run, kept in benches/limits.json
//!     cargo bench --bench pull -- try              a very short run, shown only

#[path = "../apparatus/mod.rs"]
mod apparatus;

mod aims;
mod contenders;
mod measure;
mod plot;
mod report;
mod throughput;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use apparatus::{limits, ratio};
use measure::Setup;
use world::World;

/// Milliseconds of a round trip, whether a token is wanted, and rounds.
type Plan = &'static [(u64, bool, usize)];

// About six minutes in all.
const WHOLE: Plan =
    &[(0, false, 400), (20, false, 200), (80, false, 70), (0, true, 200), (20, true, 60), (80, true, 30)];
const SHORT: Plan = &[(20, false, 60)];
const TRY: Plan = &[(0, false, 10), (20, true, 10)];

fn main() -> ExitCode {
    let mode = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let (plan, turn) = match mode.as_str() {
        "" => (WHOLE, Duration::from_secs(2)),
        "check" | "keep" => (SHORT, Duration::from_secs(2)),
        "try" => (TRY, Duration::from_millis(500)),
        other => panic!("expected check, keep or try, found '{other}'"),
    };
    let rounds = plan.iter().map(|(_, _, rounds)| *rounds).max().unwrap_or(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = Rc::new(runtime.block_on(World::make(rounds + 1, plan.len())));
    let measure = |(millis, token, rounds): &(u64, bool, usize)| {
        eprintln!("a round trip of {millis} ms{}: {rounds} rounds", if *token { ", with a token" } else { "" });
        Setup::measure(&world, *millis, *token, *rounds)
    };
    let setups: Vec<Setup> = plan.iter().map(measure).collect();
    eprintln!("throughput");
    let throughput = throughput::measure(&world, turn);
    let aims = aims::aims(&setups, &throughput);

    let table = report::markdown(&setups, &throughput, &aims);
    println!("{table}");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let raw = root.join("target/bench");
    std::fs::create_dir_all(&raw).unwrap();
    std::fs::write(raw.join("pull.tsv"), setups.iter().map(Setup::raw).collect::<String>()).unwrap();
    let kept = root.join("benches/limits.json");
    match mode.as_str() {
        "" => {
            let page = root.join("docs/bench.md");
            let text = std::fs::read_to_string(&page).unwrap();
            std::fs::write(page, report::insert(&text, &table)).unwrap();
            std::fs::write(root.join("docs/bench.svg"), plot::svg(&setups)).unwrap();
        }
        "keep" => limits::keep(&kept, &aims::compared(&aims)),
        "check" => return limits::check(&kept, &aims::compared(&aims)),
        _ => std::fs::write(raw.join("try.svg"), plot::svg(&setups)).unwrap(),
    }
    ExitCode::SUCCESS
}
