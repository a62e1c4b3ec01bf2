//! Ratios of times that were taken in turns, and how far they can be trusted.

use std::fmt;

/// Samples drawn for a spread.
const DRAWS: usize = 400;

/// A ratio, and where 95 of 100 like it would lie.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ({:.3} to {:.3})", self.value, self.low, self.high)
    }
}

/// The value below which `part` of all lie.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Nearest rank.
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

/// The quantile of `times` over that of `base`. Both were taken in the same rounds; the spread is of rounds drawn anew
/// (a bootstrap), which keeps what a round had in common.
pub fn ratio(times: &[f64], base: &[f64], part: f64) -> Ratio {
    assert_eq!(times.len(), base.len(), "each round has both");
    let of = |times: &[f64], base: &[f64]| quantile(times, part) / quantile(base, part);
    // The same draws each time, so that the same times give the same table.
    let mut random = fastrand::Rng::with_seed(1);
    let draws: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let rounds: Vec<usize> = (0..times.len()).map(|_| random.usize(..times.len())).collect();
            let drawn = |values: &[f64]| rounds.iter().map(|round| values[*round]).collect::<Vec<f64>>();
            of(&drawn(times), &drawn(base))
        })
        .collect();
    Ratio { value: of(times, base), low: quantile(&draws, 0.025), high: quantile(&draws, 0.975) }
}
