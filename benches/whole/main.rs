//! Whole pulls by real clients, from a registry itself and through tlogistry, all in turns in one run.
//!
//!     cargo bench --bench whole                 the whole run: a part of docs/bench.md, docs/bench-whole.svg, and
//!                                               benches/pull-costs.json, which 'make cost-page' counts with
//!     cargo bench --bench whole -- check        a short run, compared with benches/limits-whole.json
//!     cargo bench --bench whole -- keep         a short run, kept there
//!     cargo bench --bench whole -- try          a very short run, shown only

#[path = "../apparatus/mod.rs"]
mod apparatus;

mod clients;
mod costs;
mod image;
mod plot;
mod report;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use testing::containerd::Containerd;
use testing::process::tool;

use apparatus::limits::{self, Compared};
use apparatus::ratio;
use clients::{Client, Ctr, Skopeo};
use report::Measured;
use world::{KNOWN, Setting, World, direct, new_tag, through};

pub const DIRECT: &str = "directly";
pub const SERVE: &str = "serve";
pub const SERVE_COLD: &str = "serve, just started";
pub const FUNCTION: &str = "function";
pub const FUNCTION_COLD: &str = "function, just started";
pub const FIRST: &str = "serve, first pull of a tag";

/// Milliseconds of a round trip, whether a token is wanted, and rounds.
type Plan = &'static [(u64, bool, usize)];

const WHOLE: Plan = &[(20, true, 15), (20, false, 15), (80, true, 9), (80, false, 9)];
const SHORT: Plan = &[(20, true, 7), (20, false, 7)];
const TRY: Plan = &[(20, true, 2), (20, false, 2)];

fn main() -> ExitCode {
    let mode = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let plan = match mode.as_str() {
        "" => WHOLE,
        "check" | "keep" => SHORT,
        "try" => TRY,
        other => panic!("expected check, keep or try, found '{other}'"),
    };
    let new = plan.iter().map(|(_, _, rounds)| rounds * 2).sum();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::make(new));
    let skopeo = Skopeo { expected: world.image.images[0].clone() };
    let containerd = Ctr(Containerd::start(tool("containerd"), || tool("ctr")));
    let clients: [&dyn Client; 2] = [&skopeo, &containerd];
    let mut tags = (0..new).map(new_tag);
    let mut measured = Vec::new();
    for (millis, token, rounds) in plan {
        let setting = world.setting(*millis, *token);
        for client in clients {
            eprintln!("{}, a round trip of {millis} ms, token: {token}: {rounds} rounds", client.name());
            measured.push(measure(&world, &setting, client, *rounds, &mut tags));
        }
    }
    let table = report::markdown(&measured);
    println!("{table}");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let kept = root.join("benches/limits-whole.json");
    let compared: Vec<Compared> = measured.iter().flat_map(report::compared).collect();
    match mode.as_str() {
        "" => {
            apparatus::page::replace(&root.join("docs/bench.md"), "bench-pull-whole", &table);
            std::fs::write(root.join("docs/bench-whole.svg"), plot::svg(&measured)).unwrap();
            std::fs::write(root.join("benches/pull-costs.json"), costs::json(&measured)).unwrap();
        }
        "keep" => limits::keep(&kept, &compared),
        "check" => return limits::check(&kept, &compared),
        _ => {
            let folder = root.join("target/bench");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("try-whole.svg"), plot::svg(&measured)).unwrap();
            std::fs::write(folder.join("try-costs.json"), costs::json(&measured)).unwrap();
        }
    }
    ExitCode::SUCCESS
}

/// Rounds in which each contender pulls once, in another order each time.
fn measure(
    world: &World,
    setting: &Setting,
    client: &dyn Client,
    rounds: usize,
    tags: &mut impl Iterator<Item = String>,
) -> Measured {
    let (_serve, serve) = world.serve(setting, "warm");
    let ((gateway, function), itself) = (world.function(setting), direct(&setting.registry));
    // Tokens are held, connections open, and the tag is known.
    client.pull(&itself);
    client.pull(&through(&serve, KNOWN));
    client.pull(&through(&function, KNOWN));
    let mut pull = |name: &str| -> Duration {
        match name {
            DIRECT => client.pull(&itself),
            SERVE => client.pull(&through(&serve, KNOWN)),
            FUNCTION => client.pull(&through(&function, KNOWN)),
            FIRST => client.pull(&through(&serve, &tags.next().expect("there are as many as rounds"))),
            SERVE_COLD => {
                let (_instance, address) = world.serve(setting, "cold");
                client.pull(&through(&address, KNOWN))
            }
            _ => {
                let (_gateway, address) = world.function(setting);
                client.pull(&through(&address, KNOWN))
            }
        }
    };
    let mut names = [DIRECT, SERVE, SERVE_COLD, FUNCTION, FUNCTION_COLD, FIRST];
    let mut times: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    let mut counts: BTreeMap<&'static str, BTreeMap<String, usize>> = BTreeMap::new();
    setting.counts.take();
    for _ in 0..rounds {
        fastrand::shuffle(&mut names);
        for name in names {
            let took = pull(name);
            times.entry(name).or_default().push(took.as_secs_f64() * 1e3);
            let of_name = counts.entry(name).or_default();
            for (what, count) in setting.counts.take() {
                *of_name.entry(what).or_default() += count;
            }
        }
    }
    let lines = gateway.lines();
    Measured { client: client.name(), millis: setting.millis, token: setting.token, rounds, times, counts, lines }
}
