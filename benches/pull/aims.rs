//! The aims, and a check of each.

use super::apparatus::limits::Compared;
use super::contenders::{
    DIRECT_DIGEST, DIRECT_GET, DIRECT_HEAD, FIRST_SEEN, FUNCTION_LEDGER, FUNCTION_MEMORY, LEDGER_CALL, LEDGER_GET,
    MEMORY_FAR, MEMORY_GET, MEMORY_HEAD, PINNED_FAR, PINNED_GET, REKOR_FIRST_SEEN, REKOR_WRITE, SLOW_LEDGER_FIRST_SEEN,
    SLOW_LEDGER_LOG_WRITE, V2_FIRST_SEEN,
};
use super::measure::Setup;
use super::ratio::{Ratio, quantile, ratio};
use super::throughput::{Throughput, Turn};

/// One aim in one setup.
pub struct Aim {
    /// A name that stays, for the limits.
    pub key: String,
    pub text: String,
    pub limit: Limit,
    pub measured: Ratio,
}

#[derive(Debug, Clone, Copy)]
pub enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Aim {
    pub fn is_met(&self) -> bool {
        match self.limit {
            Limit::AtMost(most) => self.measured.value <= most,
            Limit::AtLeast(least) => self.measured.value >= least,
        }
    }
}

/// The median and the 99th of a hundred.
pub const QUANTILES: [(&str, f64); 2] = [("median", 0.5), ("p99", 0.99)];

/// From this distance on a known tag is to cost hardly more than the round trip. Nearer than that no registry is.
const FAR: u64 = 20;

pub fn aims(setups: &[Setup], throughput: &[Throughput]) -> Vec<Aim> {
    let mut aims: Vec<Aim> = setups.iter().filter(|setup| setup.millis >= FAR).flat_map(known_tags).collect();
    // Nearer, the ledger is read for longer than the registry is asked.
    aims.extend(setups.iter().filter(|setup| setup.millis >= FAR).map(slow_ledger));
    aims.extend(setups.iter().map(v2_over_v1));
    let with_rekor = setups.iter().filter(|setup| !setup.times(REKOR_WRITE).is_empty());
    aims.extend(with_rekor.map(|setup| first_sight(setup, REKOR_FIRST_SEEN, REKOR_WRITE)));
    let of_core: fn(&Turn) -> f64 = |turn| turn.pulls_per_second;
    // The same where other programs take time from the core.
    let of_cpu: fn(&Turn) -> f64 = |turn| 1e6 / turn.cpu_per_pull;
    for throughput in throughput {
        aims.extend(per_core(throughput, "core", of_core));
        aims.extend(per_core(throughput, "CPU time", of_cpu));
    }
    aims
}

/// Medians and CPU time, for the limits. What is rare, and what one core makes, a short run on a busy machine cannot tell.
pub fn compared(aims: &[Aim]) -> Vec<Compared> {
    let told = aims.iter().filter(|aim| !aim.key.ends_with("p99") && !aim.key.ends_with("by core"));
    let more = |limit| matches!(limit, Limit::AtLeast(_));
    told.map(|aim| Compared { key: aim.key.clone(), measured: aim.measured, more: more(aim.limit) }).collect()
}

fn known_tags(setup: &Setup) -> Vec<Aim> {
    let cases = [
        (MEMORY_GET, DIRECT_GET, 1.05),
        (MEMORY_HEAD, DIRECT_HEAD, 1.05),
        (MEMORY_FAR, DIRECT_GET, 1.05),
        (PINNED_GET, DIRECT_DIGEST, 1.05),
        (PINNED_FAR, DIRECT_DIGEST, 1.05),
        (FUNCTION_MEMORY, DIRECT_GET, 1.05),
        (LEDGER_GET, DIRECT_GET, 1.10),
        (FUNCTION_LEDGER, DIRECT_GET, 1.10),
    ];
    let aim = |(name, base, most): (&str, &str, f64), (which, part)| Aim {
        key: format!("{name}, {}, {which}", setup.name()),
        text: format!("{name}: {which}, over '{base}', {}", setup.name()),
        limit: Limit::AtMost(most),
        measured: ratio(setup.times(name), setup.times(base), part),
    };
    cases.into_iter().flat_map(|case| QUANTILES.map(|quantile| aim(case, quantile))).collect()
}

/// The times that a contender takes beyond asking the registry.
fn beyond_direct(setup: &Setup, name: &str) -> Vec<f64> {
    setup.times(name).iter().zip(setup.times(DIRECT_GET)).map(|(first, direct)| first - direct).collect()
}

/// The time that a first sight takes beyond asking the registry, over the same with a log of API v1.
fn v2_over_v1(setup: &Setup) -> Aim {
    let [v1, v2] = [FIRST_SEEN, V2_FIRST_SEEN].map(|name| beyond_direct(setup, name));
    Aim {
        key: format!("{V2_FIRST_SEEN}, over v1, {}", setup.name()),
        text: format!("{V2_FIRST_SEEN}: median of what it takes beyond '{DIRECT_GET}', over v1's, {}", setup.name()),
        limit: Limit::AtMost(1.20),
        measured: ratio(&v2, &v1, 0.5),
    }
}

/// Ledger calls of a first sight that wait for one another.
const CALLS_IN_TURN: u32 = 3;

/// The milliseconds that a first sight takes beyond asking the registry and the log's own write, with a slow ledger.
fn slow_ledger(setup: &Setup) -> Aim {
    let beyond = beyond_direct(setup, SLOW_LEDGER_FIRST_SEEN);
    let beyond: Vec<f64> =
        beyond.iter().zip(setup.times(SLOW_LEDGER_LOG_WRITE)).map(|(beyond, write)| beyond - write).collect();
    let whole = vec![1.0; beyond.len()];
    Aim {
        key: format!("{SLOW_LEDGER_FIRST_SEEN}, {}", setup.name()),
        text: format!(
            "{SLOW_LEDGER_FIRST_SEEN}: median, in ms, of what it takes beyond '{DIRECT_GET}' and the log's write, {}",
            setup.name()
        ),
        limit: Limit::AtMost((LEDGER_CALL * CALLS_IN_TURN).as_secs_f64() * 1e3),
        measured: ratio(&beyond, &whole, 0.5),
    }
}

/// The time that a first sight takes beyond asking the registry, over the log's own write.
fn first_sight(setup: &Setup, name: &str, write: &str) -> Aim {
    let beyond = beyond_direct(setup, name);
    Aim {
        key: format!("{name}, {}", setup.name()),
        text: format!("{name}: median of what it takes beyond \'{DIRECT_GET}\', over \'{write}\', {}", setup.name()),
        limit: Limit::AtMost(1.20),
        measured: ratio(&beyond, setup.times(write), 0.5),
    }
}

fn per_core(throughput: &Throughput, per: &str, rate: fn(&Turn) -> f64) -> Option<Aim> {
    let cache = throughput.cache.as_deref()?;
    let turns: Vec<f64> = throughput.serve.iter().zip(cache).map(|(ours, theirs)| rate(ours) / rate(theirs)).collect();
    let measured = Ratio { value: quantile(&turns, 0.5), low: quantile(&turns, 0.0), high: quantile(&turns, 1.0) };
    Some(Aim {
        key: format!("throughput, {}, by {per}", throughput.method),
        text: format!("{}s of a known tag per second of {per}, over distribution 3's", throughput.method),
        limit: Limit::AtLeast(1.0),
        measured,
    })
}
