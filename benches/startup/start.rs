//! The start, against a function that does nothing: in turns, under the same limits.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::Arc;

use testing::process::{built, clean, function};

use crate::apparatus::ratio::{Ratio, quantile, ratio};
use crate::apparatus::runtime_api::Function;
use crate::cpu_group::CpuGroup;
use crate::instance::{Instance, millis};
use crate::{KNOWN_TAG, World};

/// Parts of a processor that an instance has after its start: all, and what Lambda gives with about 256 and 512 MB.
const SHARES: [Option<f64>; 3] = [None, Some(0.15), Some(0.3)];
/// The most that the first call for an event, and the first answer, may take, over the bare function's.
const AIM: f64 = 1.5;

/// Contenders: the name, the path that is asked for, and the status of its answer.
const CONTENDERS: [(&str, &str, u64); 3] =
    [("tlogistry: a known tag", KNOWN_TAG, 200), ("tlogistry: /v2/", "/v2/", 200), (BARE, "/v2/", 200)];
const BARE: &str = "a function that does nothing";

/// Milliseconds and MiB, over all rounds.
#[derive(Default)]
struct Times {
    init: Vec<f64>,
    init_cpu: Vec<f64>,
    answer: Vec<f64>,
    answer_cpu: Vec<f64>,
    peak: Vec<f64>,
}

/// A table of the start, in Markdown.
pub fn table(world: &World, group: Option<&Arc<CpuGroup>>, rounds: usize) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "| of a processor, once started | | first call, ms | | first answer, ms | | processor time for both, ms \
         | memory, MiB |\n|---|---|--:|---|--:|---|--:|--:|\n"
    );
    for share in SHARES {
        if share.is_some() && group.is_none() {
            continue;
        }
        let times = CONTENDERS.map(|_| Times::default());
        let times = measure(world, group, share, rounds, times);
        let bare = &times[CONTENDERS.len() - 1];
        for ((name, ..), own) in CONTENDERS.iter().zip(&times) {
            let over = |own: &[f64], of: &[f64]| match *name {
                BARE => String::new(),
                _ => judged(ratio(own, of, 0.5)),
            };
            let _ = writeln!(
                text,
                "| {} | {name} | {:.1} | {} | {:.1} | {} | {:.1} + {:.1} | {:.1} |",
                share.map_or_else(|| "all".to_owned(), |share| format!("{share}")),
                quantile(&own.init, 0.5),
                over(&own.init, &bare.init),
                quantile(&own.answer, 0.5),
                over(&own.answer, &bare.answer),
                quantile(&own.init_cpu, 0.5),
                quantile(&own.answer_cpu, 0.5),
                quantile(&own.peak, 0.5),
            );
        }
    }
    let _ = write!(text, "\n{rounds} rounds. Over the function that does nothing at most {AIM} was aimed at.");
    text
}

fn judged(ratio: Ratio) -> String {
    let verdict = if ratio.value <= AIM { "met" } else { "**not met**" };
    format!("{:.2} ({:.2} to {:.2}): {verdict}", ratio.value, ratio.low, ratio.high)
}

fn measure<const N: usize>(
    world: &World,
    group: Option<&Arc<CpuGroup>>,
    share: Option<f64>,
    rounds: usize,
    mut times: [Times; N],
) -> [Times; N] {
    let mut order: Vec<usize> = (0..N).collect();
    // The first round brings the files into memory.
    for round in 0..=rounds {
        fastrand::shuffle(&mut order);
        for contender in &order {
            let (name, path, status) = CONTENDERS[*contender];
            let instance = Instance::start(&program(name), &world.near, group, share);
            let (answer, answer_cpu) = instance.answer(Function::event("GET", path), status);
            if round == 0 {
                continue;
            }
            let own = &mut times[*contender];
            own.init.push(millis(instance.init));
            own.init_cpu.push(millis(instance.init_cpu));
            own.answer.push(millis(answer));
            own.answer_cpu.push(millis(answer_cpu));
            own.peak.push(instance.function.peak_mib());
        }
    }
    times
}

fn program(name: &str) -> Command {
    if name == BARE { clean(built("examples/bare_function")) } else { function() }
}
