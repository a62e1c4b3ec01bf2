//! The plot: each contender's ratio of medians with its spread, a panel for each client and setup.

use super::apparatus::plot::{Panel, Scale};
use super::report::Measured;

/// As fast as directly, and the aim without tokens.
const SCALE: Scale<'_> = Scale { shown: 0.4..1.2, lines: &[0.5, 0.75, 1.0, 1.05] };

pub fn svg(all: &[Measured]) -> String {
    SCALE.svg(&all.iter().map(panel).collect::<Vec<_>>())
}

fn panel(measured: &Measured) -> Panel<'static> {
    Panel {
        title: format!("{}: median of whole pulls over directly, and 95 % of such medians", measured.name()),
        rows: measured.over_directly_each().collect(),
    }
}
