//! Rounds: every contender asked once, in another order each time, so that a change of the machine's speed meets all.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::apparatus::distance::{delayed, guarded};
use super::contenders::{self, Upstream};
use super::world::World;

/// The registry's distance, whether it wants a token, and the measurements there.
pub struct Setup {
    /// Milliseconds of a round trip.
    pub millis: u64,
    pub token: bool,
    /// Names, in the order of the table.
    pub names: Vec<&'static str>,
    /// Milliseconds, by name and then round.
    times: BTreeMap<&'static str, Vec<f64>>,
}

/// Milliseconds of the round trip at which a real Rekor is measured.
const WITH_REKOR: u64 = 20;

impl Setup {
    pub fn name(&self) -> String {
        let token = if self.token { ", with a token" } else { "" };
        format!("{} ms{token}", self.millis)
    }

    pub fn times(&self, name: &str) -> &[f64] {
        self.times.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    pub fn measure(world: &Rc<World>, millis: u64, token: bool, rounds: usize) -> Self {
        let registry = &world.registry.address;
        let registry = if token { guarded(registry) } else { registry.clone() };
        // No proxy where there is no distance: directly is then directly.
        let address = if millis == 0 { registry } else { delayed(&registry, Duration::from_millis(millis)) };
        let state = tempfile::tempdir().unwrap();
        let upstream = Upstream { address: &address, token, rekor: millis == WITH_REKOR && !token };
        let mut contenders = contenders::all(world, &upstream, state.path());
        let names: Vec<&'static str> = contenders.iter().map(|contender| contender.name).collect();
        let mut times: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        // Tag 0 was what the contenders warmed up with.
        for round in 1..=rounds {
            fastrand::shuffle(&mut contenders);
            for contender in &mut contenders {
                let took = (contender.ask)(round);
                times.entry(contender.name).or_default().push(took.as_secs_f64() * 1e3);
            }
        }
        Self { millis, token, names, times }
    }

    /// Every time that was taken, for whoever wants to look closer: tab-separated.
    pub fn raw(&self) -> String {
        let line = |name: &str, round: usize, time: &f64| {
            format!("{}\t{}\t{name}\t{round}\t{time:.4}\n", self.millis, self.token)
        };
        let lines = self.times.iter().flat_map(|(name, times)| {
            times.iter().enumerate().map(move |(round, time)| line(name, round, time)).collect::<Vec<String>>()
        });
        lines.collect()
    }
}
