//! Ratios that are not to grow: a short run's, compared with those kept in `benches/limits.json`.

use std::collections::BTreeMap;

use super::aims::{Aim, Limit};

/// The difference that a short run's ratio may have from the one kept, on a machine that does other things too.
const SLACK: f64 = 0.10;

pub type Limits = BTreeMap<String, f64>;

/// Medians and CPU time. What is rare, and what one core makes, a short run on a busy machine cannot tell.
fn compared(aims: &[Aim]) -> impl Iterator<Item = &Aim> {
    aims.iter().filter(|aim| !aim.key.ends_with("p99") && !aim.key.ends_with("by core"))
}

/// The kept part of a run.
pub fn of(aims: &[Aim]) -> Limits {
    compared(aims).map(|aim| (aim.key.clone(), (aim.measured.value * 1000.0).round() / 1000.0)).collect()
}

/// Ratios that moved to the worse: more than the slack, and with its whole spread.
pub fn moved(aims: &[Aim], kept: &Limits) -> Vec<String> {
    let of = |aim: &Aim| {
        let Some(kept) = kept.get(&aim.key) else { return Some(format!("{}: no limit is kept", aim.key)) };
        let worse = match aim.limit {
            Limit::AtMost(_) => aim.measured.low > kept * (1.0 + SLACK),
            Limit::AtLeast(_) => aim.measured.high < kept * (1.0 - SLACK),
        };
        worse.then(|| format!("{}: {}, was {kept}", aim.key, aim.measured))
    };
    compared(aims).filter_map(of).collect()
}
