//! The plot: each contender's ratio of medians with its spread, a panel for each setup, as SVG.

use std::fmt::Write as _;

use super::measure::Setup;
use super::ratio::ratio;
use super::report::base;

const WIDTH: f64 = 900.0;
const LABELS: f64 = 340.0;
const ROW: f64 = 18.0;
const HEADER: f64 = 40.0;
/// Ratios beyond this are drawn at the edge, with their number.
const EDGE: f64 = 1.5;
const START: f64 = 0.8;
/// Vertical lines: as fast as directly, and the aims for tags in memory and in the ledger.
const LINES: [f64; 3] = [1.0, 1.05, 1.10];

fn x(ratio: f64) -> f64 {
    LABELS + (ratio.clamp(START, EDGE) - START) / (EDGE - START) * (WIDTH - LABELS - 90.0)
}

pub fn svg(setups: &[Setup]) -> String {
    let mut body = String::new();
    let mut y = 10.0;
    for setup in setups {
        y = panel(&mut body, setup, y);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

/// Draws a setup from `top` on, and says where it ends.
fn panel(body: &mut String, setup: &Setup, top: f64) -> f64 {
    let rows: Vec<(&str, &str)> =
        setup.names.iter().filter_map(|name| Some((*name, base(name)?))).filter(|(name, base)| name != base).collect();
    let bottom = top + HEADER + ROW * rows.len() as f64;
    // Writing to a string does not fail.
    let _ = writeln!(
        body,
        "<text x=\"10\" y=\"{}\" font-weight=\"bold\">A round trip of {}: median over directly, and 95 % of such \
         medians</text>",
        top + 16.0,
        setup.name()
    );
    for line in LINES {
        let (x, colour) = (x(line), if line == 1.0 { "#000" } else { "#999" });
        let _ = writeln!(
            body,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\" stroke=\"{colour}\" stroke-width=\"0.7\"/>\
             <text x=\"{x:.1}\" y=\"{}\" font-size=\"9\" text-anchor=\"middle\" fill=\"{colour}\">{line}</text>",
            top + HEADER - 8.0,
            top + HEADER - 11.0
        );
    }
    for (row, (name, base)) in rows.iter().enumerate() {
        let ratio = ratio(setup.times(name), setup.times(base), 0.5);
        let y = top + HEADER + ROW * row as f64 + ROW / 2.0;
        let (text, centre) = (y + 4.0, x(ratio.value));
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{name}</text>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#36c\" stroke-width=\"2\"/>\
             <circle cx=\"{centre:.1}\" cy=\"{y}\" r=\"3.5\" fill=\"#36c\"/>\
             <text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{}{:.3}</text>",
            LABELS - 10.0,
            x(ratio.low),
            x(ratio.high),
            WIDTH - 10.0,
            if ratio.value > EDGE { "→ " } else { "" },
            ratio.value
        );
    }
    bottom + 20.0
}
