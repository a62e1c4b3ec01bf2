//! The requests at the registry, beside the number that is allowed.

use std::collections::BTreeMap;

use super::{CLIENTS, INSTANCES};

pub struct Row {
    pub name: &'static str,
    /// GETs of manifests that the registry allowed, if it had a limit.
    pub limited: Option<usize>,
    /// It needs no token, so that it is asked for no blob.
    pub open: bool,
    /// Blobs of the image: a config and layers.
    pub objects: usize,
    pub registry: BTreeMap<String, usize>,
    pub mirror: BTreeMap<String, usize>,
}

/// An index and an image.
const MANIFESTS: usize = 2;

impl Row {
    fn count(&self, what: &str) -> usize {
        self.registry.get(what).copied().unwrap_or(0)
    }

    /// The aims that were missed.
    pub fn missed(&self) -> Vec<String> {
        let blobs = if self.open { 0 } else { self.objects * INSTANCES };
        // By HEAD alone: GETs are counted against the caller's limit.
        let most = [
            ("HEAD manifest by tag", CLIENTS),
            ("GET manifest by tag", 0),
            ("GET manifest by digest", MANIFESTS * INSTANCES),
            ("GET blob", blobs),
        ];
        let over = most.into_iter().filter(|(what, most)| self.count(what) > *most);
        let mut missed: Vec<String> = over
            .map(|(what, most)| format!("{}: {} of '{what}', at most {most}", self.name, self.count(what)))
            .collect();
        // Each instance finds the limit out by itself, once for each manifest that it asks for at the same time.
        if self.limited.is_some() && self.count("429") > INSTANCES {
            missed.push(format!("{}: {} requests after a 429", self.name, self.count("429")));
        }
        missed
    }
}

pub fn markdown(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let told = |counts: &BTreeMap<String, usize>| {
            let told: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
            if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
        };
        format!("| {} | {} | {} |\n", row.name, told(&row.registry), told(&row.mirror))
    };
    let lines: String = rows.iter().map(line).collect();
    format!(
        "{CLIENTS} clients, {INSTANCES} instances that begin with nothing, a known tag.\n\n\
         | registry | asked there | at its mirror |\n|---|---|---|\n{lines}"
    )
}
