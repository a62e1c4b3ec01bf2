//! The table, as Markdown, in the part of `docs/bench.md` that is generated.

use std::fmt::Write as _;

use super::aims::{Aim, Limit, QUANTILES};
use super::contenders::{
    DIRECT_DIGEST, DIRECT_GET, DIRECT_HEAD, LOG_WRITE, PINNED_FAR, PINNED_GET, REKOR_WRITE, SLOW_LEDGER_LOG_WRITE,
    V2_LOG_WRITE,
};
use super::measure::Setup;
use super::ratio::{quantile, ratio};
use super::throughput::{Throughput, Turn};

const BEGIN: &str = "<!-- from here on: written by 'make bench' -->\n";
const END: &str = "<!-- to here -->\n";

/// `page` with its generated part replaced.
pub fn insert(page: &str, generated: &str) -> String {
    let (before, rest) = page.split_once(BEGIN).expect("docs/bench.md has the marker of the generated part's begin");
    let (_, after) = rest.split_once(END).expect("docs/bench.md has the marker of the generated part's end");
    format!("{before}{BEGIN}\n{generated}\n{END}{after}")
}

/// The contender that another's times are compared with.
pub fn base(name: &str) -> Option<&'static str> {
    match name {
        LOG_WRITE | V2_LOG_WRITE | SLOW_LEDGER_LOG_WRITE | REKOR_WRITE => None,
        DIRECT_DIGEST | PINNED_GET | PINNED_FAR => Some(DIRECT_DIGEST),
        name if name.contains("HEAD") => Some(DIRECT_HEAD),
        _ => Some(DIRECT_GET),
    }
}

pub fn markdown(setups: &[Setup], throughput: &[Throughput], aims: &[Aim]) -> String {
    let mut text = String::new();
    for setup in setups {
        // Writing to a string does not fail.
        let _ = write!(text, "{}", table(setup));
    }
    text.push_str(&rates(throughput));
    text.push_str(&verdicts(aims));
    text
}

fn table(setup: &Setup) -> String {
    let rounds = setup.times(DIRECT_GET).len();
    let mut text = format!(
        "### A round trip of {}\n\n{rounds} rounds.\n\n\
         | | median, ms | over directly: median | over directly: p99 |\n|---|--:|--:|--:|\n",
        setup.name()
    );
    for name in &setup.names {
        let times = setup.times(name);
        let of = |part| base(name).map(|base| ratio(times, setup.times(base), part).to_string()).unwrap_or_default();
        let [median, p99] = QUANTILES.map(|(_, part)| of(part));
        let _ = writeln!(text, "| {name} | {:.2} | {median} | {p99} |", quantile(times, 0.5));
    }
    text.push('\n');
    text
}

fn rates(throughput: &[Throughput]) -> String {
    let mut text = "### Known tags per second on one core\n\n\
        | | serve | distribution 3 | CPU of a pull: serve | CPU of a pull: distribution 3 |\n|---|--:|--:|--:|--:|\n"
        .to_owned();
    let median = |turns: &[Turn], of: fn(&Turn) -> f64| quantile(&turns.iter().map(of).collect::<Vec<f64>>(), 0.5);
    for Throughput { method, serve, cache } in throughput {
        let rate = |turns: &[Turn]| format!("{:.0}", median(turns, |turn| turn.pulls_per_second));
        let cpu = |turns: &[Turn]| format!("{:.0} µs", median(turns, |turn| turn.cpu_per_pull));
        let theirs = |of: &dyn Fn(&[Turn]) -> String| cache.as_deref().map_or("not measured".to_owned(), of);
        let cells = [rate(serve), theirs(&rate), cpu(serve), theirs(&cpu)];
        let _ = writeln!(text, "| {method} | {} |", cells.join(" | "));
    }
    text.push('\n');
    text
}

fn verdicts(aims: &[Aim]) -> String {
    let mut text = "### Aims\n\n| | aim | measured | |\n|---|--:|--:|---|\n".to_owned();
    for aim in aims {
        let verdict = if aim.is_met() { "met" } else { "**not met**" };
        let limit = match aim.limit {
            Limit::AtMost(most) => format!("≤ {most:.2}"),
            Limit::AtLeast(least) => format!("≥ {least:.2}"),
        };
        let _ = writeln!(text, "| {} | {limit} | {} | {verdict} |", aim.text, aim.measured);
    }
    text
}
