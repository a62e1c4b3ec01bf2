//! Times and requests of whole pulls, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::apparatus::limits::Compared;
use super::ratio::{Ratio, quantile, ratio};
use super::{DIRECT, FIRST, FUNCTION, FUNCTION_COLD, SERVE, SERVE_COLD};

/// One client's pulls from a registry at one distance.
pub struct Measured {
    pub client: &'static str,
    pub millis: u64,
    pub token: bool,
    pub rounds: usize,
    /// Milliseconds, by contender.
    pub times: BTreeMap<&'static str, Vec<f64>>,
    /// Requests at the registry over all rounds, by contender and kind.
    pub counts: BTreeMap<&'static str, BTreeMap<String, usize>>,
    /// The lines of the function that was warm, of one pull more than there are rounds.
    pub lines: Vec<String>,
}

const NAMES: [&str; 6] = [DIRECT, SERVE, SERVE_COLD, FUNCTION, FUNCTION_COLD, FIRST];

impl Measured {
    fn over_directly(&self, name: &str) -> Ratio {
        ratio(&self.times[name], &self.times[DIRECT], 0.5)
    }

    /// No slower than going direct; without tokens a client saves less, and our hop is a part of each blob.
    fn aim(&self) -> f64 {
        if self.token { 1.00 } else { 1.05 }
    }

    /// All contenders but going direct itself.
    pub fn over_directly_each(&self) -> impl Iterator<Item = (&'static str, Ratio)> {
        NAMES.into_iter().filter(|name| *name != DIRECT).map(|name| (name, self.over_directly(name)))
    }

    pub fn name(&self) -> String {
        let token = if self.token { "with a token" } else { "without tokens" };
        format!("{}, {} ms, {token}", self.client, self.millis)
    }

    pub fn cost(&self) -> Cost {
        let count = self.lines.len() as f64;
        let millis = self.lines.iter().map(|line| {
            let line: Value = serde_json::from_str(line).expect("each line is JSON");
            [&line["millis"], &line["RequestMillis"]].into_iter().find_map(Value::as_f64).expect("each line has a time")
        });
        let bytes: usize = self.lines.iter().map(String::len).sum();
        Cost {
            requests: count / (self.rounds + 1) as f64,
            millis: millis.sum::<f64>() / count,
            bytes: bytes as f64 / count,
        }
    }

    fn requests(&self, name: &str) -> String {
        let of_name = self.counts.get(name).into_iter().flatten();
        let each = of_name.map(|(what, count)| {
            let each = *count as f64 / self.rounds as f64;
            if each.fract() == 0.0 { format!("{each:.0} {what}") } else { format!("{each:.1} {what}") }
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

/// The ratios that are not to grow.
pub fn compared(measured: &Measured) -> Vec<Compared> {
    let of = |name| Compared {
        key: format!("{name}, {}", measured.name()),
        measured: measured.over_directly(name),
        more: false,
    };
    [SERVE, FUNCTION].map(of).into()
}

pub fn markdown(all: &[Measured]) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    for measured in all {
        let aim = measured.aim();
        let _ = write!(
            text,
            "### {}\n\n{} rounds.\n\n| | median, ms | over directly | aim | requests at the registry, for each pull |\n\
             |---|--:|--:|---|---|\n",
            measured.name(),
            measured.rounds
        );
        for name in NAMES {
            let (median, over) = (quantile(&measured.times[name], 0.5), measured.over_directly(name));
            let verdict = match name {
                SERVE | FUNCTION if over.value <= aim => format!("≤ {aim:.2}: met"),
                SERVE | FUNCTION => format!("≤ {aim:.2}: **not met**"),
                _ => String::new(),
            };
            let requests = measured.requests(name);
            let requests = if requests.is_empty() { "none".to_owned() } else { requests };
            let _ = writeln!(text, "| {name} | {median:.0} | {over} | {verdict} | {requests} |");
        }
        text.push('\n');
    }
    let _ = write!(
        text,
        "### What a pull of a known tag costs the function\n\n\
         | | requests | ms each, as it says itself | bytes of its lines, each |\n|---|--:|--:|--:|\n"
    );
    for measured in all {
        let Cost { requests, millis, bytes } = measured.cost();
        let _ = writeln!(text, "| {} | {requests:.1} | {millis:.1} | {bytes:.0} |", measured.name());
    }
    text
}

/// The mean cost of a pull for the function.
pub struct Cost {
    pub requests: f64,
    pub millis: f64,
    pub bytes: f64,
}
