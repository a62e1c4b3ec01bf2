//! A plot of ratios: each with its spread, a panel for each setup, as SVG.

use std::fmt::Write as _;
use std::ops::Range;

use super::ratio::Ratio;

const WIDTH: f64 = 900.0;
const LABELS: f64 = 340.0;
const ROW: f64 = 18.0;
const HEADER: f64 = 40.0;

/// One setup's ratios, each with a label.
pub struct Panel<'a> {
    pub title: String,
    pub rows: Vec<(&'a str, Ratio)>,
}

/// The scale of all panels.
pub struct Scale<'a> {
    /// Ratios beyond these are drawn at the edge, with their number.
    pub shown: Range<f64>,
    /// Vertical lines: as fast as directly, and the aims.
    pub lines: &'a [f64],
}

impl Scale<'_> {
    fn x(&self, ratio: f64) -> f64 {
        let Range { start, end } = self.shown;
        LABELS + (ratio.clamp(start, end) - start) / (end - start) * (WIDTH - LABELS - 90.0)
    }

    pub fn svg(&self, panels: &[Panel<'_>]) -> String {
        let mut body = String::new();
        let mut y = 10.0;
        for panel in panels {
            y = self.panel(&mut body, panel, y);
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
        )
    }

    /// Draws a panel from `top` on. Returns where it ends.
    fn panel(&self, body: &mut String, panel: &Panel<'_>, top: f64) -> f64 {
        let bottom = top + HEADER + ROW * panel.rows.len() as f64;
        // Writing to a string does not fail.
        let _ = writeln!(body, "<text x=\"10\" y=\"{}\" font-weight=\"bold\">{}</text>", top + 16.0, panel.title);
        for line in self.lines {
            let (x, colour) = (self.x(*line), if *line == 1.0 { "#000" } else { "#777" });
            let _ = writeln!(
                body,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\" stroke=\"{colour}\" \
                 stroke-width=\"0.7\"/><text x=\"{x:.1}\" y=\"{}\" font-size=\"9\" text-anchor=\"middle\" \
                 fill=\"{colour}\">{line}</text>",
                top + HEADER - 8.0,
                top + HEADER - 11.0
            );
        }
        for (row, (name, ratio)) in panel.rows.iter().enumerate() {
            let y = top + HEADER + ROW * row as f64 + ROW / 2.0;
            let (text, centre) = (y + 4.0, self.x(ratio.value));
            let _ = writeln!(
                body,
                "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{name}</text>\
                 <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#36c\" stroke-width=\"2\"/>\
                 <circle cx=\"{centre:.1}\" cy=\"{y}\" r=\"3.5\" fill=\"#36c\"/>\
                 <text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{}{:.3}</text>",
                LABELS - 10.0,
                self.x(ratio.low),
                self.x(ratio.high),
                WIDTH - 10.0,
                if self.shown.contains(&ratio.value) { "" } else { "→ " },
                ratio.value
            );
        }
        bottom + 20.0
    }
}
