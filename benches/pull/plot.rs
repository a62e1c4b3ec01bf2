//! The plot: each contender's ratio of medians with its spread, a panel for each setup.

use super::apparatus::plot::{Panel, Scale};
use super::measure::Setup;
use super::ratio::ratio;
use super::report::base;

/// As fast as directly, and the aims for tags in memory and in the ledger.
const SCALE: Scale<'_> = Scale { shown: 0.8..1.5, lines: &[1.0, 1.05, 1.10] };

pub fn svg(setups: &[Setup]) -> String {
    SCALE.svg(&setups.iter().map(panel).collect::<Vec<_>>())
}

fn panel(setup: &Setup) -> Panel<'static> {
    let compared = setup.names.iter().filter_map(|name| Some((*name, base(name)?)));
    let compared = compared.filter(|(name, base)| name != base);
    Panel {
        title: format!("A round trip of {}: median over directly, and 95 % of such medians", setup.name()),
        rows: compared.map(|(name, base)| (name, ratio(setup.times(name), setup.times(base), 0.5))).collect(),
    }
}
